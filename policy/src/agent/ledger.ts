// What a node has done, does, and left undone (spec/node-records.md section 8). An intent is judged against the windows
// and written, with its statement in the outbox, in one transaction; so of any number of duplicates one begins, and what
// has begun is on the disk before a driver hears of it.
//
//   <prefix>l/meta                   run, secret, count of open intents
//   <prefix>l/w/i/…, l/w/s/…         windows (ledger-windows.ts)
//   <prefix>l/open/<intent>          intents that have not ended
//   <prefix>l/applied                what was put in force last
//   <prefix>l/x/…, l/r/…, l/b/…      the index (execution-index.ts)
//   <prefix>l/s/…, l/pending         suppressions (suppressions.ts)

import { equalBytes, formatHex } from '@writ/core/bytes';
import { bug } from '@writ/core/errors';
import type { NodePayload } from '@writ/core/statements/kinds';
import { type ExecutionOutcome, MAX_OUTCOME_REASON_SIZE } from '@writ/core/statements/kinds/node';
import type { StateApplied } from '@writ/core/statements/kinds/node-reports';
import { MAX_OPEN_INTENTS } from '@writ/core/streams/node-state';
import { keyDigest, SECRET_SIZE } from './commitment.ts';
import { ExecutionIndex, type Keep } from './execution-index.ts';
import type { Journal, Transaction } from './journal.ts';
import { type BeginRequest, effectsOf, intentOf, type ReportedEffect } from './ledger-intent.ts';
import {
  decodeLedgerMeta,
  decodeOpen,
  type Execution,
  idBytes,
  type LedgerMeta,
  type OpenRow,
} from './ledger-rows.ts';
import {
  checkWindow,
  type HeldByWindow,
  type Match,
  type Run,
  Windows,
  wholeMs,
} from './ledger-windows.ts';
import type { Appended, AppendRefusal, Instant, Outbox } from './outbox.ts';
import { encodeRow, rememberLast } from './record-row.ts';
import { redactText } from './redact.ts';
import { type Stimulus, Suppressions } from './suppressions.ts';

export interface LedgerOptions {
  /** Fresh bytes of a cryptographic random source. */
  readonly random: (size: number) => Uint8Array;
  readonly now: Instant;
  /** Whether records show commitments instead of targets. */
  readonly hidesTargets: boolean;
}

/** Why no intent was written: a window is closed, or its record could not be kept. */
export type Held =
  | HeldByWindow
  | { readonly kind: 'refused'; readonly code: AppendRefusal | 'too-many-intents' };

/** The intent is durable under its id (hexadecimal): the driver may be called. Or it may not. */
export type Begun = { readonly kind: 'begun'; readonly id: string } | Held;

/** How a call ended. */
export interface CallOutcome extends Pick<ExecutionOutcome, 'result' | 'severity'> {
  readonly effects: readonly ReportedEffect[];
  /** Free of secrets (`redactText`); it is cut to size here. */
  readonly reason: string | null;
}

/** `closed`: there is no such open intent; a late answer changes nothing. */
export type Ended = { readonly kind: 'ended'; readonly id: string } | { readonly kind: 'closed' };

type Reader = Pick<Transaction, 'get'>;

const SEVERITY = { nothing: 'info', foreign: 'warn' } as const;

export class Ledger {
  readonly #journal: Journal;
  readonly #outbox: Outbox;
  readonly #options: LedgerOptions;
  readonly #windows: Windows;
  readonly #prefix: string;
  readonly #decodeMeta: typeof decodeLedgerMeta = rememberLast(decodeLedgerMeta);
  /** What was done. */
  readonly index: ExecutionIndex;
  /** What was left alone. `flush` it every few seconds. */
  readonly suppressions: Suppressions;

