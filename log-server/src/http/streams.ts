// Streams: where they stand, and their proofs.

import { formatHex, parseSafeDecimal } from '@writ/core/bytes';
import { bug, LogError } from '@writ/core/errors';
import { parseStreamId } from '@writ/core/statements/stream-id';
import { FOLLOW_PAGE_TYPE } from '@writ/core/streams/follow-page';
import { villageOfStream } from '@writ/core/streams/hidden';
import { MAX_STREAM_PROOF_ENTRIES, STREAM_PROOF_TYPE } from '@writ/core/streams/stream-proof';
import { type Page, proveStream } from '../streams/prove.ts';
import { proveFollow } from '../streams/prove-follow.ts';
import { type Access, accessTo, cacheControl, readKind, signatureOf } from './access.ts';
import type { AppDeps } from './deps.ts';
import { invalidRequest } from './errors.ts';
import { openingsOf } from './openings.ts';
import { requirePublished } from './read.ts';
import { type Call, jsonReply, queryNumber, type Reply } from './reply.ts';

const DEFAULT_LIMIT = 100;

/** `GET /streams/{stream}/head`: of the durable log, for authors. */
export async function readStreamHead(deps: AppDeps, call: Call): Promise<Reply> {
  const stream = streamOf(call);
  await admitRead(deps, call, stream);
  const head = deps.log.streamHead(stream);
  if (head === undefined)
    throw new LogError('not-found', 'the stream is empty: its first statement has seq 0');
  const { seq, statementId, index } = head;
  return jsonReply(
    { stream, seq, id: formatHex(statementId), index },
    { 'cache-control': 'no-cache' },
  );
}

/** `GET /streams/{stream}`: of the published tree, for readers. Whatever is sealed stays so. */
export async function readStream(deps: AppDeps, call: Call): Promise<Reply> {
  const stream = streamOf(call);
  const page = pageOf(call);
  const record = requirePublished(deps.publisher.published);
  await admitRead(deps, call, stream);
  const body = await proveStream(deps.log, record, stream, page);
  return {
    status: 200,
    headers: { 'content-type': STREAM_PROOF_TYPE, 'cache-control': 'no-cache' },
    body,
  };
}

/** `GET /streams/{stream}/follow`: of the published tree, for readers that come back; with openings for members. */
export async function readFollowPage(deps: AppDeps, call: Call): Promise<Reply> {
  const { log, publisher } = deps;
  const record = requirePublished(publisher.published);
  const { query } = call;
  const range = { min: 0, max: Number.MAX_SAFE_INTEGER };
  const request = {
    stream: streamOf(call),
    from: queryNumber(query, 'from', 0, range),
    limit: limitOf(query),
    since: queryNumber(query, 'since', 0, range),
  };
  const access = await admitRead(deps, call, request.stream);
  const open =
    access === 'member' ? (entries: readonly Uint8Array[]) => openingsOf(log, entries) : undefined;
  return {
    status: 200,
    headers: { 'content-type': FOLLOW_PAGE_TYPE, ...cacheControl(access) },
    body: await proveFollow(log, record, request, open),
  };
}

/**
 * What the request may see of the village of a stream, which gives one of its requests for it, but none to strangers: who
 * is no member, or has not signed yet, gets what is sealed without limit. A stream of no village is for everybody.
 * LogError request-invalid for a bad signature header, rate-limited.
 */
async function admitRead(deps: AppDeps, call: Call, stream: string): Promise<Access> {
  const streamId = parseStreamId(stream) ?? bug('a stream id was checked');
  const village = villageOfStream({ streamId });
  const { ledger } = deps.log;
  const signature = signatureOf(deps, call);
  if (village === undefined || ledger === undefined) return 'public';
  const access = await accessTo(deps, ledger, village, signature);
  if (access !== 'none') ledger.requests.take(ledger.states, readKind(access), village);
  return access;
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
