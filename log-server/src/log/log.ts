// The log: pools what is admitted, commits in groups, answers when it is durable, reads what is committed.
//
// The pool commits at once when idle and batches while a commit runs. One commit at a time: it is prepared on
// the durable head, appended by the store with a compare-and-swap on the size, and only then seen by anyone.

import { equalBytes } from '@writ/core/bytes';
import { bug, isLogError, LogError } from '@writ/core/errors';
import { MAX_ENTRY_SIZE } from '@writ/core/formats/entry-bundle';
import { consistencyNodes } from '@writ/core/merkle/consistency';
import { inclusionNodes } from '@writ/core/merkle/inclusion';
import { TILE_WIDTH } from '@writ/core/merkle/tile';
import { buildProof, treeRoot } from '@writ/core/merkle/tree';
import { HASH_SIZE } from '@writ/core/sha256';
import type { LogStore, StreamHead, TreeHead } from '../storage/port.ts';
import {
  countForBatch,
  type Prepared,
  prepareBatch,
  type Sequenced,
  type StreamMove,
  type Submission,
} from './batch.ts';
import { edgeOf, type ReadHashes, readTile, storedNodes } from './edge.ts';
import { type Edge, edgeRoot } from './integrate.ts';
import { LeafIndex } from './leaf-index.ts';

/** Back-pressure: what may wait for a commit. Beyond it submissions are refused with `overloaded`. */
export interface LogLimits {
  readonly queuedEntries: number;
  readonly queuedBytes: number;
}
export const DEFAULT_LIMITS: LogLimits = { queuedEntries: 65_536, queuedBytes: 64 * 1024 * 1024 };

/** What a commit did, for metrics. */
export interface CommitReport {
  readonly entries: number;
  readonly duplicates: number;
  readonly bytes: number;
}

/** Hashes read at a time when the leaf index is built. */
const INDEX_CHUNK = 8192;

export class Log {
  readonly store: LogStore;
  readonly #limits: LogLimits;
  readonly #onCommit: (report: CommitReport) => void;
  readonly #readHashes: ReadHashes;
  #edge: Edge;
  #index: LeafIndex;
  #pending: Uint8Array = new Uint8Array(0);
  #waiting: Submission[] = [];
  #waitingBytes = 0;
  #draining: Promise<void> | undefined;
  #heldBecause: string | undefined;
  #stoppedBecause: string | undefined;

