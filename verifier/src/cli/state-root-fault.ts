// State root faults: a file that shows that a log published a tree without a right state root, or a state root that
// commits to another stream index than the entries before it have. Format: spec/state-root-fault.md.
//
//   ["writ-state-root-fault/v1", <checkpoint>, 811, <entry 811>, [<hash>, ...], "index", [<computed root>, 17]]

import { equalBytes, formatHex } from '@writ/core/bytes';
import { decodeCbor } from '@writ/core/cbor/decode';
import { encodeCbor } from '@writ/core/cbor/encode';
import type { CborValue } from '@writ/core/cbor/value';
import { isLogError, LogError } from '@writ/core/errors';
import { MAX_NOTE_BYTES } from '@writ/core/formats/note';
import type { TrustPolicy } from '@writ/core/formats/tlog-policy';
import { isHash } from '@writ/core/merkle/hash';
import { MAX_PROOF_HASHES } from '@writ/core/merkle/inclusion';
import type { StateRoot } from '@writ/core/statements/kinds/log';
import { openCheckpoint, type VerifiedCheckpoint } from '../checkpoint.ts';
import { openEntry } from '../entry.ts';
import { decodeStateRoot, readStateRoot, type StateRootReason } from '../state-root.ts';
import { step, type Trace } from '../trace.ts';

const VERSION = 'writ-state-root-fault/v1';
/** Room for a note, an entry and the hashes. */
export const MAX_FAULT_BYTES: number = MAX_NOTE_BYTES + 128 * 1024;
const REASONS = ['form', 'size', 'key', 'signature', 'time', 'index'] as const;

/** What is wrong. All but `index` show by themselves. */
export type FaultReason = StateRootReason | 'index';

/** The stream index over the entries before a state root, as whoever found the fault computed it. */
export interface ComputedIndex {
  readonly root: Uint8Array;
  readonly streams: number;
}

/** A fault as read: nothing in it is verified. */
export interface StateRootFault {
  readonly checkpoint: Uint8Array;
  readonly leafIndex: number;
  readonly entry: Uint8Array;
  readonly proof: readonly Uint8Array[];
  readonly reason: FaultReason;
  /** For `index` alone. */
  readonly computed: ComputedIndex | null;
}

/** A fault of which everything is verified but what `computed` says of the entries. */
export interface OpenedFault {
  readonly checkpoint: VerifiedCheckpoint;
  readonly leafIndex: number;
  readonly reason: FaultReason;
  readonly message: string;
  readonly computed: ComputedIndex | null;
}

/** The one encoding of a fault. */
export function encodeStateRootFault(fault: StateRootFault): Uint8Array {
  const { checkpoint, leafIndex, entry, proof, reason, computed } = fault;
  const index = computed === null ? null : [computed.root, computed.streams];
  return encodeCbor([VERSION, checkpoint, leafIndex, entry, [...proof], reason, index]);
}

/**
 * Verifies a fault under `policy`, whose quorum counts for the reason `time` alone: a log answers for what it signed.
 * LogError state-root-fault-malformed, also for a file that shows no fault; inclusion-failed, and those of
 * `openCheckpoint`.
 */
export function openStateRootFault(
  bytes: Uint8Array,
  policy: TrustPolicy,
  trace?: Trace,
): OpenedFault {
  const fault = step(
    trace,
    'fault format',
    () => decodeFault(bytes),
    ({ reason, leafIndex }) => ({ why: `a fault of entry ${leafIndex}`, got: reason }),
  );
  const { leafIndex, reason, computed } = fault;
  const logOnly = { ...policy, quorum: undefined };
  const checkpoint = openCheckpoint(fault.checkpoint, logOnly, { trace });
  openEntry(checkpoint, BigInt(leafIndex), fault.entry, fault.proof, trace);
  const message = step(
    trace,
    'fault',
    () => requireFault(fault, checkpoint, reason === 'time' ? policy : logOnly),
    (why) => ({ why }),
  );
  return { checkpoint, leafIndex, reason, message, computed };
}