  private constructor(journal: Journal, outbox: Outbox, options: LedgerOptions, run: Run) {
    this.#journal = journal;
    this.#outbox = outbox;
    this.#options = options;
    this.#prefix = `${outbox.prefix}l/`;
    const isOpen = (from: Reader, id: string): boolean => this.#openAt(from, id) !== undefined;
    this.#windows = new Windows(this.#prefix, run, isOpen);
    this.index = new ExecutionIndex(journal, this.#prefix);
    this.suppressions = new Suppressions(journal, outbox, this.index, this.#prefix);
  }

  /**
   * Opens the ledger of the outbox's node, once in a run. Intents that an earlier run left open become
   * `execution-unknown`; `unknown` lists them. LogError storage-corrupt, storage-failed.
   */
  static async open(
    journal: Journal,
    outbox: Outbox,
    options: LedgerOptions,
  ): Promise<{ readonly ledger: Ledger; readonly unknown: readonly string[] }> {
    const key = `${outbox.prefix}l/meta`;
    const openedAt = wholeMs(options.now);
    const meta = await journal.run((tx) => {
      const bytes = tx.get(key);
      const before = bytes === undefined ? undefined : decodeLedgerMeta(key, bytes);
      const first = { secret: formatHex(options.random(SECRET_SIZE)), open: 0 };
      const after: LedgerMeta = { ...(before ?? first), run: (before?.run ?? 0) + 1 };
      tx.put(key, encodeRow({ ...after }));
      return after;
    });
    const ledger = new Ledger(journal, outbox, options, { number: meta.run, openedAt });
    return { ledger, unknown: await ledger.#recover(openedAt) };
  }

  /**
   * Judges both windows and writes the intent, in one transaction. A window that this very event began does not hold
   * back further actions of the same policy for it. What is held back is recorded as a suppression.
   */
  begin(request: BeginRequest, at: Instant): Promise<Begun> {
    checkWindow(request.idempotencyWindowMs);
    checkWindow(request.suppressionWindowMs);
    const now = wholeMs(at);
    return this.#journal.run((tx) => this.#begin(tx, request, now));
  }

  /**
   * Records a match for which nothing has to be done, with the reason (a code such as `nothing-to-do`): it begins the
   * suppression window like any other.
   */
  match(match: Match, reason: string, at: Instant): Promise<Held | { readonly kind: 'matched' }> {
    checkWindow(match.suppressionWindowMs);
    const now = wholeMs(at);
    return this.#journal.run((tx) => {
      const by = this.#windows.suppressedBy(tx, match, now);
      this.suppressions.add(
        tx,
        match,
        by === undefined ? reason : 'suppressed-window',
        by ?? null,
        now,
      );
      if (by !== undefined) return { kind: 'suppressed-window', by };
      this.#windows.beginMatch(tx, match, formatHex(match.event), now);
      return { kind: 'matched' };
    });
  }

  /**
   * Which window would hold a request back now, as of the last commit: a look ahead that spares work. `begin` decides,
   * and records it.
   */
  heldBack(request: BeginRequest, at: Instant): HeldByWindow | undefined {
    const { secret } = this.#meta(this.#journal);
    const key = keyDigest(idBytes(secret), request.key);
    return this.#windows.heldBack(this.#journal, request, key, wholeMs(at));
  }

  /** Records that an event was refused or left alone, with the reason; null: it did not come to a policy. */
  suppress(stimulus: Stimulus, reason: string, at: Instant): Promise<void> {
    const now = wholeMs(at);
    return this.#journal.run((tx) => this.suppressions.add(tx, stimulus, reason, null, now));
  }

  /** Writes how an intent ended. */
  finish(id: string, outcome: CallOutcome, at: Instant): Promise<Ended> {
    const now = wholeMs(at);
    return this.#journal.run((tx) => {
      const open = this.#openAt(tx, id);
      if (open === undefined) return { kind: 'closed' };
      const { effects, foreign } = effectsOf(open.targets, outcome.effects);
      const isForeign = foreign > 0 && outcome.severity === SEVERITY.nothing;
      const severity = isForeign ? SEVERITY.foreign : outcome.severity;
      const { result } = outcome;
      const reason = reasonOf(outcome.reason, foreign);
      const finishedMs = open.wallMs + Math.max(0, now.steadyMs - open.steadyMs);
      const intent = idBytes(id);
      const times = { startedMs: open.wallMs, finishedMs };
      this.#end(
        tx,
        { id, open, state: result, severity, reason, endedMs: finishedMs },
        { kind: 'execution-outcome', intent, result, severity, effects, reason, ...times },
        now,
      );
      return { kind: 'ended', id };
    });
  }

  /** Writes that nobody knows how an intent ended; `reason` is a code such as `deadline`. */
  unknown(id: string, reason: string, at: Instant): Promise<Ended> {
    const now = wholeMs(at);
    return this.#journal.run((tx) => {
      const open = this.#openAt(tx, id);
      if (open === undefined) return { kind: 'closed' };
      this.#unknown(tx, id, open, reason, now);
      return { kind: 'ended', id };
    });
  }

  /** Records what was put in force; the same state twice in a row is one record. */
  applied(
    state: Omit<StateApplied, 'kind' | 'timeMs'>,
    at: Instant,
  ): Promise<Appended | { readonly kind: 'unchanged' }> {
    const now = wholeMs(at);
    const key = `${this.#prefix}applied`;
    const row = encodeRow({ head: formatHex(state.villageHead), size: state.checkpoint.size });
    return this.#journal.run((tx) => {
      const before = tx.get(key);
      if (before !== undefined && equalBytes(before, row)) return { kind: 'unchanged' };
      const payload: StateApplied = { kind: 'state-applied', ...state, timeMs: now.wallMs };
      const appended = this.#outbox.append(tx, payload, now, 'ordinary');
      if (appended.kind === 'appended') tx.put(key, row);
      return appended;
    });
  }

  /**
   * Deletes what of the index is not to be kept, and the windows of more than 31 days ago; returns how many rows. Nothing
   * that is unfinished goes, and no statement.
   */
  async prune(keep: Keep, at: Instant): Promise<number> {
    const now = wholeMs(at);
    const windows = await this.#windows.prune(this.#journal, now);
    return windows + (await this.index.prune(keep, now.wallMs));
  }

  /** Intents that are open, as of the last commit. */
  get open(): number {
    return this.#meta(this.#journal).open;
  }

  #begin(tx: Transaction, request: BeginRequest, now: Instant): Begun {
    const meta = this.#meta(tx);
    const nodeSecret = idBytes(meta.secret);
    const key = keyDigest(nodeSecret, request.key);
    const held = this.#windows.heldBack(tx, request, key, now);
    if (held !== undefined) return this.#hold(tx, request, held, now);
    if (meta.open >= MAX_OPEN_INTENTS)
      return this.#hold(tx, request, { kind: 'refused', code: 'too-many-intents' }, now);
    const { random, hidesTargets } = this.#options;
    const secrets = { secret: random(SECRET_SIZE), nodeSecret, hidesTargets };
    const { payload, reveal } = intentOf(request, secrets, now.wallMs);
    const room = request.isDestructive ? 'destructive' : 'ordinary';
    const appended = this.#outbox.append(tx, payload, now, room);
    if (appended.kind === 'refused') return this.#hold(tx, request, appended, now);
    const { id, seq } = appended;
    this.#windows.beginKey(tx, key, request.event, id, now);
    this.#windows.beginMatch(tx, request, id, now);
    this.#writeOpen(tx, meta, request, { id, seq }, now);
    this.index.putReveal(tx, seq, reveal);
    return { kind: 'begun', id };
  }

  #writeOpen(
    tx: Transaction,
    meta: LedgerMeta,
    request: BeginRequest,
    { id, seq }: { readonly id: string; readonly seq: number },
    { wallMs, steadyMs }: Instant,
  ): void {
    const { policy, version, targets, host, capability, verb, correlation } = request;
    const open: OpenRow = { policy, seq, targets, wallMs, steadyMs };
    tx.put(`${this.#prefix}open/${id}`, encodeRow({ ...open }));
    this.#putMeta(tx, { ...meta, open: meta.open + 1 });
    this.index.put(tx, policy, {
      ...{ id, seq, state: 'open', version, event: formatHex(request.event) },
      ...{ host, capability, verb, targets, severity: SEVERITY.nothing, reason: null, count: 1 },
      ...{ startedMs: wallMs, endedMs: null, correlation },
    });
  }

  /** Keeps the record of what was held back. */
  #hold(tx: Transaction, request: BeginRequest, held: Held, now: Instant): Held {
    const isRefused = held.kind === 'refused';
    this.suppressions.add(
      tx,
      request,
      isRefused ? held.code : held.kind,
      isRefused ? null : held.by,
      now,
    );
    return held;
  }

  #unknown(tx: Transaction, id: string, open: OpenRow, reason: string, now: Instant): void {
    const timeMs = now.wallMs;
    this.#end(
      tx,
      { id, open, state: 'unknown', severity: 'error', reason, endedMs: timeMs },
      { kind: 'execution-unknown', intent: idBytes(id), reason, timeMs },
      now,
    );
  }

  #end(
    tx: Transaction,
    end: Pick<Execution, 'id' | 'state' | 'severity' | 'reason' | 'endedMs'> & { open: OpenRow },
    payload: NodePayload,
    now: Instant,
  ): void {
    const { id, open, ...members } = end;
    if (this.#outbox.append(tx, payload, now, 'end').kind !== 'appended')
      bug('the end of an intent was refused');
    tx.delete(`${this.#prefix}open/${id}`);
    const meta = this.#meta(tx);
    this.#putMeta(tx, { ...meta, open: meta.open - 1 });
    this.index.end(tx, open.policy, open.seq, members);
  }

  async #recover(now: Instant): Promise<readonly string[]> {
    const start = `${this.#prefix}open/`;
    const range = { from: start, to: `${start}~`, limit: MAX_OPEN_INTENTS };
    const found = await this.#journal.rows(range);
    const rows = found.map(([key, value]) => ({
      id: key.slice(start.length),
      open: decodeOpen(key, value),
    }));
    rows.sort((a, b) => a.open.seq - b.open.seq);
    await this.#journal.run((tx) => {
      for (const { id, open } of rows) this.#unknown(tx, id, open, 'restart', now);
    });
    return rows.map(({ id }) => id);
  }

  #openAt(from: Reader, id: string): OpenRow | undefined {
    const key = `${this.#prefix}open/${id}`;
    const bytes = from.get(key);
    return bytes === undefined ? undefined : decodeOpen(key, bytes);
  }

  #meta(from: Reader): LedgerMeta {
    const key = `${this.#prefix}meta`;
    return this.#decodeMeta(key, from.get(key) ?? bug('the ledger was not opened'));
  }

  #putMeta(tx: Transaction, meta: LedgerMeta): void {
    tx.put(`${this.#prefix}meta`, encodeRow({ ...meta }));
  }
}

function reasonOf(reason: string | null, foreign: number): string | null {
  const note =
    foreign === 0 ? null : `the driver reported ${foreign} effects that are not of this intent`;
  const words = [reason, note].filter((text) => text !== null).join('; ');
  return words === '' ? null : redactText(words, [], MAX_OUTCOME_REASON_SIZE);
}
