// Cron expressions: five fields, to the minute, in the grammar of spec/policy-spec.md section 5. A strict parser, and
// one canonical spelling for all expressions that run at the same times.

/** Longest expression in characters. */
export const MAX_CRON_LENGTH = 200;

export interface Cron {
  /** Ascending. */
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  /** 1 to 31. */
  readonly days: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  /** 0 is Sunday. */
  readonly weekdays: ReadonlySet<number>;
  /** Which of the two kinds of day counts; with `either`, a day of any of both. */
  readonly dayRule: 'all' | 'day' | 'weekday' | 'either';
  /** True: a day beyond the end of a month means its last. */
  readonly isLastDay: boolean;
}

/** What is wrong with an expression. */
export interface CronProblem {
  readonly problem: string;
}

interface Field {
  readonly title: string;
  readonly min: number;
  readonly max: number;
  readonly names: readonly string[];
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

const MINUTE: Field = { title: 'minute', min: 0, max: 59, names: [] };
const HOUR: Field = { title: 'hour', min: 0, max: 23, names: [] };
const DAY: Field = { title: 'day of month', min: 1, max: 31, names: [] };
const MONTH: Field = { title: 'month', min: 1, max: 12, names: MONTHS };
const WEEKDAY: Field = { title: 'day of week', min: 0, max: 7, names: WEEKDAYS };

interface DayField {
  readonly isAny: boolean;
  readonly isFull: boolean;
}

/** A field of days that restricts nothing. */
const ANY = /^[*?](?:\/1)?$/;

/** Days that a month can have, January first. */
const MONTH_DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

const ITEM = /^(?:(\*|\?)|([0-9]{1,2}|[a-z]{3})(?:-([0-9]{1,2}|[a-z]{3}))?)(?:\/([0-9]{1,2}))?$/;

/** Reads an expression of at most MAX_CRON_LENGTH characters. `isLastDay`: see Cron. */
export function parseCron(text: string, isLastDay = false): Cron | CronProblem {
  if (text.length > MAX_CRON_LENGTH)
    return { problem: `is longer than ${MAX_CRON_LENGTH} characters` };
  const fields = text.toLowerCase().split(' ');
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = fields;
  if (fields.length !== 5)
    return { problem: 'must be five fields with one space between: minute hour day month weekday' };
  const minutes = readField(MINUTE, minute);
  if (typeof minutes === 'string') return { problem: minutes };
  const hours = readField(HOUR, hour);
  if (typeof hours === 'string') return { problem: hours };
  const days = readField(DAY, day);
  if (typeof days === 'string') return { problem: days };
  const months = readField(MONTH, month);
  if (typeof months === 'string') return { problem: months };
  const weekdays = readField(WEEKDAY, weekday);
  if (typeof weekdays === 'string') return { problem: weekdays };
  if (weekdays.delete(7)) weekdays.add(0);
  const dayRule = dayRuleOf(
    { isAny: ANY.test(day), isFull: days.size === 31 },
    { isAny: ANY.test(weekday), isFull: weekdays.size === 7 },
  );
  return {
    minutes: ascending(minutes),
    hours: ascending(hours),
    days,
    months,
    weekdays,
    dayRule,
    isLastDay,
  };
}

/** The one spelling of all expressions that run at the times of `cron`. */
export function formatCron(cron: Cron): string {
  const isDay = cron.dayRule === 'day' || cron.dayRule === 'either';
  const isWeekday = cron.dayRule === 'weekday' || cron.dayRule === 'either';
  return [
    formatField(cron.minutes, 60),
    formatField(cron.hours, 24),
    isDay ? formatField(ascending(cron.days), 31) : '*',
    formatField(ascending(cron.months), 12),
    isWeekday ? formatField(ascending(cron.weekdays), 7) : '*',
  ].join(' ');
}

/** False when no date can ever match, as with 30 February. */
export function canRun(cron: Cron): boolean {
  if (cron.dayRule !== 'day' || cron.isLastDay) return true;
  const earliest = Math.min(...cron.days);
  return [...cron.months].some((month) => earliest <= (MONTH_DAYS[month - 1] ?? 0));
}

/** True when `cron` has runs on this date; `month` from 1, `weekday` from 0 for Sunday, `length` of the month in days. */
export function runsOnDay(
  cron: Cron,
  date: { month: number; day: number; weekday: number; length: number },
): boolean {
  if (!cron.months.has(date.month)) return false;
  if (cron.dayRule === 'all') return true;
  const isWeekday = cron.dayRule !== 'day' && cron.weekdays.has(date.weekday);
  return isWeekday || (cron.dayRule !== 'weekday' && hasDay(cron, date.day, date.length));
}

function hasDay({ days, isLastDay }: Cron, day: number, length: number): boolean {
  if (days.has(day)) return true;
  return isLastDay && day === length && [...days].some((wanted) => wanted > length);
}

// Both fields restricted: a day of either runs, as in Vixie cron. A field that has every value restricts nothing, so
// with the other one restricted the union is every day.
function dayRuleOf(day: DayField, weekday: DayField): Cron['dayRule'] {
  if ((!day.isAny && day.isFull) || (!weekday.isAny && weekday.isFull)) return 'all';
  if (day.isAny) return weekday.isAny ? 'all' : 'weekday';
  return weekday.isAny ? 'day' : 'either';
}

/** The values of a field, or what is wrong with it. */
function readField(field: Field, text: string): Set<number> | string {
  if (text.includes('?') && field !== DAY && field !== WEEKDAY)
    return `${field.title}: ? stands in the fields of days only`;
  const values = new Set<number>();
  // Each item once: a field of nothing but `*` would cost the most.
  for (const item of new Set(text.split(','))) {
    const found = readItem(field, item);
    if (typeof found === 'string') return `${field.title}: ${found}`;
    for (const value of found) values.add(value);
  }
  return values;
}

function readItem(field: Field, item: string): readonly number[] | string {
  const match = ITEM.exec(item);
  if (match === null) return 'must be *, a value, a range a-b, or one of them with a step /n';
  const [, any, first = '', last, stepText] = match;
  const step = stepText === undefined ? 1 : Number(stepText);
  const start = any === undefined ? fieldValue(field, first) : field.min;
  const end = endOf(
    field,
    any,
    last ?? (stepText === undefined ? first : undefined),
    last !== undefined,
  );
  if (start === undefined || end === undefined)
    return `values are ${field.min} to ${field.max}${field.names.length > 0 ? ' or three-letter names' : ''}`;
  if (start > end)
    return last === undefined ? 'no step starts at 7' : 'a range must not run backwards';
  if (step < 1 || step > field.max) return `a step is 1 to ${field.max}`;
  return Array.from({ length: Math.floor((end - start) / step) + 1 }, (_, i) => start + i * step);
}

/** The last value of an item; `a/n` runs to the end of the field. A week ends with 6, and `sun` ends a range as 7. */
function endOf(
  field: Field,
  any: string | undefined,
  last: string | undefined,
  isRange: boolean,
): number | undefined {
  if (any !== undefined || last === undefined) return field === WEEKDAY ? 6 : field.max;
  return field === WEEKDAY && isRange && last === 'sun' ? 7 : fieldValue(field, last);
}

function fieldValue(field: Field, text: string): number | undefined {
  const named = field.names.indexOf(text);
  const value = named === -1 ? Number(text) : named + (field === MONTH ? 1 : 0);
  return value >= field.min && value <= field.max ? value : undefined;
}

function ascending(values: Iterable<number>): readonly number[] {
  return [...values].sort((a, b) => a - b);
}

/** Runs of three and more become ranges. */
function formatField(values: readonly number[], count: number): string {
  if (values.length === count) return '*';
  const items: string[] = [];
  for (let i = 0; i < values.length; ) {
    let end = i;
    while (values[end + 1] === (values[end] ?? 0) + 1) end++;
    const isRange = end - i >= 2;
    items.push(isRange ? `${values[i]}-${values[end]}` : `${values[i]}`);
    i = isRange ? end + 1 : i + 1;
  }
  return items.join(',');
}
