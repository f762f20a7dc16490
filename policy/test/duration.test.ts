import {
  formatDuration,
  MAX_HOLD_S,
  MAX_WINDOW_S,
  parseDuration,
} from '@writ/policy/engine/duration';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const durations = suite('durations');

durations('a whole number and a unit are seconds', () => {
  const table: readonly (readonly [string, number])[] = [
    ['0s', 0],
    ['1s', 1],
    ['90s', 90],
    ['5m', 300],
    ['24h', MAX_HOLD_S],
    ['31d', MAX_WINDOW_S],
    ['9999999d', 863_999_913_600],
  ];
  for (const [text, seconds] of table) assert.is(parseDuration(text), seconds, text);
});

durations('everything else is no duration', () => {
  const texts = [
    '',
    's',
    '5',
    '5mxyz',
    'x5m',
    '5m\n',
    ' 5m',
    '5 m',
    '5M',
    '+5m',
    '-5m',
    '05m',
    '00s',
  ];
  for (const text of [...texts, '5.5h', '1e3s', '5w', '5ms', '٥m', '5m5s', '10000000s', '0x5s'])
    assert.is(parseDuration(text), undefined, JSON.stringify(text));
});

durations('a duration that was written is read as the same seconds', () => {
  assert.is(formatDuration(0), '0s');
  assert.is(formatDuration(3600), '1h');
  assert.is(formatDuration(172_800), '2d');
  assert.is(formatDuration(90), '90s');
  fc.assert(
    fc.property(fc.integer({ min: 0, max: MAX_WINDOW_S }), (seconds) => {
      assert.is(parseDuration(formatDuration(seconds)), seconds);
    }),
  );
  assert.throws(() => formatDuration(0.5), /whole number/);
  assert.throws(() => formatDuration(-1), /whole number/);
});

durations.run();
