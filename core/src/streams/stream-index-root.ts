// The root of the stream index from scratch, by its definition (spec/stream-index.md section 2). Auditors use
// it; the tests hold the log's incremental tree against it.

import { assertBytes } from '../bytes.ts';
import { HASH_SIZE, sha256Into } from '../sha256.ts';
import { emptyIndexRoot, INDEX_LEAF_PREFIX, type IndexValue, KEY_BITS } from './stream-index.ts';
import { IndexValueHasher } from './stream-index-values.ts';

const NODE_PREFIX = 0x01;
const FIRST_CAPACITY = 1024;

/**
 * The index root over `entries`, in any order, each stream once; RangeError otherwise. Keeps 68 bytes for each
 * stream (twice that while it grows), and reads `entries` only once. `keyOf` is for tests of long common prefixes;
 * without it a key is that of the stream id.
 */
export function buildIndexRoot(
  entries: Iterable<IndexValue>,
  keyOf?: (stream: string) => Uint8Array,
): Uint8Array {
  const leaves = new LeafList();
  for (const value of entries) leaves.push(value, keyOf?.(value.stream));
  return leaves.root();
}

/** Keys and leaf hashes in two flat arrays, and the order in which the recursion puts them. */
class LeafList {
  #count = 0;
  #keys = new Uint8Array(FIRST_CAPACITY * HASH_SIZE);
  #hashes = new Uint8Array(FIRST_CAPACITY * HASH_SIZE);
  #order = new Uint32Array(0);
  readonly #empty = emptyIndexRoot();
  readonly #values = new IndexValueHasher();
  readonly #leaf = new Uint8Array(1 + 2 * HASH_SIZE).fill(INDEX_LEAF_PREFIX, 0, 1);
  // Prefix and two children for each depth: a node of depth d finds its children in message d.
  readonly #messages: readonly Uint8Array[] = Array.from({ length: KEY_BITS }, () =>
    new Uint8Array(1 + 2 * HASH_SIZE).fill(NODE_PREFIX, 0, 1),
  );

  push(value: IndexValue, key?: Uint8Array): void {
    if (key !== undefined) assertBytes(key, 'key', HASH_SIZE);
    const at = this.#count * HASH_SIZE;
    if (at === this.#keys.length) {
      this.#keys = doubled(this.#keys);
      this.#hashes = doubled(this.#hashes);
    }
    this.#values.write(value, this.#leaf, 1, key);
    this.#keys.set(this.#leaf.subarray(1, 1 + HASH_SIZE), at);
    sha256Into(this.#leaf, this.#hashes, at);
    this.#count++;
  }

  root(): Uint8Array {
    this.#order = Uint32Array.from({ length: this.#count }, (_, i) => i);
    const root = new Uint8Array(HASH_SIZE);
    this.#write(0, this.#count, 0, root, 0);
    return root;
  }

  /** Writes the hash of the subtree at `depth` over the leaves [from, to) of the order to `target`. */
  #write(from: number, to: number, depth: number, target: Uint8Array, offset: number): void {
    if (from === to) {
      target.set(this.#empty, offset);
    } else if (to - from === 1) {
      const at = (this.#order[from] ?? 0) * HASH_SIZE;
      target.set(this.#hashes.subarray(at, at + HASH_SIZE), offset);
    } else {
      const message = this.#messages[depth];
      if (message === undefined) throw new RangeError('a stream appears twice');
      const middle = this.#split(from, to, depth);
      this.#write(from, middle, depth + 1, message, 1);
      this.#write(middle, to, depth + 1, message, 1 + HASH_SIZE);
      sha256Into(message, target, offset);
    }
  }

  /** Moves the leaves with bit 0 at `depth` to the front of [from, to); answers where the others begin. */
  #split(from: number, to: number, depth: number): number {
    const order = this.#order;
    const byte = depth >>> 3;
    const mask = 0x80 >>> (depth & 7);
    let middle = from;
    for (let i = from; i < to; i++) {
      const leaf = order[i] ?? 0;
      if (((this.#keys[leaf * HASH_SIZE + byte] ?? 0) & mask) !== 0) continue;
      order[i] = order[middle] ?? 0;
      order[middle++] = leaf;
    }
    return middle;
  }
}

function doubled(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(2 * bytes.length);
  larger.set(bytes);
  return larger;
}
