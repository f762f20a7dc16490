// Where a projection keeps its rows: texts under keys of ASCII, in the order of the keys. Everything in it follows from
// the log, so a store may be deleted at any time.

import { formatHex, utf8 } from '@writ/core/bytes';
import { sha256 } from '@writ/core/sha256';

export type Row = readonly [key: string, value: string];

/** Which rows: from `gte` on, before `lt`. */
export interface RowRange {
  readonly gte: string;
  readonly lt: string;
  readonly limit: number;
  /** From the last to the first. */
  readonly reverse?: boolean;
}

/** What can be read. */
export interface RowReader {
  get(key: string): Promise<string | undefined>;
  range(range: RowRange): Promise<readonly Row[]>;
}

export interface RowStore extends RowReader {
  /** Writes all of `changes` or nothing; null deletes. A crash may lose the newest writes, never one before another. */
  apply(changes: ReadonlyMap<string, string | null>): Promise<void>;
  /** Deletes all rows. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

/** The rows whose keys start with `prefix`, which ends in a slash. */
export function under(prefix: string): Pick<RowRange, 'gte' | 'lt'> {
  // '0' follows '/' in ASCII.
  return { gte: prefix, lt: `${prefix.slice(0, -1)}0` };
}

const PAGE = 512;

/** Every row, in order. */
export async function* allRows(store: RowReader): AsyncGenerator<Row> {
  let gte = '';
  for (;;) {
    const page = await store.range({ gte, lt: '~', limit: PAGE });
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    gte = `${last[0]} `;
  }
}

/** A digest over every row, in hexadecimal: two stores with the same one hold the same. */
export async function rowsDigest(store: RowReader): Promise<string> {
  // A chain, so that rows need not be in memory together.
  let digest = new Uint8Array(32);
  for await (const row of allRows(store))
    digest = new Uint8Array(sha256(utf8(`${formatHex(digest)}${JSON.stringify(row)}`)));
  return formatHex(digest);
}
