// Proofs of the stream index: what the newest statement of a stream is, or that there is no such stream
// (spec/stream-index.md section 3).
//
//   84 00 01 41 80 58 20 <32 bytes>    present, one sibling
//   84 01 00 40 40                     absent from the index without streams
//
// A proof says nothing about which index it is for: the root must come from a state root that the reader has
// verified, never from whoever sent the proof.

import { concatBytes, equalBytes } from '../bytes.ts';
import { encodeCbor } from '../cbor/encode.ts';
import { CborReader, MAJOR } from '../cbor/reader.ts';
import { checkCbor } from '../cbor/scan.ts';
import { isLogError, LogError } from '../errors.ts';
import { isHash, nodeHash } from '../merkle/hash.ts';
import { HASH_SIZE } from '../sha256.ts';
import {
  emptyIndexRoot,
  type IndexValue,
  indexLeafHash,
  indexValueHash,
  KEY_BITS,
  keyBit,
  streamKey,
} from './stream-index.ts';

/** Size of the longest proof: 255 siblings and another stream's leaf. */
export const MAX_INDEX_PROOF_BYTES = 8269;

/** What lies at the end of the path that a key takes from the root. */
export type IndexProofEnd =
  | { readonly kind: 'present' }
  /** Nothing: the subtree is empty. */
  | { readonly kind: 'empty' }
  /** The leaf of another key, which takes the same path so far. */
  | { readonly kind: 'other'; readonly key: Uint8Array; readonly valueHash: Uint8Array };

/** A path through the index. Nothing in it is verified. */
export interface IndexProof {
  readonly end: IndexProofEnd;
  /** The other child of each node on the path, deepest first; undefined where it is empty. */
  readonly siblings: readonly (Uint8Array | undefined)[];
}

const KINDS = ['present', 'empty', 'other'] as const;

/** True when the index with this root has exactly this value for the value's stream. */
export function checkPresence(claim: {
  readonly root: Uint8Array;
  readonly value: IndexValue;
  readonly proof: IndexProof;
}): boolean {
  const { root, value, proof } = claim;
  const valueHash = indexValueHash(value);
  return checkIndexPath({ root, key: streamKey(value.stream), valueHash, proof });
}

/** True when the index with this root has no such stream. */
export function checkAbsence(claim: {
  readonly root: Uint8Array;
  readonly stream: string;
  readonly proof: IndexProof;
}): boolean {
  const { root, stream, proof } = claim;
  return checkIndexPath({ root, key: streamKey(stream), proof });
}

/** What both checks come down to: `key` has the value with this hash, or none when `valueHash` is left out. */
export function checkIndexPath(claim: {
  readonly root: Uint8Array;
  readonly key: Uint8Array;
  readonly valueHash?: Uint8Array;
  readonly proof: IndexProof;
}): boolean {
  const { root, key, valueHash, proof } = claim;
  const { end, siblings } = proof;
  if (!isHash(root) || !isHash(key) || !isShape(proof)) return false;
  if ((end.kind === 'present') !== (valueHash !== undefined)) return false;
  if (valueHash !== undefined && !isHash(valueHash)) return false;
  if (end.kind === 'other' && !isNeighbour(end.key, key, siblings.length)) return false;
  const empty = emptyIndexRoot();
  let hash = empty;
  if (valueHash !== undefined) hash = indexLeafHash(key, valueHash);
  if (end.kind === 'other') hash = indexLeafHash(end.key, end.valueHash);
  for (const [i, sibling = empty] of siblings.entries()) {
    const isRight = keyBit(key, siblings.length - 1 - i) === 1;
    hash = isRight ? nodeHash(sibling, hash) : nodeHash(hash, sibling);
  }
  return equalBytes(hash, root);
}

/** True when the lengths are right and no leaf or empty subtree lies deeper than it may. */
function isShape({ end, siblings }: IndexProof): boolean {
  if (siblings.length > maxDepth(end.kind)) return false;
  // Beside an empty subtree, a leaf would have taken the place of the node above.
  if (siblings.length > 0 && siblings[0] === undefined) return false;
  if (end.kind === 'other' && !(isHash(end.key) && isHash(end.valueHash))) return false;
  return siblings.every((sibling) => sibling === undefined || isHash(sibling));
}

/** Two keys that differ have at most 255 bits in common, and an empty subtree has a node beside it. */
function maxDepth(kind: IndexProofEnd['kind']): number {
  return kind === 'present' ? KEY_BITS : KEY_BITS - 1;
}

