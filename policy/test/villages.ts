// A village for tests of the store: its founder, its statements, its states.

import { formatHex, utf8 } from '@writ/core/bytes';
import { formatCheckpoint } from '@writ/core/formats/checkpoint';
import { signText } from '@writ/core/formats/cosignature';
import { createSigner } from '@writ/core/formats/key';
import { formatNote } from '@writ/core/formats/note';
import { sha256 } from '@writ/core/sha256';
import { decodePayload, encodePayload, type Payload } from '@writ/core/statements/kinds';
import type { Constitution } from '@writ/core/statements/kinds/constitution';
import { decodeStatement, signStatement } from '@writ/core/statements/statement';
import type { HeadRef } from '@writ/core/streams/reconciliation-report';
import { contextAt, reduce, type StreamState } from '@writ/core/streams/reduce';
import { encodeStreamState } from '@writ/core/streams/state-codec';
import type { NextState } from '@writ/policy/agent/state-store';

export const VILLAGE = 'north-quay';
export const LOG = createSigner('log.example', 0x01, new Uint8Array(32).fill(1));
export const FOUNDER = createSigner('ada', 0x01, new Uint8Array(32).fill(2));
export const POLICY = '00000000-0000-4000-8000-000000000001';

const RULE = {
  authors: ['admin'],
  approvers: ['admin'],
  quorum: { kind: 'count', k: 1 },
  expiresAfterSeconds: null,
  notBefore: false,
} as const;

export const CONSTITUTION: Constitution = {
  members: [{ name: 'ada', roles: ['admin'], weight: 1, keys: [FOUNDER.publicKey] }],
  rules: { policy: RULE, constitution: RULE, members: RULE },
  limits: {
    statementsPerDay: 100_000,
    proposalsOpen: 16,
    specBytes: 64_000,
    requestsPerMinute: 1_000_000,
  },
  quarantine: null,
  staleness: { mode: 'keep-last-good', maxSeconds: 3600 },
  visibility: 'public',
  recordDenials: false,
};

export function specOf(version: number): Uint8Array {
  return utf8(`{"version":${version}}`);
}

/** The states of the village after its creation and `versions` versions of one policy. */
export function statesOf(versions: number): StreamState[] {
  const stream = `village/${VILLAGE}`;
  const states = new Map<string, StreamState>();
  const history: StreamState[] = [];
  let previous: Uint8Array | null = null;
  for (let seq = 0; seq <= versions; seq++) {
    const payload: Payload =
      seq === 0
        ? { kind: 'village-create', name: 'North Quay', constitution: CONSTITUTION }
        : { kind: 'policy-change', policy: POLICY, version: seq, spec: specOf(seq) };
    const bytes: Uint8Array = signStatement(
      {
        kind: payload.kind,
        issuer: 'ada',
        stream,
        seq,
        previous,
        issuedAtSeconds: 0,
        payload: encodePayload(payload),
      },
      { publicKey: FOUNDER.publicKey, sign: (message) => FOUNDER.signRaw(message) },
    );
    const statement = decodeStatement(bytes);
    const step = { statement, payload: decodePayload(statement) };
    const outcome = reduce(states, step, contextAt(states, 2 * seq, LOG.publicKey));
    if (!outcome.admitted) throw new Error(outcome.refusal.message);
    states.set(stream, outcome.state);
    history.push(outcome.state);
    previous = statement.id;
  }
  return history;
}

/** A signed checkpoint; nobody looks behind its root here. */
export function checkpointOf(size: number, line = 'main'): Uint8Array {
  const text = formatCheckpoint({
    origin: LOG.name,
    size: BigInt(size),
    root: sha256(utf8(`${line} ${size}`)),
    extensions: [],
  });
  return formatNote({ text, signatures: [signText(LOG, text, 0n)] });
}

/** What applying up to a state of `statesOf` writes. */
export function nextState(state: StreamState, more: Partial<NextState> = {}): NextState {
  const head: HeadRef = {
    seq: state.head.seq,
    id: formatHex(state.head.id),
    index: state.head.index,
  };
  const spec = specOf(head.seq);
  return {
    checkpoint: checkpointOf(head.index + 2),
    head,
    active: head,
    snapshot: { state: encodeStreamState(state), inbox: null },
    specs: head.seq === 0 ? new Map() : new Map([[formatHex(sha256(spec)), spec]]),
    audit: { timeSeconds: 1000 + head.seq, class: 'behind', to: head, report: 'ab'.repeat(32) },
    ...more,
  };
}
