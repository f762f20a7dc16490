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

/** The machine's clocks, both in milliseconds. */
export interface Clocks {
  /** Wall clock, since 1970. */
  nowMs(): number;
  /** A clock that nobody sets, since any moment; `performance.now` by default. */
  monotonicMs?(): number;
}

export type SigningClock = (options?: { readonly isTrial: boolean }) => bigint;

/**
 * A clock in POSIX seconds, none below an earlier one or `latestSeconds`. A trial gives nothing out, so it
 * moves nothing either. LogError clock-implausible.
 */
export function createSigningClock(clocks: Clocks, latestSeconds: bigint): SigningClock {
  let last = latestSeconds;
  /** Wall clock less monotonic clock at the last time that was given out. */
  let lastOffsetMs = Number.POSITIVE_INFINITY;
  return ({ isTrial } = { isTrial: false }) => {
    const nowMs = clocks.nowMs();
    const offsetMs = nowMs - (clocks.monotonicMs?.() ?? performance.now());
    const now = BigInt(Math.floor(nowMs / 1000));
    if (now < EARLIEST_SECONDS) throw implausible('before 2026', now);
    if (now < last - MAX_STEP_BACK_SECONDS) throw implausible('behind the last cosignature', now);
    if (offsetMs - lastOffsetMs > MAX_STEP_FORWARD_MS)
      throw implausible('set forward by more than a day: if it is right, start again', now);
    if (isTrial) return last;
    lastOffsetMs = offsetMs;
    if (now > last) last = now;
    return last;
  };
}

function implausible(where: string, nowSeconds: bigint): LogError {
  return new LogError('clock-implausible', `the clock of the witness is ${where}`, { nowSeconds });
}
