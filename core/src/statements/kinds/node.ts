// Records of executions on the stream of a node (spec/node-records.md section 2): what it is about to do, what became
// of it, what it left undone. Reports about the node itself are in node-reports.ts.

import { CborMap, type CborValue } from '../../cbor/value.ts';
import { bug } from '../../errors.ts';
import { HASH_SIZE } from '../../sha256.ts';
import {
  badShape,
  readBytes,
  readCount,
  readLine,
  readList,
  readMembers,
  readText,
  readWord,
} from './shape.ts';
import { readPolicy } from './village.ts';

/** The tree that the node had verified when it decided. */
export interface VerifiedTree {
  readonly size: number;
  readonly root: Uint8Array;
}

/** A list that is too long for a statement: how many items, and SHA-256 of its encoding in the CBOR profile. */
export interface Digested {
  readonly count: number;
  readonly digest: Uint8Array;
}

/** Canonical target ids, or a salted commitment to each, or the digest of either list. */
export type Targets =
  | { readonly plain: readonly string[] }
  | { readonly salted: readonly Uint8Array[] }
  | Digested;

/** The node is about to call a driver. It is durable before the call. */
export interface ExecutionIntent {
  readonly kind: 'execution-intent';
  /** The policy's UUID, and its version in force. */
  readonly policy: string;
  readonly version: number;
  /** Digest of the IR. */
  readonly ir: Uint8Array;
  /** Digest of the driver package; null for what the node does itself. */
  readonly driver: Uint8Array | null;
  /** Id of the event. */
  readonly event: Uint8Array;
  readonly checkpoint: VerifiedTree;
  /** Position of the head of the village that was in force. */
  readonly villageSeq: number;
  /** UUID. */
  readonly host: string;
  readonly capability: string;
  readonly verb: string;
  readonly targets: Targets;
  /** SHA-256 of the idempotency key. */
  readonly key: Uint8Array;
  /** Salted commitment to the redacted parameters; null where there are none. */
  readonly params: Uint8Array | null;
  /** SHA-256 of the preconditions that held, as canonical JSON; null where none were asked. */
  readonly preconditions: Uint8Array | null;
  /** Digest of the dry-run transcript that the policy was enabled with. */
  readonly transcript: Uint8Array | null;
  readonly correlation: string | null;
  readonly timeMs: number;
}

/** What a call did to one target. */
export interface TargetEffect {
  /** Position of the target in the intent, from 0. */
  readonly target: number;
  readonly from: string | null;
  readonly to: string | null;
}

export type Effects = { readonly list: readonly TargetEffect[] } | Digested;

export const OUTCOME_RESULTS = ['succeeded', 'failed', 'skipped'] as const;
export const RECORD_SEVERITIES = ['info', 'warn', 'error'] as const;

/** How an intent ended. */
export interface ExecutionOutcome {
  readonly kind: 'execution-outcome';
  /** Id of the intent. */
  readonly intent: Uint8Array;
  readonly result: (typeof OUTCOME_RESULTS)[number];
  readonly severity: (typeof RECORD_SEVERITIES)[number];
  readonly effects: Effects;
  /** Redacted. */
  readonly reason: string | null;
  readonly startedMs: number;
  readonly finishedMs: number;
}

/** Nobody knows how an intent ended. */
export interface ExecutionUnknown {
  readonly kind: 'execution-unknown';
  readonly intent: Uint8Array;
  /** A code, such as `restart` or `deadline`. */
  readonly reason: string;
  readonly timeMs: number;
}

/** A batch of stimuli for which nothing was done, for one reason. */
export interface ExecutionSuppressed {
  readonly kind: 'execution-suppressed';
  /** null, as the version, where it did not come to a policy. */
  readonly policy: string | null;
  readonly version: number | null;
  /** A code, such as `suppressed-idempotent`. */
  readonly reason: string;
  readonly count: number;
  readonly firstMs: number;
  readonly lastMs: number;
  /** Root of the RFC 6962 tree over the records of the batch. */
  readonly digest: Uint8Array;
}

