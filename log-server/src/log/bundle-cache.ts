// Bundles of entries in memory, because whoever reads a stream asks for many entries of few bundles, and each costs
// reading its whole bundle. Entries never change, so nothing here is ever stale: a bundle that has grown since only
// lacks the newest entries.

import { decodeBundle } from '@writ/core/formats/entry-bundle';
import { TILE_WIDTH } from '@writ/core/merkle/tile';
import type { LogStore } from '../storage/port.ts';

/** Bytes of full bundles that are kept; the largest bundle has half of that. */
export const MAX_CACHED_BYTES: number = 32 * 1024 * 1024;
/** What the view of an entry takes beside its bytes, roughly. */
const VIEW_BYTES = 128;

interface Bundle {
  readonly number: number;
  readonly entries: readonly Uint8Array[];
  readonly weight: number;
}

export class BundleCache {
  readonly #store: LogStore;
  /** Full bundles by number, the one that was used last at the end. */
  readonly #full = new Map<number, Bundle>();
  #fullWeight = 0;
  /** The newest bundle while it was not full, with the entries that it had then. */
  #newest: Bundle | undefined;
  /** How often a bundle was read from the store. */
  loads = 0;

  constructor(store: LogStore) {
    this.#store = store;
  }

  /** The entry at `index`, which is below the durable size; a view that must not be written to. */
  entry(index: number): Uint8Array {
    const number = Math.floor(index / TILE_WIDTH);
    const at = index % TILE_WIDTH;
    const known = this.#find(number);
    const entry = known?.entries[at] ?? this.#load(number).entries[at];
    if (entry === undefined) throw new RangeError(`there is no entry ${index}`);
    return entry;
  }

  #find(number: number): Bundle | undefined {
    if (this.#newest?.number === number) return this.#newest;
    const bundle = this.#full.get(number);
    if (bundle === undefined) return undefined;
    this.#full.delete(number);
    this.#full.set(number, bundle);
    return bundle;
  }

  #load(number: number): Bundle {
    this.loads++;
    const start = number * TILE_WIDTH;
    const end = Math.min(this.#store.head.size, start + TILE_WIDTH);
    const bytes = this.#store.readBundle(start, end);
    const entries = decodeBundle(bytes, end - start);
    const bundle = { number, entries, weight: bytes.length + entries.length * VIEW_BYTES };
    if (entries.length < TILE_WIDTH) this.#newest = bundle;
    else this.#keep(bundle);
    return bundle;
  }

  #keep(bundle: Bundle): void {
    if (this.#newest?.number === bundle.number) this.#newest = undefined;
    this.#full.set(bundle.number, bundle);
    this.#fullWeight += bundle.weight;
    for (const [number, { weight }] of this.#full) {
      if (this.#fullWeight <= MAX_CACHED_BYTES) break;
      this.#full.delete(number);
      this.#fullWeight -= weight;
    }
  }
}
