// Timestamps of cosignatures. A cosignature says "at this time, this was the largest tree I had seen", so
// timestamps of one witness never decrease, and a clock that is plainly wrong signs nothing.

import { LogError } from '@writ/core/errors';

/** 2026-01-01T00:00:00Z: this software is younger. A clock that nobody set starts in 1970 or 2000. */
const EARLIEST_SECONDS = 1_767_225_600n;
/** Steps back up to this are clock discipline: the last time is repeated until the clock catches up. */
const MAX_STEP_BACK_SECONDS = 300n;

/** A clock that gives POSIX seconds, none below an earlier one or `latestSeconds`. LogError clock-implausible. */
export function createSigningClock(nowMs: () => number, latestSeconds: bigint): () => bigint {
  let last = latestSeconds;
  return () => {
    const now = BigInt(Math.floor(nowMs() / 1000));
    if (now < EARLIEST_SECONDS) throw implausible('before 2026', now);
    if (now < last - MAX_STEP_BACK_SECONDS) throw implausible('behind the last cosignature', now);
    if (now > last) last = now;
    return last;
  };
}

function implausible(where: string, nowSeconds: bigint): LogError {
  return new LogError('clock-implausible', `the clock of the witness is ${where}`, { nowSeconds });
}
