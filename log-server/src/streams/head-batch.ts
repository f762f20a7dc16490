// The heads of one commit in flat arrays, sorted into the tree bit by bit.

import { assertBytes } from '@writ/core/bytes';
import { HASH_SIZE } from '@writ/core/sha256';
import type { IndexValue } from '@writ/core/streams/stream-index';
import { IndexValueHasher } from '@writ/core/streams/stream-index-values';
import type { StreamHead } from '../storage/port.ts';
import { bitAt, HASH_WORDS } from './index-nodes.ts';

const FIRST_CAPACITY = 256;
const ITEM_SIZE = 2 * HASH_SIZE;
/** Positions are kept in 32 bits; the log numbers no more entries than that. */
const MAX_POSITION = 2 ** 32 - 1;

export class HeadBatch {
  /** Key and value hash of each item. */
  words: Uint32Array<ArrayBuffer> = new Uint32Array(FIRST_CAPACITY * 2 * HASH_WORDS);
  #bytes = new Uint8Array(this.words.buffer);
  #positions = new Uint32Array(2 * FIRST_CAPACITY);
  #order = new Uint32Array(0);
  count = 0;

  /** Without `keyOf` a key is the SHA-256 of the stream id. */
  constructor(
    heads: Iterable<readonly [stream: string, head: StreamHead]>,
    keyOf?: (stream: string) => Uint8Array,
  ) {
    const hasher = new IndexValueHasher();
    for (const [stream, head] of heads) {
      const key = keyOf?.(stream);
      if (key !== undefined) assertBytes(key, 'key', HASH_SIZE);
      if (2 * this.count === this.#positions.length) this.#grow();
      hasher.write(indexValueOf(stream, head), this.#bytes, this.count * ITEM_SIZE, key);
      this.#positions[2 * this.count] = head.seq;
      this.#positions[2 * this.count + 1] = head.index;
      this.count++;
    }
    this.#order = new Uint32Array(this.count);
    for (let i = 0; i < this.count; i++) this.#order[i] = i;
  }

  /** The item that the order has at `place`. */
  item(place: number): number {
    return this.#order[place] ?? 0;
  }

  seq(item: number): number {
    return this.#positions[2 * item] ?? 0;
  }

  index(item: number): number {
    return this.#positions[2 * item + 1] ?? 0;
  }

  /** Moves the items with bit 0 at `depth` to the front of the places [from, to); answers where the others begin. */
  split(from: number, to: number, depth: number): number {
    const order = this.#order;
    let middle = from;
    for (let i = from; i < to; i++) {
      const item = order[i] ?? 0;
      if (bitAt(this.#bytes, item * ITEM_SIZE, depth) === 1) continue;
      order[i] = order[middle] ?? 0;
      order[middle++] = item;
    }
    return middle;
  }

  #grow(): void {
    const { words } = this;
    this.words = new Uint32Array(2 * words.length);
    this.words.set(words);
    this.#bytes = new Uint8Array(this.words.buffer);
    const positions = this.#positions;
    this.#positions = new Uint32Array(2 * positions.length);
    this.#positions.set(positions);
  }
}

/** A stream's head as the index has it. Throws RangeError when seq or index do not fit in 32 bits. */
export function indexValueOf(stream: string, { seq, index, statementId }: StreamHead): IndexValue {
  if (seq > MAX_POSITION) throw new RangeError('seq does not fit in 32 bits');
  if (index > MAX_POSITION) throw new RangeError('index does not fit in 32 bits');
  return { stream, seq, leafIndex: index, statementId };
}
