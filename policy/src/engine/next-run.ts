// When a schedule runs next: by local days, so that an expression that hardly ever runs costs no more than one that
// always does (spec/policy-spec.md section 5).

import { type Cron, canRun, runsOnDay } from './cron.ts';
import { instantOf, type OffsetAt, offsetsOf } from './time-zone.ts';

/** Days that are searched: eight years, the longest way from one 29 February to the next, and a day at each end. */
export const MAX_SEARCH_DAYS = 2924;
/** A run that was due longer ago than this is missed: it is recorded and does not run. */
export const MAX_LATENESS_MS = 60_000;
/** Most runs that one look returns. */
export const MAX_RUNS = 100;

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** Farther from 1970 than this there are no dates to compute with. */
const MAX_TIME_MS = 8e15;

/**
 * The first run of `cron` in `timeZone` after `afterMs` (milliseconds since 1970); undefined when there is none within
 * MAX_SEARCH_DAYS. A local time that is skipped runs at the next valid instant, one that comes twice at the first.
 * RangeError for an unknown zone or a time that is no date.
 */
export function nextRun(cron: Cron, timeZone: string, afterMs: number): number | undefined {
  if (!(Math.abs(afterMs) <= MAX_TIME_MS)) throw new RangeError('afterMs is no date');
  if (!canRun(cron)) return undefined;
  const offsetAt = offsetsOf(timeZone);
  const local = afterMs + offsetAt(afterMs);
  const firstDay = Math.floor(local / DAY_MS) * DAY_MS;
  for (let i = 0; i < MAX_SEARCH_DAYS; i++) {
    const dayMs = firstDay + i * DAY_MS;
    if (!runsOnDay(cron, dateOf(dayMs))) continue;
    const run = firstRunOfDay(cron, dayMs, offsetAt, afterMs);
    if (run !== undefined) return run;
  }
  return undefined;
}

/** The runs after `sinceMs` up to `nowMs`: those to do, oldest first, and how many came too long ago (MAX_LATENESS_MS). */
export function runsBetween(
  cron: Cron,
  timeZone: string,
  sinceMs: number,
  nowMs: number,
): { readonly due: readonly number[]; readonly missed: number } {
  const due: number[] = [];
  let missed = 0;
  let afterMs = sinceMs;
  while (afterMs < nowMs && due.length < MAX_RUNS) {
    // Counted as far as it is worth it; what follows the count is the last minute.
    if (missed >= MAX_RUNS) afterMs = Math.max(afterMs, nowMs - MAX_LATENESS_MS - 1);
    const run = nextRun(cron, timeZone, afterMs);
    if (run === undefined || run > nowMs) break;
    if (run < nowMs - MAX_LATENESS_MS) missed++;
    else due.push(run);
    afterMs = run;
  }
  return { due, missed };
}

function dateOf(dayMs: number): { month: number; day: number; weekday: number; length: number } {
  const date = new Date(dayMs);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  return {
    month: month + 1,
    day: date.getUTCDate(),
    weekday: date.getUTCDay(),
    length: new Date(Date.UTC(year, month + 1, 0)).getUTCDate(),
  };
}

// Instants never decrease with the time on the clock face, so the first that is late enough is the answer.
function firstRunOfDay(
  { hours, minutes }: Cron,
  dayMs: number,
  offsetAt: OffsetAt,
  afterMs: number,
): number | undefined {
  const steady = steadyOffset(dayMs, offsetAt);
  for (const hour of hours) {
    const hourMs = dayMs + hour * HOUR_MS;
    if (steady !== undefined && hourMs + HOUR_MS - steady <= afterMs) continue;
    for (const minute of minutes) {
      const localMs = hourMs + minute * MINUTE_MS;
      const run = steady === undefined ? instantOf(localMs, offsetAt) : localMs - steady;
      if (run > afterMs) return run;
    }
  }
  return undefined;
}

/** The offset of a whole local day; undefined when it may change within. */
function steadyOffset(dayMs: number, offsetAt: OffsetAt): number | undefined {
  const offset = offsetAt(dayMs - DAY_MS);
  const isSteady = offsetAt(dayMs + 2 * DAY_MS) === offset && offsetAt(dayMs) === offset;
  return isSteady && offsetAt(dayMs + DAY_MS) === offset ? offset : undefined;
}
