// Whether the rows are those that the log gives: projects it again into memory and compares. For an operator, and for
// tests; takes memory for all rows.

import { MemoryRows } from './memory-rows.ts';
import { type Followed, Projection } from './projection.ts';
import { allRows, type RowReader, rowsDigest } from './rows.ts';

/** How many differences are named. */
const MAX_NAMED = 100;

export interface ProjectionCheck {
  readonly isSame: boolean;
  /** Digest over all rows: those that were kept, and those that the log gives. */
  readonly kept: string;
  readonly made: string;
  /** Keys of rows that are missing, too many, or others; the first ones. */
  readonly differences: readonly string[];
}

/** Compares the rows of `projection`, which has to stand at the end of `log`, with what `log` gives. */
export async function checkProjection(
  projection: Projection,
  log: Followed,
): Promise<ProjectionCheck> {
  const rows = new MemoryRows();
  const again = await Projection.open(rows, log);
  await again.reach(projection.size);
  const [kept, made] = [await rowsDigest(projection.rows), await rowsDigest(rows)];
  const isSame = kept === made;
  return {
    ...{ isSame, kept, made },
    differences: isSame ? [] : await differencesOf(projection.rows, rows),
  };
}

async function differencesOf(kept: RowReader, made: RowReader): Promise<string[]> {
  const differences: string[] = [];
  for await (const [key, value] of allRows(made)) {
    if (differences.length >= MAX_NAMED) return differences;
    if ((await kept.get(key)) !== value) differences.push(key);
  }
  for await (const [key] of allRows(kept)) {
    if (differences.length >= MAX_NAMED) return differences;
    if ((await made.get(key)) === undefined) differences.push(key);
  }
  return differences;
}
