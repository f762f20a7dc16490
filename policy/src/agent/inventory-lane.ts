// One discovery of a host at a time: those who ask meanwhile share it where it covers what they want, and else the
// next one, which takes all of them together.

import { isLogError } from '@writ/core/errors';
import { readDiscovery } from '../engine/discovery.ts';
import {
  type DiscoveryRun,
  type HostInventory,
  keepRows,
  type Merged,
  mergeDiscovery,
} from '../engine/inventory-merge.ts';
import type { InventoriesOptions, InventoryCounters, InventoryHost } from './inventory-port.ts';

/** What a lane works on. */
export interface LaneHost {
  readonly host: InventoryHost;
  inventory: HostInventory;
}

export interface LaneOutcome {
  /** True when the driver answered for everything that was asked. */
  readonly isWhole: boolean;
  readonly problems: readonly string[];
}

/** A discovery under way. `wanted` null: everything. */
interface Flight {
  readonly wanted: ReadonlySet<string> | null;
  readonly outcome: Promise<LaneOutcome>;
  isOverdue: boolean;
}

const MAX_REASON = 200;

/** The discoveries of one mode of one host. */
export class DiscoveryLane {
  readonly #mode: 'fast' | 'full';
  readonly #target: LaneHost;
  readonly #options: InventoriesOptions;
  readonly #counters: InventoryCounters;
  #running: Flight | undefined;
  #next: { readonly wanted: Set<string>; readonly outcome: Promise<LaneOutcome> } | undefined;
  /** Settles when no driver is at work any more. */
  #idle: Promise<void> = Promise.resolve();

  constructor(
    mode: 'fast' | 'full',
    target: LaneHost,
    options: InventoriesOptions,
    counters: InventoryCounters,
  ) {
    this.#mode = mode;
    this.#target = target;
    this.#options = options;
    this.#counters = counters;
  }

  /** Discovers `ids`, null for all, and ends within `seconds` whatever the driver does. Never rejects for a driver. */
  request(ids: readonly string[] | null, seconds: number): Promise<LaneOutcome> {
    const running = this.#running;
    if (running === undefined && this.#next === undefined)
      return this.#start(ids === null ? null : new Set(ids), seconds).outcome;
    if (running?.isOverdue)
      return Promise.resolve(failed('the driver has not ended the discovery before'));
    if (running !== undefined && covers(running.wanted, ids)) {
      this.#counters.shared++;
      return this.#within(running.outcome, seconds);
    }
    const wanted = this.#next?.wanted ?? new Set<string>();
    for (const id of ids ?? []) wanted.add(id);
    this.#next ??= { wanted, outcome: this.#startAfter(wanted, seconds) };
    return this.#within(this.#next.outcome, seconds);
  }

  // Who waits for the discovery of somebody else has a deadline of his own.
  async #within(outcome: Promise<LaneOutcome>, seconds: number): Promise<LaneOutcome> {
    const timer = new AbortController();
    const late = this.#options.env
      .sleep(seconds * 1000, timer.signal)
      .then(() => failed(`no answer within ${seconds} s`));
    try {
      return await Promise.race([outcome, late]);
    } finally {
      timer.abort();
    }
  }

  async #startAfter(wanted: ReadonlySet<string>, seconds: number): Promise<LaneOutcome> {
    await this.#idle;
    this.#next = undefined;
    return this.#start(wanted, seconds).outcome;
  }

  #start(wanted: ReadonlySet<string> | null, seconds: number): Flight {
    const { env, discoverer } = this.#options;
    const { host } = this.#target;
    const stop = new AbortController();
    const mode = this.#mode;
    const ids = wanted === null ? null : [...wanted];
    const request = { mode, types: host.types, ids, deadlineMs: seconds * 1000 };
    const begun = { mode, wanted: ids, driver: host.driver, startedMs: env.nowMs() };
    this.#counters.discoveries++;
    const answer = settle(async () => discoverer.discover(host.id, request, stop.signal));
    const outcome = this.#finish(answer, begun, seconds, stop);
    const flight: Flight = { wanted, outcome, isOverdue: false };
    this.#running = flight;
    // The lane is free when both have ended: the driver, and what we do with its answer.
    this.#idle = Promise.allSettled([answer, outcome]).then(() => {
      this.#running = undefined;
    });
    return flight;
  }

  async #finish(
    answer: Promise<Settled>,
    begun: Omit<DiscoveryRun, 'nowMs'>,
    seconds: number,
    stop: AbortController,
  ): Promise<LaneOutcome> {
    const { env } = this.#options;
    const timer = new AbortController();
    const overdue = env.sleep(seconds * 1000, timer.signal).then(() => undefined);
    const settled = await Promise.race([answer, overdue]);
    timer.abort();
    if (settled === undefined) {
      if (this.#running !== undefined) this.#running.isOverdue = true;
      stop.abort();
      void answer.then(({ isAnswer }) => {
        if (isAnswer) this.#counters.late++;
      });
    }
    const previous = this.#target.inventory;
    const run = { ...begun, nowMs: env.nowMs() };
    const merged = mergeSettled(previous, settled, run, seconds);
    if (merged.problems.length > 0) this.#counters.failed++;
    this.#target.inventory = merged.inventory;
    const problems = [...merged.problems, ...(await this.#save(previous, merged.inventory))];
    return { isWhole: problems.length === 0, problems };
  }

  // What cannot be stored is still known; somebody has to hear of it.
  async #save(previous: HostInventory, next: HostInventory): Promise<string[]> {
    try {
      await this.#options.store.save(this.#target.host.id, previous, next);
      return [];
    } catch (error) {
      return [`the inventory could not be stored: ${reasonOf(error)}`];
    }
  }
}

type Settled =
  | { readonly isAnswer: true; readonly value: unknown }
  | { readonly isAnswer: false; readonly reason: string };

function settle(call: () => Promise<unknown>): Promise<Settled> {
  return call().then(
    (value) => ({ isAnswer: true, value }),
    (error: unknown) => ({ isAnswer: false, reason: reasonOf(error) }),
  );
}

function mergeSettled(
  previous: HostInventory,
  settled: Settled | undefined,
  run: DiscoveryRun,
  seconds: number,
): Merged {
  if (settled === undefined) return keepRows(previous, `no answer within ${seconds} s`, run);
  if (!settled.isAnswer) return keepRows(previous, settled.reason, run);
  try {
    return mergeDiscovery(previous, readDiscovery(settled.value), run);
  } catch (error) {
    if (!isLogError(error, 'response-malformed')) throw error;
    return keepRows(previous, error.message, run);
  }
}

function covers(wanted: ReadonlySet<string> | null, ids: readonly string[] | null): boolean {
  return wanted === null || (ids?.every((id) => wanted.has(id)) ?? false);
}

function failed(problem: string): LaneOutcome {
  return { isWhole: false, problems: [problem] };
}

function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : 'the driver failed without saying why';
  return text.slice(0, MAX_REASON);
}
