// The HTTP application: a value, so that tests need no port. Binds a handler to each row of the route table
// and does for all of them what belongs to every request: id, limits of the query, errors, metrics, a log line.

import { formatHex, utf8 } from '@writ/core/bytes';
import { bug, LogError } from '@writ/core/errors';
import { type Context, Hono } from 'hono';
import { bindApi } from './api-handlers.ts';
import { BlobUploads, readBlob } from './blobs.ts';
import { BodyReader } from './body.ts';
import type { AppDeps } from './deps.ts';
import { invalidRequest, type Problem, problemHeaders, problemOf } from './errors.ts';
import { createFaultLog, type FaultLog } from './fault-log.ts';
import { readLiveness, readReadiness } from './health.ts';
import { readHistory, readHistoryNote } from './history.ts';
import { openApiDocument } from './openapi.ts';
import { readOpening } from './openings.ts';
import { PackedBundles } from './packed-bundles.ts';
import { ProofWaits } from './proof-waits.ts';
import {
  readCheckpoint,
  readConsistency,
  readEntry,
  readEntryProof,
  readInclusion,
  readLeaf,
  readTile,
} from './read.ts';
import {
  type AppEnv,
  type Handler,
  jsonReply,
  NO_PATH,
  type Reply,
  readQuery,
  sentPath,
  strictPath,
  textReply,
} from './reply.ts';
import type { Route } from './route-parts.ts';
import { type Operation, ROUTES } from './routes.ts';
import { readFollowPage, readStream, readStreamHead } from './streams.ts';
import { addBatch, addEntry } from './submit.ts';
import { readAudit } from './village-audit.ts';
import {
  readDenials,
  readLatest,
  readMembers,
  readPolicy,
  readQuarantine,
  readUpdates,
} from './villages.ts';

const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;
const REQUEST_ID_BYTES = 8;
/** Memory for bodies that are being read. Apart, so that batches cannot keep single entries out. */
const MAX_ENTRY_BYTES_IN_FLIGHT: number = 128 * 1024 * 1024;
const MAX_BATCH_BYTES_IN_FLIGHT: number = 128 * 1024 * 1024;

/** Builds the application. A route without a handler does not compile. */
export function createApp(deps: AppDeps): Hono<AppEnv> {
  const app = new Hono<AppEnv>({ getPath: strictPath });
  const handlers = bindHandlers(deps);
  const freshId = requestIds(deps);
  const faultLog = createFaultLog(deps.env.log, () => performance.now());
  for (const [operation, handler] of Object.entries(handlers)) {
    const route = isOperation(operation) ? ROUTES[operation] : bug(`no route ${operation}`);
    app.on(route.method.toUpperCase(), route.pattern, (c) =>
      serve(deps, route, handler, { c, faultLog, requestId: requestIdOf(c, freshId) }),
    );
  }
  app.notFound((c) => serveUnrouted(deps, { c, faultLog, requestId: requestIdOf(c, freshId) }));
  return app;
}

function isOperation(name: string): name is Operation {
  return Object.hasOwn(ROUTES, name);
}

function bindHandlers(deps: AppDeps): Readonly<Record<Operation, Handler>> {
  const entryBodies = new BodyReader(MAX_ENTRY_BYTES_IN_FLIGHT);
  const batchBodies = new BodyReader(MAX_BATCH_BYTES_IN_FLIGHT);
  const packed = new PackedBundles();
  const uploads = new BlobUploads();
  const waits = new ProofWaits(deps.publisher);
  const openApi = openApiDocument(deps.softwareVersion);
  return {
    addEntry: (call) => addEntry(deps, entryBodies, waits, call),
    addBatch: (call) => addBatch(deps, batchBodies, call),
    blob: (call) => readBlob(deps, call),
    putBlob: (call) => uploads.put(deps, call),
    checkpoint: (call) => readCheckpoint(deps, call),
    tile: (call) => readTile(deps, packed, call),
    entry: (call) => readEntry(deps, call),
    entryProof: (call) => readEntryProof(deps, call),
    inclusion: (call) => readInclusion(deps, call),
    consistency: (call) => readConsistency(deps, call),
    leaf: (call) => readLeaf(deps, call),
    streamHead: (call) => readStreamHead(deps, call),
    stream: (call) => readStream(deps, call),
    streamFollow: (call) => readFollowPage(deps, call),
    villageLatest: (call) => readLatest(deps, call),
    villageUpdates: (call) => readUpdates(deps, call),
    villagePolicy: (call) => readPolicy(deps, call),
    villageMembers: (call) => readMembers(deps, call),
    villageQuarantine: (call) => readQuarantine(deps, call),
    villageDenials: (call) => readDenials(deps, call),
    villageAudit: (call) => readAudit(deps, call),
    villageOpening: (call) => readOpening(deps, call),
    ...bindApi(deps),
    history: (call) => readHistory(deps, call),
    historyNote: (call) => readHistoryNote(deps, call),
    index: () => textReply(indexPage(deps)),
    policy: () => textReply(deps.policyText, { 'cache-control': 'no-cache' }),
    livez: () => readLiveness(),
    readyz: (call) => readReadiness(deps, call),
    metrics: () => readMetrics(deps),
    openapi: () => jsonReply(openApi),
  };
}

