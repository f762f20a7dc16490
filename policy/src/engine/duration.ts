// Durations of the Policy Spec: a whole number and one unit, such as 30s, 5m, 12h or 2d (spec/policy-spec.md section 4).

/** Longest window in seconds: 31 days. */
export const MAX_WINDOW_S = 2_678_400;
/** Longest `for` in seconds: 24 hours. */
export const MAX_HOLD_S = 86_400;

/** The grammar; its length bounds the work of whoever reads it. */
export const DURATION: RegExp = /^(?:0|[1-9][0-9]{0,6})[smhd]$/;

const SECONDS: ReadonlyMap<string, number> = new Map([
  ['s', 1],
  ['m', 60],
  ['h', 3600],
  ['d', 86_400],
]);

/** Seconds of `text`; undefined when it is no duration. The bounds are those of the field, see MAX_WINDOW_S. */
export function parseDuration(text: string): number | undefined {
  const unit = SECONDS.get(text.slice(-1));
  return DURATION.test(text) && unit !== undefined ? Number(text.slice(0, -1)) * unit : undefined;
}

/** The shortest spelling of a number of seconds, such as 5m for 300. RangeError for what is no whole number. */
export function formatDuration(seconds: number): string {
  if (!Number.isSafeInteger(seconds) || seconds < 0)
    throw new RangeError('seconds must be a whole number');
  const [unit, length] = [...SECONDS].findLast(
    ([, length]) => seconds > 0 && seconds % length === 0,
  ) ?? ['s', 1];
  return `${seconds / length}${unit}`;
}
