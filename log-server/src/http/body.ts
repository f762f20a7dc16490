// Request bodies: refused before they are read when they say that they are too large, counted while they
// arrive when they say nothing, and bounded together so that many slow uploads cannot take all memory.

import type { IncomingMessage } from 'node:http';
import { concatBytes, parseSafeDecimal } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import type { Context } from 'hono';
import { invalidRequest } from './errors.ts';
import type { AppEnv } from './reply.ts';

/** Bytes of all bodies that are being read at a time. */
const MAX_BYTES_IN_FLIGHT: number = 256 * 1024 * 1024;

/** Reads the bodies of one server. */
export class BodyReader {
  #inFlight = 0;

  /**
   * The whole body, plain bytes that nobody else holds. LogError body-too-large, overloaded, request-invalid,
   * or request-timeout when the client breaks off.
   */
  async read(c: Context<AppEnv>, limit: number): Promise<Uint8Array> {
    const declared = declaredLength(c);
    if (declared !== undefined && declared > limit) throw tooLarge(limit);
    const reserved = declared ?? limit;
    if (this.#inFlight + reserved > MAX_BYTES_IN_FLIGHT)
      throw new LogError('overloaded', 'too many bodies are being read: try again later');
    this.#inFlight += reserved;
    try {
      // Node's own request is much cheaper than the web stream around it; undefined without a socket.
      const incoming = c.env?.incoming;
      return incoming === undefined
        ? await readStream(c.req.raw.body, limit)
        : await readIncoming(incoming, limit);
    } finally {
      this.#inFlight -= reserved;
    }
  }
}

function declaredLength(c: Context<AppEnv>): number | undefined {
  const header = c.req.header('content-length');
  if (header === undefined) return undefined;
  const length = parseSafeDecimal(header);
  if (length === undefined) throw invalidRequest('content-length', 'expected a decimal');
  return length;
}

function readIncoming(incoming: IncomingMessage, limit: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let length = 0;
    incoming.on('data', (chunk: Uint8Array) => {
      length += chunk.length;
      if (length <= limit) chunks.push(chunk);
      else {
        incoming.pause();
        reject(tooLarge(limit));
      }
    });
    incoming.on('end', () => resolve(join(chunks)));
    incoming.on('error', (error) => reject(brokenOff(error)));
    incoming.on('close', () => {
      // Also comes after the end, where a second error would cost a stack trace for each request.
      if (!incoming.complete) reject(brokenOff());
    });
  });
}

async function readStream(
  stream: ReadableStream<Uint8Array> | null,
  limit: number,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream ?? []) {
    length += chunk.length;
    if (length > limit) throw tooLarge(limit);
    chunks.push(chunk);
  }
  return join(chunks);
}

/** Plain Uint8Arrays: a Buffer's `slice` is a view, and later code relies on copies. */
function join(chunks: readonly Uint8Array[]): Uint8Array {
  const [first] = chunks;
  if (first === undefined) return new Uint8Array(0);
  if (chunks.length > 1) return concatBytes(...chunks);
  return new Uint8Array(first.buffer, first.byteOffset, first.length);
}

function tooLarge(limit: number): LogError {
  return new LogError('body-too-large', `the body has more than ${limit} bytes`, {
    field: 'body',
    expected: limit,
  });
}

function brokenOff(cause?: unknown): LogError {
  return new LogError('request-timeout', 'the body breaks off', {}, cause);
}
