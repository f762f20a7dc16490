// The requests that make up nearly all load, on node:http itself: one entry in (`POST /add`), a batch of raw
// entries in, one full tile of hashes, the newest checkpoint or what is in force in a village out. Everything else, and everything
// unusual about these, goes to the hono app, which answers the same way but slower.

import type {
  IncomingMessage,
  OutgoingHttpHeader,
  OutgoingHttpHeaders,
  ServerResponse,
} from 'node:http';
import { utf8 } from '@writ/core/bytes';
import { isLogError, LogError } from '@writ/core/errors';
import { MAX_ENTRY_SIZE } from '@writ/core/formats/entry-bundle';
import { TILE_WIDTH } from '@writ/core/merkle/tile';
import { HASH_SIZE } from '@writ/core/sha256';
import type { Admitted } from '../admission/statement.ts';
import type { Outcome } from '../log/batch.ts';
import type { Log } from '../log/log.ts';
import type { CheckpointRecord } from '../storage/port.ts';
import type { TaggedAnswer } from '../streams/tree-answers.ts';
import { MAX_BATCH_BODY, splitByteStrings } from './batch.ts';
import { BodyReader } from './body.ts';
import { problemHeaders, problemOf } from './errors.ts';
import { FullTiles } from './full-tiles.ts';
import { etagOf, IMMUTABLE, matches } from './read.ts';
import { BYTES, CBOR_SEQUENCE, COSE, JSON_TYPE, TEXT } from './route-parts.ts';
import { answerOf, linesOf, sequence } from './submit.ts';

/** The routes that may be answered here. */
export type HotRoute = 'addEntry' | 'addBatch' | 'checkpoint' | 'tile' | 'villageLatest';

export interface HotDependencies {
  readonly log: Log;
  /** The newest published checkpoint: nothing beyond its tree is shown. */
  readonly published: () => CheckpointRecord | undefined;
  /** Admits a statement; missing in the raw profile, where an entry is any bytes. */
  readonly admit?: (bytes: Uint8Array) => Promise<Admitted>;
  /** What is in force in a village, for everybody, where it is at hand. LogError rate-limited. */
  readonly latest?: (village: string) => TaggedAnswer | undefined;
  /** Tells the operator of a fault, and gives the request id for the answer. */
  readonly failed: (error: unknown) => string;
  /** Called when an answer is on its way: route, status, seconds since the request arrived. */
  readonly observe: (route: HotRoute, status: number, seconds: number) => void;
  /** Monotonic clock in milliseconds. */
  readonly monotonicMs: () => number;
}

/** Answers the request and returns true, or leaves it untouched and returns false. */
export type HotPath = (request: IncomingMessage, response: ServerResponse) => boolean;

/** Larger entries are rare; without them all connections together hold 64 MiB at most. */
const MAX_HOT_ENTRY: number = Math.min(MAX_ENTRY_SIZE, 16 * 1024);
/** Memory for batches that are being read. */
const MAX_BATCH_BYTES_IN_FLIGHT: number = 64 * 1024 * 1024;

export function createHotPath(dependencies: HotDependencies): HotPath {
  const tiles = new FullTiles(dependencies.log);
  const batchBodies = new BodyReader(MAX_BATCH_BYTES_IN_FLIGHT);
  return (request, response) => {
    const { url = '', method } = request;
    if (hasSpecialWish(request)) return false;
    const village = method === 'GET' ? LATEST.exec(url)?.[1] : undefined;
    if (village !== undefined) return readLatest(village, request, response, dependencies);
    if (request.headers['if-none-match'] !== undefined) return false;
    if (method === 'GET' && url === '/checkpoint') return readCheckpoint(response, dependencies);
    if (method === 'GET')
      return url.startsWith('/tile/') && readTile(url, tiles, response, dependencies);
    if (method !== 'POST') return false;
    if (url === '/add') return addEntry(request, response, dependencies);
    return url === '/add-batch' && addBatch(request, response, batchBodies, dependencies);
  };
}

const LATEST = /^\/villages\/([A-Za-z0-9._-]{1,64})\/policy\/latest$/;

/** Any other host may make no URL: the app says so. */
const PLAIN_HOST = /^[A-Za-z0-9._:[\]-]+$/;

function hasSpecialWish({ headers }: IncomingMessage): boolean {
  return (
    headers['x-request-id'] !== undefined ||
    headers['prefer'] !== undefined ||
    headers['content-encoding'] !== undefined ||
    headers['range'] !== undefined ||
    headers['signature-input'] !== undefined ||
    headers['signature'] !== undefined ||
    !PLAIN_HOST.test(headers.host ?? '')
  );
}

/** Takes a body of stated, acceptable length; anything else is for the app to judge. */
function addEntry(
  request: IncomingMessage,
  response: ServerResponse,
  dependencies: HotDependencies,
): boolean {
  const { headers } = request;
  const length = Number(headers['content-length']);
  if (!Number.isInteger(length) || length < 1 || length > MAX_HOT_ENTRY) return false;
  const { admit } = dependencies;
  const type = headers['content-type'];
  const isStatement =
    (type === COSE || type === BYTES) && headers.accept?.startsWith('text/') !== true;
  if (admit !== undefined && !isStatement) return false;
  const answer = new Answer(response, 'addEntry', dependencies);
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
    if (admit === undefined) submitRaw(body, answer, dependencies.log);
    else void submitStatement(body, answer, dependencies.log, admit);
  });
  return true;
}

