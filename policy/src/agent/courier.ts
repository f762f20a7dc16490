// Carries the outbox of a node into the log: in order, in batches, each statement once. What the log says unproved
// decides when to submit again; only a proof lets a statement go (spec/node-records.md section 7).

import { isLogError } from '@writ/core/errors';
import type { Journal, Transaction } from './journal.ts';
import type { Outbox } from './outbox.ts';
import type { OutboxMeta, StopCode } from './outbox-meta.ts';
import type { StreamHeadRef, StreamLog, Verdict } from './stream-log.ts';

/** How a round went. */
export type Round =
  /** All that there was is in the log, as it says. */
  | { readonly kind: 'done' }
  /** Some of it is; another round goes on. */
  | { readonly kind: 'more' }
  /** The log cannot be asked. */
  | { readonly kind: 'away'; readonly code: string; readonly message: string }
  /** The log refuses the next statement; nothing behind it can be submitted before that changes. */
  | {
      readonly kind: 'blocked';
      readonly code: string;
      readonly message: string;
      readonly seq: number;
    }
  | { readonly kind: 'stopped'; readonly code: StopCode };

/** Statements and bytes of one batch; the log takes 1,000 and 8 MiB. */
const BATCH_ROWS = 500;
const BATCH_BYTES = 4_194_304;

const NO_CONFLICT = 'the log refuses the statement that continues its stream';

/** Statements that are let go in one transaction. */
const SETTLE_ROWS = 1000;

export class Courier {
  readonly #journal: Journal;
  readonly #outbox: Outbox;
  readonly #log: StreamLog;
  #last: Promise<unknown> = Promise.resolve();
  #isFirst = true;

  constructor(journal: Journal, outbox: Outbox, log: StreamLog) {
    this.#journal = journal;
    this.#outbox = outbox;
    this.#log = log;
  }

  /** Submits what the log has not taken. Call it again after `more`, and later after `away` and `blocked`. */
  submit(): Promise<Round> {
    return this.#inTurn(() => this.#submit());
  }

  /** Asks for the proven head and lets go of what it covers. LogError as `provenHead`. */
  settle(): Promise<Round> {
    return this.#inTurn(async () => {
      const head = await this.#log.provenHead();
      return head === null ? this.#state() : this.#settle(head);
    });
  }

  /** Goes on after a stop, once an operator has found out what happened. */
  resume(): Promise<void> {
    return this.#journal.run((tx) => {
      this.#outbox.update(tx, () => ({ stopped: null }));
    });
  }

  #inTurn<Result>(run: () => Promise<Result>): Promise<Result> {
    const turn = this.#last.then(run);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #submit(): Promise<Round> {
    if (this.#isFirst) await this.#lookFirst();
    this.#isFirst = false;
    const { stopped, sent, next } = this.#outbox.status;
    if (stopped !== null) return { kind: 'stopped', code: stopped };
    if (sent === next) return { kind: 'done' };
    const items = await this.#outbox.items(sent, BATCH_ROWS, BATCH_BYTES);
    let verdicts: readonly Verdict[];
    try {
      verdicts = await this.#log.submit(items);
    } catch (error) {
      if (!isLogError(error)) throw error;
      return { kind: 'away', code: error.code, message: error.message };
    }
    const other = verdicts.findIndex(({ kind }) => kind !== 'taken');
    const taken = Math.min(items.length, other === -1 ? verdicts.length : other);
    await this.#advance(sent, taken);
    const verdict = other === -1 ? undefined : verdicts[other];
    if (verdict?.kind === 'conflict') return this.#conflict(verdict.head);
    if (verdict?.kind === 'refused')
      return { kind: 'blocked', code: verdict.code, message: verdict.message, seq: sent + taken };
    if (taken > 0) return this.#state();
    return {
      kind: 'away',
      code: 'response-malformed',
      message: 'the log said nothing of the batch',
    };
  }

  /**
   * Whether this node is an old copy shows before it submits anything. And what an earlier process was told may have been
   * forgotten since: whatever is not proved is submitted once more.
   */
  async #lookFirst(): Promise<void> {
    await this.#journal.run((tx) => this.#outbox.update(tx, ({ settled }) => ({ sent: settled })));
    try {
      const head = await this.#log.provenHead();
      if (head !== null) await this.#settle(head);
    } catch (error) {
      if (!isLogError(error)) throw error;
    }
  }

  #advance(from: number, count: number): Promise<void> {
    return this.#journal.run((tx) => {
      if (count > 0)
        this.#outbox.update(tx, ({ sent }) => ({ sent: Math.max(sent, from + count) }));
    });
  }

  /** Our own statement at the head of the log only says where to go on; anything else stops us. */
  #conflict(head: StreamHeadRef | null): Promise<Round> {
    return this.#journal.run((tx) => {
      const at = head === null ? 0 : head.seq + 1;
      const meta = this.#outbox.update(tx, () => ({}));
      const stop = head === null ? forgotten(meta, 0) : this.#judge(tx, meta, head);
      if (stop !== undefined) return this.#stop(tx, stop);
      // It is exactly there that the batch began.
      if (at === meta.sent)
        return { kind: 'blocked', code: 'stream-conflict', message: NO_CONFLICT, seq: at };
      this.#outbox.update(tx, () => ({ sent: at }));
      return at === meta.next ? { kind: 'done' } : { kind: 'more' };
    });
  }

  async #settle(head: StreamHeadRef): Promise<Round> {
    for (;;) {
      const round = await this.#journal.run((tx) => this.#settleSome(tx, head));
      if (round !== undefined) return round;
    }
  }

  #settleSome(tx: Transaction, head: StreamHeadRef): Round | undefined {
    const meta = this.#outbox.update(tx, () => ({}));
    // An older proof than one before says nothing new.
    if (head.seq < meta.settled - 1) return this.#state();
    const stop = this.#judge(tx, meta, head);
    if (stop !== undefined) return this.#stop(tx, stop);
    const end = Math.min(head.seq + 1, meta.settled + SETTLE_ROWS);
    const settledHead = this.#outbox.idAt(tx, end - 1) ?? null;
    let freed = 0;
    for (let seq = meta.settled; seq < end; seq++) freed += this.#outbox.drop(tx, seq);
    this.#outbox.update(tx, ({ sent, bytes }) => ({
      settled: end,
      settledHead,
      sent: Math.max(sent, end),
      bytes: bytes - freed,
    }));
    return end === head.seq + 1 ? { kind: 'done' } : undefined;
  }

  #judge(tx: Transaction, meta: OutboxMeta, head: StreamHeadRef): StopCode | undefined {
    const stop = forgotten(meta, head.seq + 1);
    if (stop !== undefined) return stop;
    return this.#outbox.idAt(tx, head.seq) === head.id ? undefined : 'stream-taken';
  }

  #stop(tx: Transaction, code: StopCode): Round {
    this.#outbox.update(tx, () => ({ stopped: code }));
    return { kind: 'stopped', code };
  }

  #state(): Round {
    const { stopped, unsent } = this.#outbox.status;
    if (stopped !== null) return { kind: 'stopped', code: stopped };
    return unsent === 0 ? { kind: 'done' } : { kind: 'more' };
  }
}

function forgotten({ settled }: OutboxMeta, size: number): StopCode | undefined {
  return size < settled ? 'stream-forgotten' : undefined;
}
