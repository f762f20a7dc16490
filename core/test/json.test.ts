// JSON bodies: the grammar of RFC 8259 on strict UTF-8.

import { utf8 } from '@writ/core/bytes';
import { parseJsonBody } from '@writ/core/json';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { refusal } from './mutants.ts';

const test = suite('JSON bodies');

test('any JSON value reads back', () => {
  fc.assert(
    fc.property(fc.json(), (text) => assert.equal(parseJsonBody(utf8(text)), JSON.parse(text))),
  );
});

test('what is not JSON is refused', () => {
  for (const text of [
    '',
    ' ',
    '{',
    '[1,]',
    "{'a':1}",
    '01',
    '+1',
    'NaN',
    '"\t"',
    '1 2',
    '\ufeff1',
    '//\n1',
  ]) {
    refusal(() => parseJsonBody(utf8(text)), 'json-malformed');
  }
  refusal(() => parseJsonBody(Uint8Array.of(0x22, 0xff, 0x22)), 'json-malformed');
});

test('names of the prototype are ordinary names', () => {
  const value = parseJsonBody(utf8('{"__proto__":{"polluted":1},"constructor":2}'));
  assert.equal(Object.keys(value ?? {}), ['__proto__', 'constructor']);
  assert.is(Reflect.get({}, 'polluted'), undefined);
});

test('deep nesting is refused or read, but ends nothing', () => {
  refusal(() => parseJsonBody(utf8('['.repeat(100_000))), 'json-malformed');
});

test.run();
