// Follows a log and keeps the rows that follow from it (spec/policy-api.md section 2): behind the commits, a batch at a
// time, each with the place that it reached. Deleting the rows costs nothing but the time to make them again.

import { formatHex } from '@writ/core/bytes';
import { bug, isLogError, LogError } from '@writ/core/errors';
import type { Payload } from '@writ/core/statements/kinds';
import { decodePayload, openPayload } from '@writ/core/statements/kinds';
import { decodeStatement, type Statement } from '@writ/core/statements/statement';
import type { PolicyVersion } from '@writ/core/streams/village-state';
import type { Log } from '../log/log.ts';
import type { Ledger } from '../streams/ledger.ts';
import type { Committed, Ground } from './committed.ts';
import { Draft, rowOf } from './draft.ts';
import { CURSOR } from './keys.ts';
import { project } from './project.ts';
import type { RowReader, RowStore } from './rows.ts';

/** Goes up with every change of what is in the rows. */
const FORMAT = 1;

/** Statements in one batch. */
const BATCH = 256;

/** Where the projection stands. */
interface Cursor {
  readonly format: number;
  /** Leaf index that comes next. */
  readonly next: number;
  /** Leaf hash of the entry before it, so that the rows of another log are noticed; null at the start. */
  readonly leaf: string | null;
  /** Time of the last state root. */
  readonly time: number;
  /** Statements that could not be read. */
  readonly skipped: number;
}

const START: Cursor = { format: FORMAT, next: 0, leaf: null, time: 0, skipped: 0 };

interface Parts {
  readonly store: RowStore;
  readonly log: Followed;
  readonly ledger: Ledger;
  readonly cursor: Cursor;
}

interface Waiter {
  readonly size: number;
  resolve(): void;
  reject(error: unknown): void;
}

/** The log that a projection follows. */
export type Followed = Pick<
  Log,
  'head' | 'ledger' | 'readEntry' | 'readEntries' | 'leafHashAt' | 'findLeaf'
>;

export class Projection {
  readonly #store: RowStore;
  readonly #log: Followed;
  readonly #ledger: Ledger;
  #cursor: Cursor;
  #running: Promise<void> | undefined;
  #waiters: Waiter[] = [];
  #isClosed = false;

  readonly #failed: (error: unknown) => void;

  private constructor(
    { store, log, ledger, cursor }: Parts,
    failed: (error: unknown) => void = () => {},
  ) {
    this.#failed = failed;
    this.#store = store;
    this.#log = log;
    this.#ledger = ledger;
    this.#cursor = cursor;
  }

  /**
   * Goes on where `store` ends, or from the start where it is of another format, or of another log. RangeError for a
   * log without streams. LogError storage-failed. `failed` hears of what stops it; it goes on when it is woken again.
   */
  static async open(
    store: RowStore,
    log: Followed,
    failed?: (error: unknown) => void,
  ): Promise<Projection> {
    const { ledger } = log;
    if (ledger === undefined) throw new RangeError('a log of any bytes has nothing to project');
    const stored = rowOf<Cursor>(await store.get(CURSOR));
    if (stored !== undefined && isOf(stored, log))
      return new Projection({ store, log, ledger, cursor: stored }, failed);
    await store.clear();
    return new Projection({ store, log, ledger, cursor: START }, failed);
  }

  /** The rows as they are. */
  get rows(): RowReader {
    return this.#store;
  }

  /** Entries that are in the rows. */
  get size(): number {
    return this.#cursor.next;
  }

  /** Statements that could not be read. */
  get skipped(): number {
    return this.#cursor.skipped;
  }

  /** The log has grown: follows it, in its own time. */
  wake(): void {
    if (this.#isClosed || this.#running !== undefined) return;
    this.#running = this.#run().then((hasFailed) => {
      this.#running = undefined;
      // What came behind the last look, and has to be seen without another wake.
      if (!hasFailed && this.#cursor.next < this.#log.head.size) this.wake();
    });
  }

