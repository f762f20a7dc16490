import { type Cron, canRun, formatCron, parseCron } from '@writ/policy/engine/cron';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const crons = suite('cron');

function parsed(text: string): Cron {
  const cron = parseCron(text);
  if ('problem' in cron) throw new Error(`${text}: ${cron.problem}`);
  return cron;
}

crons('expressions that run at the same times have one canonical spelling', () => {
  const table: readonly (readonly [string, string])[] = [
    ['* * * * *', '* * * * *'],
    ['*/15 * * * *', '0,15,30,45 * * * *'],
    ['5/20 0-3 * * *', '5,25,45 0-3 * * *'],
    ['00 06 01 01 *', '0 6 1 1 *'],
    ['0 6 * * MON-FRI', '0 6 * * 1-5'],
    ['0 6 * * 1,2,3,4,5', '0 6 * * 1-5'],
    ['0 6 * * sat-sun', '0 6 * * 0,6'],
    ['0 6 * * 7', '0 6 * * 0'],
    ['0 6 * * 5-7', '0 6 * * 0,5,6'],
    ['0 6 * * mon/2', '0 6 * * 1,3,5'],
    ['0 6 ? jan-mar ?', '0 6 * 1-3 *'],
    ['0-59 0-23 * 1-12 *', '* * * * *'],
    ['0 0 */1 * mon', '0 0 * * 1'],
    // A field of days that has every value, beside one that is restricted: every day is in the union.
    ['0 0 1-31 * mon', '0 0 * * *'],
    ['0 0 13 * 0-6', '0 0 * * *'],
    ['0 0 13 * fri', '0 0 13 * 5'],
    ['1,1,1 2 3 4 *', '1 2 3 4 *'],
  ];
  for (const [text, canonical] of table) {
    assert.is(formatCron(parsed(text)), canonical, text);
    assert.is(formatCron(parsed(canonical)), canonical, canonical);
  }
});

crons('what is not in the grammar is refused with the field that is wrong', () => {
  const table: readonly (readonly [string, RegExp])[] = [
    ['', /five fields/],
    ['0 6 * *', /five fields/],
    ['0 6 * * * *', /five fields/],
    ['0\t6 * * *', /five fields/],
    [' 0 6 * * *', /five fields/],
    ['0 6 * * *\n', /day of week/],
    ['60 * * * *', /^minute/],
    ['* 24 * * *', /^hour/],
    ['* * 0 * *', /^day of month/],
    ['* * 32 * *', /^day of month/],
    ['* * * 0 *', /^month/],
    ['* * * 13 *', /^month/],
    ['* * * * 8', /^day of week/],
    ['* * * * monday', /^day of week/],
    ['* * * mon *', /^month/],
    ['? * * * *', /^minute: \?/],
    ['-1 * * * *', /^minute/],
    ['1- * * * *', /^minute/],
    ['5-1 * * * *', /backwards/],
    ['0 0 * * 7/2', /no step starts at 7/],
    ['*/0 * * * *', /step/],
    ['*/60 * * * *', /step/],
    ['1,,2 * * * *', /^minute/],
    ['1.5 * * * *', /^minute/],
    ['0x1 * * * *', /^minute/],
    ['+1 * * * *', /^minute/],
    ['* * L * *', /^day of month/],
    ['* * * * 5#2', /^day of week/],
    [`${'1,'.repeat(100)}1 * * * *`, /longer/],
  ];
  for (const [text, problem] of table) {
    const cron = parseCron(text);
    assert.ok('problem' in cron, text);
    assert.match(cron.problem, problem, text);
  }
});

crons('a day that no year has can never run', () => {
  for (const text of ['0 0 30 2 *', '0 0 31 4,6,9,11 *', '0 0 30,31 feb *'])
    assert.not(canRun(parsed(text)), text);
  for (const text of ['0 0 29 2 *', '0 0 30 2 mon', '0 0 31 * *', '0 0 31 2,3 *'])
    assert.ok(canRun(parsed(text)), text);
  const last = parseCron('0 0 31 2 *', true);
  assert.ok(!('problem' in last) && canRun(last));
});

crons('the canonical spelling of any expression is its own canonical spelling', () => {
  const field = (min: number, max: number): fc.Arbitrary<string> => {
    const value = fc.integer({ min, max });
    const item = fc.oneof(
      fc.constant('*'),
      value.map(String),
      fc.tuple(value, value).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
      fc.tuple(value, fc.integer({ min: 1, max })).map(([a, n]) => `${max === 7 ? a % 7 : a}/${n}`),
      fc.integer({ min: 1, max }).map((n) => `*/${n}`),
    );
    return fc.array(item, { minLength: 1, maxLength: 3 }).map((items) => items.join(','));
  };
  const expression = fc.tuple(field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 7));
  fc.assert(
    fc.property(expression, (fields) => {
      const cron = parsed(fields.join(' '));
      const canonical = formatCron(cron);
      const again = parsed(canonical);
      assert.is(formatCron(again), canonical);
      assert.equal([again.minutes, again.hours], [cron.minutes, cron.hours]);
      assert.is(again.dayRule, cron.dayRule);
    }),
    { numRuns: 300 },
  );
});

crons('no text makes the parser throw', () => {
  const text = fc.string({
    unit: fc.constantFrom(...'0123459*/-,? monfrijanfeb\n'),
    maxLength: 220,
  });
  fc.assert(
    fc.property(text, (value) => {
      const cron = parseCron(value);
      assert.ok('problem' in cron || canRun(cron) || !canRun(cron));
    }),
    { numRuns: 500 },
  );
});

crons.run();
