// The deterministic CBOR profile: RFC 8949 section 4.2.1 narrowed by spec/cbor.md.

import { concatBytes, formatHex, parseHex } from '@writ/core/bytes';
import { decodeCbor, splitCborSequence } from '@writ/core/cbor/decode';
import { encodeCbor } from '@writ/core/cbor/encode';
import { checkCbor, MAX_CBOR_DEPTH, scanCbor } from '@writ/core/cbor/scan';
import { CborMap, type CborValue } from '@writ/core/cbor/value';
import { isLogError, LogError } from '@writ/core/errors';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('deterministic CBOR');

function hex(text: string): Uint8Array {
  const bytes = parseHex(text.replaceAll(' ', ''));
  if (bytes === undefined) throw new Error(`bad hex in test: ${text}`);
  return bytes;
}

function failure(run: () => unknown): LogError {
  try {
    run();
  } catch (error) {
    if (error instanceof LogError) return error;
    throw error;
  }
  throw new Error('was accepted');
}

/** Accepted bytes must be the one encoding of their value. */
function isSoundVerdict(bytes: Uint8Array): boolean {
  try {
    return formatHex(encodeCbor(decodeCbor(bytes))) === formatHex(bytes);
  } catch (error) {
    return isLogError(error, 'cbor-malformed');
  }
}

const VALID: readonly (readonly [string, CborValue])[] = [
  ['00', 0],
  ['17', 23],
  ['1818', 24],
  ['18ff', 255],
  ['190100', 256],
  ['1a00010000', 65_536],
  ['1affffffff', 4_294_967_295],
  ['1b0000000100000000', 4_294_967_296],
  ['1b001fffffffffffff', Number.MAX_SAFE_INTEGER],
  ['1b0020000000000000', 2n ** 53n],
  ['1bffffffffffffffff', 2n ** 64n - 1n],
  ['20', -1],
  ['3818', -25],
  ['3b001ffffffffffffe', Number.MIN_SAFE_INTEGER],
  ['3b001fffffffffffff', -(2n ** 53n)],
  ['3bffffffffffffffff', -(2n ** 64n)],
  ['40', new Uint8Array(0)],
  ['420102', Uint8Array.of(1, 2)],
  ['60', ''],
  ['63efbbbf', '\ufeff'],
  ['64f09f9982', '🙂'],
  ['67c3a9e6b0b46161', 'é水aa'],
  ['80', []],
  ['83f4f5f6', [false, true, null]],
  ['a0', new CborMap([])],
  [
    'a5 0a00 6161 01 617a 02 8120 03 f4 04',
    new CborMap([
      [10, 0],
      ['a', 1],
      ['z', 2],
      [[-1], 3],
      [false, 4],
    ]),
  ],
];

for (const [text, value] of VALID) {
  test(`${text} is accepted and is the one encoding of its value`, () => {
    assert.equal(decodeCbor(hex(text)), value);
    assert.is(formatHex(encodeCbor(value)), text.replaceAll(' ', ''));
  });
}

const INVALID: readonly (readonly [reason: string, text: string, offset: number])[] = [
  ['empty input', '', 0],
  ['an integer of one byte in two', '1817', 0],
  ['an integer of two bytes in three', '1900ff', 0],
  ['an integer of four bytes in five', '1a0000ffff', 0],
  ['an integer of eight bytes in nine', '1b00000000ffffffff', 0],
  ['a negative integer in too many bytes', '3b0000000000000003', 0],
  ['a long length of bytes', '580161', 0],
  ['a long length of text', '7a0000000161', 0],
  ['a long count of an array', '980100', 0],
  ['a long count of a map', 'b9000100 00', 0],
  ['indefinite bytes', '5f4101ff', 0],
  ['indefinite text', '7f6161ff', 0],
  ['an indefinite array', '9fff', 0],
  ['an indefinite map', 'bfff', 0],
  ['an indefinite array inside', '829f00ff00', 1],
  ['a break alone', 'ff', 0],
  ['reserved additional information', '1c', 0],
  ['a half float', 'f93e00', 0],
  ['a single float', 'fa3fc00000', 0],
  ['a double float', 'fb3ff8000000000000', 0],
  ['undefined', 'f7', 0],
  ['a simple value', 'f0', 0],
  ['a simple value in two bytes', 'f8ff', 0],
  ['a tag', 'c100', 0],
  ['the tag of COSE_Sign1 unless it is asked for', 'd280', 0],
  ['a self-described item', 'd9d9f700', 0],
  ['trailing bytes', '0000', 1],
  ['unsorted keys', 'a2 6162 00 6161 00', 4],
  ['length-first order of keys', 'a2 617a 00 1818 00', 4],
  ['integer keys by value instead of bytes', 'a2 20 00 1818 00', 3],
  ['a duplicate key', 'a2 20 00 20 00', 3],
  ['a duplicate key in a map inside', '81a2 4101 00 4101 00', 5],
  ['a missing value', 'a16161', 3],
  ['more bytes announced than there are', '420000 '.slice(0, 4), 0],
  ['an array of 2^32-1', '9affffffff00', 0],
  ['an array of 2^64-1', '9bffffffffffffffff', 0],
  ['a map of 2^40', 'bb0000010000000000 00', 0],
  ['a byte string of 2 GiB', '5a80000000 00', 0],
  ['text of 2^63 bytes', '7b8000000000000000', 0],
  ['a map with room for half its entries', 'a2 00 00', 0],
  ['UTF-8: a stray continuation', '618f', 1],
  ['UTF-8: an overlong form', '62c0ae', 1],
  ['UTF-8: an overlong form of three bytes', '63e09f80', 1],
  ['UTF-8: a surrogate', '6461eda080', 2],
  ['UTF-8: above U+10FFFF', '64f4908080', 1],
  ['UTF-8: cut off', '6361e282', 2],
  ['UTF-8: cut off by the end of the string', '82 61c3 61a9', 2],
  ['UTF-8: a bad third byte', '63e28241', 1],
];

