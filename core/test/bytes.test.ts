// Strict conversions: one spelling per value.

import {
  assertBytes,
  assertSafeSize,
  compareBytes,
  concatBytes,
  controlCharacterAt,
  equalBytes,
  formatBase64,
  formatHex,
  MAX_UINT63,
  parseBase64,
  parseDecimal,
  parseHex,
  parseSafeDecimal,
  parseUtf8,
  readUint64,
  toSafeSize,
  uint64,
  utf8,
} from '@writ/core/bytes';
import { isLogError } from '@writ/core/errors';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('bytes');
const anyBytes = fc.uint8Array({ maxLength: 100 });

test('decimals are read exactly up to 2^63-1', () => {
  for (const value of [0n, 1n, 10n, 2n ** 53n + 1n, MAX_UINT63]) {
    assert.is(parseDecimal(String(value)), value);
  }
  assert.is(parseDecimal(String(MAX_UINT63 + 1n)), undefined);
  fc.assert(fc.property(fc.bigInt(0n, MAX_UINT63), (n) => parseDecimal(String(n)) === n));
});

test('decimals have no second spelling', () => {
  const others = ['', '-0', '-1', '+1', '01', '00', ' 1', '1 ', '1\n', '1.0', '1e3', '0x10', '1_0'];
  for (const text of [...others, '１', '٣', '1n', 'NaN', '9'.repeat(19), '1'.repeat(40)]) {
    assert.is(parseDecimal(text), undefined, JSON.stringify(text));
  }
});

test('safe decimals end at 2^53-1', () => {
  assert.is(parseSafeDecimal('9007199254740991'), Number.MAX_SAFE_INTEGER);
  assert.is(parseSafeDecimal('9007199254740992'), undefined);
  assert.is(parseSafeDecimal('01'), undefined);
});

test('base64 of any bytes reads back and is what the platform writes', () => {
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      const text = formatBase64(bytes);
      assert.is(text, Buffer.from(bytes).toString('base64'));
      assert.equal(parseBase64(text), bytes);
    }),
  );
});

test('base64 that is accepted formats to the same text', () => {
  const characters = fc.constantFrom(...'ABYZabyz019+/=-_ \n\u0141');
  fc.assert(
    fc.property(fc.string({ unit: characters, maxLength: 12 }), (text) => {
      const bytes = parseBase64(text);
      if (bytes !== undefined) assert.is(formatBase64(bytes), text);
    }),
    { numRuns: 5000 },
  );
});

test('base64 has no second spelling', () => {
  const others = [
    'A',
    'AA',
    'AAA',
    'AA=',
    'A===',
    '=',
    '====',
    'AB==',
    'AAB=',
    'AA==AAAA',
    'AAAA=',
  ];
  for (const text of [...others, 'AAA\n', 'AA AA===', '-_-_', 'AA==\n', 'ＡＡＡＡ']) {
    assert.is(parseBase64(text), undefined, JSON.stringify(text));
  }
});

test('hex is lower case and of even length', () => {
  fc.assert(
    fc.property(anyBytes, (bytes) =>
      equalBytes(parseHex(formatHex(bytes)) ?? bytes.slice(1), bytes),
    ),
  );
  for (const text of ['0', 'AB', '0x', 'g0', ' 00', '００'])
    assert.is(parseHex(text), undefined, text);
});

test('text that is not well formed has no bytes, bytes that are not UTF-8 have no text', () => {
  assert.throws(() => utf8('a\ud800'), TypeError);
  for (const bytes of [
    [0xff],
    [0xc0, 0xaf],
    [0xed, 0xa0, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
    [0xc3],
  ]) {
    assert.is(parseUtf8(Uint8Array.from(bytes)), undefined);
  }
  assert.is(parseUtf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61)), '\ufeffa');
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => parseUtf8(utf8(text)) === text));
});

test('control characters are found but for the newline', () => {
  assert.is(controlCharacterAt('a\nb\u007f\u0085'), -1);
  assert.is(controlCharacterAt('a\tb'), 1);
  assert.is(controlCharacterAt('\n\0'), 1);
});

test('64-bit integers are big-endian and unsigned', () => {
  fc.assert(fc.property(fc.bigInt(0n, 2n ** 64n - 1n), (n) => readUint64(uint64(n), 0) === n));
  assert.is(formatHex(uint64(258n)), '0000000000000102');
  assert.is(readUint64(concatBytes(Uint8Array.of(9), uint64(7n)), 1), 7n);
  assert.throws(() => uint64(-1n), RangeError);
  assert.throws(() => uint64(2n ** 64n), RangeError);
});

test('bytes compare as unsigned, the shorter first', () => {
  assert.ok(compareBytes(Uint8Array.of(0x7f), Uint8Array.of(0x80)) < 0);
  assert.ok(compareBytes(Uint8Array.of(1), Uint8Array.of(1, 0)) < 0);
  assert.is(compareBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2)), 0);
  assert.not(equalBytes(Uint8Array.of(1), Uint8Array.of(1, 0)));
});

test('guards tell the kind of mistake apart', () => {
  assert.throws(() => assertBytes('text', 'root'), TypeError);
  assert.throws(() => assertBytes(new Uint8Array(31), 'root', 32), RangeError);
  assert.throws(() => assertSafeSize('1', 'size'), TypeError);
  for (const size of [-1, 0.5, Number.NaN, 2 ** 53]) {
    assert.throws(() => assertSafeSize(size, 'size'), RangeError);
  }
  assert.is(toSafeSize(7n, 'size'), 7);
  for (const size of [-1n, 2n ** 53n]) {
    assert.throws(
      () => toSafeSize(size, 'size'),
      (error: unknown) => isLogError(error),
    );
  }
});

test.run();
