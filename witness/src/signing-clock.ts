// Timestamps of cosignatures. A cosignature says "at this time, this was the largest tree I had seen", so
// timestamps of one witness never decrease, and a clock that is plainly wrong signs nothing.

import { LogError } from '@writ/core/errors';

/** No witness of this kind ran before: 2026-01-01T00:00:00Z. An unset clock starts in 1970 or 2000. */
export const EARLIEST_SECONDS = 1_767_225_600n;
/** Steps back up to this are clock discipline; the last time is repeated until the clock catches up. */
export const MAX_STEP_BACK_SECONDS = 300n;

export interface SigningClock {
  /** POSIX seconds to sign with, never less than an earlier answer. LogError clock-implausible. */
  nextSeconds(): bigint;
}

/** `latestSeconds` is the largest timestamp on record. */
export function createSigningClock(nowMs: () => number, latestSeconds: bigint): SigningClock {
  let last = latestSeconds;
  return {
    nextSeconds: () => {
      const now = BigInt(Math.floor(nowMs() / 1000));
      if (now < EARLIEST_SECONDS)
        throw implausible('the clock of the witness is before 2026; set it', now);
      if (now < last - MAX_STEP_BACK_SECONDS)
        throw implausible('the clock of the witness is behind its last cosignature; set it', now);
      if (now > last) last = now;
      return last;
    },
  };
}

function implausible(message: string, nowSeconds: bigint): LogError {
  return new LogError('clock-implausible', message, { nowSeconds });
}
