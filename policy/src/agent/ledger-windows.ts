// Suppression and idempotency windows: rows that say when something last happened, judged by clocks that may lie
// (spec/node-records.md section 8).
//
//   <prefix>w/i/<key>                  the last intent with that idempotency key, by its digest
//   <prefix>w/s/<policy>/<subject>     the last match of that policy, by the digest of the subject

import { formatHex, utf8 } from '@writ/core/bytes';
import { sha256 } from '@writ/core/sha256';
import type { Journal, Transaction } from './journal.ts';
import { decodeWindow, type WindowRow } from './ledger-rows.ts';
import type { Instant } from './outbox.ts';
import { encodeRow } from './record-row.ts';

/** Longest window of a policy: 31 days. A row is kept for as long. */
export const MAX_WINDOW_MS = 2_678_400_000;

/** A policy whose triggers and conditions hold for an event. */
export interface Match {
  readonly policy: string;
  readonly version: number;
  /** Id of the event. */
  readonly event: Uint8Array;
  readonly subject: string;
  readonly suppressionWindowMs: number;
}

/** A closed window. `by`: id in hexadecimal of the intent, or of the event, that began it. */
export type HeldByWindow =
  | { readonly kind: 'suppressed-idempotent'; readonly by: string }
  | { readonly kind: 'suppressed-window'; readonly by: string };

/** The run of the node that asks, and when it began. */
export interface Run {
  readonly number: number;
  readonly openedAt: Instant;
}

type Reader = Pick<Transaction, 'get'>;

/** Rows that are read, and deleted, at a time. */
const PRUNE_ROWS = 500;

export class Windows {
  readonly #prefix: string;
  readonly #run: Run;
  readonly #isOpen: (from: Reader, intent: string) => boolean;

  /** `prefix` is that of the ledger; `isOpen` says whether an intent has not ended yet. */
  constructor(prefix: string, run: Run, isOpen: (from: Reader, intent: string) => boolean) {
    this.#prefix = `${prefix}w/`;
    this.#run = run;
    this.#isOpen = isOpen;
  }

  /** Which window holds an intent back; that of the idempotency key (by its digest) is asked first. */
  heldBack(
    from: Reader,
    match: Match & { readonly idempotencyWindowMs: number },
    key: Uint8Array,
    now: Instant,
  ): HeldByWindow | undefined {
    const row = readWindow(from, this.#keyOf(key));
    const isSame =
      row !== undefined &&
      (elapsedMs(row, this.#run, now) < match.idempotencyWindowMs || this.#isOpen(from, row.by));
    if (isSame) return { kind: 'suppressed-idempotent', by: row.by };
    const by = this.suppressedBy(from, match, now);
    return by === undefined ? undefined : { kind: 'suppressed-window', by };
  }

  /** What began the closed window of a policy and subject; not what this very event began. */
  suppressedBy(from: Reader, match: Match, now: Instant): string | undefined {
    const row = readWindow(from, this.#keyOf(match));
    if (row === undefined || row.event === formatHex(match.event)) return undefined;
    return elapsedMs(row, this.#run, now) < match.suppressionWindowMs ? row.by : undefined;
  }

  /** Begins the window of an idempotency key. */
  beginKey(tx: Transaction, key: Uint8Array, event: Uint8Array, by: string, now: Instant): void {
    this.#begin(tx, this.#keyOf(key), event, by, now);
  }

  /** Begins the window of a policy and subject. It runs from the first action: later ones for that event leave it. */
  beginMatch(tx: Transaction, match: Match, by: string, now: Instant): void {
    const key = this.#keyOf(match);
    const row = readWindow(tx, key);
    const isOfThis =
      row?.event === formatHex(match.event) &&
      elapsedMs(row, this.#run, now) < match.suppressionWindowMs;
    if (!isOfThis) this.#begin(tx, key, match.event, by, now);
  }

  /** Deletes the windows that no policy can ask for any more; returns how many. */
  async prune(journal: Journal, now: Instant): Promise<number> {
    const isOver = (from: Reader, row: WindowRow): boolean =>
      elapsedMs(row, this.#run, now) > MAX_WINDOW_MS && !this.#isOpen(from, row.by);
    let deleted = 0;
    for (let from = this.#prefix; ; ) {
      const rows = await journal.rows({ from, to: `${this.#prefix}~`, limit: PRUNE_ROWS });
      const old = rows.filter(([key, value]) => isOver(journal, decodeWindow(key, value)));
      deleted += await journal.run((tx) => {
        // Read again: it may have begun anew.
        const gone = old.filter(([key]) => {
          const row = readWindow(tx, key);
          return row !== undefined && isOver(tx, row);
        });
        for (const [key] of gone) tx.delete(key);
        return gone.length;
      });
      const last = rows.at(-1);
      if (last === undefined || rows.length < PRUNE_ROWS) return deleted;
      from = `${last[0]}\0`;
    }
  }

  #begin(tx: Transaction, key: string, event: Uint8Array, by: string, now: Instant): void {
    const row: WindowRow = { run: this.#run.number, ...now, by, event: formatHex(event) };
    tx.put(key, encodeRow({ ...row }));
  }

  #keyOf(of: Uint8Array | Pick<Match, 'policy' | 'subject'>): string {
    if (of instanceof Uint8Array) return `${this.#prefix}i/${formatHex(of)}`;
    return `${this.#prefix}s/${of.policy}/${formatHex(sha256(utf8(of.subject)))}`;
  }
}

/**
 * How long ago a window began. Within one run the steady clock says so. Of what began in an earlier run, wall time
 * counts up to the start of this one, and the steady clock from there; a wall clock that went back counts nothing, so
 * that a window stays closed for longer rather than opening early.
 */
export function elapsedMs(
  row: Pick<WindowRow, 'run' | 'wallMs' | 'steadyMs'>,
  run: Run,
  now: Instant,
): number {
  if (row.run === run.number) return now.steadyMs - row.steadyMs;
  const before = Math.max(0, run.openedAt.wallMs - row.wallMs);
  return before + (now.steadyMs - run.openedAt.steadyMs);
}

/** A moment in whole milliseconds. */
export function wholeMs({ wallMs, steadyMs }: Instant): Instant {
  return { wallMs: Math.max(0, Math.floor(wallMs)), steadyMs: Math.max(0, Math.floor(steadyMs)) };
}

/** Throws RangeError for a window that no policy can have. */
export function checkWindow(windowMs: number): void {
  if (!(windowMs >= 0 && windowMs <= MAX_WINDOW_MS))
    throw new RangeError(`a window has 0 to ${MAX_WINDOW_MS} ms`);
}

function readWindow(from: Reader, key: string): WindowRow | undefined {
  const bytes = from.get(key);
  return bytes === undefined ? undefined : decodeWindow(key, bytes);
}
