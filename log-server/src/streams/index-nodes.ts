// Leaves and inner nodes of the index tree under one kind of reference: 0 is the empty subtree, odd numbers are
// leaves, even ones inner nodes. Hashes and keys are eight words of raw memory: they are only copied and compared
// as words, so that the byte order of the machine does not matter.

import { NodePool } from './node-pool.ts';

/** A subtree: a uint32 that is EMPTY, a leaf or an inner node. */
export type Ref = number;

export const EMPTY: Ref = 0;
/** uint32 words of a hash or key. */
export const HASH_WORDS = 8;

// Rows of inner nodes: left, right, hash. Rows of leaves: seq, leaf index, key, value hash; a leaf's own hash is
// made from these when it is needed, and proofs about its neighbours show them.
const CHILDREN = 2;
const POSITION = 2;
const INNER_WORDS = CHILDREN + HASH_WORDS;
const LEAF_WORDS = POSITION + 2 * HASH_WORDS;
const VALUE_HASH = POSITION + HASH_WORDS;

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
  readonly #inner = new NodePool(INNER_WORDS);
  readonly #leaves = new NodePool(LEAF_WORDS);

  get count(): number {
    return this.#inner.count + this.#leaves.count;
  }

  addInner(left: Ref, right: Ref): Ref {
    const row = this.#inner.take();
    const words = this.#inner.chunk(row);
    const at = this.#inner.at(row);
    words[at] = left;
    words[at + 1] = right;
    return 2 * row + 2;
  }

  /** All inner nodes of the subtree `ref`, by depth. */
  levelsOf(ref: Ref): Ref[][] {
    const levels: Ref[][] = [];
    for (let level = [ref].filter(isInner); level.length > 0; level = this.#innerBelow(level))
      levels.push(level);
    return levels;
  }

  #innerBelow(level: readonly Ref[]): Ref[] {
    const below: Ref[] = [];
    for (const ref of level) {
      for (const child of [this.child(ref, 0), this.child(ref, 1)])
        if (isInner(child)) below.push(child);
    }
    return below;
  }

  /** `source` has key and value hash at `from` (in words). */
  addLeaf(seq: number, index: number, source: Uint32Array, from: number): Ref {
    const row = this.#leaves.take();
    const words = this.#leaves.chunk(row);
    const at = this.#leaves.at(row);
    words[at] = seq;
    words[at + 1] = index;
    copyWords(source, from, words, at + POSITION, 2 * HASH_WORDS);
    return 2 * row + 1;
  }

  release(ref: Ref): void {
    if (isLeaf(ref)) this.#leaves.release(rowOf(ref));
    else this.#inner.release(rowOf(ref));
  }

  /** The child of an inner node on `side` 0 or 1. */
  child(ref: Ref, side: number): Ref {
    const row = rowOf(ref);
    return this.#inner.chunk(row)[this.#inner.at(row) + side] ?? EMPTY;
  }

  position(ref: Ref): Position {
    const row = rowOf(ref);
    const words = this.#leaves.chunk(row);
    const at = this.#leaves.at(row);
    return { seq: words[at] ?? 0, index: words[at + 1] ?? 0 };
  }

  /** True when a leaf has the key at `from` of `source`. */
  hasKey(ref: Ref, source: Uint32Array, from: number): boolean {
    return this.#hasWords(ref, POSITION, source, from);
  }

  /** True when a leaf has the value hash at `from` of `source`. */
  hasValue(ref: Ref, source: Uint32Array, from: number): boolean {
    return this.#hasWords(ref, VALUE_HASH, source, from);
  }

  #hasWords(ref: Ref, column: number, source: Uint32Array, from: number): boolean {
    const row = rowOf(ref);
    const words = this.#leaves.chunk(row);
    const at = this.#leaves.at(row) + column;
    for (let i = 0; i < HASH_WORDS; i++) if (words[at + i] !== source[from + i]) return false;
    return true;
  }

  /** Bit `depth` of a leaf's key. */
  keyBit(ref: Ref, depth: number): 0 | 1 {
    const row = rowOf(ref);
    const { buffer } = this.#leaves.chunk(row);
    return bitAt(new Uint8Array(buffer), 4 * (this.#leaves.at(row) + POSITION), depth);
  }

  /** Copies key and value hash of a leaf, 16 words, to `target`. */
  copyLeaf(ref: Ref, target: Uint32Array, to: number): void {
    const row = rowOf(ref);
    const from = this.#leaves.at(row) + POSITION;
    copyWords(this.#leaves.chunk(row), from, target, to, 2 * HASH_WORDS);
  }

  /** Copies the hash of an inner node to `target`. */
  copyHash(ref: Ref, target: Uint32Array, to: number): void {
    const row = rowOf(ref);
    copyWords(this.#inner.chunk(row), this.#inner.at(row) + CHILDREN, target, to, HASH_WORDS);
  }

  /** Sets the hash of an inner node from `source`. */
  setHash(ref: Ref, source: Uint32Array, from: number): void {
    const row = rowOf(ref);
    copyWords(source, from, this.#inner.chunk(row), this.#inner.at(row) + CHILDREN, HASH_WORDS);
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
