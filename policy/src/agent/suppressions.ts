// Stimuli for which nothing was done: each is a row at once and part of a record soon, one record for each policy,
// version and reason (spec/node-records.md section 2).
//
//   <prefix>s/<n>     a suppression that waits for its batch
//   <prefix>pending   how many wait

import { formatHex, utf8 } from '@writ/core/bytes';
import { bug } from '@writ/core/errors';
import { leafHash } from '@writ/core/merkle/hash';
import { GrowingTree } from '@writ/core/merkle/tree';
import { formatCanonicalJson } from '@writ/core/statements/jcs';
import type { ExecutionSuppressed } from '@writ/core/statements/kinds/node';
import { type ExecutionIndex, NO_POLICY } from './execution-index.ts';
import type { Journal, Transaction } from './journal.ts';
import { decodePending, decodeSuppression, type Pending, type Suppression } from './ledger-rows.ts';
import type { Instant, Outbox } from './outbox.ts';
import { encodeRow, keyNumber, rememberLast } from './record-row.ts';

/** What was left alone; policy and version are null where it did not come to a policy. */
export interface Stimulus extends Pick<Suppression, 'policy' | 'version'> {
  /** Id of the event. */
  readonly event: Uint8Array;
}

/** Suppressions that may wait for their batch; those beyond are counted as lost. */
export const MAX_PENDING = 10_000;

interface Waiting {
  readonly key: string;
  readonly row: Suppression;
}

export class Suppressions {
  readonly #journal: Journal;
  readonly #outbox: Outbox;
  readonly #index: ExecutionIndex;
  readonly #prefix: string;
  readonly #decodePending: typeof decodePending = rememberLast(decodePending);
  #flushing: Promise<unknown> = Promise.resolve();

  /** `prefix` is that of the ledger. */
  constructor(journal: Journal, outbox: Outbox, index: ExecutionIndex, prefix: string) {
    this.#journal = journal;
    this.#outbox = outbox;
    this.#index = index;
    this.#prefix = prefix;
  }

  /** How many wait, as of the last commit. */
  get pending(): number {
    return this.#pending(this.#journal).count;
  }

  /** Adds one in the transaction of the caller. `reason` is a code; `by` the id in hexadecimal of what held it back. */
  add(tx: Transaction, stimulus: Stimulus, reason: string, by: string | null, now: Instant): void {
    const { count, next } = this.#pending(tx);
    if (count >= MAX_PENDING) {
      this.#outbox.countLost(tx, 1, now);
      return;
    }
    const { policy, version } = stimulus;
    const event = formatHex(stimulus.event);
    const row: Suppression = { policy, version, reason, event, by, timeMs: now.wallMs };
    tx.put(`${this.#prefix}s/${keyNumber(next)}`, encodeRow({ ...row }));
    this.#putPending(tx, { count: count + 1, next: next + 1 });
  }

  /** Makes batches of all that wait; returns how many. Without room in the outbox they wait on. */
  flush(now: Instant): Promise<number> {
    const turn = this.#flushing.then(() => this.#flush(now));
    this.#flushing = turn.catch(() => undefined);
    return turn;
  }

  async #flush(now: Instant): Promise<number> {
    const start = `${this.#prefix}s/`;
    const found = await this.#journal.rows({ from: start, to: `${start}~`, limit: MAX_PENDING });
    const groups = new Map<string, Waiting[]>();
    for (const [key, value] of found) {
      const row = decodeSuppression(key, value);
      const name = `${row.policy} ${row.version} ${row.reason}`;
      const group = groups.get(name);
      if (group === undefined) groups.set(name, [{ key, row }]);
      else group.push({ key, row });
    }
    let batches = 0;
    for (const group of groups.values()) {
      if (!(await this.#journal.run((tx) => this.#writeBatch(tx, group, now)))) break;
      batches++;
    }
    return batches;
  }

  #writeBatch(tx: Transaction, group: readonly Waiting[], now: Instant): boolean {
    const records = group.map(({ row }) => formatCanonicalJson({ ...row }));
    const payload = batchOf(group, records);
    const appended = this.#outbox.append(tx, payload, now, 'ordinary');
    if (appended.kind === 'refused') return false;
    const { id, seq } = appended;
    for (const { key } of group) tx.delete(key);
    const { count, next } = this.#pending(tx);
    this.#putPending(tx, { count: count - group.length, next });
    this.#index.putBatch(tx, seq, now.wallMs, records);
    const { policy, version, reason, firstMs, lastMs } = payload;
    this.#index.put(tx, policy ?? NO_POLICY, {
      ...{ id, seq, state: 'suppressed', version, event: null, host: null, capability: null },
      ...{ verb: null, targets: [], severity: 'info', reason, count: payload.count },
      ...{ startedMs: firstMs, endedMs: lastMs, correlation: null },
    });
    return true;
  }

  #pending(from: Pick<Transaction, 'get'>): Pending {
    const key = `${this.#prefix}pending`;
    const bytes = from.get(key);
    return bytes === undefined ? { count: 0, next: 0 } : this.#decodePending(key, bytes);
  }

  #putPending(tx: Transaction, pending: Pending): void {
    tx.put(`${this.#prefix}pending`, encodeRow({ ...pending }));
  }
}

function batchOf(group: readonly Waiting[], records: readonly string[]): ExecutionSuppressed {
  const { policy, version, reason } = group[0]?.row ?? bug('an empty batch');
  const tree = new GrowingTree();
  for (const record of records) tree.append(leafHash(utf8(record)));
  const times = group.map(({ row }) => row.timeMs);
  const [firstMs, lastMs] = [Math.min(...times), Math.max(...times)];
  const count = group.length;
  const digest = tree.root();
  return { kind: 'execution-suppressed', policy, version, reason, count, firstMs, lastMs, digest };
}
