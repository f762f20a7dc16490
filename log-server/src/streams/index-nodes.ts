// Leaves and inner nodes of the index tree under one kind of reference: 0 is the empty subtree, odd numbers are
// leaves, even ones inner nodes.

import { HASH_SIZE } from '@writ/core/sha256';
import { NodePool } from './node-pool.ts';

/** A subtree: a uint32 that is EMPTY, a leaf or an inner node. */
export type Ref = number;

export const EMPTY: Ref = 0;
const LEFT = 0;
const SEQ = 0;
const INDEX = 1;

export function isLeaf(ref: Ref): boolean {
  return (ref & 1) === 1;
}

/** Where a stream's newest statement is. */
export interface Position {
  readonly seq: number;
  readonly index: number;
}

export class IndexNodes {
  /** Words: left, right. Bytes: hash. */
  readonly #inner = new NodePool(2, HASH_SIZE);
  /** Words: seq, leaf index. Bytes: key, value hash. Other streams' proofs need these; the hash is made from them. */
  readonly #leaves = new NodePool(2, 2 * HASH_SIZE);

  get count(): number {
    return this.#inner.count + this.#leaves.count;
  }

  addInner(left: Ref, right: Ref): Ref {
    const row = this.#inner.take();
    this.#inner.setWord(row, LEFT, left);
    this.#inner.setWord(row, 1 - LEFT, right);
    return 2 * row + 2;
  }

  /** Key and value hash are at `offset` of their arrays. */
  addLeaf(keys: Uint8Array, valueHashes: Uint8Array, offset: number, position: Position): Ref {
    const row = this.#leaves.take();
    this.#leaves.setWord(row, SEQ, position.seq);
    this.#leaves.setWord(row, INDEX, position.index);
    const bytes = this.#leaves.bytesOf(row);
    const at = this.#leaves.byteOffset(row);
    for (let i = 0; i < HASH_SIZE; i++) {
      bytes[at + i] = keys[offset + i] ?? 0;
      bytes[at + HASH_SIZE + i] = valueHashes[offset + i] ?? 0;
    }
    return 2 * row + 1;
  }

  release(ref: Ref): void {
    if (isLeaf(ref)) this.#leaves.release(rowOf(ref));
    else this.#inner.release(rowOf(ref));
  }

  /** The child of an inner node on `side` 0 or 1. */
  child(ref: Ref, side: number): Ref {
    return this.#inner.word(rowOf(ref), side);
  }

  position(ref: Ref): Position {
    const row = rowOf(ref);
    return { seq: this.#leaves.word(row, SEQ), index: this.#leaves.word(row, INDEX) };
  }

  /** Copies of key and value hash of a leaf. */
  leaf(ref: Ref): { readonly key: Uint8Array; readonly valueHash: Uint8Array } {
    const row = rowOf(ref);
    const at = this.#leaves.byteOffset(row);
    const bytes = this.#leaves.bytesOf(row);
    return {
      key: bytes.slice(at, at + HASH_SIZE),
      valueHash: bytes.slice(at + HASH_SIZE, at + 2 * HASH_SIZE),
    };
  }

  hasKey(ref: Ref, keys: Uint8Array, offset: number): boolean {
    return this.#leafHas(ref, 0, keys, offset);
  }

  hasValue(ref: Ref, valueHashes: Uint8Array, offset: number): boolean {
    return this.#leafHas(ref, HASH_SIZE, valueHashes, offset);
  }

  #leafHas(ref: Ref, column: number, expected: Uint8Array, offset: number): boolean {
    const row = rowOf(ref);
    const bytes = this.#leaves.bytesOf(row);
    const at = this.#leaves.byteOffset(row) + column;
    for (let i = 0; i < HASH_SIZE; i++) if (bytes[at + i] !== expected[offset + i]) return false;
    return true;
  }

  /** Bit `depth` of a leaf's key. */
  keyBit(ref: Ref, depth: number): 0 | 1 {
    const row = rowOf(ref);
    const byte = this.#leaves.bytesOf(row)[this.#leaves.byteOffset(row) + (depth >>> 3)] ?? 0;
    return (byte & (0x80 >>> (depth & 7))) === 0 ? 0 : 1;
  }

  /** Copies key and value hash of a leaf, 64 bytes, to `target`. */
  copyLeaf(ref: Ref, target: Uint8Array, offset: number): void {
    const row = rowOf(ref);
    const at = this.#leaves.byteOffset(row);
    const bytes = this.#leaves.bytesOf(row);
    for (let i = 0; i < 2 * HASH_SIZE; i++) target[offset + i] = bytes[at + i] ?? 0;
  }

  copyHash(ref: Ref, target: Uint8Array, offset: number): void {
    const row = rowOf(ref);
    const at = this.#inner.byteOffset(row);
    const bytes = this.#inner.bytesOf(row);
    for (let i = 0; i < HASH_SIZE; i++) target[offset + i] = bytes[at + i] ?? 0;
  }

  setHash(ref: Ref, hashes: Uint8Array, offset: number): void {
    const row = rowOf(ref);
    const at = this.#inner.byteOffset(row);
    const bytes = this.#inner.bytesOf(row);
    for (let i = 0; i < HASH_SIZE; i++) bytes[at + i] = hashes[offset + i] ?? 0;
  }
}

function rowOf(ref: Ref): number {
  // Odd 2r+1 and even 2r+2 both give r.
  return (ref - 1) >>> 1;
}