for (const [reason, text, offset] of INVALID) {
  test(`${reason} is refused at offset ${offset}`, () => {
    const error = failure(() => decodeCbor(hex(text)));
    assert.is(error.code, 'cbor-malformed');
    assert.is(error.detail['offset'], offset);
  });
}

const SAMPLE = encodeCbor(
  new CborMap([
    ['kind', 'policy-change'],
    [1, [-5, 300, 70_000, 2n ** 40n, null, true]],
    [Uint8Array.of(9, 9), new CborMap([['ä', new Uint8Array(30)]])],
  ]),
);

test('every truncation is refused', () => {
  for (let length = 0; length < SAMPLE.length; length++) {
    assert.is(failure(() => decodeCbor(SAMPLE.subarray(0, length))).code, 'cbor-malformed');
  }
});

test('every extension by one byte is refused', () => {
  for (let byte = 0; byte < 256; byte++) {
    const error = failure(() => decodeCbor(concatBytes(SAMPLE, Uint8Array.of(byte))));
    assert.is(error.detail['offset'], SAMPLE.length);
  }
});

test('a flipped bit gives a refusal or another canonical item', () => {
  for (let bit = 0; bit < SAMPLE.length * 8; bit++) {
    const flipped = SAMPLE.slice();
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.ok(isSoundVerdict(flipped), `bit ${bit}`);
  }
});

test('every input of one, two and three bytes is refused or canonical', () => {
  for (let n = 0; n < 1 << 24; n += n < 1 << 16 ? 1 : 251) {
    const bytes = Uint8Array.of(n >> 16, (n >> 8) & 255, n & 255).subarray(
      n < 256 ? 2 : n < 65_536 ? 1 : 0,
    );
    assert.ok(isSoundVerdict(bytes), formatHex(bytes));
  }
});

function nestedArrays(depth: number): Uint8Array {
  return concatBytes(new Uint8Array(depth).fill(0x81), Uint8Array.of(0));
}

test('arrays nest as deep as the limit and no deeper, decoding and encoding', () => {
  const deepest = decodeCbor(nestedArrays(MAX_CBOR_DEPTH));
  assert.is(formatHex(encodeCbor(deepest)), formatHex(nestedArrays(MAX_CBOR_DEPTH)));
  assert.is(
    failure(() => decodeCbor(nestedArrays(MAX_CBOR_DEPTH + 1))).detail['offset'],
    MAX_CBOR_DEPTH,
  );
  assert.throws(
    () => encodeCbor([deepest]),
    (error: unknown) => error instanceof RangeError,
  );
});

test('a caller may lower the depth but not raise it', () => {
  assert.is(scanCbor(nestedArrays(3), 0, { maxDepth: 3 }), 4);
  assert.is(failure(() => scanCbor(nestedArrays(4), 0, { maxDepth: 3 })).detail['offset'], 3);
  failure(() => scanCbor(nestedArrays(100), 0, { maxDepth: 1000 }));
});

