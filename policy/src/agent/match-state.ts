// What the engine remembers between events: latches of ALL, timers that run, ids of events it has seen. Durable, so that
// a restart neither forgets half of a condition nor runs an event twice.
//
//   <prefix>e/l/<policy>    the latches of a policy
//   <prefix>e/t             the timers that run
//   <prefix>e/m             up to when the runs of schedules were made
//   <prefix>e/s/<expiry>/<event>   an event that must not run twice, and whether it was handled to its end

import { equalBytes, utf8 } from '@writ/core/bytes';
import { isLogError, LogError } from '@writ/core/errors';
import { formatCanonicalJson, type JsonValue, parseCanonicalJson } from '@writ/core/statements/jcs';
import * as z from 'zod';
import type { Latch } from '../engine/latch.ts';
import type { RunningTimer } from '../engine/timers.ts';
import type { Journal } from './journal.ts';
import { keyNumber } from './record-row.ts';

/** How long the id of an event from outside is kept: longer than its signature is good. */
export const SEEN_FOR_MS = 900_000;
/** Most ids that are kept; more senders at once is a flood, and is refused. */
export const MAX_SEEN = 200_000;

const BEGUN = Uint8Array.of(0);
const FINISHED = Uint8Array.of(1);

const latches: z.ZodType<readonly Latch[]> = z.array(
  z.strictObject({ trigger: z.string(), subject: z.string(), ms: z.number(), event: z.string() }),
);
const timers: z.ZodType<readonly RunningTimer[]> = z.array(
  z.strictObject({
    trigger: z.string(),
    subject: z.strictObject({
      kind: z.enum(['ups', 'host', 'vm', 'integration']),
      id: z.string(),
    }),
    dueMs: z.number(),
    since: z.string(),
    correlation_id: z.string().nullable(),
  }),
);

/** What a policy has of which no trigger is latched. */
export const NO_LATCHES: readonly Latch[] = [];

export class MatchState {
  readonly #journal: Journal;
  readonly #prefix: string;
  readonly #latches = new Map<string, readonly Latch[]>();
  readonly #seen = new Map<string, number>();
  #interrupted: readonly string[] = [];
  #timers: readonly RunningTimer[] = [];
  #markMs: number | undefined;

  private constructor(journal: Journal, prefix: string) {
    this.#journal = journal;
    this.#prefix = `${prefix}e/`;
  }

  /** Reads back what was remembered. `prefix` is that of the node's records. LogError storage-corrupt. */
  static async open(journal: Journal, prefix: string, nowMs: number): Promise<MatchState> {
    const state = new MatchState(journal, prefix);
    await state.#load(nowMs);
    return state;
  }

  /** Ids of events that an earlier run of the node began to handle, and never finished. */
  get interrupted(): readonly string[] {
    return this.#interrupted;
  }

  get timers(): readonly RunningTimer[] {
    return this.#timers;
  }

  /** Up to when the runs of schedules were made, milliseconds since 1970; undefined: the node never ran. */
  get markMs(): number | undefined {
    return this.#markMs;
  }

  async setMark(ms: number): Promise<void> {
    this.#markMs = ms;
    await this.#put('m', ms);
  }

  latchesOf(policy: string): readonly Latch[] {
    return this.#latches.size === 0 ? NO_LATCHES : (this.#latches.get(policy) ?? NO_LATCHES);
  }

  /** Resolves when it is durable; those who ask in between see it already. */
  async setLatches(policy: string, next: readonly Latch[]): Promise<void> {
    const before = this.latchesOf(policy);
    if (before.length === 0 && next.length === 0) return;
    if (next.length === 0) this.#latches.delete(policy);
    else this.#latches.set(policy, next);
    await this.#put(
      `l/${policy}`,
      next.map((latch) => ({ ...latch })),
    );
  }

  async setTimers(next: readonly RunningTimer[]): Promise<void> {
    if (next === this.#timers) return;
    this.#timers = next;
    await this.#put(
      't',
      next.map((timer) => ({ ...timer, subject: { ...timer.subject } })),
    );
  }

  /** False: the event was seen before. True once it is durable that it was. `full`: too many are remembered. */
  async see(event: string, nowMs: number): Promise<boolean | 'full'> {
    this.#expire(nowMs);
    if (this.#seen.has(event)) return false;
    if (this.#seen.size >= MAX_SEEN) return 'full';
    const until = nowMs + SEEN_FOR_MS;
    this.#seen.set(event, until);
    const key = this.#seenKey(event, until);
    await this.#journal.run((tx) => tx.put(key, BEGUN));
    return true;
  }

  /** Writes down that an event of `see` was handled to its end. */
  async finish(event: string): Promise<void> {
    const until = this.#seen.get(event);
    if (until === undefined) return;
    const key = this.#seenKey(event, until);
    await this.#journal.run((tx) => tx.put(key, FINISHED));
  }

  #seenKey(event: string, until: number): string {
    return `${this.#prefix}s/${keyNumber(until)}/${event}`;
  }

  async #load(nowMs: number): Promise<void> {
    const range = (name: string): { from: string; to: string; limit: number } => ({
      from: `${this.#prefix}${name}`,
      to: `${this.#prefix}${name}~`,
      limit: MAX_SEEN,
    });
    for (const [key, bytes] of await this.#journal.rows(range('l/')))
      this.#latches.set(key.slice(this.#prefix.length + 2), read(key, bytes, latches));
    const bytes = this.#journal.get(`${this.#prefix}t`);
    if (bytes !== undefined) this.#timers = read(`${this.#prefix}t`, bytes, timers);
    const mark = this.#journal.get(`${this.#prefix}m`);
    if (mark !== undefined) this.#markMs = read(`${this.#prefix}m`, mark, z.number());
    const interrupted: string[] = [];
    for (const [key, value] of await this.#journal.rows(range('s/'))) {
      const [until, event] = key.slice(this.#prefix.length + 2).split('/');
      if (event === undefined) continue;
      this.#seen.set(event, Number(until));
      if (equalBytes(value, BEGUN)) interrupted.push(event);
    }
    this.#interrupted = interrupted;
    this.#expire(nowMs);
  }

  /** Ids are kept in the order of their end: the first that is not over ends the search. */
  #expire(nowMs: number): void {
    const over: string[] = [];
    for (const [event, until] of this.#seen) {
      if (until > nowMs) break;
      this.#seen.delete(event);
      over.push(this.#seenKey(event, until));
    }
    if (over.length > 0)
      void this.#journal
        .run((tx) => {
          for (const key of over) tx.delete(key);
        })
        // Rows that stay are deleted after the next start; a journal that is broken says so to all others.
        .catch(() => {});
  }

  async #put(name: string, value: JsonValue): Promise<void> {
    const isEmpty = Array.isArray(value) && value.length === 0;
    await this.#journal.run((tx) => {
      if (isEmpty) tx.delete(`${this.#prefix}${name}`);
      else tx.put(`${this.#prefix}${name}`, utf8(formatCanonicalJson(value)));
    });
  }
}

function read<Value>(key: string, bytes: Uint8Array, schema: z.ZodType<Value>): Value {
  const damaged = (cause: unknown): LogError => {
    const message = `the record ${key} is damaged; bring the folder back from a copy`;
    return new LogError('storage-corrupt', message, { key }, cause);
  };
  let json: JsonValue;
  try {
    json = parseCanonicalJson(bytes);
  } catch (error) {
    if (isLogError(error)) throw damaged(error);
    throw error;
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw damaged(parsed.error);
}
