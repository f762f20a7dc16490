// Load on a raw-profile log that remembers every promise: which entry was acknowledged at which index.

import { setTimeout as sleep } from 'node:timers/promises';
import { parseSafeDecimal } from '@writ/core/bytes';
import type { Dice } from './dice.ts';

const MAX_PADDING = 400;
/** Overloaded or stopped, and out of room: nothing was promised. */
const HONEST_REFUSALS: ReadonlySet<number> = new Set([429, 503, 507]);
/** After a connection broke, the server is most likely gone. */
const BROKEN_PAUSE_MS = 5;

/** What one submission came to. */
export type Outcome = 'acknowledged' | 'refused' | 'unknown';

/** Unique entries, submitted again and again until told to stop, with a memory of the answers. */
export class Load {
  /** Entries by acknowledged index. */
  readonly acknowledged: Map<number, string> = new Map();
  /** Submitted without an answer: they may be in the log or not. */
  readonly unknown: Set<string> = new Set();
  /** Broken promises, in words; must stay empty. */
  readonly violations: string[] = [];
  refused = 0;
  resubmitted = 0;
  readonly #dice: Dice;
  readonly #indexOf = new Map<string, number>();
  #lastIndex = -1;
  #isRunning = false;
  #lanes: Promise<void>[] = [];

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  /** The largest acknowledged index, or -1. */
  get lastIndex(): number {
    return this.#lastIndex;
  }

  /** Submits with `lanes` requests in flight until `stop`. */
  start(url: string, lanes: number): void {
    this.#isRunning = true;
    this.#lanes = Array.from({ length: lanes }, () => this.#runLane(url));
  }

  /** Resolves when every request in flight has come to something. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    await Promise.all(this.#lanes);
  }

  /** Submits one entry and notes the answer. */
  async submit(url: string, entry: string): Promise<Outcome> {
    let response: Response;
    let answer: string;
    try {
      const headers = { 'content-type': 'application/octet-stream' };
      response = await fetch(`${url}/add`, { method: 'POST', headers, body: entry });
      answer = await response.text();
    } catch {
      if (!this.#indexOf.has(entry)) this.unknown.add(entry);
      return 'unknown';
    }
    if (response.status === 200) {
      this.#note(entry, answer);
      return 'acknowledged';
    }
    this.refused++;
    if (!HONEST_REFUSALS.has(response.status))
      this.violations.push(`status ${response.status}: ${answer}`);
    return 'refused';
  }

  /** An entry that nobody submitted before. */
  freshEntry(): string {
    const padding = 'x'.repeat(this.#dice.between(0, MAX_PADDING));
    return `${this.#dice.word()} ${padding}`;
  }

  async #runLane(url: string): Promise<void> {
    while (this.#isRunning) {
      const outcome = await this.submit(url, this.#nextEntry());
      if (outcome !== 'acknowledged') await sleep(BROKEN_PAUSE_MS);
    }
  }

  /** Mostly something new; at times again what got no answer, or what was acknowledged already. */
  #nextEntry(): string {
    if (!this.#dice.oneIn(20)) return this.freshEntry();
    const [unknown] = this.unknown;
    const known = this.acknowledged.get(this.#dice.between(0, Math.max(0, this.#lastIndex)));
    const again = this.#dice.oneIn(2) ? unknown : known;
    if (again === undefined) return this.freshEntry();
    this.resubmitted++;
    return again;
  }

  #note(entry: string, answer: string): void {
    const index = parseSafeDecimal(answer);
    if (index === undefined) {
      this.violations.push(`the answer is no index: ${answer}`);
      return;
    }
    const before = this.#indexOf.get(entry);
    if (before !== undefined && before !== index)
      this.violations.push(`one entry was acknowledged at ${before} and at ${index}`);
    const other = this.acknowledged.get(index);
    if (other !== undefined && other !== entry)
      this.violations.push(`two entries were acknowledged at ${index}`);
    this.acknowledged.set(index, entry);
    this.#indexOf.set(entry, index);
    this.unknown.delete(entry);
    this.#lastIndex = Math.max(this.#lastIndex, index);
  }

  /** Compares entries read from the log, from index `start` on, with what was promised. */
  check(start: number, entries: readonly Uint8Array[]): void {
    for (const [i, entry] of entries.entries()) {
      const promised = this.acknowledged.get(start + i);
      if (promised !== undefined && promised !== new TextDecoder().decode(entry))
        this.violations.push(`entry ${start + i} is not the acknowledged one`);
    }
  }
}

/** Entries that occur twice. */
export function duplicates(entries: readonly Uint8Array[]): number {
  return entries.length - new Set(entries.map((entry) => new TextDecoder().decode(entry))).size;
}
