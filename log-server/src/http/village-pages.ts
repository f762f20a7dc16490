// Pages of the streams of a village: behind a cursor, so many statements, where the next page begins.

import { parseHex, parseSafeDecimal } from '@writ/core/bytes';
import type { Statement } from '@writ/core/statements/statement';
import { decodeStatement } from '@writ/core/statements/statement';
import type { AppDeps } from './deps.ts';
import { invalidRequest } from './errors.ts';
import type { Call } from './reply.ts';
import { limitOf } from './streams.ts';

/** A stream in the published tree, and how many statements it has there. */
interface Published {
  readonly stream: string;
  readonly count: number;
}

interface PageOf<Row> {
  readonly rows: Row[];
  /** Sequence number of the last statement that was read, as the cursor of the next page; null: that was all. */
  readonly next: number | null;
}

/**
 * What `row` makes of each statement of a page, `undefined` where nothing: `limit` statements behind `since`. LogError
 * request-invalid.
 */
export async function readPage<Row>(
  deps: AppDeps,
  { stream, count }: Published,
  { query }: Call,
  row: (statement: Statement, leafIndex: number) => Promise<Row | undefined> | Row | undefined,
): Promise<PageOf<Row>> {
  const { log } = deps;
  const limit = limitOf(query);
  const from = cursorOf(deps, { stream, count }, query.get('since'));
  const positions = await log.store.readPositions(stream, from, Math.min(limit, count - from));
  const rows: Row[] = [];
  let read = 0;
  for await (const entry of log.readEntries(positions)) {
    const made = await row(decodeStatement(entry), positions[read] ?? 0);
    if (made !== undefined) rows.push(made);
    read++;
  }
  const reached = from + read;
  return { rows, next: reached < count ? reached - 1 : null };
}

/** Seq of the statement behind the cursor: a seq, or the id of a statement of the stream. LogError request-invalid. */
export function cursorOf(
  { log }: AppDeps,
  { stream, count }: Published,
  since: string | undefined,
): number {
  if (since === undefined) return 0;
  const seq =
    since.length === 64
      ? seqOf(log.findLeaf(parseHex(since) ?? new Uint8Array(32)))
      : parseSafeDecimal(since);
  if (seq === undefined || seq >= count) {
    throw invalidRequest('since', 'the stream has no such statement: read again from the start');
  }
  return seq + 1;

  function seqOf(index: number | undefined): number | undefined {
    if (index === undefined) return undefined;
    const statement = decodeStatement(log.readEntry(index));
    return statement.stream === stream ? statement.seq : undefined;
  }
}

/** `Link` to the page behind `next` (RFC 8288); no header for the last one. */
export function nextLink({ c, query }: Call, next: number | null): Record<string, string> {
  if (next === null) return {};
  const parameters = new URLSearchParams([...query]);
  parameters.set('since', String(next));
  return { link: `<${c.req.path}?${parameters}>; rel="next"` };
}
