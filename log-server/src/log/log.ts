// The log: pools what is admitted, commits in groups, answers when it is durable, reads what is committed.
//
// The pool commits at once when idle and batches while a commit runs. One commit at a time: it is prepared on
// the durable head, appended by the store with a compare-and-swap on the size, and only then seen by anyone.

import { equalBytes } from '@writ/core/bytes';
import { bug, isLogError, LogError } from '@writ/core/errors';
import { MAX_ENTRY_SIZE } from '@writ/core/formats/entry-bundle';
import { commitmentOf } from '@writ/core/statements/sealed';
import type { Step } from '@writ/core/streams/position';
import type { LogStore, TreeHead } from '../storage/port.ts';
import type { Ledger, OwnStatement } from '../streams/ledger.ts';
import {
  countForBatch,
  type Outcome,
  type Prepared,
  prepareBatch,
  type Sequenced,
  type StreamMove,
  type Submission,
} from './batch.ts';
import { edgeOf } from './edge.ts';
import { type Edge, edgeRoot } from './integrate.ts';
import { KnownLeaves } from './known-leaves.ts';
import { StoredTree } from './stored-tree.ts';

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

/** What a log needs beside its store; all of it may be left out. */
export interface LogOptions {
  readonly limits?: LogLimits;
  readonly onCommit?: (report: CommitReport) => void;
  /** Keeps the rules of streams; without it entries are any bytes. Loaded from the store already. */
  readonly ledger?: Ledger;
}

/** Who waits for a seal. */
interface Sealing {
  resolve(head: TreeHead): void;
  reject(error: unknown): void;
}

export class Log extends StoredTree {
  readonly ledger: Ledger | undefined;
  readonly #limits: LogLimits;
  readonly #onCommit: (report: CommitReport) => void;
  #edge: Edge;
  readonly #leaves: KnownLeaves;
  #waiting: Submission[] = [];
  #waitingBytes = 0;
  #draining: Promise<void> | undefined;
  readonly #sealing: Sealing[] = [];
  /** Statements that the rules of their streams refused in the last commit. */
  readonly #refused: { readonly step: Step; readonly outcome: LogError }[] = [];
  #heldBecause: string | undefined;
  #stoppedBecause: string | undefined;

  /** Starts on an opened store. LogError storage-corrupt when its hashes do not give its root. */
  constructor(store: LogStore, options: LogOptions = {}) {
    super(store);
    this.ledger = options.ledger;
    this.#limits = options.limits ?? DEFAULT_LIMITS;
    this.#onCommit = options.onCommit ?? (() => {});
    this.#edge = edgeOf(store.head.size, this.readHashes);
    if (!equalBytes(edgeRoot(this.#edge), store.head.root)) {
      throw new LogError(
        'storage-corrupt',
        'the stored hashes do not give the stored root: restore a backup',
      );
    }
    this.#leaves = new KnownLeaves(store);
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
      const results: Sequenced[] = [];
      if (entries.length === 0) resolve(results);
      // One for all: submissions are settled in the order in which they were pushed.
      const settle: Submission['settle'] = (outcome) => {
        if (outcome instanceof LogError) reject(outcome);
        else if (results.push(outcome) === entries.length) resolve(results);
      };
      for (const entry of entries) this.#push({ entry, settle });
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
    this.#wake();
  }

  #wake(): void {
    // After the current round of I/O events, so that everything that arrived in it shares the commit.
    this.#draining ??= new Promise((resolve) => {
      setImmediate(() => resolve(this.#drain()));
    });
  }

  /** The head that may be published: in a log of statements it ends with a state root. */
  get sealed(): TreeHead {
    if (this.ledger === undefined || this.ledger.sealedSize === this.head.size) return this.head;
    const size = this.ledger.sealedSize;
    return { size, root: this.rootAt(size) };
  }

  /** True when the newest state root is so old that readers will soon refuse it. */
  get isAging(): boolean {
    return this.ledger?.isAging === true;
  }

  /** Ends the log with a state root, unless it does already, and gives that head. LogError log-stopped, storage-full. */
  seal(): Promise<TreeHead> {
    if (this.ledger === undefined) return Promise.resolve(this.head);
    return new Promise((resolve, reject) => {
      this.#sealing.push({ resolve, reject });
      this.#wake();
    });
  }

  #takeWaiting(): Submission[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    return waiting;
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0 || this.#sealing.length > 0) {
      const sealing = this.#sealing.splice(0);
      const waiting = this.#takeWaiting();
      for (let from = 0; from < waiting.length; ) {
        // Rules take their time from the latest state root: no entry is judged under an old one.
        if (this.ledger?.isStale === true && !(await this.#refreshTime(this.ledger, waiting, from)))
          break;
        const count = countForBatch(waiting, from, this.head.size);
        await this.#commit(waiting.slice(from, from + count));
        await this.#recordDenials();
        from += count;
        if (from < waiting.length) await new Promise((resolve) => setImmediate(resolve));
      }
      if (sealing.length > 0 && this.ledger !== undefined)
        await this.#settleSealing(sealing, this.ledger);
    }
    this.#draining = undefined;
  }

  /** Puts a fresh state root before what waits; when that fails, nothing of it is taken. */
  async #refreshTime(
    ledger: Ledger,
    waiting: readonly Submission[],
    from: number,
  ): Promise<boolean> {
    try {
      await this.#commitRoot(ledger);
      return true;
    } catch (error) {
      if (!isLogError(error)) throw error;
      for (const submission of waiting.slice(from)) submission.settle(error);
      return false;
    }
  }

