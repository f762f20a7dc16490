// The rows as they will be behind the statements of one batch: what was written goes before what is stored.

import type { Row, RowRange, RowReader } from './rows.ts';

export class Draft implements RowReader {
  readonly #stored: RowReader;
  readonly changes: Map<string, string | null> = new Map();

  constructor(stored: RowReader) {
    this.#stored = stored;
  }

  async get(key: string): Promise<string | undefined> {
    const changed = this.changes.get(key);
    return changed === undefined ? this.#stored.get(key) : (changed ?? undefined);
  }

  /** The row that `put` wrote. */
  async read<T>(key: string): Promise<T | undefined> {
    return rowOf<T>(await this.get(key));
  }

  put(key: string, row: object): void {
    this.changes.set(key, JSON.stringify(row));
  }

  delete(key: string): void {
    this.changes.set(key, null);
  }

  async range({ gte, lt, limit, reverse = false }: RowRange): Promise<readonly Row[]> {
    const changed = [...this.changes].filter(([key]) => key >= gte && key < lt);
    const more = limit + changed.length;
    const rows = new Map(await this.#stored.range({ gte, lt, limit: more, reverse }));
    for (const [key, value] of changed) {
      if (value === null) rows.delete(key);
      else rows.set(key, value);
    }
    const sorted = [...rows].sort(([a], [b]) => (a < b ? -1 : 1));
    return (reverse ? sorted.reverse() : sorted).slice(0, limit);
  }
}

/** The value of a stored row, which only this projection writes. */
export function rowOf<T>(text: string | undefined): T | undefined {
  if (text === undefined) return undefined;
  const row: T = JSON.parse(text);
  return row;
}
