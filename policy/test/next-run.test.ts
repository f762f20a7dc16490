import { type Cron, parseCron, runsOnDay } from '@writ/policy/engine/cron';
import { MAX_RUNS, nextRun, runsBetween } from '@writ/policy/engine/next-run';
import { isTimeZone, offsetsOf } from '@writ/policy/engine/time-zone';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fastestMs } from './fastest.ts';

const runs = suite('next run');

function cron(text: string, isLastDay = false): Cron {
  const result = parseCron(text, isLastDay);
  if ('problem' in result) throw new Error(`${text}: ${result.problem}`);
  return result;
}

function next(text: string, zone: string, after: string, isLastDay = false): string | undefined {
  const run = nextRun(cron(text, isLastDay), zone, Date.parse(after));
  return run === undefined ? undefined : new Date(run).toISOString().replace(':00.000Z', 'Z');
}

runs('the next run is the first after the given instant, in local time', () => {
  const table: readonly (readonly [string, string, string, string])[] = [
    ['*/15 * * * *', 'UTC', '2012-07-09T14:59:59Z', '2012-07-09T15:00Z'],
    ['*/15 * * * *', 'UTC', '2012-07-09T15:00:00Z', '2012-07-09T15:15Z'],
    ['*/15 * * * *', 'UTC', '2012-07-09T23:46:00Z', '2012-07-10T00:00Z'],
    ['0 0 9 apr-oct ?', 'UTC', '2012-07-09T23:35:00Z', '2012-08-09T00:00Z'],
    ['0 0 29 feb *', 'UTC', '2012-07-09T23:35:00Z', '2016-02-29T00:00Z'],
    // 2100 is no leap year: the longest way there is.
    ['0 0 29 2 *', 'UTC', '2096-02-29T00:00:00Z', '2104-02-29T00:00Z'],
    ['0 0 13 * fri', 'UTC', '2026-11-01T00:00:00Z', '2026-11-06T00:00Z'],
    ['14 14 * * *', 'Asia/Kolkata', '2016-01-03T07:39:03Z', '2016-01-03T08:44Z'],
    ['0 6 * * mon', 'Pacific/Auckland', '2026-11-20T00:00:00Z', '2026-11-22T17:00Z'],
    ['0 9 10 * *', 'America/Sao_Paulo', '2018-10-17T09:00:00Z', '2018-11-10T11:00Z'],
  ];
  for (const [text, zone, after, expected] of table)
    assert.is(next(text, zone, after), expected, `${text} ${zone}`);
});

runs('a local time that is skipped runs at the next valid instant', () => {
  const after = '2012-03-11T00:00:00-05:00';
  // New York goes from 02:00 to 03:00, which is 07:00 UTC.
  assert.is(next('0 2 * * *', 'America/New_York', after), '2012-03-11T07:00Z');
  assert.is(next('30 2 * * *', 'America/New_York', after), '2012-03-11T07:00Z');
  // What was skipped and what belongs there anyway are one run, not two.
  assert.is(next('*/20 * * * *', 'America/New_York', '2012-03-11T06:59:00Z'), '2012-03-11T07:00Z');
  assert.is(next('*/20 * * * *', 'America/New_York', '2012-03-11T07:00:00Z'), '2012-03-11T07:20Z');
  // A change of half an hour, one at midnight, and a whole day that Samoa left out.
  assert.is(next('15 2 * * *', 'Australia/Lord_Howe', '2026-10-03T12:00:00Z'), '2026-10-03T15:30Z');
  assert.is(next('0 0 * * *', 'America/Sao_Paulo', '2018-11-03T12:00:00Z'), '2018-11-04T03:00Z');
  assert.is(next('0 12 30 12 *', 'Pacific/Apia', '2011-12-30T00:00:00Z'), '2011-12-30T10:00Z');
});

runs('a local time that comes twice runs once, at the first', () => {
  const zone = 'America/New_York';
  assert.is(next('30 1 * * *', zone, '2012-11-04T00:00:00-04:00'), '2012-11-04T05:30Z');
  assert.is(next('30 1 * * *', zone, '2012-11-04T01:45:00-04:00'), '2012-11-05T06:30Z');
  assert.is(next('0 * * * *', zone, '2012-11-04T01:00:00-04:00'), '2012-11-04T07:00Z');
  assert.is(next('* * * * *', zone, '2012-11-04T01:10:00-05:00'), '2012-11-04T07:00Z');
});

runs('a monthly run on a day that a month lacks is on its last day', () => {
  assert.is(next('0 0 31 * *', 'UTC', '2026-02-01T00:00:00Z', true), '2026-02-28T00:00Z');
  assert.is(next('0 0 31 * *', 'UTC', '2028-02-01T00:00:00Z', true), '2028-02-29T00:00Z');
  assert.is(next('0 0 30 * *', 'UTC', '2026-04-30T00:00:00Z', true), '2026-05-30T00:00Z');
  assert.is(next('0 0 31 * *', 'UTC', '2026-02-01T00:00:00Z'), '2026-03-31T00:00Z');
});

runs('an expression that never runs has no next run', () => {
  assert.is(next('0 0 30 2 *', 'Europe/Berlin', '2026-01-01T00:00:00Z'), undefined);
});

