// The node:http server around the application: a fast path in front, explicit limits, a clean end.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { getRequestListener, RequestError } from '@hono/node-server';
import { parseSafeDecimal } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import type { Hono } from 'hono';
import type { Env } from '../env.ts';
import { MAX_BATCH_BODY } from './batch.ts';
import { problemHeaders, problemOf } from './errors.ts';
import type { HotPath } from './hot.ts';
import type { AppEnv } from './reply.ts';

/** Limits of the server; times in milliseconds. */
export interface ServerLimits {
  readonly headersTimeoutMs: number;
  /** For a whole request with its body. */
  readonly requestTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly maxHeaderBytes: number;
  readonly maxConnections: number;
}

export const DEFAULT_SERVER_LIMITS: ServerLimits = {
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 65_000,
  maxHeaderBytes: 16 * 1024,
  maxConnections: 4096,
};

/** How often Node looks for requests that are over their time. */
const TIMEOUT_LOOK_MS = 1000;

/** A server that does not listen yet. */
export function createLogServer(
  app: Hono<AppEnv>,
  hot: HotPath = () => false,
  limits: ServerLimits = DEFAULT_SERVER_LIMITS,
): Server {
  const listener = getRequestListener(app.fetch, {
    overrideGlobalObjects: false,
    errorHandler: answerUnreadable,
  });
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    if (!hot(request, response)) void listener(request, response);
  };
  const server = createServer(
    {
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      maxHeaderSize: limits.maxHeaderBytes,
      connectionsCheckingInterval: TIMEOUT_LOOK_MS,
      noDelay: true,
    },
    handle,
  );
  server.maxConnections = limits.maxConnections;
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    // A client that asks first learns of a body over the limit before it sends one.
    const length = parseSafeDecimal(request.headers['content-length'] ?? '0');
    if (length !== undefined && length <= MAX_BATCH_BODY) response.writeContinue();
    handle(request, response);
  });
  server.on('clientError', refuse);
  return server;
}

/** A request line or host that makes no URL; anything else that comes here is our fault. */
function answerUnreadable(error: unknown): Response {
  const isRequest = error instanceof RequestError;
  const problem = isRequest
    ? new LogError('request-invalid', 'host or path make no URL', { field: 'host' })
    : error;
  const document = problemOf(problem);
  const { status } = document;
  return new Response(JSON.stringify(document), { status, headers: problemHeaders(problem) });
}

/** What never became a request: too slow, headers too large, not HTTP. */
function refuse(error: Error & { readonly code?: string }, stream: Socket | { end(): void }): void {
  if (!('writable' in stream) || !stream.writable || error.code === 'ECONNRESET') {
    stream.end();
    return;
  }
  const [reason, problem] = clientProblem(error.code);
  const status = Number(reason.slice(0, 3));
  const body = JSON.stringify({ ...problemOf(problem), status });
  const headers = Object.entries({
    ...problemHeaders(problem),
    'content-length': String(body.length),
    connection: 'close',
  });
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`);
  stream.end(`HTTP/1.1 ${reason}\r\n${lines.join('')}\r\n${body}`);
}

function clientProblem(code: string | undefined): [reason: string, problem: LogError] {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    const problem = new LogError('request-timeout', 'the request took too long to arrive');
    return ['408 Request Timeout', problem];
  }
  const isLarge = code === 'HPE_HEADER_OVERFLOW';
  const message = isLarge ? 'the headers are too large' : 'this is not an HTTP/1.1 request';
  const reason = isLarge ? '431 Request Header Fields Too Large' : '400 Bad Request';
  return [reason, new LogError('request-invalid', message)];
}

/** Listens; resolves with the port. LogError config-invalid when the address cannot be had. */
export function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const message = `cannot listen on ${host}:${port}: ${error.message}`;
      reject(new LogError('config-invalid', message, { field: 'port' }, error));
    });
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

/** Stops listening, lets requests under way finish for `drainMs`, then breaks what is left. */
export async function closeServer(env: Env, server: Server, drainMs: number): Promise<void> {
  const timer = new AbortController();
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeIdleConnections();
  void env.sleep(drainMs, timer.signal).then(() => server.closeAllConnections());
  await closed;
  timer.abort();
}
