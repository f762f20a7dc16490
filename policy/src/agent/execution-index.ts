// The index over what a node did: one row an execution and one a batch of suppressions, by policy and position in the
// node's stream; and beside it what opens commitments and batches. Only this can be pruned: statements stay in the log.
//
//   <prefix>x/<policy>/<seq>   the row
//   <prefix>r/<seq>            what opens the commitments of an intent
//   <prefix>b/<seq>            the records of a batch

import { bug } from '@writ/core/errors';
import type { Journal, Row, Transaction } from './journal.ts';
import { type Revelation, revelationOf } from './ledger-intent.ts';
import {
  decodeBatch,
  decodeExecution,
  decodeReveal,
  type Execution,
  type RevealRow,
} from './ledger-rows.ts';
import { encodeRow, keyNumber } from './record-row.ts';

/** Rows of a page, where nothing else is asked. */
export const EXECUTIONS_PAGE = 30;

/** Where the index keeps what came to no policy. */
export const NO_POLICY = '-';

/** What stays when the index is pruned. */
export interface Keep {
  /** Newest rows of each policy; an execution that has not ended stays whatever its place. */
  readonly rowsPerPolicy: number;
  /** How long what opens commitments and batches is kept, in milliseconds of wall time. */
  readonly contentMs: number;
}

/** Rows that are read, and deleted, at a time. */
const PRUNE_ROWS = 500;

export class ExecutionIndex {
  readonly #journal: Journal;
  readonly #prefix: string;

  /** `prefix` is that of the ledger. */
  constructor(journal: Journal, prefix: string) {
    this.#journal = journal;
    this.#prefix = prefix;
  }

  /** The executions of a policy (or of NO_POLICY), newest first; `next` is the `before` of the next page. */
  async page(
    policy: string,
    { limit = EXECUTIONS_PAGE, before }: { readonly limit?: number; readonly before?: number } = {},
  ): Promise<{ readonly rows: readonly Execution[]; readonly next: number | null }> {
    const start = `${this.#prefix}x/${policy}/`;
    const to = before === undefined ? `${start}~` : `${start}${keyNumber(before)}`;
    const range = { from: start, to, limit: limit + 1, isNewestFirst: true };
    const found = await this.#journal.rows(range);
    const rows = found.slice(0, limit).map(([key, value]) => decodeExecution(key, value));
    return { rows, next: found.length > limit ? (rows.at(-1)?.seq ?? null) : null };
  }

  /** The policies that have rows. */
  async policies(): Promise<string[]> {
    const start = `${this.#prefix}x/`;
    const policies: string[] = [];
    for (let from = start; ; ) {
      const [row] = await this.#journal.rows({ from, to: `${start}~`, limit: 1 });
      if (row === undefined) return policies;
      const policy = row[0].slice(start.length).split('/')[0] ?? bug('a row without policy');
      policies.push(policy);
      from = `${start}${policy}/~`;
    }
  }

  /** The records of a batch by its position in the stream, each canonical JSON; undefined when they are not kept. */
  batch(seq: number): readonly string[] | undefined {
    const key = `${this.#prefix}b/${keyNumber(seq)}`;
    const bytes = this.#journal.get(key);
    return bytes && decodeBatch(key, bytes).records;
  }

  /**
   * What opens the commitments of the intent at that position of the stream, for an auditor whom the operator trusts;
   * undefined when it is not kept.
   */
  reveal(seq: number): Revelation | undefined {
    const key = `${this.#prefix}r/${keyNumber(seq)}`;
    const bytes = this.#journal.get(key);
    return bytes && revelationOf(decodeReveal(key, bytes));
  }

  put(tx: Transaction, policy: string, row: Execution): void {
    tx.put(this.#key(policy, row.seq), encodeRow({ ...row }));
  }

  putReveal(tx: Transaction, seq: number, reveal: RevealRow): void {
    tx.put(`${this.#prefix}r/${keyNumber(seq)}`, encodeRow({ ...reveal }));
  }

  putBatch(tx: Transaction, seq: number, timeMs: number, records: readonly string[]): void {
    tx.put(`${this.#prefix}b/${keyNumber(seq)}`, encodeRow({ timeMs, records }));
  }

  /** Writes the end of an execution into its row. */
  end(
    tx: Transaction,
    policy: string,
    seq: number,
    end: Pick<Execution, 'state' | 'severity' | 'reason' | 'endedMs'>,
  ): void {
    const key = this.#key(policy, seq);
    const row = tx.get(key) ?? bug('an open intent is not in the index');
    this.put(tx, policy, { ...decodeExecution(key, row), ...end });
  }

  /** Deletes the rows and contents that are not to be kept; returns how many. */
  async prune({ rowsPerPolicy, contentMs }: Keep, nowMs: number): Promise<number> {
    let deleted = 0;
    for (const policy of await this.policies())
      deleted += await this.#pruneRows(`${this.#prefix}x/${policy}/`, rowsPerPolicy);
    const oldest = nowMs - contentMs;
    const isOldReveal = ([key, value]: Row): boolean => decodeReveal(key, value).timeMs < oldest;
    const isOldBatch = ([key, value]: Row): boolean => decodeBatch(key, value).timeMs < oldest;
    deleted += await this.#pruneContents(`${this.#prefix}r/`, isOldReveal);
    return deleted + (await this.#pruneContents(`${this.#prefix}b/`, isOldBatch));
  }

  async #pruneRows(start: string, keep: number): Promise<number> {
    let deleted = 0;
    let skip = keep;
    for (let to = `${start}~`; ; ) {
      const limit = PRUNE_ROWS;
      const rows = await this.#journal.rows({ from: start, to, limit, isNewestFirst: true });
      const surplus = rows.slice(Math.min(skip, rows.length));
      skip -= rows.length - surplus.length;
      deleted += await this.#delete(surplus, ([key, value]) => {
        return decodeExecution(key, value).endedMs !== null;
      });
      const last = rows.at(-1);
      if (last === undefined || rows.length < PRUNE_ROWS) return deleted;
      to = last[0];
    }
  }

  /** Contents are in the order of the stream, so the first that is young enough ends the search. */
  async #pruneContents(start: string, isOld: (row: Row) => boolean): Promise<number> {
    let deleted = 0;
    for (;;) {
      const rows = await this.#journal.rows({ from: start, to: `${start}~`, limit: PRUNE_ROWS });
      const young = rows.findIndex((row) => !isOld(row));
      const old = young === -1 ? rows : rows.slice(0, young);
      deleted += await this.#delete(old, () => true);
      if (old.length < PRUNE_ROWS) return deleted;
    }
  }

  #delete(rows: readonly Row[], mayGo: (row: Row) => boolean): Promise<number> {
    const gone = rows.filter(mayGo);
    return this.#journal.run((tx) => {
      for (const [key] of gone) tx.delete(key);
      return gone.length;
    });
  }

  #key(policy: string, seq: number): string {
    return `${this.#prefix}x/${policy}/${keyNumber(seq)}`;
  }
}