runs('zones are names of the tz database and nothing else', () => {
  for (const name of ['UTC', 'Europe/Berlin', 'America/Argentina/Buenos_Aires', 'Etc/GMT+5'])
    assert.ok(isTimeZone(name), name);
  for (const name of ['', 'utc', '+01:00', 'Z', 'Mars/Olympus', 'Europe/', '../etc/passwd'])
    assert.not(isTimeZone(name), name);
  assert.not(isTimeZone(`A${'a'.repeat(10_000)}`));
  assert.throws(() => nextRun(cron('* * * * *'), 'Mars/Olympus', 0), /time zone/);
  assert.throws(() => nextRun(cron('* * * * *'), 'UTC', Number.NaN), /no date/);
});

/** What the rules say, minute by minute of real time: slow, and simple enough to believe. */
function slowNextRun(
  wanted: Cron,
  zone: string,
  afterMs: number,
  limitMs: number,
): number | undefined {
  const offsetAt = offsetsOf(zone);
  const localAt = (ms: number): number => ms + offsetAt(ms);
  const minute = 60_000;
  const isWanted = (localMs: number): boolean => {
    const date = new Date(localMs);
    const length = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0));
    return (
      wanted.minutes.includes(date.getUTCMinutes()) &&
      wanted.hours.includes(date.getUTCHours()) &&
      runsOnDay(wanted, {
        month: date.getUTCMonth() + 1,
        day: date.getUTCDate(),
        weekday: date.getUTCDay(),
        length: length.getUTCDate(),
      })
    );
  };
  // The latest clock face that was ever shown: what is not later than it was shown before.
  let shown = localAt(afterMs - 26 * 60 * minute);
  for (let ms = afterMs - 26 * 60 * minute; ms <= limitMs; ms += minute) {
    const local = localAt(ms);
    for (let face = shown + minute; face <= local; face += minute)
      if (ms > afterMs && isWanted(face)) return ms;
    shown = Math.max(shown, local);
  }
  return undefined;
}

runs('the search by days finds what a walk by minutes finds, also where clocks change', () => {
  const zones = fc.constantFrom(
    ['America/New_York', '2012-03-11T00:00:00Z'],
    ['America/New_York', '2012-11-04T00:00:00Z'],
    ['Australia/Lord_Howe', '2026-04-04T08:00:00Z'],
    ['Australia/Lord_Howe', '2026-10-03T08:00:00Z'],
    ['Europe/London', '2026-03-28T22:00:00Z'],
    ['America/Havana', '2026-11-01T00:00:00Z'],
    ['Asia/Kathmandu', '2026-05-01T00:00:00Z'],
  );
  const text = fc
    .tuple(
      fc.constantFrom('0', '30', '*/20', '59', '5-10', '*'),
      fc.constantFrom('0', '1', '2', '3', '*/3', '23', '*'),
      fc.constantFrom('*', '1', '11', '*/4'),
      fc.constantFrom('*', 'sun', 'mon-fri'),
    )
    .map(([minute, hour, day, weekday]) => `${minute} ${hour} ${day} * ${weekday}`);
  fc.assert(
    fc.property(zones, text, fc.integer({ min: 0, max: 1800 }), ([zone, start], line, minutes) => {
      const after = Date.parse(start ?? '') + minutes * 60_000;
      const limit = after + 30 * 3_600_000;
      const slow = slowNextRun(cron(line), zone ?? '', after, limit);
      const fast = nextRun(cron(line), zone ?? '', after);
      assert.is(fast !== undefined && fast <= limit ? fast : undefined, slow);
    }),
    { numRuns: 30 },
  );
});

runs('no expression takes ten milliseconds, wherever the search begins', () => {
  const texts = ['0 0 29 2 *', '59 23 31 12 *', '59 1 * * *', '* * * * *', '0 0 29 2 mon'];
  for (const text of texts) {
    for (const start of ['2096-03-01T00:00:00Z', '2026-11-01T06:00:00Z', '2026-03-08T06:59:00Z']) {
      const ms = fastestMs(() => nextRun(cron(text), 'America/New_York', Date.parse(start)));
      assert.ok(ms < 10, `${text} from ${start} took ${ms} ms`);
    }
  }
});

runs('what was slept through by more than a minute is counted and does not run', () => {
  const everyMinute = cron('* * * * *');
  const now = Date.parse('2026-11-20T12:00:30Z');
  const awake = runsBetween(everyMinute, 'UTC', now - 60_000, now);
  assert.equal(awake, { due: [Date.parse('2026-11-20T12:00:00Z')], missed: 0 });
  const hour = runsBetween(everyMinute, 'UTC', now - 3_600_000, now);
  assert.equal(hour, { due: [Date.parse('2026-11-20T12:00:00Z')], missed: 59 });
  const year = runsBetween(everyMinute, 'UTC', now - 365 * 86_400_000, now);
  assert.equal(year, { due: [Date.parse('2026-11-20T12:00:00Z')], missed: MAX_RUNS });
});

runs('a clock that went back runs nothing twice', () => {
  const now = Date.parse('2026-11-20T12:00:30Z');
  assert.equal(runsBetween(cron('* * * * *'), 'UTC', now + 3_600_000, now), {
    due: [],
    missed: 0,
  });
});

runs.run();
