// What follows from a driver package: its manifest, its capabilities. Kept by the digest of the package, so that
// another package is never answered for; read again after a while all the same (spec/inventory.md section 6).

/** Milliseconds for which an entry holds. */
export const CAPABILITY_TTL_MS = 300_000;
/** Most entries. */
export const MAX_CACHED = 256;

export interface DigestCacheOptions {
  /** A clock that never jumps, in milliseconds. */
  monotonicMs(): number;
  readonly ttlMs?: number | undefined;
  readonly maxEntries?: number | undefined;
}

interface Entry<Value> {
  readonly value: Promise<Value>;
  readonly sinceMs: number;
}

/** A cache by digest. Those who ask for a digest that is being loaded share the one load. */
export class DigestCache<Value> {
  readonly #entries = new Map<string, Entry<Value>>();
  readonly #options: DigestCacheOptions;
  #hits = 0;
  #misses = 0;

  constructor(options: DigestCacheOptions) {
    this.#options = options;
  }

  /** The value for `digest`; `load` makes it when it is not here or too old. What `load` throws is not kept. */
  get(digest: string, load: () => Promise<Value>): Promise<Value> {
    const { ttlMs = CAPABILITY_TTL_MS, maxEntries = MAX_CACHED } = this.#options;
    const nowMs = this.#options.monotonicMs();
    const found = this.#entries.get(digest);
    if (found !== undefined && nowMs - found.sinceMs <= ttlMs) {
      this.#hits++;
      return found.value;
    }
    this.#misses++;
    const entry = { value: load(), sinceMs: nowMs };
    this.#entries.delete(digest);
    this.#entries.set(digest, entry);
    entry.value.catch(() => {
      if (this.#entries.get(digest) === entry) this.#entries.delete(digest);
    });
    if (this.#entries.size > maxEntries) this.#dropOldest();
    return entry.value;
  }

  /** Forgets `digest`: a statement published or tagged something under it. */
  invalidate(digest: string): void {
    this.#entries.delete(digest);
  }

  /** Forgets everything. */
  clear(): void {
    this.#entries.clear();
  }

  /** Answers from memory, answers that were loaded, and the share of the former; 0 before the first. */
  get counters(): { readonly hits: number; readonly misses: number; readonly hitRatio: number } {
    const all = this.#hits + this.#misses;
    return { hits: this.#hits, misses: this.#misses, hitRatio: all === 0 ? 0 : this.#hits / all };
  }

  #dropOldest(): void {
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}
