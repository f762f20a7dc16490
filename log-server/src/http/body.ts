// Request bodies: refused before they are read when they say that they are too large, counted while they
// arrive, and bounded together so that many uploads cannot take all memory. What a client only announces
// takes nothing: a header costs nobody anything.

import type { IncomingMessage } from 'node:http';
import { parseSafeDecimal } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import type { Context } from 'hono';
import { invalidRequest } from './errors.ts';
import type { AppEnv } from './reply.ts';

/** What a chunk costs beside its bytes: bodies that come one byte at a time take memory all the same. */
const CHUNK_COST = 256;

/** Called with each chunk; throws to stop reading. */
type Count = (chunk: Uint8Array) => void;

/** Reads the bodies of some routes of one server, which share `maxBytesInFlight`. */
export class BodyReader {
  readonly #maxBytesInFlight: number;
  #inFlight = 0;

  constructor(maxBytesInFlight: number) {
    this.#maxBytesInFlight = maxBytesInFlight;
  }

  /**
   * The whole body, plain bytes that nobody else holds. LogError body-too-large, overloaded, request-invalid,
   * or request-timeout when the client breaks off.
   */
  async read(c: Context<AppEnv>, limit: number): Promise<Uint8Array> {
    const declared = declaredLength(c.req.header('content-length'));
    // Node's own request is much cheaper than the web stream around it; undefined without a socket.
    const incoming = c.env?.incoming;
    return this.#read(declared, limit, (count) =>
      incoming === undefined ? readStream(c.req.raw.body, count) : readIncoming(incoming, count),
    );
  }

  /** As `read`, for a request of Node's own. */
  async readRequest(request: IncomingMessage, limit: number): Promise<Uint8Array> {
    const declared = declaredLength(request.headers['content-length']);
    return this.#read(declared, limit, (count) => readIncoming(request, count));
  }

  async #read(
    declared: number | undefined,
    limit: number,
    readAll: (count: Count) => Promise<Uint8Array[]>,
  ): Promise<Uint8Array> {
    if (declared !== undefined && declared > limit) throw tooLarge(limit);
    let length = 0;
    let cost = 0;
    const count: Count = (chunk) => {
      length += chunk.length;
      if (length > limit) throw tooLarge(limit);
      cost += chunk.length + CHUNK_COST;
      this.#inFlight += chunk.length + CHUNK_COST;
      if (this.#inFlight > this.#maxBytesInFlight) throw overloaded();
    };
    try {
      return join(await readAll(count), length);
    } finally {
      this.#inFlight -= cost;
    }
  }
}

function declaredLength(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const length = parseSafeDecimal(header);
  if (length === undefined) throw invalidRequest('content-length', 'expected a decimal');
  return length;
}

function readIncoming(incoming: IncomingMessage, count: Count): Promise<Uint8Array[]> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    const take = (chunk: Uint8Array): void => {
      try {
        count(chunk);
        chunks.push(chunk);
      } catch (error) {
        // What is counted from here on would never be given back.
        incoming.off('data', take).pause();
        reject(error);
      }
    };
    incoming.on('data', take);
    incoming.on('end', () => resolve(chunks));
    incoming.on('error', (error) => reject(brokenOff(error)));
    incoming.on('close', () => {
      // Also comes after the end, where a second error would cost a stack trace for each request.
      if (!incoming.complete) reject(brokenOff());
    });
  });
}

async function readStream(
  stream: ReadableStream<Uint8Array> | null,
  count: Count,
): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream ?? []) {
    count(chunk);
    chunks.push(chunk);
  }
  return chunks;
}

/** Plain Uint8Arrays: a Buffer's `slice` is a view, and later code relies on copies. */
function join(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const [first] = chunks;
  if (first !== undefined && chunks.length === 1)
    return new Uint8Array(first.buffer, first.byteOffset, first.length);
  const body = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}

function tooLarge(limit: number): LogError {
  return new LogError('body-too-large', `the body has more than ${limit} bytes`, {
    field: 'body',
    expected: limit,
  });
}

function overloaded(): LogError {
  const message = 'too many bodies are being read: try again later';
  return new LogError('overloaded', message, { field: 'body' });
}

function brokenOff(cause?: unknown): LogError {
  return new LogError('request-timeout', 'the body breaks off', {}, cause);
}
