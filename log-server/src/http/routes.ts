// Every route of the log server, once: the app binds handlers to this table, OpenAPI is generated from it, and a
// test compares both with the running server.

import { type ApiOperation, apiRoutes } from './api-routes.ts';
import {
  BYTES,
  CBOR_SEQUENCE,
  COSE,
  inPath,
  inQuery,
  JSON_TYPE,
  json,
  NOT_MODIFIED,
  type Route,
  TEXT,
  text,
} from './route-parts.ts';
import {
  type StreamOperation,
  streamRoutes,
  type VillageOperation,
  villageRoutes,
} from './village-routes.ts';

type SubmitOperation = 'addEntry' | 'addBatch';
type BlobOperation = 'blob' | 'putBlob';
type TileOperation = 'checkpoint' | 'tile';
type ReadOperation = 'entry' | 'entryProof' | 'inclusion' | 'consistency' | 'leaf';
type HistoryOperation = 'history' | 'historyNote';
type ServiceOperation = 'index' | 'policy' | 'livez' | 'readyz' | 'metrics' | 'openapi';
/** Every operation id. */
export type Operation =
  | SubmitOperation
  | BlobOperation
  | TileOperation
  | ReadOperation
  | StreamOperation
  | VillageOperation
  | ApiOperation
  | HistoryOperation
  | ServiceOperation;

const WAIT = inQuery(
  'wait',
  'seconds to wait for the proof, 1 to 60; or the header Prefer: wait=N',
);
const SUBMIT_PROBLEMS = [400, 403, 408, 409, 413, 415, 422, 429, 500, 503, 507] as const;

const submitRoutes: Readonly<Record<SubmitOperation, Route>> = {
  addEntry: {
    method: 'post',
    path: '/add',
    pattern: '/add',
    summary: 'submit one entry: a statement, a sealed one with its opening, or opaque bytes (raw)',
    parameters: [WAIT],
    body: [COSE, BYTES, CBOR_SEQUENCE],
    answers: {
      200: {
        description:
          'durable; the index (text) or index and id (JSON), or with wait the proof file',
        types: [TEXT, JSON_TYPE],
      },
      202: {
        description: 'durable with the index in the body, but not published within the wait',
        types: ['application/problem+json'],
      },
    },
    problems: SUBMIT_PROBLEMS,
  },
  addBatch: {
    method: 'post',
    path: '/add-batch',
    pattern: '/add-batch',
    summary: 'submit up to 1000 entries as a CBOR sequence of statements, or of byte strings (raw)',
    body: [CBOR_SEQUENCE],
    answers: {
      200: {
        description: 'all is durable: one index a line (raw), or a result for each item in order',
        types: [TEXT, JSON_TYPE],
      },
    },
    problems: SUBMIT_PROBLEMS,
  },
};

const DIGEST = inPath('digest', 'SHA-256 of the blob in hex', {
  type: 'string',
  pattern: '^[0-9a-f]{64}$',
});

const blobRoutes: Readonly<Record<BlobOperation, Route>> = {
  blob: {
    method: 'get',
    path: '/blobs/sha256/{digest}',
    pattern: '/blobs/sha256/:digest',
    summary: 'a blob by its digest',
    parameters: [DIGEST],
    answers: { 200: { description: 'the bytes', types: [BYTES] }, 304: NOT_MODIFIED },
    problems: [400, 404, 500],
  },
  putBlob: {
    method: 'put',
    path: '/blobs/sha256/{digest}',
    pattern: '/blobs/sha256/:digest',
    summary: 'keep a blob of at most 10 MiB, signed by an author of packages',
    parameters: [DIGEST],
    body: [BYTES],
    answers: { 200: json('the digest: the blob is durable') },
    problems: [400, 403, 404, 408, 413, 500, 503, 507],
  },
};

const tileRoutes: Readonly<Record<TileOperation, Route>> = {
  checkpoint: {
    method: 'get',
    path: '/checkpoint',
    pattern: '/checkpoint',
    summary: 'the newest published checkpoint (C2SP tlog-tiles)',
    ignoresQuery: true,
    answers: { 200: text('a signed note with its cosignatures'), 304: NOT_MODIFIED },
    problems: [404, 500],
  },
  tile: {
    method: 'get',
    path: '/tile/{tile}',
    pattern: '/tile/*',
    summary: 'a tile of hashes or a bundle of entries, full or partial (C2SP tlog-tiles)',
    parameters: [
      inPath('tile', 'level or "entries", index and width', { type: 'string', pattern: '^.+$' }),
    ],
    ignoresQuery: true,
    answers: { 200: { description: 'hashes or entries', types: [BYTES] } },
    problems: [400, 404, 500],
  },
};