  /** Resolves when the first `size` entries of the durable log are in the rows. Rejects with what stops the projection. */
  reach(size: number): Promise<void> {
    if (this.#cursor.next >= size) return Promise.resolve();
    if (this.#isClosed) return Promise.reject(new LogError('log-stopped', 'it is shutting down'));
    return new Promise((resolve, reject) => {
      this.#waiters.push({ size, resolve, reject });
      this.wake();
    });
  }

  /** Ends after the batch that is being written, and closes the rows. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#running;
    await this.#store.close();
  }

  /** True when a fault stopped it. */
  async #run(): Promise<boolean> {
    try {
      while (!this.#isClosed && this.#cursor.next < this.#log.head.size) await this.#takeBatch();
      this.#settle();
      return false;
    } catch (error) {
      this.#failed(error);
      for (const { reject } of this.#waiters.splice(0)) reject(error);
      return true;
    }
  }

  #settle(): void {
    for (const waiter of this.#waiters.splice(0)) {
      if (waiter.size <= this.#cursor.next) waiter.resolve();
      else if (this.#isClosed) waiter.reject(new LogError('log-stopped', 'it is shutting down'));
      else this.#waiters.push(waiter);
    }
  }

  async #takeBatch(): Promise<void> {
    const { next: first } = this.#cursor;
    const end = Math.min(first + BATCH, this.#log.head.size);
    const rows = new Draft(this.#store);
    const ground: Ground = {
      rows,
      activated: (village, policy, index) => this.#activated(village, policy, index),
      statementOf: (id) => this.#statementOf(id),
    };
    let { time, skipped } = this.#cursor;
    let index = first;
    for await (const entry of this.#log.readEntries(range(first, end))) {
      const at = index++;
      if (!mayMatter(entry)) continue;
      try {
        const statement = decodeStatement(entry);
        const payload = await this.#payloadOf(statement);
        if (payload.kind === 'state-root') time = payload.timeSeconds;
        else await this.#take(ground, { statement, payload, index: at, timeSeconds: time });
      } catch (error) {
        if (!isUnreadable(error)) throw error;
        skipped++;
      }
    }
    const leaf = formatHex(this.#log.leafHashAt(end - 1));
    const cursor = { format: FORMAT, next: end, leaf, time, skipped };
    rows.put(CURSOR, cursor);
    await this.#store.apply(rows.changes);
    this.#cursor = cursor;
    this.#settle();
  }

  // A statement changes all its rows or none.
  async #take(ground: Ground, committed: Committed): Promise<void> {
    const own = new Draft(ground.rows);
    await project({ ...ground, rows: own }, committed);
    for (const [key, value] of own.changes) ground.rows.changes.set(key, value);
  }

  /** The state of a village knows every version and the leaf that activated it, whatever came after. */
  #activated(village: string, policy: string, index: number): PolicyVersion | undefined {
    const state = this.#ledger.states.get(`village/${village}`);
    if (state?.family !== 'village') return undefined;
    let version = state.policies.get(policy) ?? null;
    while (version !== null && version.index > index) version = version.previous;
    return version?.index === index ? version : undefined;
  }

  async #statementOf(id: Uint8Array): Promise<{ payload: Payload; index: number }> {
    const index = this.#log.findLeaf(id) ?? bug('a statement that is referred to is in the log');
    const statement = decodeStatement(this.#log.readEntry(index));
    return { payload: await this.#payloadOf(statement), index };
  }

  /** What a statement says, sealed or not. LogError storage-corrupt when its opening is gone. */
  async #payloadOf(statement: Statement): Promise<Payload> {
    const payload = decodePayload(statement);
    if (payload.kind !== 'sealed') return payload;
    const opening = await this.#ledger.openings?.store.read(payload.commitment);
    if (opening !== undefined) return openPayload(statement, opening);
    const name = formatHex(payload.commitment);
    throw new LogError('storage-corrupt', `the opening ${name} is gone: restore it from a backup`);
  }
}

function isOf({ format, next, leaf }: Cursor, log: Followed): boolean {
  if (format !== FORMAT || next > log.head.size) return false;
  return next === 0 || formatHex(log.leafHashAt(next - 1)) === leaf;
}

function* range(first: number, end: number): Generator<number> {
  for (let index = first; index < end; index++) yield index;
}

/** What says itself that it cannot be read; faults of the storage are something else. */
function isUnreadable(error: unknown): boolean {
  return isLogError(error) && !error.code.startsWith('storage-');
}

const MARKS = ['village/', 'node/', 'state-root'];

/** False for entries of other streams, found without decoding: stream and kind stand in them as they are. */
function mayMatter(entry: Uint8Array): boolean {
  // Node's search is many times faster than one by hand, and this sees every entry of the log.
  const text = Buffer.from(entry.buffer, entry.byteOffset, entry.length);
  return MARKS.some((mark) => text.includes(mark));
}
