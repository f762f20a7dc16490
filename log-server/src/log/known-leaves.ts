// Which entries the log has: the leaf index over a store, and over the batch that is being prepared on it.

import { equalBytes } from '@writ/core/bytes';
import { HASH_SIZE } from '@writ/core/sha256';
import type { LogStore } from '../storage/port.ts';
import { LeafIndex } from './leaf-index.ts';

/** Hashes read at a time when the index is built. */
const CHUNK = 8192;

export class KnownLeaves {
  readonly #store: LogStore;
  readonly #index: LeafIndex;
  /** Leaf hashes of the batch being prepared: entries from the size of the store on. */
  #pending: Uint8Array = new Uint8Array(0);
  /** How many of them are in the index already. */
  #added = 0;

  /** Reads all leaf hashes of the store once. */
  constructor(store: LogStore) {
    this.#store = store;
    this.#index = this.#build();
  }

  /** Index of the entry with the leaf hash at `offset`, in the store or in the pending batch. */
  find(hashes: Uint8Array, offset: number): number | undefined {
    return this.#index.find(hashes, offset);
  }

  /** From now on `hashes` are those of the batch being prepared. */
  expect(hashes: Uint8Array): void {
    this.#pending = hashes;
    this.#added = 0;
  }

  /** Adds the next leaf of the pending batch, which `find` does not know. */
  rememberNext(): void {
    const { size } = this.#store.head;
    this.#index.insert(this.#pending, this.#added * HASH_SIZE, size + this.#added);
    this.#added++;
  }

  /** Forgets the pending batch: it never became durable. */
  forget(): void {
    const { size } = this.#store.head;
    for (; this.#added > 0; this.#added--)
      this.#index.remove(this.#pending, (this.#added - 1) * HASH_SIZE, size + this.#added - 1);
  }

  #build(): LeafIndex {
    const index = new LeafIndex((at, hashes, offset) => this.#isLeafAt(at, hashes, offset));
    const { size } = this.#store.head;
    for (let start = 0; start < size; start += CHUNK) {
      const count = Math.min(CHUNK, size - start);
      const hashes = this.#store.readHashes(0, start, count);
      for (let i = 0; i < count; i++) index.insert(hashes, i * HASH_SIZE, start + i);
    }
    return index;
  }

  #isLeafAt(at: number, hashes: Uint8Array, offset: number): boolean {
    const { size } = this.#store.head;
    const stored = at < size ? this.#store.readHashes(0, at, 1) : this.#pending;
    const from = at < size ? 0 : (at - size) * HASH_SIZE;
    return equalBytes(
      stored.subarray(from, from + HASH_SIZE),
      hashes.subarray(offset, offset + HASH_SIZE),
    );
  }
}
