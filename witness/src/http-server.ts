// The HTTP interface of a witness, on node:http alone: C2SP tlog-witness
// (https://c2sp.org/tlog-witness@v1.0.0), "HTTP Interface", and health and figures. The document leaves
// the bodies of refusals free; ours are one line of text.

import { createServer, type IncomingMessage, type Server } from 'node:http';
import { concatBytes } from '@writ/core/bytes';
import { type ErrorCode, LogError } from '@writ/core/errors';
import { MAX_ADD_CHECKPOINT_BYTES, SIZE_CONTENT_TYPE } from '@writ/core/formats/add-checkpoint';
import { Histogram, Registry } from 'prom-client';
import type { Env, Witness } from './witness.ts';

const MAX_CONNECTIONS = 1024;
/** Submissions that were read to their end and are not answered; at the body limit they take 132 MB. */
const MAX_IN_FLIGHT = 256;
/** What a body may take while it is read without asking: many times what an honest one does. */
const BODY_SHARE = 64 * 1024;
/** What all bodies together may take beyond that. */
const MAX_ABOVE_SHARE = 64 * 1024 * 1024;
/** What a chunk costs beside its bytes. */
const CHUNK_COST = 256;
const LIMITS = {
  maxHeaderSize: 8 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 20_000,
  keepAliveTimeout: 75_000,
  connectionsCheckingInterval: 2_000,
};
const TEXT = 'text/plain; charset=utf-8';
const SIZED = { 'content-type': SIZE_CONTENT_TYPE };
const ABOUT = `A transparency log witness: https://c2sp.org/tlog-witness
POST /add-checkpoint, GET /<hex sha-256 of the origin>/checkpoint, /metrics, /livez, /readyz
`;

/** Status by error code, the one place where errors meet HTTP. Any other code is a fault of our own. */
const STATUS: Partial<Readonly<Record<ErrorCode, number>>> = {
  'request-malformed': 400,
  'note-malformed': 400,
  'checkpoint-malformed': 400,
  'note-unverified': 403,
  'note-bad-signature': 403,
  'origin-unknown': 404,
  'not-found': 404,
  'method-not-allowed': 405,
  'witness-conflict': 409,
  'body-too-large': 413,
  'consistency-failed': 422,
  'fork-detected': 422,
  overloaded: 503,
  'clock-implausible': 503,
  'storage-failed': 503,
  'storage-corrupt': 503,
};

type Handler = (request: IncomingMessage) => Promise<string>;

/** A server that is not listening yet. */
export function createWitnessServer(witness: Witness, env: Env): Server {
  const registry = new Registry();
  const duration = new Histogram({
    name: 'writ_witness_add_checkpoint_seconds',
    help: 'add-checkpoint requests by status; a 422 deserves a look at the log',
    labelNames: ['status'],
    buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2],
    registers: [registry],
  });
  const route = createRouter(witness, () => registry.metrics());
  const server = createServer(LIMITS, async (request, response) => {
    const startedMs = performance.now();
    const { status, body, headers } = await route(request).then(
      (text) => ({ status: 200, body: text, headers: {} }),
      (error: unknown) => errorAnswer(error, env),
    );
    if (request.url === '/add-checkpoint')
      duration.observe({ status }, (performance.now() - startedMs) / 1000);
    // A body that was not read to its end would be taken for the next request.
    const closing = request.complete && server.listening ? {} : { connection: 'close' };
    const common = { 'content-type': TEXT, 'content-length': Buffer.byteLength(body) };
    response.writeHead(status, { ...common, ...headers, ...closing }).end(body);
  });
  server.maxConnections = MAX_CONNECTIONS;
  return server;
}

function createRouter(witness: Witness, metrics: () => Promise<string>): Handler {
  const reads: Readonly<Record<string, () => Promise<string>>> = {
    '/': async () => `${ABOUT}${witness.vkeys.join('\n')}\n`,
    '/livez': async () => 'ok\n',
    '/readyz': () => witness.checkReady().then(() => 'ok\n'),
    '/metrics': metrics,
  };
  const readBody = createBodyReader();
  let inFlight = 0;
  const submit: Handler = async (request) => {
    // Read first: a client that sends nothing takes no place.
    const body = await readBody(request);
    if (inFlight >= MAX_IN_FLIGHT) throw new LogError('overloaded', 'too many requests at once');
    inFlight++;
    return witness.addCheckpoint(body).finally(() => inFlight--);
  };
  return async (request) => {
    const [path = ''] = (request.url ?? '').split('?', 1);
    if (path === '/add-checkpoint' && request.method === 'POST') return submit(request);
    if (path === '/add-checkpoint') throw notAllowed('POST');
    const origin = /^\/([0-9a-f]{64})\/checkpoint$/.exec(path)?.[1];
    const read = Object.hasOwn(reads, path) ? reads[path] : undefined;
    if (origin === undefined && read === undefined) throw new LogError('not-found', 'not found');
    if (!['GET', 'HEAD'].includes(request.method ?? '')) throw notAllowed('GET, HEAD');
    if (read !== undefined) return read();
    const note = await witness.latest(origin ?? '');
    if (note === undefined) throw new LogError('not-found', 'no checkpoint of it was cosigned');
    return new TextDecoder().decode(note);
  };
}

/**
 * Reads bodies. LogError body-too-large, before the first byte where the length is declared, overloaded, or
 * request-malformed when the client breaks off.
 */
function createBodyReader(): (request: IncomingMessage) => Promise<Uint8Array> {
  let allAboveShare = 0;
  return async (request) => {
    const chunks: Uint8Array[] = [];
    let [size, aboveShare] = [0, 0];
    requireSize(Number(request.headers['content-length'] ?? 0));
    try {
      // Destroyed, the request could not be answered any more.
      for await (const chunk of request.iterator({ destroyOnReturn: false })) {
        chunks.push(chunk);
        size += chunk.length;
        requireSize(size);
        const above = Math.max(0, size + chunks.length * CHUNK_COST - BODY_SHARE);
        allAboveShare += above - aboveShare;
        aboveShare = above;
        if (allAboveShare > MAX_ABOVE_SHARE) throw new LogError('overloaded', 'too many bytes');
      }
    } catch (error) {
      throw error instanceof LogError ? error : new LogError('request-malformed', 'cut off');
    } finally {
      allAboveShare -= aboveShare;
    }
    return concatBytes(...chunks);
  };
}

function requireSize(size: number): void {
  if (size > MAX_ADD_CHECKPOINT_BYTES)
    throw new LogError('body-too-large', `a body has at most ${MAX_ADD_CHECKPOINT_BYTES} bytes`);
}

function notAllowed(allow: string): LogError {
  return new LogError('method-not-allowed', 'method not allowed', { allow });
}

/** What the operator must look at is logged; clients never see a cause. */
function errorAnswer(error: unknown, env: Env) {
  const status = error instanceof LogError ? (STATUS[error.code] ?? 500) : 500;
  if (status >= 500) env.log.error({ err: error }, 'a request failed');
  if (!(error instanceof LogError) || status === 500)
    return { status, body: 'internal error\n', headers: {} };
  const { allow, size } = error.detail;
  if (error.code === 'witness-conflict') return { status, body: `${size}\n`, headers: SIZED };
  // Clocks and disks are looked after by people: not worth asking every second.
  const headers =
    status === 503 ? { 'retry-after': '60' } : { ...(allow && { allow: `${allow}` }) };
  return { status, body: `${error.message}\n`, headers };
}
