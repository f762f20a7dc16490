// Turns what waits in the pool into one append: duplicates found, stream positions checked, leaves hashed,
// tree grown. Pure but for the reads it is handed; nothing is durable yet.

import { equalBytes, formatHex } from '@writ/core/bytes';
import { bug, LogError } from '@writ/core/errors';
import { writeBundleEntry } from '@writ/core/formats/entry-bundle';
import { hashBundleEntries } from '@writ/core/merkle/leaf-batch';
import { HASH_SIZE } from '@writ/core/sha256';
import type { Step } from '@writ/core/streams/position';
import {
  type Append,
  SEGMENT_ENTRIES,
  type StreamHead,
  type StreamPosition,
  type TreeHead,
} from '../storage/port.ts';
import { type Edge, edgeRoot, integrate } from './integrate.ts';

/** Largest number of entries and bytes in one commit: bounds its time on the event loop and its memory. */
export const MAX_BATCH_ENTRIES = 4096;
export const MAX_BATCH_BYTES: number = 8 * 1024 * 1024;

/** Where a statement says that it belongs in its stream (spec/statement.md). */
export interface StreamMove {
  readonly stream: string;
  readonly seq: number;
  /** Statement id of the predecessor, null for the first of a stream. */
  readonly previous: Uint8Array | null;
  /** The whole statement, where the rules of its stream are to be kept. */
  readonly step?: Step;
}

/** One admitted entry that waits for its index. `settle` is called exactly once. */
export interface Submission {
  readonly entry: Uint8Array;
  readonly move?: StreamMove;
  settle(outcome: Outcome): void;
}

/** The index of an entry, or why it has none. */
export type Outcome = Sequenced | LogError;
export interface Sequenced {
  readonly index: number;
  /** True when the log had the entry already: the index is that of the first submission. */
  readonly isDuplicate: boolean;
}

/** What a batch builds on. */
export interface Ground {
  readonly head: TreeHead;
  readonly edge: Edge;
  readStream(stream: string): StreamHead | undefined;
  /** Told once for each batch where its leaf hashes are, before anything else. */
  expect(hashes: Uint8Array): void;
  /** Index of the entry with the leaf hash at `offset`, in the log or earlier in this batch. */
  find(hashes: Uint8Array, offset: number): number | undefined;
  /** Why the rules of its stream refuse a statement at `index`; applies it when they do not. */
  judge(step: Step, index: number): LogError | undefined;
  /** The next new leaf stands behind those before it in the leaf hashes: remembers it under the next index. */
  rememberNext(): void;
}

export interface Prepared {
  /** Undefined when every submission was a duplicate or refused. */
  readonly append: Append | undefined;
  readonly edge: Edge;
  /** One for each submission, in order; they hold once the append is durable. */
  readonly outcomes: readonly Outcome[];
}

/** Constitutions in one commit: each may bring 128 keys, and others have their turn between two commits. */
const MAX_BATCH_LAWS = 2;

/** How many of the waiting submissions fit into the next commit, at least one. */
export function countForBatch(waiting: readonly Submission[], from: number, size: number): number {
  const most = Math.min(
    MAX_BATCH_ENTRIES,
    SEGMENT_ENTRIES - (size % SEGMENT_ENTRIES),
    waiting.length - from,
  );
  let bytes = 0;
  let laws = 0;
  for (let i = 0; i < most; i++) {
    const kind = waiting[from + i]?.move?.step?.payload.kind;
    if (kind === 'constitution-amend' || kind === 'village-create') laws++;
    if (laws > MAX_BATCH_LAWS) return i;
    bytes += 2 + (waiting[from + i]?.entry.length ?? 0);
    if (bytes > MAX_BATCH_BYTES && i > 0) return i;
  }
  return most;
}