function submitRaw(entry: Uint8Array, answer: Answer, log: Log): void {
  const settle = (outcome: Outcome): void => {
    if (outcome instanceof LogError) answer.problem(outcome);
    else answer.text(TEXT, String(outcome.index));
  };
  try {
    log.enqueue({ entry, settle });
  } catch (error) {
    if (!isLogError(error)) throw error;
    answer.problem(error);
  }
}

async function submitStatement(
  { buffer, byteOffset, length }: Buffer,
  answer: Answer,
  log: Log,
  admit: (bytes: Uint8Array) => Promise<Admitted>,
): Promise<void> {
  try {
    // No Buffer: its `slice` is a view, and later code relies on copies.
    const admitted = await admit(new Uint8Array(buffer, byteOffset, length));
    const sequenced = await sequence({ log }, admitted);
    answer.text(JSON_TYPE, JSON.stringify(answerOf(admitted, sequenced)));
  } catch (error) {
    answer.problem(error);
  }
}

/** Raw batches of the one right type; statements in batches are the app's. */
function addBatch(
  request: IncomingMessage,
  response: ServerResponse,
  bodies: BodyReader,
  dependencies: HotDependencies,
): boolean {
  const isBatch = request.headers['content-type'] === CBOR_SEQUENCE;
  if (dependencies.admit !== undefined || !isBatch) return false;
  void takeBatch(request, bodies, dependencies.log, new Answer(response, 'addBatch', dependencies));
  return true;
}

async function takeBatch(
  request: IncomingMessage,
  bodies: BodyReader,
  log: Log,
  answer: Answer,
): Promise<void> {
  try {
    const body = await bodies.readRequest(request, MAX_BATCH_BODY);
    const sequenced = await log.addMany(splitByteStrings(body));
    answer.text(TEXT, linesOf(sequenced));
  } catch (error) {
    answer.problem(error);
  }
}

function readTile(
  url: string,
  tiles: FullTiles,
  response: ServerResponse,
  dependencies: HotDependencies,
): boolean {
  const answer = new Answer(response, 'tile', dependencies);
  const tile = tiles.read(url, dependencies.published()?.size ?? 0);
  if (tile === undefined) return false;
  answer.bytes(tile, TILE_HEADERS);
  return true;
}

function readCheckpoint(response: ServerResponse, dependencies: HotDependencies): boolean {
  const record = dependencies.published();
  if (record === undefined) return false;
  new Answer(response, 'checkpoint', dependencies).bytes(record.note, [
    ...['content-type', TEXT],
    ...['cache-control', 'no-cache'],
    ...['etag', etagOf(record)],
    ...['access-control-allow-origin', '*'],
    ...['content-length', String(record.note.length)],
  ]);
  return true;
}

/** Polled by every node of a village: mostly to hear that nothing changed. */
function readLatest(
  village: string,
  { headers }: IncomingMessage,
  response: ServerResponse,
  dependencies: HotDependencies,
): boolean {
  const answer = new Answer(response, 'villageLatest', dependencies);
  try {
    const latest = dependencies.latest?.(village);
    if (latest === undefined) return false;
    const { etag, body } = latest;
    const common = ['cache-control', 'no-cache', 'etag', `W/${etag}`];
    common.push('access-control-allow-origin', '*', 'x-content-type-options', 'nosniff');
    if (matches(headers['if-none-match'], etag)) answer.unchanged(common);
    else
      answer.bytes(body, [
        ...common,
        ...['content-type', JSON_TYPE, 'content-length', String(body.length)],
      ]);
  } catch (error) {
    answer.problem(error, { 'access-control-allow-origin': '*' });
  }
  return true;
}

const TILE_HEADERS: OutgoingHttpHeader[] = [
  ...['content-type', BYTES],
  ...['cache-control', IMMUTABLE],
  ...['access-control-allow-origin', '*'],
  ...['content-length', String(TILE_WIDTH * HASH_SIZE)],
];

/** One answer that is on its way. */
class Answer {
  readonly #response: ServerResponse;
  readonly #route: HotRoute;
  readonly #dependencies: HotDependencies;
  readonly #startedMs: number;

  constructor(response: ServerResponse, route: HotRoute, dependencies: HotDependencies) {
    this.#response = response;
    this.#route = route;
    this.#dependencies = dependencies;
    this.#startedMs = dependencies.monotonicMs();
  }

  /** A body in ASCII. */
  text(contentType: string, body: string): void {
    this.#send(200, ['content-type', contentType, 'content-length', body.length], body);
  }

  bytes(body: Uint8Array, headers: OutgoingHttpHeader[]): void {
    this.#send(200, headers, body);
  }

  unchanged(headers: OutgoingHttpHeader[]): void {
    this.#send(304, headers, '');
  }

  problem(error: unknown, more: OutgoingHttpHeaders = {}): void {
    const requestId = this.#dependencies.failed(error);
    const problem = problemOf(error, requestId);
    const body = utf8(JSON.stringify(problem));
    const headers = { ...problemHeaders(error), 'x-request-id': requestId, ...more };
    this.#send(problem.status, { ...headers, 'content-length': body.length }, body);
  }

  #send(
    status: number,
    headers: OutgoingHttpHeaders | OutgoingHttpHeader[],
    body: string | Uint8Array,
  ): void {
    this.#response.writeHead(status, headers);
    this.#response.end(body);
    const { observe, monotonicMs } = this.#dependencies;
    observe(this.#route, status, (monotonicMs() - this.#startedMs) / 1000);
  }
}
