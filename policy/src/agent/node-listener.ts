// The HTTP interface of a node, on loopback unless told otherwise: health, figures, status, and what senders push. It can
// read what the node does and give it events; it cannot change what is in force.

import { createServer, type IncomingMessage, type Server } from 'node:http';
import { concatBytes } from '@writ/core/bytes';
import { type ErrorCode, LogError } from '@writ/core/errors';
import { type InboundTarget, inboundTarget, MAX_INBOUND_BYTES } from './sources/inbound.ts';
import type { WebhookHeaders } from './sources/webhook-signature.ts';

/** What the interface shows and feeds. */
export interface ListenerPort {
  /** Named checks; the node is ready when all hold. */
  readonly checks: () => readonly {
    readonly name: string;
    readonly ok: boolean;
    readonly why: string;
  }[];
  readonly status: () => Promise<object>;
  readonly metrics: () => Promise<string>;
  /** Resolves when what was sent is taken. */
  readonly inbound: (
    target: InboundTarget,
    headers: WebhookHeaders,
    body: Uint8Array,
  ) => Promise<object>;
  /** A fault of our own, for the logs. */
  readonly fault: (error: unknown) => void;
}

interface Reply {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** The one place where errors meet HTTP; any other code is a fault of our own. */
const STATUS: Partial<Readonly<Record<ErrorCode, number>>> = {
  'request-invalid': 400,
  'json-malformed': 400,
  'author-unknown': 401,
  'author-not-permitted': 403,
  'not-found': 404,
  'method-not-allowed': 405,
  'body-too-large': 413,
  overloaded: 503,
  'storage-failed': 503,
};

const LIMITS = {
  maxHeaderSize: 8 * 1024,
  headersTimeout: 5000,
  requestTimeout: 10_000,
  keepAliveTimeout: 30_000,
  connectionsCheckingInterval: 2000,
};
const MAX_CONNECTIONS = 256;
/** Bodies that are read at a time. */
const MAX_READING = 64;

/** A server that does not listen yet. */
export function createNodeListener(port: ListenerPort): Server {
  let reading = 0;
  const answer = async (request: IncomingMessage): Promise<Reply> => {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    const target = inboundTarget(path);
    if (target === undefined) return read(port, request.method ?? '', path);
    if (request.method !== 'POST') throw new LogError('method-not-allowed', `POST ${path}`);
    if (reading >= MAX_READING) throw new LogError('overloaded', 'too many requests: try again');
    reading += 1;
    try {
      const body = await bodyOf(request);
      return json(202, await port.inbound(target, headersOf(request), body));
    } finally {
      reading -= 1;
    }
  };
  const server = createServer(LIMITS, async (request, response) => {
    const { status, type, body } = await answer(request).catch((error: unknown) =>
      errorReply(error, port),
    );
    const closing = request.complete ? {} : { connection: 'close' };
    const retry = status === 503 ? { 'retry-after': '5' } : {};
    const headers = { 'content-type': type, 'cache-control': 'no-store', ...closing, ...retry };
    response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body);
  });
  server.maxConnections = MAX_CONNECTIONS;
  return server;
}

async function read(port: ListenerPort, method: string, path: string): Promise<Reply> {
  if (method !== 'GET' && method !== 'HEAD')
    throw new LogError('method-not-allowed', `GET ${path}`);
  switch (path) {
    case '/livez':
      return text(200, 'ok\n');
    case '/readyz':
      return readiness(port);
    case '/status':
      return json(200, await port.status());
    case '/metrics':
      return { status: 200, type: 'text/plain; version=0.0.4', body: await port.metrics() };
    default:
      throw new LogError('not-found', `there is no ${path}`);
  }
}

function readiness({ checks }: ListenerPort): Reply {
  const failed = checks().filter(({ ok }) => !ok);
  const lines = failed.map(({ name, why }) => `[-] ${name}: ${why}\n`);
  return failed.length === 0 ? text(200, 'ready\n') : text(503, `${lines.join('')}not ready\n`);
}

function headersOf({ headers }: IncomingMessage): WebhookHeaders {
  const one = (name: string): string | undefined => {
    const value = headers[name];
    return typeof value === 'string' ? value : undefined;
  };
  return {
    id: one('webhook-id'),
    timestamp: one('webhook-timestamp'),
    signature: one('webhook-signature'),
  };
}

async function bodyOf(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = Number(request.headers['content-length'] ?? 0);
  if (size > MAX_INBOUND_BYTES) throw tooLarge();
  size = 0;
  try {
    for await (const chunk of request) {
      if (!(chunk instanceof Uint8Array)) continue;
      size += chunk.length;
      if (size > MAX_INBOUND_BYTES) throw tooLarge();
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof LogError) throw error;
    // Whoever sent it has gone; that is no fault of ours to be logged.
    throw new LogError('request-invalid', 'the body broke off', {}, error);
  }
  return concatBytes(...chunks);
}

function tooLarge(): LogError {
  return new LogError('body-too-large', `a body has at most ${MAX_INBOUND_BYTES} bytes`);
}

function errorReply(error: unknown, port: ListenerPort): Reply {
  const status = error instanceof LogError ? STATUS[error.code] : undefined;
  if (status !== undefined && error instanceof LogError)
    return json(status, { code: error.code, detail: error.message });
  port.fault(error);
  return json(500, { code: 'internal', detail: 'a fault of the node: see its log' });
}

function text(status: number, body: string): Reply {
  return { status, type: 'text/plain; charset=utf-8', body };
}

function json(status: number, value: object): Reply {
  return { status, type: 'application/json', body: `${JSON.stringify(value)}\n` };
}
