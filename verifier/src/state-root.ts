// The state root of a tree: its last entry, by which the log commits to the newest statement of every stream
// (spec/stream-proof.md section 2).

import { equalBytes, formatHex } from '@writ/core/bytes';
import { isLogError, LogError } from '@writ/core/errors';
import { isQuorumMet, type TrustPolicy } from '@writ/core/formats/tlog-policy';
import { decodePayload } from '@writ/core/statements/kinds';
import type { StateRoot } from '@writ/core/statements/kinds/log';
import { decodeStatement, type Statement } from '@writ/core/statements/statement';
import { coseKeyThumbprint } from '@writ/core/statements/thumbprint';
import type { Cosignature, VerifiedCheckpoint } from './checkpoint.ts';
import { openEntry } from './entry.ts';
import { step, type Trace } from './trace.ts';

/** How far the clock of the log may run ahead of a witness that cosigned its state root. */
export const MAX_STATE_ROOT_AHEAD_SECONDS = 300n;
/** How old a state root may be when a witness cosigns it: a log makes a fresh one at least every day. */
export const MAX_STATE_ROOT_AGE_SECONDS: bigint = 24n * 60n * 60n;

/** Type byte of the log keys that also sign statements. */
const ED25519 = 0x01;

/** What is wrong with a state root: `reason` in the detail of `state-root-invalid`. */
/** `age` is no fault of the log: whoever cosigns a tree late makes its state root look old. */
export type StateRootReason = 'form' | 'size' | 'key' | 'signature' | 'time' | 'age';

/**
 * Verifies that `bytes` are the state root of the tree of `checkpoint`: its last entry, signed by a key of the
 * log that signed the checkpoint, for this size, and of a time that a quorum of the witnesses does not belie.
 * That `index` is the root over the entries only an audit can tell. LogError state-root-invalid with a `reason`,
 * inclusion-failed.
 */
export function openStateRoot(
  checkpoint: VerifiedCheckpoint,
  bytes: Uint8Array,
  proof: readonly Uint8Array[],
  policy: TrustPolicy,
  trace?: Trace,
): StateRoot {
  if (checkpoint.size === 0n) return refuse('form', 'a tree without entries has no state root');
  const entry = openEntry(checkpoint, checkpoint.size - 1n, bytes, proof, trace);
  return step(
    trace,
    'state root',
    () => readStateRoot(checkpoint, entry.bytes, policy),
    ({ index, streams, timeSeconds }) => ({
      why: `the last entry commits to the heads of ${streams} streams, at ${timeSeconds}`,
      got: formatHex(index),
    }),
  );
}

/** As `openStateRoot`, of an entry that is known to be the last one. */
export function readStateRoot(
  checkpoint: VerifiedCheckpoint,
  bytes: Uint8Array,
  policy: TrustPolicy,
): StateRoot {
  const { statement, root } = decodeStateRoot(bytes);
  const expected = checkpoint.size - 1n;
  if (BigInt(root.size) !== expected)
    refuse('size', `it is for ${root.size} entries`, { expected, got: root.size });
  checkKey(checkpoint, statement);
  checkTime(checkpoint.cosignatures, root, policy);
  return root;
}

/** The statement and the payload of a state root, of which nothing is verified. LogError state-root-invalid. */
export function decodeStateRoot(bytes: Uint8Array): { statement: Statement; root: StateRoot } {
  try {
    const statement = decodeStatement(bytes);
    const payload = decodePayload(statement);
    if (payload.kind === 'state-root') return { statement, root: payload };
    return refuse('form', `it is a ${payload.kind}`, { got: payload.kind });
  } catch (error) {
    if (!isLogError(error, 'statement-malformed')) throw error;
    return refuse('form', error.message, {}, error);
  }
}

function checkKey({ logKeys }: VerifiedCheckpoint, statement: Statement): void {
  const key = logKeys.find(
    ({ type, publicKey }) =>
      type === ED25519 && equalBytes(coseKeyThumbprint(publicKey), statement.keyId),
  );
  if (key === undefined)
    refuse('key', 'its key is none of the log that signed the checkpoint', {
      got: formatHex(statement.keyId),
    });
  if (!key.verifyRaw(statement.toBeSigned, statement.signature))
    refuse('signature', 'the key of the log did not sign it');
}

/** As for freshness: those witnesses that agree with the time have to meet the quorum. */
function checkTime(
  cosignatures: readonly Cosignature[],
  { timeSeconds }: StateRoot,
  policy: TrustPolicy,
): void {
  if (cosignatures.length === 0) return;
  const time = BigInt(timeSeconds);
  // A cosignature without a time cannot contradict.
  const timed = cosignatures.map(({ witness, timestampSeconds: at }) => ({
    witness,
    at: at === 0n ? time : at,
  }));
  const agrees = (isAgreeing: (at: bigint) => boolean): boolean => {
    const names = new Set(timed.filter(({ at }) => isAgreeing(at)).map(({ witness }) => witness));
    return names.size > 0 && isQuorumMet(policy, names);
  };
  const detail = {
    expected: timed.map(({ witness, at }) => `${witness} at ${at}`).join(', '),
    got: timeSeconds,
  };
  const isAhead = (at: bigint): boolean => time > at + MAX_STATE_ROOT_AHEAD_SECONDS;
  const isOld = (at: bigint): boolean => time < at - MAX_STATE_ROOT_AGE_SECONDS;
  if (!agrees((at) => !isAhead(at)))
    refuse('time', 'its time is ahead of the witnesses that cosigned it', detail);
  if (!agrees((at) => !isAhead(at) && !isOld(at)))
    refuse('age', 'it was a day old when witnesses cosigned it', detail);
}

function refuse(
  reason: StateRootReason,
  message: string,
  detail: LogError['detail'] = {},
  cause?: unknown,
): never {
  const text = `the last entry is not the state root of the tree: ${message}`;
  throw new LogError('state-root-invalid', text, { reason, ...detail }, cause);
}