test('a megabyte of opening brackets is refused without a stack overflow', () => {
  for (const byte of [0x81, 0xa1, 0xc1, 0xd2, 0x9f, 0xbf]) {
    const error = failure(() =>
      checkCbor(new Uint8Array(1 << 20).fill(byte), { allowTag18: true }),
    );
    assert.is(error.code, 'cbor-malformed');
  }
});

test('tag 18 passes around the outermost item only, and once', () => {
  checkCbor(hex('d280'), { allowTag18: true });
  checkCbor(hex('80'), { allowTag18: true });
  for (const text of ['d2d280', '81d280', 'd380', 'd812 80', 'd2']) {
    assert.is(failure(() => checkCbor(hex(text), { allowTag18: true })).code, 'cbor-malformed');
  }
});

test('scanning starts at the offset and stops behind one item', () => {
  assert.is(scanCbor(hex('ff 8101 ff'), 1), 3);
});

test('names of object prototypes are keys like any other', () => {
  const names = ['__proto__', 'constructor', 'hasOwnProperty', 'toString', 'valueOf'];
  const map = decodeCbor(encodeCbor(new CborMap(names.map((name) => [name, 1]))));
  assert.instance(map, CborMap);
  if (!(map instanceof CborMap)) return;
  for (const name of names) assert.is(map.get(name), 1);
  assert.is(new CborMap([]).get('__proto__'), undefined);
  assert.is(new CborMap([[1, 'integer']]).get('1'), undefined);
});

test('decoded byte strings do not change with the input', () => {
  const input = hex('4101');
  const value = decodeCbor(input);
  input[1] = 9;
  assert.equal(value, Uint8Array.of(1));
});

test('map entries are sorted by their encoded keys whatever their order', () => {
  const entries: [CborValue, CborValue][] = [
    ['aa', 1],
    ['b', 2],
    [-1, 3],
    [100, 4],
    [10, 5],
    [false, 6],
    [[100], 7],
    [Uint8Array.of(0), 8],
  ];
  const expected = 'a8 0a05 186404 2003 410008 616202 62616101 81186407 f406'.replaceAll(' ', '');
  assert.is(formatHex(encodeCbor(new CborMap(entries))), expected);
  assert.is(formatHex(encodeCbor(new CborMap(entries.reverse()))), expected);
});

const UNENCODABLE: readonly (readonly [string, CborValue])[] = [
  ['a fraction', 1.5],
  ['NaN', Number.NaN],
  ['an infinity', Number.POSITIVE_INFINITY],
  ['negative zero', -0],
  ['an unsafe integer', 2 ** 53],
  ['an integer above 64 bits', 2n ** 64n],
  ['a negative integer below 64 bits', -(2n ** 64n) - 1n],
  ['text with a lone surrogate', 'a\ud800'],
  [
    'a duplicate key',
    new CborMap([
      ['a', 1],
      ['a', 2],
    ]),
  ],
  [
    'a duplicate key out of order',
    new CborMap([
      ['b', 1],
      ['a', 1],
      ['b', 2],
    ]),
  ],
  [
    'one integer key as number and as bigint',
    new CborMap([
      [1, 1],
      [1n, 2],
    ]),
  ],
];

for (const [reason, value] of UNENCODABLE) {
  test(`encoding refuses ${reason}`, () => {
    assert.throws(
      () => encodeCbor(value),
      (error: unknown) => error instanceof RangeError || error instanceof TypeError,
    );
  });
}

test('encoding refuses values that are not of the profile', () => {
  for (const text of ['[null]', '{"a":1}']) {
    const foreign = JSON.parse(text, (_, item) => (item === null ? new Date(0) : item));
    assert.throws(
      () => encodeCbor(foreign),
      (error: unknown) => error instanceof TypeError,
    );
  }
});

test('a sequence splits into its items and nothing is lost', () => {
  const items = splitCborSequence(hex('01 8102 d280 6161'), { maxItems: 4, allowTag18: true });
  assert.equal(items.map(formatHex), ['01', '8102', 'd280', '6161']);
  assert.equal(splitCborSequence(new Uint8Array(0), { maxItems: 0 }), []);
});

test('a sequence with more items than allowed is refused before the rest is read', () => {
  const error = failure(() => splitCborSequence(hex('010203ff'), { maxItems: 2 }));
  assert.is(error.code, 'batch-too-large');
  assert.is(error.detail['limit'], 2);
});

test('a malformed item of a sequence is named by its offset in the sequence', () => {
  const error = failure(() => splitCborSequence(hex('01 8102 82f6'), { maxItems: 9 }));
  assert.is(error.code, 'cbor-malformed');
  assert.is(error.detail['offset'], 3);
});

test.run();
