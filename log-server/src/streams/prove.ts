// Builds stream proofs (spec/stream-proof.md) from what a log has: checkpoint, state root, index, entries.

import { LogError } from '@writ/core/errors';
import { encodeStreamProof, MAX_STREAM_PROOF_ENTRIES } from '@writ/core/streams/stream-proof';
import type { Log } from '../log/log.ts';
import type { CheckpointRecord } from '../storage/port.ts';
import type { Ledger } from './ledger.ts';

/** Which statements to put into the proof: `limit` from `from` on, or the newest alone. */
export interface Page {
  readonly from: number | 'head';
  readonly limit: number;
}

/**
 * The proof of `stream` under a published checkpoint. LogError request-invalid for a page that begins behind the head,
 * not-published for a tree that ends with no state root, not-found for a log without streams.
 */
export async function proveStream(
  log: Log,
  record: CheckpointRecord,
  stream: string,
  { from, limit }: Page,
): Promise<Uint8Array> {
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
  const positions = await log.store.readPositions(stream, start, count);
  const last = positions.at(-1);
  const isPage = start + count < next && last !== undefined;
  return encodeStreamProof({
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
    entries: positions.map((index) => log.readEntry(index)),
    tail: isPage ? { leafIndex: last, proof: log.proveInclusion(last, size) } : null,
  });
}

/** LogError not-found for a log of the raw profile. */
export function requireLedger({ ledger }: Log): Ledger {
  if (ledger !== undefined) return ledger;
  throw new LogError('not-found', 'this log takes any bytes: it has no streams');
}
