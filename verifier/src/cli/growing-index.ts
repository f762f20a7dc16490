// The stream index while a log is read from its start: heads go in one by one, and the root is there whenever a
// state root asks for it (spec/stream-index.md section 2).
//
// The tree lies in flat arrays: for a million streams about 200 MB, ids included. Only the nodes above changed
// heads are hashed again, and only when the root is asked for.

import { HASH_SIZE, sha256Into } from '@writ/core/sha256';
import {
  emptyIndexRoot,
  type IndexValue,
  indexLeafHash,
  indexValueHash,
  keyBit,
  streamKey,
} from '@writ/core/streams/stream-index';

const NODE_PREFIX = 0x01;
const FIRST_CAPACITY = 1024;
/** A reference: 0 is empty, n > 0 the node n, n < 0 the leaf -n - 1. */
const EMPTY = 0;

/** The newest statement of a stream. */
export interface StreamHead {
  readonly seq: number;
  readonly statementId: Uint8Array;
}

export class GrowingIndex {
  readonly #leafOf = new Map<string, number>();
  readonly #seqs: number[] = [];
  #keys = new Uint8Array(FIRST_CAPACITY * HASH_SIZE);
  #ids = new Uint8Array(FIRST_CAPACITY * HASH_SIZE);
  #leafHashes = new Uint8Array(FIRST_CAPACITY * HASH_SIZE);
  /** Two references for each node; node 0 is not used. */
  #children = new Int32Array(2 * FIRST_CAPACITY);
  #nodeHashes = new Uint8Array(FIRST_CAPACITY * HASH_SIZE);
  /** 1 where a hash is that of the subtree. */
  #isCurrent = new Uint8Array(FIRST_CAPACITY);
  #nodes = 1;
  #root = EMPTY;
  readonly #empty = emptyIndexRoot();
  readonly #message = new Uint8Array(1 + 2 * HASH_SIZE).fill(NODE_PREFIX, 0, 1);

  /** Streams in the index. */
  get size(): number {
    return this.#seqs.length;
  }

  /** The head of a stream; undefined where there is none. */
  head(stream: string): StreamHead | undefined {
    const leaf = this.#leafOf.get(stream);
    if (leaf === undefined) return undefined;
    return { seq: this.#seqs[leaf] ?? 0, statementId: hashAt(this.#ids, leaf) };
  }

  /** Makes `value` the head of its stream. */
  set(value: IndexValue): void {
    const known = this.#leafOf.get(value.stream);
    const leaf = known ?? this.#addLeaf(value.stream);
    const key = hashAt(this.#keys, leaf);
    this.#seqs[leaf] = value.seq;
    this.#ids.set(value.statementId, leaf * HASH_SIZE);
    this.#leafHashes.set(indexLeafHash(key, indexValueHash(value)), leaf * HASH_SIZE);
    if (known === undefined) this.#place(leaf, key);
    else this.#touch(key);
  }

  /** The root over all heads, a new array. */
  root(): Uint8Array {
    const root = new Uint8Array(HASH_SIZE);
    this.#hash(this.#root, root, 0);
    return root;
  }

  #addLeaf(stream: string): number {
    const leaf = this.#seqs.length;
    this.#keys = withRoom(this.#keys, (leaf + 1) * HASH_SIZE);
    this.#ids = withRoom(this.#ids, (leaf + 1) * HASH_SIZE);
    this.#leafHashes = withRoom(this.#leafHashes, (leaf + 1) * HASH_SIZE);
    this.#keys.set(streamKey(stream), leaf * HASH_SIZE);
    this.#leafOf.set(stream, leaf);
    return leaf;
  }

  /** Hashes on the way to `key` are not current any more. */
  #touch(key: Uint8Array): void {
    let ref = this.#root;
    for (let depth = 0; ref > 0; depth++) {
      this.#isCurrent[ref] = 0;
      ref = this.#children[2 * ref + keyBit(key, depth)] ?? EMPTY;
    }
  }

  #place(leaf: number, key: Uint8Array): void {
    this.#touch(key);
    let [parent, ref, depth] = [0, this.#root, 0];
    while (ref > 0) {
      parent = 2 * ref + keyBit(key, depth++);
      ref = this.#children[parent] ?? EMPTY;
    }
    const other = ref;
    while (other !== EMPTY) {
      const node = this.#addNode();
      this.#link(parent, node);
      const [mine, theirs] = [keyBit(key, depth), keyBit(hashAt(this.#keys, -other - 1), depth)];
      depth++;
      parent = 2 * node + mine;
      if (mine === theirs) continue;
      this.#children[2 * node + theirs] = other;
      break;
    }
    this.#link(parent, -leaf - 1);
  }

  /** Slot 0 is the root. */
  #link(slot: number, ref: number): void {
    if (slot === 0) this.#root = ref;
    else this.#children[slot] = ref;
  }

  #addNode(): number {
    const node = this.#nodes++;
    if (node === this.#isCurrent.length) {
      const children = new Int32Array(2 * this.#children.length);
      children.set(this.#children);
      this.#children = children;
      this.#nodeHashes = withRoom(this.#nodeHashes, (node + 1) * HASH_SIZE);
      this.#isCurrent = withRoom(this.#isCurrent, node + 1);
    }
    return node;
  }

  /** Writes the hash of a subtree to `target`. Goes no deeper than what has changed. */
  #hash(ref: number, target: Uint8Array, offset: number): void {
    if (ref === EMPTY) target.set(this.#empty, offset);
    else if (ref < 0) target.set(hashAt(this.#leafHashes, -ref - 1), offset);
    else {
      if (this.#isCurrent[ref] !== 1) {
        const pair = new Uint8Array(2 * HASH_SIZE);
        this.#hash(this.#children[2 * ref] ?? EMPTY, pair, 0);
        this.#hash(this.#children[2 * ref + 1] ?? EMPTY, pair, HASH_SIZE);
        this.#message.set(pair, 1);
        sha256Into(this.#message, this.#nodeHashes, ref * HASH_SIZE);
        this.#isCurrent[ref] = 1;
      }
      target.set(hashAt(this.#nodeHashes, ref), offset);
    }
  }
}

function hashAt(hashes: Uint8Array, at: number): Uint8Array {
  return hashes.subarray(at * HASH_SIZE, (at + 1) * HASH_SIZE);
}

function withRoom(bytes: Uint8Array<ArrayBuffer>, length: number): Uint8Array<ArrayBuffer> {
  if (length <= bytes.length) return bytes;
  const larger = new Uint8Array(2 * bytes.length);
  larger.set(bytes);
  return larger;
}
