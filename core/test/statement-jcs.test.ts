// RFC 8785, JSON Canonicalization Scheme.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { utf8 } from '@writ/core/bytes';
import { isLogError } from '@writ/core/errors';
import {
  formatCanonicalJson,
  type JsonValue,
  MAX_JSON_DEPTH,
  parseCanonicalJson,
} from '@writ/core/statements/jcs';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('canonical JSON');
const root = process.env['WRIT_VECTORS'] ?? '';
const folder = join(root, 'jcs-rfc8785');
const isThere = root !== '' && existsSync(folder);

/** Registers a test that needs the vectors; without them it is skipped by name, or fails where all is required. */
function vectors(title: string, run: () => void): void {
  if (isThere || process.env['WRIT_REQUIRE_ALL'] === '1') {
    test(title, () => {
      assert.ok(isThere, 'WRIT_VECTORS names no folder of vectors');
      run();
    });
  } else {
    process.stdout.write(`skipped: ${title} (WRIT_VECTORS not found)\n`);
  }
}

vectors('the reference inputs take their reference form', () => {
  const names = readdirSync(join(folder, 'input'));
  assert.ok(names.length >= 6);
  for (const name of names) {
    const value: JsonValue = JSON.parse(readFileSync(join(folder, 'input', name), 'utf8'));
    const expected = readFileSync(join(folder, 'output', name), 'utf8');
    assert.is(formatCanonicalJson(value), expected, name);
    assert.equal(parseCanonicalJson(utf8(expected)), value, name);
  }
});

const FORMS: readonly (readonly [string, JsonValue, string])[] = [
  [
    'members are sorted by UTF-16 code units',
    { '\u20ac': 1, '\ufb33': 2, '\ud83d\ude00': 3, a: 4 },
    '{"a":4,"\u20ac":1,"\ud83d\ude00":3,"\ufb33":2}',
  ],
  ['integer-like names are sorted as text', { 10: 1, 9: 2, 1: 3 }, '{"1":3,"10":1,"9":2}'],
  [
    'numbers are printed as ECMAScript does',
    [1e21, 1e20, 0.000001, 1e-7, -0, 4.5, 1],
    '[1e+21,100000000000000000000,0.000001,1e-7,0,4.5,1]',
  ],
  [
    'control characters are escaped and nothing else is',
    '\u0000\b\t\n\f\r"\\/\u007f\u2028é',
    '"\\u0000\\b\\t\\n\\f\\r\\"\\\\/\u007f\u2028é"',
  ],
  ['empty containers have no space', [{}, [], ''], '[{},[],""]'],
];

for (const [title, value, expected] of FORMS) {
  test(title, () => {
    assert.is(formatCanonicalJson(value), expected);
    assert.is(formatCanonicalJson(parseCanonicalJson(utf8(expected))), expected);
  });
}

const NOT_CANONICAL = [
  '{"b":1,"a":2}',
  '{"a":1,"a":1}',
  '{"a": 1}',
  '1.0',
  '1E3',
  '-0',
  '9007199254740993',
  '"\\u0041"',
  '"\\/"',
  ' null',
  'null\n',
  '',
  '{',
  '[1,]',
  'NaN',
  '1e999',
  '"\\ud800"',
  '\ufeff1',
];

for (const text of NOT_CANONICAL) {
  test(`${JSON.stringify(text)} is refused`, () => {
    assert.throws(
      () => parseCanonicalJson(utf8(text)),
      (error: unknown) => isLogError(error, 'json-malformed'),
    );
  });
}

test('bytes that are not UTF-8 are refused', () => {
  assert.throws(
    () => parseCanonicalJson(Uint8Array.of(0x22, 0xff, 0x22)),
    (error: unknown) => isLogError(error, 'json-malformed'),
  );
});

test('nesting is limited, also far beyond what a stack holds', () => {
  const nested = (depth: number) => utf8('['.repeat(depth) + ']'.repeat(depth));
  parseCanonicalJson(nested(MAX_JSON_DEPTH));
  for (const depth of [MAX_JSON_DEPTH + 1, 100_000]) {
    assert.throws(
      () => parseCanonicalJson(nested(depth)),
      (error: unknown) => isLogError(error, 'json-malformed'),
    );
  }
});

test('names of object prototypes are members like any other', () => {
  const text = '{"__proto__":1,"constructor":{"prototype":2}}';
  assert.is(formatCanonicalJson(parseCanonicalJson(utf8(text))), text);
});

test("values that JSON cannot hold are the caller's mistake", () => {
  const wrong: readonly unknown[] = [
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '\ud800',
    new Date(0),
    new Map(),
    1n,
  ];
  for (const value of wrong) {
    assert.throws(
      // @ts-expect-error: the types forbid most of these values
      () => formatCanonicalJson([value]),
      (error: unknown) => error instanceof TypeError || error instanceof RangeError,
    );
  }
});

test('the order of members does not matter and parsing is the inverse', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (object) => {
      const reversed = Object.fromEntries(Object.entries(object).reverse());
      const plain: JsonValue = JSON.parse(JSON.stringify(object));
      const text = formatCanonicalJson(plain);
      assert.is(formatCanonicalJson(JSON.parse(JSON.stringify(reversed))), text);
      assert.equal(parseCanonicalJson(utf8(text)), JSON.parse(text));
    }),
  );
});

test.run();
