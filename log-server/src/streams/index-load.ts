// The index tree of many streams at once, for the start of the log. Leaves go straight to where they stay; then the
// tree is built above them in one pass, and each small subtree is hashed while it is still in the cache.

import { assertBytes } from '@writ/core/bytes';
import { HASH_SIZE } from '@writ/core/sha256';
import { KEY_BITS } from '@writ/core/streams/stream-index';
import { IndexValueHasher } from '@writ/core/streams/stream-index-values';
import type { StreamHead } from '../storage/port.ts';
import { indexValueOf } from './head-batch.ts';
import type { IndexHasher } from './index-hasher.ts';
import { EMPTY, HASH_WORDS, type IndexNodes, type Ref } from './index-nodes.ts';

const FIRST_CAPACITY = 1024;
const PREFIX_BITS = 32;
/** Leaves of a subtree that is hashed on its own. */
const HASHED_LEAVES = 2048;

/** New nodes for each depth from `top` on. */
interface Levels {
  readonly top: number;
  readonly nodes: Ref[][];
}

export class IndexLoad {
  readonly #nodes: IndexNodes;
  readonly #hasher: IndexHasher;
  #leaves = new Uint32Array(FIRST_CAPACITY);
  /** The first bits of each leaf's key, moved along with it: most splits read nothing else. */
  #prefixes = new Uint32Array(FIRST_CAPACITY);
  count = 0;

  constructor(nodes: IndexNodes, hasher: IndexHasher) {
    this.#nodes = nodes;
    this.#hasher = hasher;
  }

  /** Adds the leaves of all heads. Without `keyOf` a key is the SHA-256 of the stream id. */
  read(
    heads: Iterable<readonly [stream: string, head: StreamHead]>,
    keyOf?: (stream: string) => Uint8Array,
  ): void {
    const values = new IndexValueHasher();
    const words = new Uint32Array(2 * HASH_WORDS);
    const bytes = new Uint8Array(words.buffer);
    const view = new DataView(words.buffer);
    for (const [stream, head] of heads) {
      const key = keyOf?.(stream);
      if (key !== undefined) assertBytes(key, 'key', HASH_SIZE);
      values.write(indexValueOf(stream, head), bytes, 0, key);
      this.#push(this.#nodes.addLeaf(head.seq, head.index, words, 0), view.getUint32(0));
    }
  }

  /** The tree above the leaves, hashed. Throws RangeError for a stream that appears twice. */
  build(): Ref {
    return this.#hashed(0, this.count, 0);
  }

  /** The subtree at `depth` over the leaves [from, to), with all its hashes. */
  #hashed(from: number, to: number, depth: number): Ref {
    const levels: Levels = { top: depth, nodes: [] };
    const ref = this.#build(from, to, depth, levels);
    this.#hasher.hashCreated(levels.nodes);
    return ref;
  }

  /** As #hashed, but nodes with more than a few leaves below them go to `levels` without a hash. */
  #build(from: number, to: number, depth: number, levels: Levels): Ref {
    if (from === to) return EMPTY;
    if (to - from === 1) return this.#leaves[from] ?? EMPTY;
    if (depth === KEY_BITS) throw new RangeError('a stream appears twice');
    const middle = this.#split(from, to, depth);
    const left = this.#child(from, middle, to - from, depth + 1, levels);
    const right = this.#child(middle, to, to - from, depth + 1, levels);
    const node = this.#nodes.addInner(left, right);
    levels.nodes[depth - levels.top] ??= [];
    levels.nodes[depth - levels.top]?.push(node);
    return node;
  }

  /** Builds a child; the first that is small enough on its way down is hashed at once. */
  #child(from: number, to: number, within: number, depth: number, levels: Levels): Ref {
    return within > HASHED_LEAVES && to - from <= HASHED_LEAVES
      ? this.#hashed(from, to, depth)
      : this.#build(from, to, depth, levels);
  }

  /** Moves the leaves with bit 0 at `depth` to the front of [from, to); answers where the others begin. */
  #split(from: number, to: number, depth: number): number {
    const leaves = this.#leaves;
    const prefixes = this.#prefixes;
    let middle = from;
    for (let i = from; i < to; i++) {
      const leaf = leaves[i] ?? EMPTY;
      const prefix = prefixes[i] ?? 0;
      const bit =
        depth < PREFIX_BITS ? (prefix >>> (31 - depth)) & 1 : this.#nodes.keyBit(leaf, depth);
      if (bit === 1) continue;
      leaves[i] = leaves[middle] ?? EMPTY;
      prefixes[i] = prefixes[middle] ?? 0;
      leaves[middle] = leaf;
      prefixes[middle++] = prefix;
    }
    return middle;
  }

  #push(leaf: Ref, prefix: number): void {
    if (this.count === this.#leaves.length) {
      this.#leaves = doubled(this.#leaves);
      this.#prefixes = doubled(this.#prefixes);
    }
    this.#leaves[this.count] = leaf;
    this.#prefixes[this.count++] = prefix;
  }
}

function doubled(words: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(2 * words.length);
  larger.set(words);
  return larger;
}