/** Targets in one intent, and those of them that a statement has room for. */
export const MAX_TARGETS = 4096;
export const MAX_INLINE_TARGETS = 256;

/** Longest texts in bytes of UTF-8. */
export const MAX_TARGET_SIZE = 128;
export const MAX_STATE_SIZE = 64;
export const MAX_OUTCOME_REASON_SIZE = 512;
export const MAX_CORRELATION_SIZE = 128;

/** Last millisecond of the year 9999. */
export const MAX_TIME_MS = 253_402_300_799_999;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const NAME = /^[a-z][a-z0-9._-]{0,63}$/;
const CODE = /^[a-z][a-z0-9-]{0,63}$/;

const INTENT = [
  ...['policy', 'version', 'ir', 'driver', 'event', 'checkpoint', 'villageSeq', 'host'],
  ...['capability', 'verb', 'targets', 'key', 'params', 'preconditions', 'transcript'],
  ...['correlation', 'timeMs'],
];

export function readExecutionIntent(value: CborValue): ExecutionIntent {
  const of = readMembers(value, 'payload', INTENT);
  return {
    kind: 'execution-intent',
    policy: readPolicy(of('policy')),
    version: readCount(of('version'), 'version', 1),
    ir: readHash(of('ir'), 'ir'),
    driver: readHashOrNull(of('driver'), 'driver'),
    event: readHash(of('event'), 'event'),
    checkpoint: readTree(of('checkpoint')),
    villageSeq: readCount(of('villageSeq'), 'villageSeq'),
    host: readHost(of('host'), 'host'),
    capability: readName(of('capability'), 'capability'),
    verb: readName(of('verb'), 'verb'),
    targets: readTargets(of('targets')),
    key: readHash(of('key'), 'key'),
    params: readHashOrNull(of('params'), 'params'),
    preconditions: readHashOrNull(of('preconditions'), 'preconditions'),
    transcript: readHashOrNull(of('transcript'), 'transcript'),
    correlation: readLineOrNull(of('correlation'), 'correlation', MAX_CORRELATION_SIZE),
    timeMs: readTimeMs(of('timeMs'), 'timeMs'),
  };
}

const OUTCOME = ['intent', 'result', 'severity', 'effects', 'reason', 'startedMs', 'finishedMs'];

export function readExecutionOutcome(value: CborValue): ExecutionOutcome {
  const of = readMembers(value, 'payload', OUTCOME);
  const startedMs = readTimeMs(of('startedMs'), 'startedMs');
  return {
    kind: 'execution-outcome',
    intent: readHash(of('intent'), 'intent'),
    result: readWord(of('result'), 'result', OUTCOME_RESULTS),
    severity: readWord(of('severity'), 'severity', RECORD_SEVERITIES),
    effects: readEffects(of('effects')),
    reason: readLineOrNull(of('reason'), 'reason', MAX_OUTCOME_REASON_SIZE),
    startedMs,
    finishedMs: readCount(of('finishedMs'), 'finishedMs', startedMs, MAX_TIME_MS),
  };
}

export function readExecutionUnknown(value: CborValue): ExecutionUnknown {
  const of = readMembers(value, 'payload', ['intent', 'reason', 'timeMs']);
  return {
    kind: 'execution-unknown',
    intent: readHash(of('intent'), 'intent'),
    reason: readCode(of('reason'), 'reason'),
    timeMs: readTimeMs(of('timeMs'), 'timeMs'),
  };
}

const SUPPRESSED = ['policy', 'version', 'reason', 'count', 'firstMs', 'lastMs', 'digest'];

export function readExecutionSuppressed(value: CborValue): ExecutionSuppressed {
  const of = readMembers(value, 'payload', SUPPRESSED);
  const [policy, version] = [of('policy'), of('version')];
  if ((policy === null) !== (version === null))
    badShape('policy and version must both be null or neither');
  const firstMs = readTimeMs(of('firstMs'), 'firstMs');
  return {
    kind: 'execution-suppressed',
    policy: policy === null ? null : readPolicy(policy),
    version: version === null ? null : readCount(version, 'version', 1),
    reason: readCode(of('reason'), 'reason'),
    count: readCount(of('count'), 'count', 1),
    firstMs,
    lastMs: readCount(of('lastMs'), 'lastMs', firstMs, MAX_TIME_MS),
    digest: readHash(of('digest'), 'digest'),
  };
}

