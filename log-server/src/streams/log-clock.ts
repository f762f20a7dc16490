// The clock behind the times in state roots. A time once logged can never be taken back, so a wall clock that jumps
// is not believed until witnesses have confirmed it.

import { LogError } from '@writ/core/errors';

/** How far the wall clock may be from where the steady clock says it should be, and behind the last state root. */
export const MAX_CLOCK_STEP_SECONDS = 300;

export interface ClockSources {
  /** Wall clock in seconds since 1970. */
  nowSeconds(): number;
  /** A clock that never jumps, in milliseconds. */
  monotonicMs(): number;
}

export class LogClock {
  readonly #sources: ClockSources;
  /** Wall clock minus steady clock, in seconds, when the wall clock was last believed. */
  #offsetSeconds: number;

  constructor(sources: ClockSources) {
    this.#sources = sources;
    this.#offsetSeconds = this.#offset();
  }

  /** Seconds since 1970, unchecked: good for ages, not for what is logged. */
  nowSeconds(): number {
    return Math.floor(this.#sources.nowSeconds());
  }

  /** Milliseconds of a clock that never jumps. */
  steadyMs(): number {
    return this.#sources.monotonicMs();
  }

  /** The time for a state root after one of `latestSeconds`. LogError clock-implausible. */
  timeForRoot(latestSeconds: number): number {
    const step = Math.abs(this.#offset() - this.#offsetSeconds);
    const now = this.nowSeconds();
    if (step > MAX_CLOCK_STEP_SECONDS) {
      throw new LogError(
        'clock-implausible',
        `the clock of the log jumped by ${Math.round(step)} seconds: set it right`,
      );
    }
    if (now < latestSeconds - MAX_CLOCK_STEP_SECONDS) {
      throw new LogError(
        'clock-implausible',
        'the clock of the log is behind its latest state root: set it right',
      );
    }
    return Math.max(latestSeconds, now);
  }

  /** Witnesses have just cosigned with times that agree with the wall clock: it is right as it is. */
  confirm(): void {
    this.#offsetSeconds = this.#offset();
  }

  #offset(): number {
    return this.#sources.nowSeconds() - this.#sources.monotonicMs() / 1000;
  }
}
