// Reading what is durable: entries, tiles, proofs, always of the committed tree.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { LogError } from '@writ/core/errors';
import { consistencyNodes } from '@writ/core/merkle/consistency';
import { inclusionNodes } from '@writ/core/merkle/inclusion';
import { TILE_WIDTH } from '@writ/core/merkle/tile';
import { buildProof, treeRoot } from '@writ/core/merkle/tree';
import type { LogStore, StreamHead } from '../storage/port.ts';
import { BundleCache } from './bundle-cache.ts';
import { type ReadHashes, readTile, storedNodes } from './edge.ts';

/** Entries that are given in one turn of the event loop. */
const ENTRIES_PER_TURN = 64;

export class StoredTree {
  readonly store: LogStore;
  protected readonly readHashes: ReadHashes;
  readonly #bundles: BundleCache;

  constructor(store: LogStore) {
    this.store = store;
    this.#bundles = new BundleCache(store);
    this.readHashes = (level, start, count) => store.readHashes(level, start, count);
  }

  /** The entry at `index`, not to be written to. LogError entry-absent beyond the durable tree. */
  readEntry(index: number): Uint8Array {
    if (index >= this.store.head.size)
      throw new LogError('entry-absent', `the log has ${this.store.head.size} entries`, { index });
    return this.#bundles.entry(index);
  }

  /**
   * The entries at `positions`, one after the other, as `readEntry`. Others have their turn behind every 64 entries
   * and every bundle that had to be read: however long the list, nobody waits for it.
   */
  async *readEntries(positions: Iterable<number>): AsyncGenerator<Uint8Array, void, void> {
    let given = 0;
    let loads = this.#bundles.loads;
    for (const index of positions) {
      yield this.readEntry(index);
      given++;
      if (given % ENTRIES_PER_TURN !== 0 && this.#bundles.loads === loads) continue;
      await nextTurn();
      loads = this.#bundles.loads;
    }
  }

  /** Leaf hash of the durable entry at `index`. */
  leafHashAt(index: number): Uint8Array {
    return this.store.readHashes(0, index, 1);
  }

  /** Bytes of an entry bundle, or undefined when the durable tree has no such bundle. */
  readBundle(index: bigint, width: number): Uint8Array | undefined {
    const start = index * BigInt(TILE_WIDTH);
    const end = start + BigInt(width);
    return end > BigInt(this.store.head.size)
      ? undefined
      : this.store.readBundle(Number(start), Number(end));
  }

  /** Bytes of a tile of hashes, or undefined when the durable tree has no such tile. */
  readTile(level: number, index: bigint, width: number): Uint8Array | undefined {
    return readTile(this.store.head.size, { level, index, width }, this.readHashes);
  }

  /** Inclusion proof of the entry at `index` in the tree of `size`, leaf's sibling first. */
  proveInclusion(index: number, size: number): Uint8Array[] {
    return buildProof(
      inclusionNodes(BigInt(index), BigInt(size)),
      storedNodes(size, this.readHashes),
    );
  }

  /** Consistency proof between two sizes of the log. */
  proveConsistency(oldSize: number, size: number): Uint8Array[] {
    return buildProof(
      consistencyNodes(BigInt(oldSize), BigInt(size)),
      storedNodes(size, this.readHashes),
    );
  }

  /** Root of the first `size` entries, from the stored hashes and not from what the commit remembered. */
  rootAt(size: number): Uint8Array {
    return treeRoot(BigInt(size), storedNodes(size, this.readHashes));
  }

  streamHead(stream: string): StreamHead | undefined {
    return this.store.readStream(stream);
  }
}
