// The history of published checkpoints. The cursor is the number of a row; rows never change, so a page stays
// the same for ever once it is full, however the log grows.

import { formatBase64, parseUtf8 } from '@writ/core/bytes';
import { bug, LogError } from '@writ/core/errors';
import type { CheckpointRecord, LogStore } from '../storage/port.ts';
import type { AppDeps } from './deps.ts';
import { invalidRequest } from './errors.ts';
import { IMMUTABLE } from './read.ts';
import { type Call, jsonReply, pathNumber, queryNumber, type Reply, textReply } from './reply.ts';

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 500;
/** Rows looked at for one page: a filter that matches little gives short pages with a next one. */
const MAX_SCANNED = 2000;
const CHUNK = 200;
const SAFE = { min: 0, max: Number.MAX_SAFE_INTEGER } as const;

interface Filter {
  readonly minSize: number;
  readonly maxSize: number;
  readonly after: number;
  readonly before: number;
  readonly key: string | undefined;
}

/** `GET /checkpoints`. */
export async function readHistory({ publisher, log }: AppDeps, { query }: Call): Promise<Reply> {
  const count = (publisher.published?.number ?? -1) + 1;
  const descending = readOrder(query) === 'desc';
  const filter = readFilter(query);
  const limit = queryNumber(query, 'limit', DEFAULT_LIMIT, { min: 1, max: MAX_LIMIT });
  const first = descending ? Math.max(0, count - 1) : await firstOfSize(log.store, filter, count);
  const from = queryNumber(query, 'from', first, SAFE);
  const page = await scan(log.store, { from, count, descending, limit, filter });
  const next = page.next === undefined ? undefined : nextUrl(query, page.next);
  return jsonReply(
    { checkpoints: page.rows.map(rowJson), next: page.next ?? null },
    {
      'cache-control': 'no-cache',
      ...(next === undefined ? {} : { link: `<${next}>; rel="next"` }),
    },
  );
}

/** `GET /checkpoints/{number}`. */
export async function readHistoryNote({ log }: AppDeps, { c }: Call): Promise<Reply> {
  const number = pathNumber(c, 'number');
  if (number === Number.MAX_SAFE_INTEGER) throw invalidRequest('number', 'too large');
  const [row] = await log.store.readCheckpoints({ from: number, to: number + 1, limit: 1 });
  if (row === undefined) throw new LogError('not-found', 'no checkpoint has this number');
  return textReply(row.note, { 'cache-control': IMMUTABLE });
}

function readOrder(query: Call['query']): string {
  const order = query.get('order') ?? 'asc';
  if (order !== 'asc' && order !== 'desc') throw invalidRequest('order', 'expected asc or desc');
  return order;
}

function readFilter(query: Call['query']): Filter {
  return {
    minSize: queryNumber(query, 'minSize', 0, SAFE),
    maxSize: queryNumber(query, 'maxSize', SAFE.max, SAFE),
    after: queryNumber(query, 'after', 0, SAFE),
    before: queryNumber(query, 'before', SAFE.max, SAFE),
    key: query.get('key'),
  };
}

/** Sizes never fall along the history, so the first row of `minSize` is found by halving. */
async function firstOfSize(store: LogStore, { minSize }: Filter, count: number): Promise<number> {
  let [low, high] = [0, minSize === 0 ? 0 : count];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const [row] = await store.readCheckpoints({ from: middle, to: middle + 1, limit: 1 });
    if (row !== undefined && row.size < minSize) low = middle + 1;
    else high = middle;
  }
  return low;
}

interface Scan {
  readonly from: number;
  /** Rows of the history when the scan began: a row published meanwhile belongs to a later page. */
  readonly count: number;
  readonly descending: boolean;
  readonly limit: number;
  readonly filter: Filter;
}

interface Page {
  readonly rows: readonly CheckpointRecord[];
  readonly next: number | undefined;
}

async function scan(
  store: LogStore,
  { from, count, descending, limit, filter }: Scan,
): Promise<Page> {
  const rows: CheckpointRecord[] = [];
  let at = descending ? Math.min(from, count - 1) : from;
  const hasMore = (): boolean => (descending ? at >= 0 : at < count);
  for (let scanned = 0; hasMore() && rows.length < limit && scanned < MAX_SCANNED; ) {
    const range = descending
      ? { from: Math.max(0, at + 1 - CHUNK), to: at + 1 }
      : { from: at, to: Math.min(count, at + CHUNK) };
    const chunk = await store.readCheckpoints({ ...range, limit: CHUNK, descending });
    if (chunk.length === 0) bug('the history has a gap');
    for (const row of chunk) {
      if (rows.length === limit) break;
      if (isWanted(row, filter)) rows.push(row);
      at = descending ? row.number - 1 : row.number + 1;
      scanned++;
    }
  }
  return { rows, next: hasMore() ? at : undefined };
}

function isWanted(row: CheckpointRecord, filter: Filter): boolean {
  const { minSize, maxSize, after, before, key } = filter;
  if (row.size < minSize || row.size > maxSize) return false;
  if (row.publishedAtMs < after || row.publishedAtMs >= before) return false;
  return key === undefined || row.logKeyIds.includes(key) || row.witnesses.includes(key);
}

function rowJson(row: CheckpointRecord): object {
  const { number, size, publishedAtMs, cause, quorumMet, logKeyIds, witnesses } = row;
  return {
    number,
    size,
    root: formatBase64(row.root),
    publishedAtMs,
    publishedAt: new Date(publishedAtMs).toISOString(),
    cause,
    quorumMet,
    logKeyIds,
    witnesses,
    softwareVersion: row.softwareVersion,
    note: parseUtf8(row.note),
  };
}

function nextUrl(query: Call['query'], next: number): string {
  const parameters = new URLSearchParams([...query]);
  parameters.set('from', String(next));
  return `/checkpoints?${parameters}`;
}
