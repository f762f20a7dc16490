// The two requests that make up nearly all load, on node:http itself: one entry in (`POST /add`, raw profile)
// and one tile of hashes out. Everything else, and everything unusual about these two, goes to the hono app,
// which answers the same way but slower.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { isLogError, type LogError } from '@writ/core/errors';
import { MAX_ENTRY_SIZE } from '@writ/core/formats/entry-bundle';
import { parseTilePath } from '@writ/core/formats/tile-path';
import { hashesAtLevel, TILE_WIDTH } from '@writ/core/merkle/tile';
import type { Log } from '../log/log.ts';
import { problemHeaders, problemOf } from './errors.ts';

export interface HotDependencies {
  readonly log: Log;
  /** Size of the published tree: nothing beyond it is shown. */
  readonly publishedSize: () => number;
  /** True for the raw profile, where an entry is any bytes. */
  readonly isRaw: boolean;
  /** Called when an answer is on its way: route, status, seconds since the request arrived. */
  readonly observe: (route: 'addEntry' | 'tile', status: number, seconds: number) => void;
  /** Monotonic clock in milliseconds. */
  readonly monotonicMs: () => number;
}

/** Answers the request and returns true, or leaves it untouched and returns false. */
export type HotPath = (request: IncomingMessage, response: ServerResponse) => boolean;

/** Full tiles that were served, by path: they never change. 8 KiB each. */
const CACHED_TILES = 1024;
const ADD = '/add';
const TILE = '/tile/';

export function createHotPath(dependencies: HotDependencies): HotPath {
  const tiles = new Map<string, Uint8Array>();
  return (request, response) => {
    const { url = '', method } = request;
    if (method === 'POST' && url === ADD)
      return dependencies.isRaw && addEntry(request, response, dependencies);
    if (method === 'GET' && url.startsWith(TILE))
      return readTile(url, tiles, request, response, dependencies);
    return false;
  };
}

/** Takes a body of stated, acceptable length; anything else is for the app to judge. */
function addEntry(
  request: IncomingMessage,
  response: ServerResponse,
  dependencies: HotDependencies,
): boolean {
  const { headers } = request;
  const length = Number(headers['content-length']);
  const isPlain =
    headers['prefer'] === undefined &&
    headers['x-request-id'] === undefined &&
    headers['content-encoding'] === undefined;
  if (!isPlain || !Number.isInteger(length) || length < 1 || length > MAX_ENTRY_SIZE) return false;
  const startedMs = dependencies.monotonicMs();
  let body: Buffer | undefined;
  let got = 0;
  request.on('data', (chunk: Buffer) => {
    // The parser stops at content-length, so the buffer cannot overflow.
    if (chunk.length === length) {
      body = chunk;
    } else {
      body ??= Buffer.allocUnsafe(length);
      body.set(chunk, got);
    }
    got += chunk.length;
  });
  request.on('end', () => {
    if (body === undefined || got !== length) return; // the connection broke off: there is nobody to answer
    submit(body, response, dependencies, startedMs);
  });
  return true;
}

function submit(
  entry: Uint8Array,
  response: ServerResponse,
  { log, observe, monotonicMs }: HotDependencies,
  startedMs: number,
): void {
  const done = (status: number): void =>
    observe('addEntry', status, (monotonicMs() - startedMs) / 1000);
  const refuse = (error: LogError): void => done(sendProblem(response, error));
  try {
    log.enqueue({
      entry,
      settle: (outcome) => {
        if (outcome instanceof Error) return refuse(outcome);
        const text = String(outcome.index);
        response.writeHead(200, {
          'content-type': 'text/plain; charset=utf-8',
          'content-length': text.length,
        });
        response.end(text);
        done(200);
      },
    });
  } catch (error) {
    if (!isLogError(error)) throw error;
    refuse(error);
  }
}

const TILE_HEADERS = {
  'content-type': 'application/octet-stream',
  'cache-control': 'public, max-age=31536000, immutable',
  'access-control-allow-origin': '*',
} as const;

function readTile(
  url: string,
  tiles: Map<string, Uint8Array>,
  request: IncomingMessage,
  response: ServerResponse,
  dependencies: HotDependencies,
): boolean {
  const { headers } = request;
  if (
    headers['if-none-match'] !== undefined ||
    headers['range'] !== undefined ||
    headers['x-request-id'] !== undefined
  )
    return false;
  const startedMs = dependencies.monotonicMs();
  const tile = tiles.get(url) ?? publishedTile(url, tiles, dependencies);
  if (tile === undefined) return false;
  response.writeHead(200, { ...TILE_HEADERS, 'content-length': tile.length });
  response.end(tile);
  dependencies.observe('tile', 200, (dependencies.monotonicMs() - startedMs) / 1000);
  return true;
}

/** A full tile of hashes inside the published tree; partial tiles and bundles have rules of their own. */
function publishedTile(
  url: string,
  tiles: Map<string, Uint8Array>,
  { log, publishedSize }: HotDependencies,
): Uint8Array | undefined {
  try {
    const { level, index, width } = parseTilePath(url.slice(1));
    if (level === 'entries' || width !== TILE_WIDTH) return undefined;
    const isPublished =
      (index + 1n) * BigInt(TILE_WIDTH) <= hashesAtLevel(level, BigInt(publishedSize()));
    const tile = isPublished ? log.readTile(level, index, width) : undefined;
    if (tile !== undefined) keepTile(tiles, url, tile);
    return tile;
  } catch (error) {
    if (isLogError(error)) return undefined; // the app says what is wrong with the path
    throw error;
  }
}

function keepTile(tiles: Map<string, Uint8Array>, url: string, tile: Uint8Array): void {
  const [oldest] = tiles.keys();
  if (tiles.size >= CACHED_TILES && oldest !== undefined) tiles.delete(oldest);
  tiles.set(url, tile);
}

/** Writes the problem document of an error and returns its status. */
function sendProblem(response: ServerResponse, error: LogError): number {
  const problem = problemOf(error);
  const body = JSON.stringify(problem);
  response.writeHead(problem.status, {
    ...problemHeaders(error),
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
  return problem.status;
}
