// The one writer of a node's records. Jobs run one after another on what was committed and what the jobs before them
// in the same group wrote; the group is then one synced batch. So a job is a transaction, and a thousand of them cost
// few syncs. Nobody gets an answer before the batch is on the disk.

import { LogError } from '@writ/core/errors';
import type { Level } from 'level';
import type { StepHook } from './state-store.ts';

/** What a job reads and writes. Writes become visible to later jobs, and all of a job's or none become durable. */
export interface Transaction {
  get(key: string): Uint8Array | undefined;
  put(key: string, value: Uint8Array): void;
  delete(key: string): void;
}

/** A row in the order of its key. */
export type Row = readonly [key: string, value: Uint8Array];

/** Keys from `from` (included) to `to` (excluded). */
export interface KeyRange {
  readonly from: string;
  readonly to: string;
  readonly limit: number;
  readonly isNewestFirst?: boolean;
}

/** Jobs in one batch. */
const MAX_GROUP = 512;

/** null: deleted. */
type Writes = Map<string, Uint8Array | null>;

interface Waiting {
  readonly run: (writes: Writes) => void;
  readonly settle: (failure: LogError | undefined) => void;
}

/** Writes to an open database; only one journal writes to one prefix of keys. */
export class Journal {
  readonly #db: Level<string, Uint8Array>;
  readonly #onStep: StepHook;
  readonly #waiting: Waiting[] = [];
  #isRunning = false;
  #broken: LogError | undefined;

  /** `db` is open, with the value encoding `view`. */
  constructor(db: Level<string, Uint8Array>, onStep: StepHook = () => {}) {
    this.#db = db;
    this.#onStep = onStep;
  }

  /**
   * Runs `job` behind those that wait and resolves with what it returned once its writes are durable. Rejects with what
   * it threw, and nothing was written; with LogError storage-failed when the batch failed, and from then on always:
   * what is on the disk is not known until the node is started anew.
   */
  run<Result>(job: (tx: Transaction) => Result): Promise<Result> {
    return new Promise((resolve, reject) => {
      let answer: () => void = () => {};
      this.#waiting.push({
        run: (writes) => {
          const own = new Overlay(this.#db, writes);
          try {
            const result = job(own);
            own.mergeInto(writes);
            answer = () => resolve(result);
          } catch (error) {
            answer = () => reject(error);
          }
        },
        settle: (failure) => (failure === undefined ? answer() : reject(failure)),
      });
      if (!this.#isRunning) void this.#work();
    });
  }

  /** What is durable under `key`. */
  get(key: string): Uint8Array | undefined {
    return this.#db.getSync(key);
  }

  /** The durable rows of a range. */
  async rows({ from, to, limit, isNewestFirst = false }: KeyRange): Promise<Row[]> {
    return this.#db.iterator({ gte: from, lt: to, limit, reverse: isNewestFirst }).all();
  }

  async #work(): Promise<void> {
    this.#isRunning = true;
    // A turn of the event loop gathers what arrives together.
    await Promise.resolve();
    while (this.#waiting.length > 0) await this.#commit(this.#waiting.splice(0, MAX_GROUP));
    this.#isRunning = false;
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    if (this.#broken === undefined) {
      try {
        await this.#write(group);
      } catch (error) {
        const message = 'the records cannot be written; start the node again to see what is kept';
        this.#broken = new LogError('storage-failed', message, {}, error);
      }
    }
    for (const { settle } of group) settle(this.#broken);
  }

  async #write(group: readonly Waiting[]): Promise<void> {
    this.#onStep('judge');
    const writes: Writes = new Map();
    for (const { run } of group) run(writes);
    this.#onStep('write');
    const batch = [...writes].map(([key, value]) =>
      value === null ? { type: 'del' as const, key } : { type: 'put' as const, key, value },
    );
    if (batch.length > 0) await this.#db.batch(batch, { sync: true });
    this.#onStep('written');
  }
}

class Overlay implements Transaction {
  readonly #db: Level<string, Uint8Array>;
  readonly #below: Writes;
  readonly #own: Writes = new Map();

  constructor(db: Level<string, Uint8Array>, below: Writes) {
    this.#db = db;
    this.#below = below;
  }

  get(key: string): Uint8Array | undefined {
    const written = this.#own.get(key) ?? (this.#own.has(key) ? null : this.#below.get(key));
    if (written !== undefined) return written ?? undefined;
    return this.#db.getSync(key);
  }

  put(key: string, value: Uint8Array): void {
    this.#own.set(key, value);
  }

  delete(key: string): void {
    this.#own.set(key, null);
  }

  mergeInto(writes: Writes): void {
    for (const [key, value] of this.#own) writes.set(key, value);
  }
}