async function readMetrics({ metrics }: AppDeps): Promise<Reply> {
  const body = await metrics.registry.metrics();
  return textReply(body, { 'content-type': metrics.registry.contentType });
}

/** One request before its query is known. */
interface Arrival {
  readonly c: Context<AppEnv>;
  readonly faultLog: FaultLog;
  readonly requestId: string;
}

async function serve(
  deps: AppDeps,
  route: Route,
  handler: Handler,
  { c, faultLog, requestId }: Arrival,
): Promise<Response> {
  const started = performance.now();
  let reply: Reply;
  try {
    const query = readQuery(c, route);
    reply = await handler({ c, query, requestId });
  } catch (error) {
    reply = problemReply(faultLog, error, requestId);
  }
  const { method } = c.req;
  const seconds = (performance.now() - started) / 1000;
  deps.metrics.request(route.path, method, reply.status, seconds);
  deps.env.log.debug(
    { requestId, method, route: route.path, status: reply.status, seconds },
    'request',
  );
  return toResponse(reply, requestId, route);
}

function serveUnrouted(deps: AppDeps, { c, faultLog, requestId }: Arrival): Response {
  const reply = problemReply(faultLog, unroutedError(c), requestId);
  deps.metrics.request(
    'unknown',
    KNOWN_METHODS.has(c.req.method) ? c.req.method : 'other',
    reply.status,
    0,
  );
  return toResponse(reply, requestId);
}

const KNOWN_METHODS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'OPTIONS',
]);

/** 400 for ids outside of their grammar, 405 with the methods that would do when the path belongs to a route, else 404. */
function unroutedError(c: Context<AppEnv>): LogError {
  const { path } = c.req;
  if (path === NO_PATH && /^\/(?:villages|streams)\//.test(sentPath(c.req.raw, c.env)))
    return invalidRequest('path', 'ids have no escapes, no dots and no empty parts');
  const routes = Object.values(ROUTES).filter((route) => pathPattern(route).test(path));
  if (routes.length === 0) return new LogError('not-found', 'no resource has this path');
  const allow = routes
    .map(({ method }) => (method === 'get' ? 'GET, HEAD' : method.toUpperCase()))
    .join(', ');
  return new LogError('method-not-allowed', `this resource takes ${allow}`, { allow });
}

function pathPattern({ path, pattern }: Route): RegExp {
  const tail = pattern.endsWith('*') || pattern.includes('{.+}') ? '.+' : '[^/]+';
  return new RegExp(`^${path.replace(/\{[a-z]+\}/g, tail)}$`);
}

/** Makes request ids: random for the maker, counted within it, since randomness for each costs more. */
export function requestIds({ env }: Pick<AppDeps, 'env'>): () => string {
  const prefix = formatHex(env.random(REQUEST_ID_BYTES));
  let count = 0;
  return () => {
    count++;
    return `${prefix}-${count}`;
  };
}

/** The client's id when it is harmless, a fresh one otherwise. */
function requestIdOf(c: Context<AppEnv>, freshId: () => string): string {
  const sent = c.req.header('x-request-id');
  return sent !== undefined && REQUEST_ID.test(sent) ? sent : freshId();
}

function problemReply(faultLog: FaultLog, error: unknown, requestId: string): Reply {
  faultLog(error, requestId);
  const problem: Problem = problemOf(error, requestId);
  return { status: problem.status, headers: problemHeaders(error), body: JSON.stringify(problem) };
}

function toResponse({ status, headers, body }: Reply, requestId: string, route?: Route): Response {
  const isRead = route === undefined || route.method === 'get';
  const bytes = typeof body === 'string' ? utf8(body) : body;
  const isWhole = bytes === null || bytes instanceof Uint8Array;
  return new Response(isWhole ? bytes && viewOf(bytes) : ReadableStream.from(bytes.chunks), {
    status,
    headers: {
      ...headers,
      // Said by us, so that HEAD says it too.
      ...(bytes === null ? {} : { 'content-length': String(bytes.length) }),
      'x-request-id': requestId,
      'x-content-type-options': 'nosniff',
      ...(isRead ? { 'access-control-allow-origin': '*' } : {}),
    },
  });
}

/** The bytes for a Response, which copies them itself: bundles are large, and a second copy shows. */
function viewOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, length } = bytes;
  return buffer instanceof ArrayBuffer
    ? new Uint8Array(buffer, byteOffset, length)
    : new Uint8Array(bytes);
}

function indexPage({ publisher, profile }: AppDeps): string {
  const { origin } = publisher.options;
  const rows = Object.values(ROUTES).map(
    ({ method, path, summary }) =>
      `  ${method.toUpperCase().padEnd(4)} ${path.padEnd(34)} ${summary}`,
  );
  return [
    `This is the transparency log ${origin} (profile ${profile}).`,
    'Nothing here has to be believed: verify with the trust policy at /policy.',
    '',
    ...rows,
    '',
  ].join('\n');
}
