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
/** Submissions being read or waiting; at the body limit they take 132 MB. */
const MAX_IN_FLIGHT = 256;
const LIMITS = {
  maxHeaderSize: 8 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 20_000,
  keepAliveTimeout: 75_000,
  connectionsCheckingInterval: 2_000,
};
const TEXT = 'text/plain; charset=utf-8';
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
    const bytes = new TextEncoder().encode(body);
    // A body that was not read to its end would be taken for the next request.
    const closing = request.complete && server.listening ? {} : { connection: 'close' };
    const common = { 'content-type': TEXT, 'content-length': bytes.length };
    response.writeHead(status, { ...common, ...headers, ...closing }).end(bytes);
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
  let inFlight = 0;
  const submit: Handler = async (request) => {
    if (inFlight >= MAX_IN_FLIGHT) throw new LogError('overloaded', 'too many requests at once');
    inFlight++;
    try {
      return await witness.addCheckpoint(await readBody(request));
    } finally {
      inFlight--;
    }
  };
  return async (request) => {
    const [path = ''] = (request.url ?? '').split('?', 1);
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (path === '/add-checkpoint' && request.method === 'POST') return submit(request);
    if (path === '/add-checkpoint') throw notAllowed('POST');
    const origin = /^\/([0-9a-f]{64})\/checkpoint$/.exec(path)?.[1];
    const read = Object.hasOwn(reads, path) ? reads[path] : undefined;
    if (origin === undefined && read === undefined) throw new LogError('not-found', 'not found');
    if (!isRead) throw notAllowed('GET, HEAD');
    if (read !== undefined) return read();
    const note = await witness.latest(origin ?? '');
    if (note === undefined) throw new LogError('not-found', 'no checkpoint of it was cosigned');
    return new TextDecoder().decode(note);
  };
}

/** The body. LogError body-too-large before the first byte where the length is declared. */
function readBody(request: IncomingMessage): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    const count = (bytes: number): void => {
      size += bytes;
      if (size <= MAX_ADD_CHECKPOINT_BYTES) return;
      request.pause().removeAllListeners('data');
      reject(
        new LogError('body-too-large', `a body has at most ${MAX_ADD_CHECKPOINT_BYTES} bytes`),
      );
    };
    count(Number(request.headers['content-length'] ?? 0));
    size = 0;
    request.on('data', (chunk: Uint8Array) => {
      chunks.push(chunk);
      count(chunk.length);
    });
    request.on('end', () => resolve(concatBytes(...chunks)));
    const broken = (): void => reject(new LogError('request-malformed', 'the body ended early'));
    request.on('error', broken).on('close', broken); // without effect after 'end'
  });
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
  if (error.code === 'witness-conflict')
    return {
      status,
      body: `${error.detail['size']}\n`,
      headers: { 'content-type': SIZE_CONTENT_TYPE },
    };
  const { allow } = error.detail;
  // Clocks and disks are looked after by people: not worth asking every second.
  const headers =
    status === 503 ? { 'retry-after': '60' } : { ...(allow && { allow: `${allow}` }) };
  return { status, body: `${error.message}\n`, headers };
}
