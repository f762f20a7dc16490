// Records of a node, for tests.

import { utf8 } from '@writ/core/bytes';
import { sha256 } from '@writ/core/sha256';
import type { NodePayload } from '@writ/core/statements/kinds';
import type {
  ExecutionIntent,
  ExecutionOutcome,
  ExecutionUnknown,
} from '@writ/core/statements/kinds/node';
import { POLICY } from './village-world.ts';

export const NODE = 'node/north-grid/ups-17';
export const HOST = '6e1c5a0e-2f59-4d52-8d55-0a5b9c3f7a10';

export function hash(text: string): Uint8Array {
  return sha256(utf8(text));
}

export function intent(fields: Partial<ExecutionIntent> = {}): ExecutionIntent {
  return {
    kind: 'execution-intent',
    policy: POLICY,
    version: 3,
    ir: hash('ir'),
    driver: hash('driver'),
    event: hash('event'),
    checkpoint: { size: 1, root: hash('root') },
    villageSeq: 0,
    host: HOST,
    capability: 'vm.lifecycle',
    verb: 'shutdown',
    targets: { plain: ['vm:101', 'vm:102'] },
    key: hash('key'),
    params: hash('params'),
    preconditions: null,
    transcript: null,
    correlation: 'storm 7',
    timeMs: 1_795_190_400_123,
    ...fields,
  };
}

export function outcome(of: Uint8Array, fields: Partial<ExecutionOutcome> = {}): ExecutionOutcome {
  return {
    kind: 'execution-outcome',
    intent: of,
    result: 'succeeded',
    severity: 'info',
    effects: { list: [{ target: 1, from: 'running', to: 'stopped' }] },
    reason: null,
    startedMs: 5,
    finishedMs: 7,
    ...fields,
  };
}

export function unknown(of: Uint8Array): ExecutionUnknown {
  return { kind: 'execution-unknown', intent: of, reason: 'restart', timeMs: 9 };
}

export const SUPPRESSED = {
  kind: 'execution-suppressed',
  policy: POLICY,
  version: 3,
  reason: 'suppressed-window',
  count: 4,
  firstMs: 5,
  lastMs: 9,
  digest: hash('batch'),
} as const satisfies NodePayload;

export const APPLIED = {
  kind: 'state-applied',
  villageSeq: 4,
  villageHead: hash('head'),
  checkpoint: { size: 1, root: hash('root') },
  policies: hash('policies'),
  timeMs: 9,
} as const satisfies NodePayload;

export const LOST = {
  kind: 'records-lost',
  count: 2,
  reason: 'outbox-full',
  firstMs: 5,
  lastMs: 5,
} as const satisfies NodePayload;

const digest = hash('list');

/** One of each kind, and each form that a member has. */
export const NODE_SAMPLES: readonly NodePayload[] = [
  intent(),
  intent({ driver: null, params: null, correlation: null, targets: { salted: [hash('a')] } }),
  intent({ targets: { count: 4096, digest }, preconditions: hash('p'), transcript: hash('t') }),
  outcome(hash('intent')),
  outcome(hash('intent'), { result: 'failed', severity: 'error', reason: 'no route to host' }),
  outcome(hash('intent'), { result: 'skipped', effects: { list: [] } }),
  outcome(hash('intent'), { effects: { count: 300, digest }, startedMs: 7 }),
  unknown(hash('intent')),
  SUPPRESSED,
  { ...SUPPRESSED, policy: null, version: null, reason: 'queue-full' },
  APPLIED,
  { kind: 'drift-report', report: digest, class: 'local-drift', exit: 11, timeMs: 3 },
  {
    kind: 'policy-override',
    scope: 'state-staleness',
    policy: null,
    operator: 'ada',
    reason: 'the log is under water',
    timeMs: 3,
    untilSeconds: 9,
  },
  {
    kind: 'policy-override',
    scope: 'inventory-staleness',
    policy: POLICY,
    operator: 'ada',
    reason: 'x',
    timeMs: 3,
    untilSeconds: 9,
  },
  {
    kind: 'dry-run',
    policy: POLICY,
    version: null,
    ir: digest,
    transcript: digest,
    severity: 'warn',
    timeMs: 3,
  },
  {
    kind: 'dry-run',
    policy: POLICY,
    version: 2,
    ir: digest,
    transcript: digest,
    severity: 'info',
    timeMs: 3,
  },
  { kind: 'node-hosts', hosts: [] },
  {
    kind: 'node-hosts',
    hosts: [
      { id: HOST, name: 'pve-1', driver: digest, types: ['vm', 'host'] },
      { id: POLICY, name: 'Schaltschrank Nord', driver: null, types: [] },
    ],
  },
  LOST,
];
