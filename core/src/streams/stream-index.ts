// The stream index: a Merkle map from every stream to its newest statement (spec/stream-index.md).
//
//   key    SHA-256(UTF-8 of the stream id), read bit by bit from the most significant one on
//   leaf   SHA-256(0x02 || key || SHA-256(CBOR [stream, seq, leaf index, statement id]))
//   node   SHA-256(0x01 || left || right), as in RFC 6962
//   empty  SHA-256(0x03)
//
// A subtree without keys is empty, one with a single key is that key's leaf, every other is a node.

import { assertBytes, assertSafeSize, concatBytes, utf8 } from '../bytes.ts';
import { encodeCbor } from '../cbor/encode.ts';
import { HASH_SIZE, sha256 } from '../sha256.ts';

/** First byte of a leaf's message. Leaves and nodes of the log itself begin with 0x00 and 0x01. */
export const INDEX_LEAF_PREFIX = 0x02;
/** The whole message whose hash stands for a subtree without keys. */
export const INDEX_EMPTY_PREFIX = 0x03;
/** Bits of a key, and so the deepest that a leaf can lie. */
export const KEY_BITS: number = 8 * HASH_SIZE;

/** What the index holds about a stream. */
export interface IndexValue {
  /** Stream id. */
  readonly stream: string;
  /** Sequence number of the newest statement, a safe integer. */
  readonly seq: number;
  /** Index of its leaf in the log, a safe integer. */
  readonly leafIndex: number;
  /** RFC 6962 leaf hash of the statement. */
  readonly statementId: Uint8Array;
}

/** Root of the index without streams, and hash of every empty subtree. A new array each time. */
export function emptyIndexRoot(): Uint8Array {
  return sha256(Uint8Array.of(INDEX_EMPTY_PREFIX));
}

/** Where a stream stands in the index. Throws TypeError for text with a lone surrogate. */
export function streamKey(stream: string): Uint8Array {
  return sha256(utf8(stream));
}

/** Bit `depth` of a key, counted from the most significant: the side to take at that depth, 1 is right. */
export function keyBit(key: Uint8Array, depth: number): 0 | 1 {
  const byte = key[Math.floor(depth / 8)] ?? 0;
  return Math.floor(byte / 2 ** (7 - (depth % 8))) % 2 === 1 ? 1 : 0;
}

/** Guard for our own callers: numbers and statement id are what the format can say. */
export function assertIndexValue({ seq, leafIndex, statementId }: IndexValue): void {
  assertSafeSize(seq, 'seq');
  assertSafeSize(leafIndex, 'leafIndex');
  assertBytes(statementId, 'statementId', HASH_SIZE);
}

/** The bytes that a leaf commits to: [stream, seq, leaf index, statement id] in deterministic CBOR. */
export function encodeIndexValue(value: IndexValue): Uint8Array {
  assertIndexValue(value);
  const { stream, seq, leafIndex, statementId } = value;
  return encodeCbor([stream, seq, leafIndex, statementId]);
}

/** SHA-256 of `encodeIndexValue`. Throws RangeError or TypeError for a value that has no encoding. */
export function indexValueHash(value: IndexValue): Uint8Array {
  return sha256(encodeIndexValue(value));
}

/** Hash of the leaf of `key`, from the hash of its value. */
export function indexLeafHash(key: Uint8Array, valueHash: Uint8Array): Uint8Array {
  return sha256(concatBytes(Uint8Array.of(INDEX_LEAF_PREFIX), key, valueHash));
}
