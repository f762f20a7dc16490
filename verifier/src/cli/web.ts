// A log on a web server. Everything it answers is checked against signatures by whoever asks; this file sees to
// limits, time and retries only.

import { utf8 } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { MAX_BUNDLE_SIZE } from '@writ/core/formats/entry-bundle';
import { parseJsonBody } from '@writ/core/json';
import type { TileSource } from '../tiles.ts';
import type { Surroundings } from './context.ts';

const TIMEOUT_MS = 30_000;
const ATTEMPTS = 3;
const PAUSE_MS = 500;
/** Room for 500 checkpoints of a hundred signatures each. */
const MAX_PAGE_BYTES = 64 * 1024 * 1024;
const PAGE_LIMIT = 500;
/** A log that signs every second fills fewer pages in a year. */
const MAX_PAGES = 100_000;

/**
 * A TileSource over the log at `base`, its prefix with or without a final slash. `fresh` asks caches on the way to
 * look again, for a second try after something did not verify.
 */
export function webSource(base: string, surroundings: Surroundings, fresh = false): TileSource {
  const prefix = base.endsWith('/') ? base : `${base}/`;
  const headers = fresh ? { 'cache-control': 'no-cache' } : {};
  return { read: (path) => get(`${prefix}${path}`, MAX_BUNDLE_SIZE, surroundings, headers) };
}

/** The checkpoints that a log lists at `checkpoints`; none when it keeps no such history. */
export async function* webHistory(
  base: string,
  surroundings: Surroundings,
): AsyncGenerator<{ name: string; note: Uint8Array }> {
  const prefix = base.endsWith('/') ? base : `${base}/`;
  let from: number | undefined = 0;
  for (let pages = 0; from !== undefined && pages < MAX_PAGES; pages++) {
    const url = `${prefix}checkpoints?from=${from}&limit=${PAGE_LIMIT}`;
    const body = await get(url, MAX_PAGE_BYTES, surroundings);
    if (body === undefined) return;
    const page = readPage(parseJsonBody(body), url);
    for (const [i, note] of page.notes.entries())
      yield { name: `${url}, item ${i + 1}`, note: utf8(note) };
    if (page.next !== undefined && page.next <= from)
      throw unexpected(url, 'the pages do not advance');
    from = page.next;
  }
}

function readPage(body: unknown, url: string): { notes: string[]; next: number | undefined } {
  if (typeof body !== 'object' || body === null || !('checkpoints' in body))
    throw unexpected(url, 'no list of checkpoints');
  const { checkpoints } = body;
  if (!Array.isArray(checkpoints)) throw unexpected(url, 'no list of checkpoints');
  const notes = checkpoints.map((row: unknown) => {
    const note = typeof row === 'object' && row !== null && 'note' in row ? row.note : undefined;
    if (typeof note !== 'string' || !note.isWellFormed())
      throw unexpected(url, 'a row without a note');
    return note;
  });
  const next = 'next' in body ? body.next : null;
  if (next === null) return { notes, next: undefined };
  if (typeof next !== 'number' || !Number.isSafeInteger(next))
    throw unexpected(url, 'the next page is not a number');
  return { notes, next };
}

/** Bytes of a resource, undefined for 404 and 410. LogError network-failed, response-malformed. */
async function get(
  url: string,
  limit: number,
  surroundings: Surroundings,
  headers: Readonly<Record<string, string>> = {},
): Promise<Uint8Array | undefined> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await getOnce(url, limit, surroundings, headers);
    } catch (error) {
      const final = error instanceof LogError && error.code !== 'network-failed';
      if (final || attempt === ATTEMPTS) throw error;
      await surroundings.sleep(PAUSE_MS * attempt);
    }
  }
}

async function getOnce(
  url: string,
  limit: number,
  { fetch, timeout }: Surroundings,
  headers: Readonly<Record<string, string>>,
): Promise<Uint8Array | undefined> {
  let status: number;
  try {
    const response = await fetch(url, { headers, redirect: 'error', signal: timeout(TIMEOUT_MS) });
    if (response.ok) return await readBody(response, limit, url);
    await response.body?.cancel();
    status = response.status;
  } catch (error) {
    if (error instanceof LogError) throw error;
    throw new LogError('network-failed', `cannot get ${url}: ${describe(error)}`, { url }, error);
  }
  if (status === 404 || status === 410) return undefined;
  const code = status >= 500 || status === 429 ? 'network-failed' : 'response-malformed';
  throw new LogError(code, `${url} answers with status ${status}`, { url, got: status });
}

async function readBody(response: Response, limit: number, url: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > limit) throw unexpected(url, `more than ${limit} bytes`);
    chunks.push(chunk);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

function describe(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return cause instanceof Error ? cause.message : String(cause);
}

function unexpected(url: string, what: string): LogError {
  return new LogError('response-malformed', `${url}: ${what}`, { url });
}
