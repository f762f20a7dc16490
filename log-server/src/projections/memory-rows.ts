// Rows in memory: for tests, for checks, and for logs that are in memory themselves.

import type { Row, RowRange, RowStore } from './rows.ts';

export class MemoryRows implements RowStore {
  readonly #rows = new Map<string, string>();
  /** Keys in order; undefined when they have to be sorted again. */
  #keys: readonly string[] | undefined;

  async get(key: string): Promise<string | undefined> {
    return this.#rows.get(key);
  }

  async range({ gte, lt, limit, reverse = false }: RowRange): Promise<readonly Row[]> {
    this.#keys ??= [...this.#rows.keys()].sort();
    const [first, end] = [positionOf(this.#keys, gte), positionOf(this.#keys, lt)];
    const keys = reverse
      ? this.#keys.slice(Math.max(first, end - limit), end).reverse()
      : this.#keys.slice(first, Math.min(end, first + limit));
    return keys.map((key) => [key, this.#rows.get(key) ?? '']);
  }

  async apply(changes: ReadonlyMap<string, string | null>): Promise<void> {
    for (const [key, value] of changes) {
      if (value === null ? this.#rows.has(key) : !this.#rows.has(key)) this.#keys = undefined;
      if (value === null) this.#rows.delete(key);
      else this.#rows.set(key, value);
    }
  }

  async clear(): Promise<void> {
    this.#rows.clear();
    this.#keys = undefined;
  }

  async close(): Promise<void> {}
}

/** How many of the sorted `keys` are before `key`. */
function positionOf(keys: readonly string[], key: string): number {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((keys[middle] ?? '') < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