/** Prepares one commit on `ground`. */
export function prepareBatch(batch: readonly Submission[], ground: Ground): Prepared {
  const { bundle, ends, hashes } = hashEntries(batch);
  ground.expect(hashes);
  const streams = new Map<string, StreamHead>();
  const positions: StreamPosition[] = [];
  const outcomes: Outcome[] = [];
  let kept = 0;
  let keptEnd = 0;
  for (let i = 0; i < batch.length; i++) {
    const submission = batch[i] ?? bug('a batch has no holes');
    const outcome = judge(submission, i, hashes, streams, ground, ground.head.size + kept);
    outcomes.push(outcome);
    if (outcome instanceof LogError || outcome.isDuplicate) continue;
    const { move } = submission;
    if (move !== undefined)
      positions.push({ stream: move.stream, seq: move.seq, index: outcome.index });
    const start = i === 0 ? 0 : (ends[i - 1] ?? 0);
    const end = ends[i] ?? 0;
    if (kept < i) {
      bundle.copyWithin(keptEnd, start, end);
      hashes.copyWithin(kept * HASH_SIZE, i * HASH_SIZE, (i + 1) * HASH_SIZE);
    }
    ground.rememberNext();
    kept++;
    keptEnd += end - start;
  }
  if (kept === 0) return { append: undefined, edge: ground.edge, outcomes };
  const integrated = integrate(ground.edge, hashes.subarray(0, kept * HASH_SIZE));
  const append: Append = {
    previousSize: ground.head.size,
    head: { size: ground.head.size + kept, root: edgeRoot(integrated.edge) },
    entries: bundle.subarray(0, keptEnd),
    hashes: integrated.hashes,
    streams,
    positions,
  };
  return { append, edge: integrated.edge, outcomes };
}

/** Bundle bytes of the batch, where each entry ends in them, and their leaf hashes. */
function hashEntries(batch: readonly Submission[]): {
  bundle: Uint8Array;
  ends: number[];
  hashes: Uint8Array;
} {
  const length = batch.reduce((sum, { entry }) => sum + 2 + entry.length, 0);
  const bundle: Uint8Array = Buffer.allocUnsafe(length); // every byte is written below
  const ends: number[] = [];
  let at = 0;
  for (const { entry } of batch) {
    at = writeBundleEntry(bundle, at, entry);
    ends.push(at);
  }
  const hashes = new Uint8Array(batch.length * HASH_SIZE);
  hashBundleEntries(bundle, batch.length, hashes, 0);
  return { bundle, ends, hashes };
}

function judge(
  { move }: Submission,
  i: number,
  hashes: Uint8Array,
  streams: Map<string, StreamHead>,
  ground: Ground,
  index: number,
): Outcome {
  const known = ground.find(hashes, i * HASH_SIZE);
  if (known !== undefined) return { index: known, isDuplicate: true };
  if (move === undefined) return { index, isDuplicate: false };
  const head = streams.get(move.stream) ?? ground.readStream(move.stream);
  if (!continues(move, head)) return conflict(move, head);
  const refused = move.step === undefined ? undefined : ground.judge(move.step, index);
  if (refused !== undefined) return refused;
  const statementId = hashes.slice(i * HASH_SIZE, (i + 1) * HASH_SIZE);
  streams.set(move.stream, { seq: move.seq, statementId, index });
  return { index, isDuplicate: false };
}

/** A statement is admitted only at the head of its stream. */
function continues(move: StreamMove, head: StreamHead | undefined): boolean {
  if (head === undefined) return move.seq === 0 && move.previous === null;
  return (
    move.seq === head.seq + 1 &&
    move.previous !== null &&
    equalBytes(move.previous, head.statementId)
  );
}

function conflict(move: StreamMove, head: StreamHead | undefined): LogError {
  const detail =
    head === undefined
      ? { stream: move.stream, expectedSeq: 0, gotSeq: move.seq }
      : {
          stream: move.stream,
          expectedSeq: head.seq + 1,
          gotSeq: move.seq,
          headId: formatHex(head.statementId),
          headIndex: head.index,
        };
  const where = head === undefined ? 'is empty' : `stands at sequence number ${head.seq}`;
  return new LogError(
    'stream-conflict',
    `the stream ${move.stream} ${where}: read its head and sign again`,
    detail,
  );
}