  async #settleSealing(sealing: readonly Sealing[], ledger: Ledger): Promise<void> {
    try {
      const isSealed = ledger.sealedSize === this.head.size && this.head.size > 0;
      if (!isSealed || ledger.isAging) await this.#commitRoot(ledger);
      for (const { resolve } of sealing) resolve(this.head);
    } catch (error) {
      for (const { reject } of sealing) reject(error);
    }
  }

  async #commitRoot(ledger: Ledger): Promise<void> {
    await this.#commitOwn(ledger.stateRoot(this.head.size));
    ledger.sealed(this.head.size);
  }

  /** Records what villages want to know of refusals. A denial that cannot be recorded changes no verdict. */
  async #recordDenials(): Promise<void> {
    for (const { step, outcome } of this.#refused.splice(0)) {
      const denial = this.ledger?.denial(step, outcome);
      if (denial !== undefined) await this.#commitSealed(denial).catch(() => undefined);
    }
  }

  /** Keeps the opening, where there is one, before the statement. */
  async #commitSealed(own: OwnStatement): Promise<void> {
    const { opening } = own;
    if (opening !== undefined)
      await this.ledger?.openings?.store.write(commitmentOf(opening), [opening]);
    await this.#commitOwn(own);
  }

  /** Commits a statement of the log itself. LogError log-stopped, storage-full. */
  async #commitOwn({ entry, step }: OwnStatement): Promise<void> {
    const { stream, seq, previous } = step.statement;
    let outcome: Outcome | undefined;
    const settle: Submission['settle'] = (settled) => {
      outcome = settled;
    };
    await this.#commit([{ entry, move: { stream, seq, previous, step }, settle }]);
    if (outcome instanceof LogError) throw outcome;
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
      this.ledger?.keep();
      // Counted by hand here and in batch.ts: an iterator of pairs shows in every profile.
      for (let i = 0; i < batch.length; i++) {
        const submission = batch[i] ?? bug('a batch has no holes');
        const outcome = outcomes[i] ?? bug('an outcome is missing');
        submission.settle(outcome);
        const step = submission.move?.step;
        if (outcome instanceof LogError && step !== undefined)
          this.#refused.push({ step, outcome });
      }
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
      readStream: (stream) => this.ledger?.headOf(stream) ?? this.store.readStream(stream),
      expect: (hashes) => this.#leaves.expect(hashes),
      find: (hashes, offset) => this.#leaves.find(hashes, offset),
      judge: (step, index) => this.ledger?.judge(step, index),
      rememberNext: () => this.#leaves.rememberNext(),
    });
  }

  /**
   * Without room nothing was written and the log goes on. Any other failure leaves the outcome unknown: no
   * second attempt on the same descriptors, the process must start anew from what is on the disk.
   */
  #failed(batch: readonly Submission[], error: unknown): void {
    this.ledger?.undo();
    if (isLogError(error, 'storage-full')) {
      this.#leaves.forget();
      for (const submission of batch) submission.settle(error);
      return;
    }
    this.stop(`a commit failed: ${error instanceof Error ? error.message : String(error)}`);
    for (const submission of batch) submission.settle(this.#stoppedError());
  }

  #stoppedError(): LogError {
    return new LogError('log-stopped', `the log takes no entries: ${this.#stoppedBecause ?? ''}`);
  }

  /** Index of the durable entry with this leaf hash. */
  findLeaf(leafHash: Uint8Array): number | undefined {
    const index = this.#leaves.find(leafHash, 0);
    return index !== undefined && index < this.head.size ? index : undefined;
  }

  /** Waits for what is in the pool, then closes the store. */
  async close(): Promise<void> {
    await this.#draining;
    this.#stoppedBecause ??= 'it is shutting down';
    await this.store.close();
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