/** True when the keys differ, but not in the first `depth` bits. */
function isNeighbour(other: Uint8Array, key: Uint8Array, depth: number): boolean {
  for (let i = 0; i < depth; i++) if (keyBit(other, i) !== keyBit(key, i)) return false;
  return !equalBytes(other, key);
}

/** The one encoding of a proof. Throws RangeError for one that cannot be. */
export function encodeIndexProof(proof: IndexProof): Uint8Array {
  if (!isShape(proof)) throw new RangeError('the proof has no valid shape');
  const { end, siblings } = proof;
  const bitmap = new Uint8Array(Math.ceil(siblings.length / 8));
  for (const [i, sibling] of siblings.entries()) {
    const byte = i >>> 3;
    if (sibling !== undefined) bitmap[byte] = (bitmap[byte] ?? 0) | (0x80 >>> (i & 7));
  }
  const hashes = concatBytes(...siblings.filter(isHash));
  const fields = [KINDS.indexOf(end.kind), siblings.length, bitmap, hashes];
  return encodeCbor(end.kind === 'other' ? [...fields, end.key, end.valueHash] : fields);
}

/**
 * Reads a proof that fills `bytes`; hashes are copies. Throws LogError `stream-proof-malformed` with field and
 * offset. A proof that is read may still prove nothing.
 */
export function decodeIndexProof(bytes: Uint8Array): IndexProof {
  if (bytes.length > MAX_INDEX_PROOF_BYTES)
    fail('envelope', `a proof has at most ${MAX_INDEX_PROOF_BYTES} bytes`, MAX_INDEX_PROOF_BYTES);
  checkEnvelope(bytes);
  const reader = new CborReader(bytes);
  if (reader.major !== MAJOR.array) fail('envelope', 'the proof is not an array', 0);
  const length = reader.length();
  if (length !== 4 && length !== 6) fail('envelope', 'the array has neither 4 nor 6 items', 0);
  const kind = KINDS[readUint(reader, 'kind', KINDS.length - 1)] ?? 'present';
  if (length !== (kind === 'other' ? 6 : 4)) fail('kind', `not for an array of ${length} items`, 1);
  const depth = readUint(reader, 'depth', maxDepth(kind));
  const siblings = readSiblings(reader, depth);
  if (kind !== 'other') return { end: { kind }, siblings };
  const key = readBytes(reader, 'key', HASH_SIZE).slice();
  const valueHash = readBytes(reader, 'value hash', HASH_SIZE).slice();
  return { end: { kind, key, valueHash }, siblings };
}

function checkEnvelope(bytes: Uint8Array): void {
  try {
    checkCbor(bytes, { maxDepth: 1 });
  } catch (error) {
    if (!isLogError(error, 'cbor-malformed')) throw error;
    const offset = error.detail['offset'];
    fail('envelope', error.message, typeof offset === 'number' ? offset : 0, error);
  }
}

function readSiblings(reader: CborReader, depth: number): (Uint8Array | undefined)[] {
  const start = reader.at;
  const bitmap = readBytes(reader, 'bitmap', Math.ceil(depth / 8));
  const isSet = (i: number): boolean => ((bitmap[i >>> 3] ?? 0) & (0x80 >>> (i & 7))) !== 0;
  if (depth > 0 && !isSet(0)) fail('bitmap', 'the deepest sibling is empty', start);
  for (let i = depth; i < 8 * bitmap.length; i++)
    if (isSet(i)) fail('bitmap', 'a bit behind the last sibling is set', start);
  const present = Array.from({ length: depth }, (_, i) => isSet(i));
  const hashes = readBytes(reader, 'hashes', HASH_SIZE * present.filter(Boolean).length);
  let at = -HASH_SIZE;
  return present.map((isHere) => {
    if (!isHere) return undefined;
    at += HASH_SIZE;
    return hashes.slice(at, at + HASH_SIZE);
  });
}

function readUint(reader: CborReader, field: string, most: number): number {
  const start = reader.at;
  if (reader.major !== MAJOR.uint) fail(field, 'expected an unsigned integer', start);
  const value = reader.argument();
  return typeof value === 'number' && value <= most ? value : fail(field, `at most ${most}`, start);
}

function readBytes(reader: CborReader, field: string, length: number): Uint8Array {
  const start = reader.at;
  if (reader.major !== MAJOR.bytes) fail(field, 'expected a byte string', start);
  const bytes = reader.byteString();
  if (bytes.length !== length) fail(field, `expected ${length} bytes, got ${bytes.length}`, start);
  return bytes;
}

function fail(field: string, message: string, offset: number, cause?: unknown): never {
  const detail = { field, offset };
  throw new LogError('stream-proof-malformed', `stream proof ${field}: ${message}`, detail, cause);
}
