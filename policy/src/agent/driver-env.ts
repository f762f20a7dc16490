// What the driver runner needs of the outside world beside processes: time.

import { clearTimeout, setTimeout } from 'node:timers';

export interface DriverEnv {
  /** Milliseconds since 1970, for drivers that stamp what they send. */
  readonly nowMs: () => number;
  /** Calls `run` once after `ms` milliseconds, unless the function that it returns is called before. */
  readonly after: (ms: number, run: () => void) => () => void;
}

/** The real clock. */
export const driverEnv: DriverEnv = {
  nowMs: () => Date.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};