const readRoutes: Readonly<Record<ReadOperation, Route>> = {
  entry: {
    method: 'get',
    path: '/entries/{index}',
    pattern: '/entries/:index',
    summary: 'the bytes of a published entry',
    parameters: [inPath('index', 'index of the entry')],
    answers: { 200: { description: 'the entry', types: [BYTES] } },
    problems: [400, 404, 500],
  },
  entryProof: {
    method: 'get',
    path: '/entries/{index}/proof',
    pattern: '/entries/:index/proof',
    summary: 'the proof file of an entry against the newest checkpoint (C2SP tlog-proof)',
    parameters: [inPath('index', 'index of the entry')],
    answers: { 200: text('a .tlog-proof file') },
    problems: [400, 404, 500],
  },
  inclusion: {
    method: 'get',
    path: '/proof/inclusion/{index}/{size}',
    pattern: '/proof/inclusion/:index/:size',
    summary: 'inclusion proof of an entry in the tree of a published size',
    parameters: [inPath('index', 'index of the entry'), inPath('size', 'size of the tree')],
    answers: { 200: json('hashes in base64, sibling of the leaf first') },
    problems: [400, 404, 500],
  },
  consistency: {
    method: 'get',
    path: '/proof/consistency/{old}/{new}',
    pattern: '/proof/consistency/:old/:new',
    summary: 'consistency proof between two published sizes',
    parameters: [inPath('old', 'the smaller size'), inPath('new', 'the larger size')],
    answers: { 200: json('hashes in base64') },
    problems: [400, 404, 500],
  },
  leaf: {
    method: 'get',
    path: '/leaf/{hash}',
    pattern: '/leaf/:hash',
    summary: 'the index of an entry, by its RFC 6962 leaf hash (the id of a statement)',
    parameters: [inPath('hash', '64 hex digits', { type: 'string', pattern: '^[0-9a-f]{64}$' })],
    answers: { 200: json('index, and whether a checkpoint covers it') },
    problems: [400, 404, 500],
  },
};

const historyRoutes: Readonly<Record<HistoryOperation, Route>> = {
  history: {
    method: 'get',
    path: '/checkpoints',
    pattern: '/checkpoints',
    summary: 'every published checkpoint with its cosignatures, paged',
    parameters: [
      inQuery('from', 'number of the first row, which is also the cursor'),
      inQuery('limit', 'rows on a page, 1 to 500'),
      inQuery('order', 'asc (default) or desc', { type: 'string', enum: ['asc', 'desc'] }),
      inQuery('minSize', 'only trees of at least this size'),
      inQuery('maxSize', 'only trees of at most this size'),
      inQuery('after', 'only published at this time or later, in milliseconds since 1970'),
      inQuery('before', 'only published before this time, in milliseconds since 1970'),
      inQuery('key', 'only with this log key id or witness name', { type: 'string' }),
    ],
    answers: { 200: json('a page; its next page is in the Link header and in next') },
    problems: [400, 500],
  },
  historyNote: {
    method: 'get',
    path: '/checkpoints/{number}',
    pattern: '/checkpoints/:number',
    summary: 'one published checkpoint, as it was served',
    parameters: [inPath('number', 'position in the history')],
    answers: { 200: text('a signed note') },
    problems: [400, 404, 500],
  },
};

const serviceRoutes: Readonly<Record<ServiceOperation, Route>> = {
  index: {
    method: 'get',
    path: '/',
    pattern: '/',
    summary: 'what this is',
    answers: { 200: text('a page for people') },
    problems: [400, 500],
  },
  policy: {
    method: 'get',
    path: '/policy',
    pattern: '/policy',
    summary: 'the trust policy that this log asks its readers to verify with (C2SP tlog-policy)',
    answers: { 200: text('a trust policy file') },
    problems: [400, 500],
  },
  livez: {
    method: 'get',
    path: '/livez',
    pattern: '/livez',
    summary: 'the process answers',
    answers: { 200: text('ok') },
    problems: [400, 500],
  },
  readyz: {
    method: 'get',
    path: '/readyz',
    pattern: '/readyz',
    summary: 'the log takes entries and publishes them',
    parameters: [inQuery('verbose', 'name every check', { type: 'string' })],
    answers: { 200: text('ready'), 503: text('not ready; the checks that fail') },
    problems: [400, 500],
  },
  metrics: {
    method: 'get',
    path: '/metrics',
    pattern: '/metrics',
    summary: 'figures for Prometheus',
    answers: { 200: { description: 'text exposition format', types: ['text/plain'] } },
    problems: [400, 500],
  },
  openapi: {
    method: 'get',
    path: '/openapi.json',
    pattern: '/openapi.json',
    summary: 'this description',
    answers: { 200: json('OpenAPI 3.1') },
    problems: [400, 500],
  },
};

/** The table, by operation id. */
export const ROUTES: Readonly<Record<Operation, Route>> = {
  ...submitRoutes,
  ...blobRoutes,
  ...tileRoutes,
  ...readRoutes,
  ...streamRoutes,
  ...villageRoutes,
  ...apiRoutes,
  ...historyRoutes,
  ...serviceRoutes,
};
