// Timestamps of cosignatures. A cosignature says "at this time, this was the largest tree I had seen", so
// timestamps of one witness never decrease, and a clock that is plainly wrong signs nothing: a time far in
// the future, signed and stored once, would bind the witness for ever.

import { LogError } from '@writ/core/errors';

/** 2026-01-01T00:00:00Z: this software is younger. A clock that nobody set starts in 1970 or 2000. */
const EARLIEST_SECONDS = 1_767_225_600n;
/** Steps back up to this are clock discipline: the last time is repeated until the clock catches up. */
const MAX_STEP_BACK_SECONDS = 300n;
/** No discipline of a clock that was good enough to sign with steps forward by more than this. */
const MAX_STEP_FORWARD_MS = 86_400_000;

export interface Clocks {
  /** Wall clock, milliseconds since 1970. */
  nowMs(): number;
  /** Milliseconds since any moment, by a clock that nobody sets; `performance.now` by default. */
  monotonicMs?(): number;
}

export interface SigningClock {
  /** POSIX seconds for a cosignature, none below an earlier one. LogError clock-implausible. */
  next(): bigint;
  /** Throws what `next` would throw, and changes nothing. */
  check(): void;
}

/** A clock whose times are not below `latestSeconds`. */
export function createSigningClock(clocks: Clocks, latestSeconds: bigint): SigningClock {
  let last = latestSeconds;
  /** Wall clock less monotonic clock at the last time that was given out. */
  let lastOffsetMs = Number.POSITIVE_INFINITY;
  const read = (): [now: bigint, offsetMs: number] => {
    const nowMs = clocks.nowMs();
    const offsetMs = nowMs - (clocks.monotonicMs?.() ?? performance.now());
    const now = BigInt(Math.floor(nowMs / 1000));
    if (now < EARLIEST_SECONDS) throw implausible('before 2026', now);
    if (now < last - MAX_STEP_BACK_SECONDS) throw implausible('behind the last cosignature', now);
    if (offsetMs - lastOffsetMs > MAX_STEP_FORWARD_MS)
      throw implausible('set forward by more than a day; restart it if the clock is right', now);
    return [now, offsetMs];
  };
  return {
    check: read,
    next: () => {
      const [now, offsetMs] = read();
      lastOffsetMs = offsetMs;
      if (now > last) last = now;
      return last;
    },
  };
}

function implausible(where: string, nowSeconds: bigint): LogError {
  return new LogError('clock-implausible', `the clock of the witness is ${where}`, { nowSeconds });
}