  /** Starts on an opened store. LogError storage-corrupt when its hashes do not give its root. */
  constructor(
    store: LogStore,
    limits: LogLimits = DEFAULT_LIMITS,
    onCommit: (report: CommitReport) => void = () => {},
  ) {
    this.store = store;
    this.#limits = limits;
    this.#onCommit = onCommit;
    this.#readHashes = (level, start, count) => store.readHashes(level, start, count);
    this.#edge = edgeOf(store.head.size, this.#readHashes);
    if (!equalBytes(edgeRoot(this.#edge), store.head.root)) {
      throw new LogError(
        'storage-corrupt',
        'the stored hashes do not give the stored root: restore a backup',
      );
    }
    this.#index = this.#buildIndex();
  }

  /** The durable head. */
  get head(): TreeHead {
    return this.store.head;
  }

  /** Why the log takes no entries, or undefined while it runs. */
  get stoppedBecause(): string | undefined {
    return this.#stoppedBecause;
  }

  get queuedEntries(): number {
    return this.#waiting.length;
  }

  /** Refuses new entries until `release`: what is here is not known to be the newest. */
  hold(reason: string): void {
    this.#heldBecause = reason;
  }

  /** Takes entries again. */
  release(): void {
    this.#heldBecause = undefined;
  }

  /** Why the log takes no entries for now, or undefined. */
  get heldBecause(): string | undefined {
    return this.#heldBecause;
  }

  /** Turns the log read-only until it is started anew; what waits is refused. */
  stop(reason: string): void {
    this.#stoppedBecause ??= reason;
    for (const submission of this.#takeWaiting()) submission.settle(this.#stoppedError());
  }

  /** Sequences an admitted entry: resolves when it is durable. LogError entry-*, overloaded, log-stopped, stream-conflict. */
  add(entry: Uint8Array, move?: StreamMove): Promise<Sequenced> {
    return new Promise((resolve, reject) => {
      const settle: Submission['settle'] = (outcome) => {
        if (outcome instanceof LogError) reject(outcome);
        else resolve(outcome);
      };
      this.enqueue(move === undefined ? { entry, settle } : { entry, move, settle });
    });
  }

  /** As `add`, for entries that stand on their own, without a promise for each. All are refused or none. */
  addMany(entries: readonly Uint8Array[]): Promise<Sequenced[]> {
    for (const entry of entries) checkEntry(entry);
    const bytes = entries.reduce((sum, entry) => sum + entry.length, 0);
    this.#checkRoom(entries.length, bytes);
    return new Promise((resolve, reject) => {
      const results: Sequenced[] = new Array(entries.length);
      let left = entries.length;
      if (left === 0) resolve(results);
      for (const [i, entry] of entries.entries()) {
        const settle: Submission['settle'] = (outcome) => {
          if (outcome instanceof LogError) reject(outcome);
          else results[i] = outcome;
          left--;
          if (left === 0) resolve(results);
        };
        this.#push({ entry, settle });
      }
    });
  }

  /** The fast way in: throws LogError when refused at once, else `settle` is called when it is decided. */
  enqueue(submission: Submission): void {
    checkEntry(submission.entry);
    this.#checkRoom(1, submission.entry.length);
    this.#push(submission);
  }

  #checkRoom(entries: number, bytes: number): void {
    if (this.#stoppedBecause !== undefined) throw this.#stoppedError();
    if (this.#heldBecause !== undefined)
      throw new LogError('log-held', `the log takes no entries yet: ${this.#heldBecause}`);
    const { queuedEntries, queuedBytes } = this.#limits;
    if (
      this.#waiting.length + entries > queuedEntries ||
      this.#waitingBytes + bytes > queuedBytes
    ) {
      throw new LogError('overloaded', 'too many entries wait to be sequenced: try again later', {
        retryAfterSeconds: 1,
      });
    }
  }

  #push(submission: Submission): void {
    this.#waiting.push(submission);
    this.#waitingBytes += submission.entry.length;
    // After the current round of I/O events, so that everything that arrived in it shares the commit.
    this.#draining ??= new Promise((resolve) => {
      setImmediate(() => resolve(this.#drain()));
    });
  }

  #takeWaiting(): Submission[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    return waiting;
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const waiting = this.#takeWaiting();
      for (let from = 0; from < waiting.length; ) {
        const count = countForBatch(waiting, from, this.head.size);
        await this.#commit(waiting.slice(from, from + count));
        from += count;
      }
    }
    this.#draining = undefined;
  }

  /** Commits one batch and settles each of its submissions, whatever happens. */
  async #commit(batch: readonly Submission[]): Promise<void> {
    if (this.#stoppedBecause !== undefined) {
      for (const submission of batch) submission.settle(this.#stoppedError());
      return;
    }
    try {
      const { append, edge, outcomes } = this.#prepare(batch);
      if (append !== undefined) {
        await this.store.append(append);
        this.#edge = edge;
      }
      for (const [i, submission] of batch.entries())
        submission.settle(outcomes[i] ?? bug('an outcome is missing'));
      const entries = append === undefined ? 0 : append.head.size - append.previousSize;
      this.#onCommit({
        entries,
        duplicates: batch.length - entries,
        bytes: append?.entries.length ?? 0,
      });
    } catch (error) {
      this.#failed(batch, error);
    }
  }

  #prepare(batch: readonly Submission[]): Prepared {
    return prepareBatch(batch, {
      head: this.head,
      edge: this.#edge,
      readStream: (stream) => this.store.readStream(stream),
      find: (hashes, offset) => {
        this.#pending = hashes;
        return this.#index.find(hashes, offset);
      },
      remember: (hashes, offset, index) => this.#index.insert(hashes, offset, index),
    });
  }

  /**
   * Without room nothing was written and the log goes on. Any other failure leaves the outcome unknown: no
   * second attempt on the same descriptors, the process must start anew from what is on the disk.
   */
  #failed(batch: readonly Submission[], error: unknown): void {
    if (isLogError(error, 'storage-full')) {
      this.#index = this.#buildIndex();
      for (const submission of batch) submission.settle(error);
      return;
    }
    this.stop(`a commit failed: ${error instanceof Error ? error.message : String(error)}`);
    for (const submission of batch) submission.settle(this.#stoppedError());
  }

  #stoppedError(): LogError {
    return new LogError('log-stopped', `the log takes no entries: ${this.#stoppedBecause ?? ''}`);
  }

  /** The entry at `index`. LogError entry-absent beyond the durable tree. */
  readEntry(index: number): Uint8Array {
    if (index >= this.head.size)
      throw new LogError('entry-absent', `the log has ${this.head.size} entries`, { index });
    return this.store.readBundle(index, index + 1).subarray(2);
  }

  /** Bytes of an entry bundle, or undefined when the durable tree has no such bundle. */
  readBundle(index: bigint, width: number): Uint8Array | undefined {
    const start = index * BigInt(TILE_WIDTH);
    const end = start + BigInt(width);
    return end > BigInt(this.head.size)
      ? undefined
      : this.store.readBundle(Number(start), Number(end));
  }

  /** Bytes of a tile of hashes, or undefined when the durable tree has no such tile. */
  readTile(level: number, index: bigint, width: number): Uint8Array | undefined {
    return readTile(this.head.size, { level, index, width }, this.#readHashes);
  }

  /** Inclusion proof of the entry at `index` in the tree of `size`, leaf's sibling first. */
  proveInclusion(index: number, size: number): Uint8Array[] {
    return buildProof(
      inclusionNodes(BigInt(index), BigInt(size)),
      storedNodes(size, this.#readHashes),
    );
  }

  /** Consistency proof between two sizes of the log. */
  proveConsistency(oldSize: number, size: number): Uint8Array[] {
    return buildProof(
      consistencyNodes(BigInt(oldSize), BigInt(size)),
      storedNodes(size, this.#readHashes),
    );
  }

  /** Root of the first `size` entries, from the stored hashes and not from what the commit remembered. */
  rootAt(size: number): Uint8Array {
    return treeRoot(BigInt(size), storedNodes(size, this.#readHashes));
  }

  /** Index of the durable entry with this leaf hash. */
  findLeaf(leafHash: Uint8Array): number | undefined {
    const index = this.#index.find(leafHash, 0);
    return index !== undefined && index < this.head.size ? index : undefined;
  }

  streamHead(stream: string): StreamHead | undefined {
    return this.store.readStream(stream);
  }

  /** Waits for what is in the pool, then closes the store. */
  async close(): Promise<void> {
    await this.#draining;
    this.#stoppedBecause ??= 'it is shutting down';
    await this.store.close();
  }

  #buildIndex(): LeafIndex {
    const index = new LeafIndex((at, hashes, offset) => this.#isLeafAt(at, hashes, offset));
    for (let start = 0; start < this.head.size; start += INDEX_CHUNK) {
      const count = Math.min(INDEX_CHUNK, this.head.size - start);
      const hashes = this.store.readHashes(0, start, count);
      for (let i = 0; i < count; i++) index.insert(hashes, i * HASH_SIZE, start + i);
    }
    return index;
  }

  /** Compares with the stored leaf hash, or with that of the batch being prepared. */
  #isLeafAt(at: number, hashes: Uint8Array, offset: number): boolean {
    const { size } = this.head;
    const stored = at < size ? this.store.readHashes(0, at, 1) : this.#pending;
    const from = at < size ? 0 : (at - size) * HASH_SIZE;
    return equalBytes(
      stored.subarray(from, from + HASH_SIZE),
      hashes.subarray(offset, offset + HASH_SIZE),
    );
  }
}

function checkEntry(entry: Uint8Array): void {
  if (entry.length === 0) throw new LogError('entry-empty', 'an entry has at least one byte');
  if (entry.length > MAX_ENTRY_SIZE) {
    throw new LogError('entry-too-large', `an entry has at most ${MAX_ENTRY_SIZE} bytes`, {
      got: entry.length,
    });
  }
}
