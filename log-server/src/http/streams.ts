// Streams: where they stand, and their proofs.

import { formatHex, parseSafeDecimal } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { parseStreamId } from '@writ/core/statements/stream-id';
import { FOLLOW_PAGE_TYPE } from '@writ/core/streams/follow-page';
import { MAX_STREAM_PROOF_ENTRIES, STREAM_PROOF_TYPE } from '@writ/core/streams/stream-proof';
import { type Page, proveStream } from '../streams/prove.ts';
import { proveFollow } from '../streams/prove-follow.ts';
import type { AppDeps } from './deps.ts';
import { invalidRequest } from './errors.ts';
import { requirePublished } from './read.ts';
import { type Call, jsonReply, queryNumber, type Reply } from './reply.ts';

const DEFAULT_LIMIT = 100;

/** `GET /streams/{stream}/head`: of the durable log, for authors. */
export function readStreamHead({ log }: AppDeps, call: Call): Reply {
  const stream = streamOf(call);
  const head = log.streamHead(stream);
  if (head === undefined)
    throw new LogError('not-found', 'the stream is empty: its first statement has seq 0');
  const { seq, statementId, index } = head;
  return jsonReply(
    { stream, seq, id: formatHex(statementId), index },
    { 'cache-control': 'no-cache' },
  );
}

/** `GET /streams/{stream}`: of the published tree, for readers. */
export async function readStream({ log, publisher }: AppDeps, call: Call): Promise<Reply> {
  const record = requirePublished(publisher.published);
  const body = await proveStream(log, record, streamOf(call), pageOf(call));
  return {
    status: 200,
    headers: { 'content-type': STREAM_PROOF_TYPE, 'cache-control': 'no-cache' },
    body,
  };
}

/** `GET /streams/{stream}/follow`: of the published tree, for readers that come back. */
export async function readFollowPage({ log, publisher }: AppDeps, call: Call): Promise<Reply> {
  const record = requirePublished(publisher.published);
  const { query } = call;
  const range = { min: 0, max: Number.MAX_SAFE_INTEGER };
  const request = {
    stream: streamOf(call),
    from: queryNumber(query, 'from', 0, range),
    limit: limitOf(query),
    since: queryNumber(query, 'since', 0, range),
  };
  return {
    status: 200,
    headers: { 'content-type': FOLLOW_PAGE_TYPE, 'cache-control': 'no-cache' },
    body: await proveFollow(log, record, request),
  };
}

function streamOf({ c }: Call): string {
  const stream = c.req.param('stream') ?? '';
  if (parseStreamId(stream) === undefined) throw invalidRequest('stream', 'not a stream id');
  return stream;
}

function pageOf({ query }: Call): Page {
  const limit = limitOf(query);
  const text = query.get('from') ?? '0';
  const from = text === 'head' ? text : parseSafeDecimal(text);
  if (from === undefined) throw invalidRequest('from', 'expected a decimal or head');
  return { from, limit };
}

/** Statements on a page. LogError request-invalid. */
export function limitOf(query: ReadonlyMap<string, string>): number {
  return queryNumber(query, 'limit', DEFAULT_LIMIT, { min: 1, max: MAX_STREAM_PROOF_ENTRIES });
}
