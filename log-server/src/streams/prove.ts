// Builds stream proofs (spec/stream-proof.md) from what a log has: checkpoint, state root, index, entries.

import { LogError } from '@writ/core/errors';
import { encodeStreamProof, MAX_STREAM_PROOF_ENTRIES } from '@writ/core/streams/stream-proof';
import type { Log } from '../log/log.ts';
import type { CheckpointRecord } from '../storage/port.ts';
import type { Ledger } from './ledger.ts';

/** Bytes of statements on a page; one larger statement is still a page. Readers see where it ends by its proof. */
export const MAX_PAGE_BYTES: number = 4 * 1024 * 1024;

/** Which statements to put into the proof: `limit` from `from` on, or the newest alone. */
export interface Page {
  readonly from: number | 'head';
  readonly limit: number;
}

/** A proof, and the statements in it. */
export interface ProvenPage {
  readonly proof: Uint8Array;
  /** Sequence number of the first of the entries. */
  readonly from: number;
  readonly entries: readonly Uint8Array[];
  /** Leaf index of each. */
  readonly positions: readonly number[];
  /** Whether the stream goes on behind them. */
  readonly hasMore: boolean;
}

/** As `provePage`: the proof alone. */
export async function proveStream(
  log: Log,
  record: CheckpointRecord,
  stream: string,
  page: Page,
): Promise<Uint8Array> {
  return (await provePage(log, record, stream, page)).proof;
}

/**
 * The proof of `stream` under a published checkpoint, with fewer statements than `limit` where they are large. LogError request-invalid for a page that begins behind the head,
 * not-published for a tree that ends with no state root, not-found for a log without streams.
 */
export async function provePage(
  log: Log,
  record: CheckpointRecord,
  stream: string,
  { from, limit }: Page,
): Promise<ProvenPage> {
  const ledger = requireLedger(log);
  const { size } = record;
  if (size === 0) throw new LogError('not-published', 'the log has published no entry yet');
  const { proof: indexProof, head } = ledger.prove(stream, size);
  const next = head === undefined ? 0 : head.seq + 1;
  const start = from === 'head' ? Math.max(0, next - 1) : from;
  if (start > next) {
    const detail = { field: 'from', expected: `0 to ${next}`, got: start };
    throw new LogError('request-invalid', `from: the stream has ${next} statements`, detail);
  }
  const count = Math.min(limit, MAX_STREAM_PROOF_ENTRIES, next - start);
  const found = await log.store.readPositions(stream, start, count);
  const entries = await readPage(log, found);
  const positions = found.slice(0, entries.length);
  const last = positions.at(-1);
  const hasMore = start + entries.length < next;
  const proof = encodeStreamProof({
    stream,
    checkpoint: record.note,
    stateRoot: log.readEntry(size - 1),
    stateRootProof: log.proveInclusion(size - 1, size),
    indexProof,
    head:
      head === undefined
        ? null
        : { seq: head.seq, leafIndex: head.index, statementId: log.leafHashAt(head.index) },
    from: start,
    entries,
    tail:
      hasMore && last !== undefined
        ? { leafIndex: last, proof: log.proveInclusion(last, size) }
        : null,
  });
  return { proof, from: start, entries, positions, hasMore };
}

/** The first of the entries at `positions` that fit on a page, at least one where there is any. */
async function readPage(log: Log, positions: readonly number[]): Promise<Uint8Array[]> {
  const entries: Uint8Array[] = [];
  let room = MAX_PAGE_BYTES;
  for await (const entry of log.readEntries(positions)) {
    room -= entry.length;
    if (room < 0 && entries.length > 0) break;
    entries.push(entry);
  }
  return entries;
}

/** LogError not-found for a log of the raw profile. */
export function requireLedger({ ledger }: Log): Ledger {
  if (ledger !== undefined) return ledger;
  throw new LogError('not-found', 'this log takes any bytes: it has no streams');
}