function requireFault(
  fault: StateRootFault,
  checkpoint: VerifiedCheckpoint,
  policy: TrustPolicy,
): string {
  const found = findFault(fault, checkpoint, policy);
  if (found.reason === fault.reason) return found.message;
  return fail('reason', `the file says ${fault.reason}, but it is ${found.reason}`);
}

/** What is wrong with the entry, by the first check that it fails. */
function findFault(
  { leafIndex, entry, computed }: StateRootFault,
  checkpoint: VerifiedCheckpoint,
  policy: TrustPolicy,
): { readonly reason: string; readonly message: string } {
  const isLast = BigInt(leafIndex) === checkpoint.size - 1n;
  let root: StateRoot;
  try {
    // In front of the last entry there may be anything, and the keys of the log may have been others.
    root = isLast ? readStateRoot(checkpoint, entry, policy) : decodeStateRoot(entry).root;
  } catch (error) {
    if (!isLogError(error, 'state-root-invalid')) throw error;
    if (!isLast) return fail('entry', 'it is neither a state root nor the last of its tree');
    return { reason: String(error.detail['reason']), message: error.message };
  }
  if (root.size !== leafIndex)
    return { reason: 'size', message: `state root ${leafIndex} is for ${root.size} entries` };
  if (computed === null || isRight(root, computed))
    return { reason: 'right', message: 'the state root is right' };
  const claim = `${root.streams} streams and root ${formatHex(root.index)}`;
  const truth = `${computed.streams} streams and root ${formatHex(computed.root)}`;
  return {
    reason: 'index',
    message: `state root ${leafIndex} says ${claim}, the entries before it have ${truth}`,
  };
}

/** True when a state root commits to this index. */
export function isRight({ index, streams }: StateRoot, computed: ComputedIndex): boolean {
  return isSame({ root: index, streams }, computed);
}

export function isSame(a: ComputedIndex, b: ComputedIndex): boolean {
  return a.streams === b.streams && equalBytes(a.root, b.root);
}

function decodeFault(bytes: Uint8Array): StateRootFault {
  if (bytes.length > MAX_FAULT_BYTES)
    fail('envelope', `a file has at most ${MAX_FAULT_BYTES} bytes`);
  const items = decodeItems(bytes);
  const [version, checkpoint, leafIndex, entry, proof, word, computed] = items;
  if (version !== VERSION || items.length !== 7) fail('envelope', `is not a ${VERSION} of 7 items`);
  const reason =
    REASONS.find((known) => known === word) ?? fail('reason', 'there is no such reason');
  const index = readComputed(computed);
  if ((index === null) === (reason === 'index'))
    fail('computed', 'goes with the reason index, and with no other');
  return {
    checkpoint:
      checkpoint instanceof Uint8Array ? checkpoint : fail('checkpoint', 'no byte string'),
    leafIndex: isCount(leafIndex) ? leafIndex : fail('leaf index', 'no index'),
    entry: entry instanceof Uint8Array ? entry : fail('entry', 'no byte string'),
    proof: readProof(proof),
    reason,
    computed: index,
  };
}

function decodeItems(bytes: Uint8Array): readonly CborValue[] {
  try {
    const value = decodeCbor(bytes);
    return Array.isArray(value) ? value : fail('envelope', 'is not an array');
  } catch (error) {
    if (!isLogError(error, 'cbor-malformed')) throw error;
    return fail('envelope', error.message, error);
  }
}

function readProof(value: CborValue | undefined): Uint8Array[] {
  if (!Array.isArray(value) || value.length > MAX_PROOF_HASHES) fail('proof', 'no list of hashes');
  return value.map((hash: unknown) => (isHash(hash) ? hash : fail('proof', 'no hash')));
}

function readComputed(value: CborValue | undefined): ComputedIndex | null {
  if (value === null) return null;
  if (!Array.isArray(value) || value.length !== 2) fail('computed', 'neither null nor two items');
  const [root, streams]: readonly unknown[] = value;
  if (!isHash(root) || !isCount(streams)) fail('computed', 'no root and number of streams');
  return { root, streams };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0;
}

function fail(field: string, message: string, cause?: unknown): never {
  const text = `state root fault ${field}: ${message}`;
  throw new LogError('state-root-fault-malformed', text, { field }, cause);
}
