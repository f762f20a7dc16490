// What every driver checks before it writes, once.

import { bug, LogError } from '@writ/core/errors';
import { HASH_SIZE } from '@writ/core/sha256';
import {
  type Append,
  type CheckpointQuery,
  type CheckpointRecord,
  SEGMENT_ENTRIES,
  type TreeHead,
} from './port.ts';

/** The compare of compare-and-swap, and the shape of the batch. */
export function checkAppend(batch: Append, stored: TreeHead): void {
  if (batch.previousSize !== stored.size) {
    throw new LogError('head-conflict', 'the log has another size than this batch builds on', {
      expected: batch.previousSize,
      got: stored.size,
    });
  }
  const count = batch.head.size - batch.previousSize;
  const last = batch.head.size - 1;
  if (count < 1 || batch.hashes[0]?.length !== count * HASH_SIZE)
    bug('a batch has one leaf hash for each entry');
  if (segmentOf(batch.previousSize) !== segmentOf(last))
    bug('a batch crosses the end of a segment');
}

/** Number of the segment that holds the entry at `index`. */
export function segmentOf(index: number): number {
  return Math.floor(index / SEGMENT_ENTRIES);
}

/** The rows of a history held in memory that a query asks for. */
export function selectCheckpoints(
  rows: readonly CheckpointRecord[],
  query: CheckpointQuery,
): CheckpointRecord[] {
  const range = rows.slice(Math.max(0, query.from), Math.max(0, query.to));
  return (query.descending === true ? range.reverse() : range).slice(0, query.limit);
}
