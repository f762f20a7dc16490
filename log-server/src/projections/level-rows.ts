// Rows in a LevelDB folder of their own, beside the log. Not synced: what a crash loses is projected again.

import { mkdirSync, rmSync } from 'node:fs';
import { LogError } from '@writ/core/errors';
import { Level } from 'level';
import type { Row, RowRange, RowStore } from './rows.ts';

/**
 * Opens or creates the rows in `dir`, which is a folder of theirs alone, and whose log the caller holds. What cannot be
 * opened is deleted and begun anew. LogError storage-failed.
 */
export async function openLevelRows(dir: string): Promise<RowStore> {
  try {
    return new LevelRows(await openDatabase(dir));
  } catch {
    rmSync(dir, { recursive: true, force: true });
  }
  try {
    return new LevelRows(await openDatabase(dir));
  } catch (error) {
    throw new LogError('storage-failed', `cannot open the projection in ${dir}`, {}, error);
  }
}

async function openDatabase(dir: string): Promise<Level<string, string>> {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const db = new Level<string, string>(dir);
  await db.open();
  return db;
}

class LevelRows implements RowStore {
  readonly #db: Level<string, string>;

  constructor(db: Level<string, string>) {
    this.#db = db;
  }

  get(key: string): Promise<string | undefined> {
    return this.#db.get(key);
  }

  range({ gte, lt, limit, reverse = false }: RowRange): Promise<readonly Row[]> {
    return this.#db.iterator({ gte, lt, limit, reverse }).all();
  }

  async apply(changes: ReadonlyMap<string, string | null>): Promise<void> {
    await this.#db.batch(
      [...changes].map(([key, value]) =>
        value === null ? { type: 'del', key } : { type: 'put', key, value },
      ),
    );
  }

  clear(): Promise<void> {
    return this.#db.clear();
  }

  close(): Promise<void> {
    return this.#db.close();
  }
}
