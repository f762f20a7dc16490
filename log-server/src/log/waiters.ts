// Requests that wait for a published checkpoint.

import type { Env } from '../env.ts';
import type { CheckpointRecord } from '../storage/port.ts';

/** Most that wait at a time: each holds a timer and a request. */
const DEFAULT_MAX_WAITERS = 8192;

interface Waiter {
  readonly size: number;
  /** Ends the timer and answers. */
  settle(record: CheckpointRecord | undefined): void;
}

/** The list of those who wait for a size to be published with quorum. */
export class Waiters {
  readonly #env: Env;
  readonly #maxWaiters: number;
  readonly #waiting = new Set<Waiter>();

  constructor(env: Env, maxWaiters: number = DEFAULT_MAX_WAITERS) {
    this.#env = env;
    this.#maxWaiters = maxWaiters;
  }

  /** The first record to cover `size` entries; undefined after `timeoutMs`, or at once when too many wait. */
  wait(size: number, timeoutMs: number): Promise<CheckpointRecord | undefined> {
    if (this.#waiting.size >= this.#maxWaiters) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const timer = new AbortController();
      const waiter: Waiter = {
        size,
        settle: (record) => {
          this.#waiting.delete(waiter);
          timer.abort();
          resolve(record);
        },
      };
      this.#waiting.add(waiter);
      void this.#env.sleep(timeoutMs, timer.signal).then(() => waiter.settle(undefined));
    });
  }

  /** Answers all that `record` covers. A record without quorum answers nobody: it makes no proof. */
  settle(record: CheckpointRecord): void {
    if (!record.quorumMet) return;
    for (const waiter of [...this.#waiting]) {
      if (waiter.size <= record.size) waiter.settle(record);
    }
  }

  /** Sends everybody away without a record. */
  release(): void {
    for (const waiter of [...this.#waiting]) waiter.settle(undefined);
  }
}
