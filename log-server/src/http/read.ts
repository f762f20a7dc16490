// Reads: the static resources of C2SP tlog-tiles (https://c2sp.org/tlog-tiles@v0.1.0) and conveniences. Only
// what a published checkpoint covers is shown.

import { formatBase64, formatHex, parseHex } from '@writ/core/bytes';
import { bug, LogError } from '@writ/core/errors';
import { parseTilePath } from '@writ/core/formats/tile-path';
import { formatTlogProof } from '@writ/core/formats/tlog-proof';
import { hashesAtLevel, TILE_WIDTH } from '@writ/core/merkle/tile';
import type { CheckpointRecord } from '../storage/port.ts';
import type { AppDeps } from './deps.ts';
import { invalidRequest } from './errors.ts';
import type { PackedBundles } from './packed-bundles.ts';
import { type Call, jsonReply, pathNumber, type Reply, textReply } from './reply.ts';
import { BYTES } from './route-parts.ts';

/** Bytes under these names never change. */
export const IMMUTABLE = 'public, max-age=31536000, immutable';

/** `GET /checkpoint`. LogError not-published before the first one. */
export function readCheckpoint({ publisher }: AppDeps, { c }: Call): Reply {
  const record = requirePublished(publisher.published);
  const etag = etagOf(record);
  const headers = { 'cache-control': 'no-cache', etag };
  if (matches(c.req.header('if-none-match'), etag)) return { status: 304, headers, body: null };
  return textReply(record.note, headers);
}

/** The ETag of a checkpoint: one note for each number, for ever. */
export function etagOf({ number, root }: CheckpointRecord): string {
  return `"${number}-${formatHex(root.subarray(0, 8))}"`;
}

/** If-None-Match (RFC 9110 §13.1.2), compared weakly. */
export function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(',').some((tag) => ['*', etag, `W/${etag}`].includes(tag.trim()));
}

/** `GET /tile/...`. LogError tile-path-malformed, or not-found for what no published checkpoint covers. */
export async function readTile(
  { log, publisher }: AppDeps,
  packed: PackedBundles,
  { c }: Call,
): Promise<Reply> {
  const { level, index, width } = parseTilePath(c.req.path.slice(1));
  const published = BigInt(publisher.published?.size ?? 0);
  const hashLevel = level === 'entries' ? 0 : level;
  const isCovered =
    index * BigInt(TILE_WIDTH) + BigInt(width) <= hashesAtLevel(hashLevel, published);
  if (!isCovered) throw new LogError('not-found', 'no published checkpoint covers this tile');
  if (level === 'entries') {
    const read = (): Uint8Array =>
      log.readBundle(index, width) ?? bug('a published bundle is missing');
    const bytes = acceptsGzip(c.req.header('accept-encoding'))
      ? await packed.pack(c.req.path, width === TILE_WIDTH, read)
      : undefined;
    return bundleReply(bytes, read);
  }
  const tile = log.readTile(level, index, width) ?? bug('a published tile is missing');
  return bytesReply(tile, { 'cache-control': IMMUTABLE });
}

function bundleReply(packed: Uint8Array | undefined, read: () => Uint8Array): Reply {
  const headers = { 'cache-control': IMMUTABLE, vary: 'accept-encoding' };
  if (packed === undefined) return bytesReply(read(), headers);
  return bytesReply(packed, { ...headers, 'content-encoding': 'gzip' });
}

/** Accept-Encoding (RFC 9110 §12.5.3): gzip by name or by asterisk, with a weight above zero. */
function acceptsGzip(header: string | undefined): boolean {
  for (const item of (header ?? '').toLowerCase().split(',')) {
    const [coding, ...parameters] = item.split(';').map((part) => part.trim());
    const isRefused = parameters.some((parameter) => /^q=0(?:\.0{0,3})?$/.test(parameter));
    if ((coding === 'gzip' || coding === '*') && !isRefused) return true;
  }
  return false;
}

function bytesReply(body: Uint8Array, headers: Record<string, string>): Reply {
  return { status: 200, headers: { 'content-type': BYTES, ...headers }, body };
}

/** `GET /entries/{index}`. */
export function readEntry(deps: AppDeps, { c }: Call): Reply {
  const index = pathNumber(c, 'index');
  requireCovered(deps, index);
  return bytesReply(deps.log.readEntry(index).slice(), { 'cache-control': IMMUTABLE });
}

/** `GET /entries/{index}/proof`: against the newest checkpoint, so it may change. */
export function readEntryProof(deps: AppDeps, { c }: Call): Reply {
  const index = pathNumber(c, 'index');
  const { size, note } = requireCovered(deps, index);
  const hashes = deps.log.proveInclusion(index, size);
  const proof = formatTlogProof({ index: BigInt(index), hashes, checkpoint: note });
  return textReply(proof, { 'cache-control': 'no-cache' });
}

/** `GET /proof/inclusion/{index}/{size}`. */
export function readInclusion(deps: AppDeps, { c }: Call): Reply {
  const index = pathNumber(c, 'index');
  const size = pathNumber(c, 'size');
  requirePublishedSize(deps, size);
  if (index >= size) throw invalidRequest('index', 'must be below the size');
  return proofReply(deps.log.proveInclusion(index, size));
}

/** `GET /proof/consistency/{old}/{new}`. */
export function readConsistency(deps: AppDeps, { c }: Call): Reply {
  const oldSize = pathNumber(c, 'old');
  const size = pathNumber(c, 'new');
  requirePublishedSize(deps, size);
  if (oldSize > size) throw invalidRequest('old', 'must not be above the new size');
  return proofReply(deps.log.proveConsistency(oldSize, size));
}

function proofReply(hashes: readonly Uint8Array[]): Reply {
  return jsonReply({ hashes: hashes.map(formatBase64) }, { 'cache-control': IMMUTABLE });
}

/** `GET /leaf/{hash}`. */
export function readLeaf({ log, publisher }: AppDeps, { c }: Call): Reply {
  const hash = parseHex(c.req.param('hash') ?? '');
  if (hash?.length !== 32) throw invalidRequest('hash', 'expected 64 lower-case hex digits');
  const index = log.findLeaf(hash);
  if (index === undefined) throw new LogError('entry-absent', 'no entry has this leaf hash');
  const published = index < (publisher.published?.size ?? 0);
  return jsonReply({ index, published }, { 'cache-control': 'no-cache' });
}

/** LogError not-published. */
export function requirePublished(record: CheckpointRecord | undefined): CheckpointRecord {
  if (record !== undefined) return record;
  throw new LogError('not-published', 'the log has not published a checkpoint yet');
}

function requirePublishedSize({ publisher }: AppDeps, size: number): void {
  const published = requirePublished(publisher.published);
  if (size <= published.size) return;
  throw new LogError('not-published', `the newest checkpoint has ${published.size} entries`, {
    size: published.size,
  });
}

/** The newest checkpoint, when it covers the entry. LogError not-published or entry-absent. */
function requireCovered({ log, publisher }: AppDeps, index: number): CheckpointRecord {
  const record = requirePublished(publisher.published);
  if (index < record.size) return record;
  if (index < log.head.size) {
    throw new LogError('not-published', 'the entry is durable but no checkpoint covers it yet', {
      index,
      size: record.size,
    });
  }
  throw new LogError('entry-absent', `the log has ${record.size} published entries`, {
    index,
    size: record.size,
  });
}
