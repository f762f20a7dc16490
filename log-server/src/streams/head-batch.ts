// The heads of one commit as keys and value hashes in flat arrays, sorted into the tree bit by bit.

import { assertBytes, assertSafeSize } from '@writ/core/bytes';
import { HASH_SIZE } from '@writ/core/sha256';
import { indexValueHash } from '@writ/core/streams/stream-index';
import type { StreamHead } from '../storage/port.ts';
import type { Position } from './index-nodes.ts';

const FIRST_CAPACITY = 256;
/** Positions are kept in 32 bits; the log numbers no more entries than that. */
const MAX_POSITION = 2 ** 32 - 1;

export class HeadBatch {
  /** 32 bytes an item. */
  keys: Uint8Array = new Uint8Array(FIRST_CAPACITY * HASH_SIZE);
  valueHashes: Uint8Array = new Uint8Array(FIRST_CAPACITY * HASH_SIZE);
  count = 0;
  readonly #positions: number[] = [];
  readonly #order: Uint32Array;

  constructor(
    heads: Iterable<readonly [stream: string, head: StreamHead]>,
    keyOf: (stream: string) => Uint8Array,
  ) {
    for (const [stream, head] of heads) this.#push(stream, keyOf(stream), head);
    this.#order = Uint32Array.from({ length: this.count }, (_, i) => i);
  }

  /** The item that the order has at `place`. */
  item(place: number): number {
    return this.#order[place] ?? 0;
  }

  position(item: number): Position {
    return { seq: this.#positions[2 * item] ?? 0, index: this.#positions[2 * item + 1] ?? 0 };
  }

  /** Moves the items with bit 0 at `depth` to the front of the places [from, to); answers where the others begin. */
  split(from: number, to: number, depth: number): number {
    const order = this.#order;
    const keys = this.keys;
    const byte = depth >>> 3;
    const mask = 0x80 >>> (depth & 7);
    let middle = from;
    for (let i = from; i < to; i++) {
      const item = order[i] ?? 0;
      if (((keys[item * HASH_SIZE + byte] ?? 0) & mask) !== 0) continue;
      order[i] = order[middle] ?? 0;
      order[middle++] = item;
    }
    return middle;
  }

  #push(stream: string, key: Uint8Array, head: StreamHead): void {
    assertPosition(head.seq, 'seq');
    assertPosition(head.index, 'index');
    assertBytes(key, 'key', HASH_SIZE);
    const at = this.count * HASH_SIZE;
    if (at === this.keys.length) {
      this.keys = doubled(this.keys);
      this.valueHashes = doubled(this.valueHashes);
    }
    this.keys.set(key, at);
    const { seq, index: leafIndex, statementId } = head;
    this.valueHashes.set(indexValueHash({ stream, seq, leafIndex, statementId }), at);
    this.#positions.push(seq, leafIndex);
    this.count++;
  }
}

function assertPosition(value: number, title: string): void {
  assertSafeSize(value, title);
  if (value > MAX_POSITION) throw new RangeError(`${title} does not fit in 32 bits`);
}

function doubled(bytes: Uint8Array): Uint8Array {
  const larger = new Uint8Array(2 * bytes.length);
  larger.set(bytes);
  return larger;
}
