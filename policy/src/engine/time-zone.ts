// IANA time zones by the data that the platform has (ECMA-402): which offset holds when, and when a local time is.

/** Offset of local time from UTC in milliseconds at an instant. */
export type OffsetAt = (ms: number) => number;

const NAME = /^[A-Z][A-Za-z0-9_+-]{0,31}(?:\/[A-Za-z0-9_+-]{1,31}){0,2}$/;
const DAY_MS = 86_400_000;
/** The tz database has some 600 names; a document cannot make this grow further. */
const MAX_CACHED = 700;

const formatters = new Map<string, Intl.DateTimeFormat | undefined>();

/** True for a name of the tz database that this platform knows, such as Europe/Berlin. */
export function isTimeZone(name: string): boolean {
  return formatterOf(name) !== undefined;
}

/** The offsets of a zone. RangeError for a name that isTimeZone does not accept. */
export function offsetsOf(timeZone: string): OffsetAt {
  if (timeZone === 'UTC') return () => 0;
  const formatter = formatterOf(timeZone);
  if (formatter === undefined) throw new RangeError('no such time zone');
  return (ms) => localFields(formatter, ms) - Math.floor(ms / 1000) * 1000;
}

/**
 * The instant of a local time, written as the milliseconds that the same clock face has in UTC. A time that is skipped
 * gives the next valid instant, one that comes twice gives the first.
 */
export function instantOf(localMs: number, offsetAt: OffsetAt): number {
  const before = offsetAt(localMs - DAY_MS);
  const after = offsetAt(localMs + DAY_MS);
  const hits = [localMs - before, localMs - after].filter((ms) => offsetAt(ms) === localMs - ms);
  if (hits.length > 0) return Math.min(...hits);
  return transitionBetween(localMs - Math.max(before, after), localMs - Math.min(before, after));

  function transitionBetween(startMs: number, endMs: number): number {
    let [low, high] = [startMs, endMs];
    const offset = offsetAt(low);
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (offsetAt(middle) === offset) low = middle;
      else high = middle;
    }
    return high;
  }
}

function formatterOf(name: string): Intl.DateTimeFormat | undefined {
  if (!NAME.test(name)) return undefined;
  if (formatters.has(name)) return formatters.get(name);
  const formatter = createFormatter(name);
  if (formatter !== undefined && formatters.size < MAX_CACHED) formatters.set(name, formatter);
  return formatter;
}

function createFormatter(timeZone: string): Intl.DateTimeFormat | undefined {
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch {
    return undefined;
  }
}

/** The clock face at an instant, to the second, as milliseconds of the same clock face in UTC. */
function localFields(formatter: Intl.DateTimeFormat, ms: number): number {
  const parts = new Map<string, string>();
  for (const { type, value } of formatter.formatToParts(ms)) parts.set(type, value);
  const field = (type: string): number => Number(parts.get(type));
  const year = parts.get('era') === 'BC' ? 1 - field('year') : field('year');
  const date = new Date(0);
  date.setUTCFullYear(year, field('month') - 1, field('day'));
  return date.setUTCHours(field('hour'), field('minute'), field('second'));
}
