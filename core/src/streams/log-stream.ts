// The reducer of `log` (spec/villages.md section 9): state roots, the keys of the log, the version of these rules.

import { concatBytes, equalBytes, utf8 } from '../bytes.ts';
import { isEd25519PublicKey, verifyEd25519 } from '../ed25519.ts';
import { HASH_SIZE } from '../sha256.ts';
import type { LogKey, StateRoot } from '../statements/kinds/log.ts';
import type { Statement } from '../statements/statement.ts';
import { coseKeyThumbprint } from '../statements/thumbprint.ts';
import type { Context } from './context.ts';
import { checkPosition, type Head, headOf, type Step, stranger } from './position.ts';
import { type Outcome, refuse, settle } from './refusal.ts';

/** The version of the rules in this folder. */
export const REDUCER_VERSION = 1;

export interface LogState {
  readonly family: 'log';
  readonly head: Head;
  /** The Ed25519 public key for the next statement of the log. */
  readonly key: Uint8Array;
  /** The version of the rules for the next statement of any stream. */
  readonly protocol: number;
  /** Time and streams in the latest state root; 0 before the first. */
  readonly timeSeconds: number;
  readonly streams: number;
}

/** The state of the log behind `step`; `state` is undefined before its first statement. */
export function reduceLog(
  state: LogState | undefined,
  { statement, payload }: Step,
  context: Context,
): Outcome<LogState> {
  const by = stranger(statement);
  return settle(
    () => by,
    () => {
      checkPosition(statement, state?.head);
      if (!isOfLog(statement, context)) refuse('author-not-log', 'log.author');
      const before = state ?? firstState(statement, context);
      const effect = {
        by,
        rule: `log.${payload.kind}`,
        result: 'recorded',
        proposal: null,
      } as const;
      return {
        state: {
          ...next(before, { statement, payload }, context),
          head: headOf(statement, context.index),
        },
        effect: { ...effect, superseded: [] },
      };
    },
  );
}

/** True when the key of the log is named as that of the author. */
export function isOfLog(statement: Statement, { logKey }: Context): boolean {
  return equalBytes(statement.keyId, coseKeyThumbprint(logKey));
}

function firstState(statement: Statement, { index, logKey }: Context): LogState {
  const head = headOf(statement, index);
  return {
    family: 'log',
    head,
    key: logKey,
    protocol: REDUCER_VERSION,
    timeSeconds: 0,
    streams: 0,
  };
}

function next(state: LogState, { statement, payload }: Step, context: Context): LogState {
  switch (payload.kind) {
    case 'state-root':
      checkStateRoot(state, payload, context);
      return { ...state, timeSeconds: payload.timeSeconds, streams: payload.streams };
    case 'log-key':
      checkLogKey(statement, payload);
      return { ...state, key: payload.key };
    case 'log-protocol':
      if (payload.version !== REDUCER_VERSION)
        refuse('protocol-unknown', 'log.protocol', undefined, { got: payload.version });
      return { ...state, protocol: payload.version };
    default:
      return refuse('kind-out-of-place', `log.${payload.kind}`);
  }
}

// Whether `index` is the root of the stream index is for those who keep one to check.
function checkStateRoot(state: LogState, root: StateRoot, { index }: Context): void {
  if (root.size !== index)
    refuse('size-wrong', 'log.state-root.size', undefined, { expected: index, got: root.size });
  if (root.timeSeconds < state.timeSeconds) {
    const detail = { expected: state.timeSeconds, got: root.timeSeconds };
    refuse('time-backwards', 'log.state-root.time', undefined, detail);
  }
  if (root.streams < state.streams)
    refuse('streams-lost', 'log.state-root.streams', undefined, { expected: state.streams });
}

function checkLogKey(statement: Statement, { key, proof }: LogKey): void {
  if (!isEd25519PublicKey(key)) refuse('key-weak', 'log.log-key');
  if (!verifyEd25519(logKeyProof(statement.previous, key), proof, key))
    refuse('key-proof-wrong', 'log.log-key.proof');
}

/**
 * What the new key signs: that it follows in this log at this position. `previous` is the predecessor that the
 * `log-key` statement names.
 */
export function logKeyProof(previous: Uint8Array | null, key: Uint8Array): Uint8Array {
  return concatBytes(utf8('writ log-key\n'), previous ?? new Uint8Array(HASH_SIZE), key);
}
