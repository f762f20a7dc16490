// Leaves and inner nodes of the index tree under one kind of reference: 0 is the empty subtree, odd numbers are
// leaves, even ones inner nodes. Hashes and keys are eight words of raw memory: they are only copied and compared
// as words, so that the byte order of the machine does not matter.

import { NodePool } from './node-pool.ts';

/** A subtree: a uint32 that is EMPTY, a leaf or an inner node. */
export type Ref = number;

export const EMPTY: Ref = 0;
/** uint32 words of a hash or key. */
export const HASH_WORDS = 8;

// An inner node has left and right for a head and its hash for a body. A leaf has seq and leaf index, and key and
// value hash: its own hash is made from these when it is needed, and proofs about its neighbours show them.
const HEAD_WORDS = 2;
const KEY = 0;
const VALUE_HASH = HASH_WORDS;

export function isLeaf(ref: Ref): boolean {
  return (ref & 1) === 1;
}

export function isInner(ref: Ref): boolean {
  return ref !== EMPTY && !isLeaf(ref);
}

/** Where a stream's newest statement is. */
export interface Position {
  readonly seq: number;
  readonly index: number;
}

export class IndexNodes {
  readonly #inner = new NodePool(HEAD_WORDS, HASH_WORDS);
  readonly #leaves = new NodePool(HEAD_WORDS, 2 * HASH_WORDS);

  get count(): number {
    return this.#inner.count + this.#leaves.count;
  }

  addInner(left: Ref, right: Ref): Ref {
    const row = this.#inner.take();
    const words = this.#inner.heads(row);
    const at = this.#inner.headAt(row);
    words[at] = left;
    words[at + 1] = right;
    return 2 * row + 2;
  }

  /** `source` has key and value hash at `from` (in words). */
  addLeaf(seq: number, index: number, source: Uint32Array, from: number): Ref {
    const row = this.#leaves.take();
    const words = this.#leaves.heads(row);
    const at = this.#leaves.headAt(row);
    words[at] = seq;
    words[at + 1] = index;
    copyWords(source, from, this.#leaves.bodies(row), this.#leaves.bodyAt(row), 2 * HASH_WORDS);
    return 2 * row + 1;
  }

  release(ref: Ref): void {
    if (isLeaf(ref)) this.#leaves.release(rowOf(ref));
    else this.#inner.release(rowOf(ref));
  }

  /** The child of an inner node on `side` 0 or 1. */
  child(ref: Ref, side: number): Ref {
    const row = rowOf(ref);
    return this.#inner.heads(row)[this.#inner.headAt(row) + side] ?? EMPTY;
  }

  position(ref: Ref): Position {
    const row = rowOf(ref);
    const words = this.#leaves.heads(row);
    const at = this.#leaves.headAt(row);
    return { seq: words[at] ?? 0, index: words[at + 1] ?? 0 };
  }

  /** True when a leaf has the key at `from` of `source`. */
  hasKey(ref: Ref, source: Uint32Array, from: number): boolean {
    return this.#hasWords(ref, KEY, source, from);
  }

  /** True when a leaf has the value hash at `from` of `source`. */
  hasValue(ref: Ref, source: Uint32Array, from: number): boolean {
    return this.#hasWords(ref, VALUE_HASH, source, from);
  }

  #hasWords(ref: Ref, column: number, source: Uint32Array, from: number): boolean {
    const row = rowOf(ref);
    const words = this.#leaves.bodies(row);
    const at = this.#leaves.bodyAt(row) + column;
    for (let i = 0; i < HASH_WORDS; i++) if (words[at + i] !== source[from + i]) return false;
    return true;
  }

  /** Bit `depth` of a leaf's key. */
  keyBit(ref: Ref, depth: number): 0 | 1 {
    const row = rowOf(ref);
    const { buffer } = this.#leaves.bodies(row);
    return bitAt(new Uint8Array(buffer), 4 * (this.#leaves.bodyAt(row) + KEY), depth);
  }

  /** Copies key and value hash of a leaf, 16 words, to `target`. */
  copyLeaf(ref: Ref, target: Uint32Array, to: number): void {
    const row = rowOf(ref);
    const from = this.#leaves.bodyAt(row) + KEY;
    copyWords(this.#leaves.bodies(row), from, target, to, 2 * HASH_WORDS);
  }

  /** Copies the hash of an inner node to `target`. */
  copyHash(ref: Ref, target: Uint32Array, to: number): void {
    const row = rowOf(ref);
    copyWords(this.#inner.bodies(row), this.#inner.bodyAt(row), target, to, HASH_WORDS);
  }

  /** Sets the hash of an inner node from `source`. */
  setHash(ref: Ref, source: Uint32Array, from: number): void {
    const row = rowOf(ref);
    copyWords(source, from, this.#inner.bodies(row), this.#inner.bodyAt(row), HASH_WORDS);
  }
}

/** Bit `depth`, from the most significant on, of the key at byte `offset`. */
export function bitAt(bytes: Uint8Array, offset: number, depth: number): 0 | 1 {
  return ((bytes[offset + (depth >>> 3)] ?? 0) & (0x80 >>> (depth & 7))) === 0 ? 0 : 1;
}

function rowOf(ref: Ref): number {
  // Odd 2r+1 and even 2r+2 both give r.
  return (ref - 1) >>> 1;
}

// A loop beats set(subarray(...)) by far for so few words.
function copyWords(
  source: Uint32Array,
  from: number,
  target: Uint32Array,
  to: number,
  count: number,
): void {
  for (let i = 0; i < count; i++) target[to + i] = source[from + i] ?? 0;
}