/** How many targets an intent has. */
export function targetCount(targets: Targets): number {
  if ('plain' in targets) return targets.plain.length;
  return 'salted' in targets ? targets.salted.length : targets.count;
}

function readTargets(value: CborValue): Targets {
  const sizes = [1, MAX_INLINE_TARGETS] as const;
  const form = value instanceof CborMap ? value.entries[0]?.[0] : undefined;
  if (form === 'plain') {
    const of = readMembers(value, 'targets', ['plain']);
    return {
      plain: readList(of('plain'), 'targets.plain', sizes, (item, field) =>
        readLine(item, field, 1, MAX_TARGET_SIZE),
      ),
    };
  }
  if (form === 'salted') {
    const of = readMembers(value, 'targets', ['salted']);
    return { salted: readList(of('salted'), 'targets.salted', sizes, readHash) };
  }
  return readDigested(value, 'targets', 1);
}

function readEffects(value: CborValue): Effects {
  const form = value instanceof CborMap ? value.entries[0]?.[0] : undefined;
  if (form !== 'list') return readDigested(value, 'effects', 1);
  const of = readMembers(value, 'effects', ['list']);
  return { list: readList(of('list'), 'effects.list', [0, MAX_INLINE_TARGETS], readEffect) };
}

function readEffect(value: CborValue, field: string): TargetEffect {
  const of = readMembers(value, field, ['target', 'from', 'to']);
  return {
    target: readCount(of('target'), `${field}.target`, 0, MAX_TARGETS - 1),
    from: readLineOrNull(of('from'), `${field}.from`, MAX_STATE_SIZE),
    to: readLineOrNull(of('to'), `${field}.to`, MAX_STATE_SIZE),
  };
}

function readDigested(value: CborValue, field: string, least: number): Digested {
  const of = readMembers(value, field, ['count', 'digest']);
  return {
    count: readCount(of('count'), `${field}.count`, least, MAX_TARGETS),
    digest: readHash(of('digest'), `${field}.digest`),
  };
}

/** A verified tree as `checkpoint` names it. */
export function readTree(value: CborValue): VerifiedTree {
  const of = readMembers(value, 'checkpoint', ['size', 'root']);
  return {
    size: readCount(of('size'), 'checkpoint.size', 1),
    root: readHash(of('root'), 'checkpoint.root'),
  };
}

export function readHash(value: CborValue, field: string): Uint8Array {
  return readBytes(value, field, HASH_SIZE);
}

function readHashOrNull(value: CborValue, field: string): Uint8Array | null {
  return value === null ? null : readHash(value, field);
}

function readLineOrNull(value: CborValue, field: string, most: number): string | null {
  return value === null ? null : readLine(value, field, 0, most);
}

export function readHost(value: CborValue, field: string): string {
  return readText(value, field, UUID, 'a lower-case UUID');
}

/** The name of a capability, a verb or a target type. */
export function readName(value: CborValue, field: string): string {
  return readText(value, field, NAME, 'a name of a-z, 0-9, dots, hyphens and underscores');
}

export function readCode(value: CborValue, field: string): string {
  return readText(value, field, CODE, 'a code of a-z, 0-9 and hyphens');
}

export function readTimeMs(value: CborValue, field: string): number {
  return readCount(value, field, 0, MAX_TIME_MS);
}

/** A payload whose members bear the names of the format, as a CBOR value; the kind stands in the header. */
export function nodeValue(payload: object): CborMap {
  const members = Object.entries(payload).filter(([name]) => name !== 'kind');
  return new CborMap(members.map(([name, value]) => [name, plainValue(value)]));
}

function plainValue(value: unknown): CborValue {
  if (value === null || value instanceof Uint8Array) return value;
  if (typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean')
    return value;
  if (Array.isArray(value)) return value.map(plainValue);
  if (typeof value === 'object') return nodeValue(value);
  return bug('a payload of a node holds what it cannot hold');
}
