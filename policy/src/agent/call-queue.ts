// Driver calls in turn: one at a time for each host, a bounded number in all, a bounded number waiting
// (spec/policy-engine.md section 6). Hosts take turns, so that a busy one does not starve the others.

export interface CallLimits {
  /** Calls at a time, of all hosts together. */
  readonly maxCalls: number;
  /** Calls that may wait for one host. */
  readonly maxWaiting: number;
  /** Calls that may wait for all hosts together. */
  readonly maxWaitingAll: number;
}

export const DEFAULT_CALL_LIMITS: CallLimits = {
  maxCalls: 10,
  maxWaiting: 256,
  maxWaitingAll: 4096,
};

interface Waiting {
  readonly run: () => Promise<void>;
}

interface Host {
  readonly waiting: Waiting[];
  /** On the monotonic clock; undefined: no call runs. */
  runningSinceMs: number | undefined;
}

export interface CallStats {
  readonly running: number;
  readonly waiting: number;
  readonly refused: number;
  /** Age of the oldest call that runs, in milliseconds; 0: none does. The watchdog looks at it. */
  readonly oldestMs: number;
}

export class CallQueue {
  readonly #limits: CallLimits;
  readonly #monotonic: () => number;
  /** Hosts with something to do, the next one first. */
  readonly #hosts = new Map<string, Host>();
  #running = 0;
  #waiting = 0;
  #refused = 0;

  /** `monotonic` gives milliseconds of a clock that never jumps. RangeError for limits below 1. */
  constructor(monotonic: () => number, limits: CallLimits = DEFAULT_CALL_LIMITS) {
    for (const [name, limit] of Object.entries(limits))
      if (!Number.isSafeInteger(limit) || limit < 1) throw new RangeError(`${name} is below 1`);
    this.#monotonic = monotonic;
    this.#limits = limits;
  }

  /**
   * Runs `work` when it is the turn of `host`, and gives what it gives. undefined, at once: too many calls wait.
   * Whatever `work` does, it has to end: deadlines are its own.
   */
  run<T>(host: string, work: () => Promise<T>): Promise<T> | undefined {
    const queue = this.#hosts.get(host) ?? { waiting: [], runningSinceMs: undefined };
    const { maxWaiting, maxWaitingAll } = this.#limits;
    if (queue.waiting.length >= maxWaiting || this.#waiting >= maxWaitingAll) {
      this.#refused += 1;
      return undefined;
    }
    this.#hosts.set(host, queue);
    const done = new Promise<T>((resolve, reject) => {
      // Not in this turn: who asked must not see `work` begin before `run` has returned.
      queue.waiting.push({ run: () => Promise.resolve().then(work).then(resolve, reject) });
    });
    this.#waiting += 1;
    this.#next();
    return done;
  }

  stats(): CallStats {
    const now = this.#monotonic();
    const since = [...this.#hosts.values()].map(({ runningSinceMs }) => runningSinceMs ?? now);
    const oldestMs = since.reduce((oldest, at) => Math.max(oldest, now - at), 0);
    return { running: this.#running, waiting: this.#waiting, refused: this.#refused, oldestMs };
  }

  #next(): void {
    for (const [name, host] of this.#hosts) {
      if (this.#running >= this.#limits.maxCalls) return;
      if (host.runningSinceMs !== undefined) continue;
      const work = host.waiting.shift();
      if (work !== undefined) this.#start(name, host, work);
    }
  }

  #start(name: string, host: Host, { run }: Waiting): void {
    this.#waiting -= 1;
    this.#running += 1;
    host.runningSinceMs = this.#monotonic();
    void run().then(() => {
      this.#running -= 1;
      host.runningSinceMs = undefined;
      // To the end of the line, or out of it.
      this.#hosts.delete(name);
      if (host.waiting.length > 0) this.#hosts.set(name, host);
      this.#next();
    });
  }
}
