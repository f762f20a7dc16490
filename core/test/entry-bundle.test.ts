// Entry bundles of C2SP tlog-tiles.

import {
  bundleEntryEnd,
  decodeBundle,
  encodeBundle,
  MAX_ENTRY_SIZE,
  writeBundleEntry,
} from '@writ/core/formats/entry-bundle';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkMutants, refusal } from './mutants.ts';

const test = suite('entry bundles');
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

test('entries stand behind their big-endian lengths', () => {
  const bundle = encodeBundle([text('a'), text(''), new Uint8Array(258).fill(7)]);
  assert.equal([...bundle.subarray(0, 8)], [0, 1, 0x61, 0, 0, 1, 2, 7]);
});

test('any entries read back', () => {
  const entries = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 });
  fc.assert(
    fc.property(entries, (list) => {
      assert.equal(decodeBundle(encodeBundle(list), list.length), list);
    }),
  );
});

test('a mutant is refused or read exactly', () => {
  const good = encodeBundle([text('abc'), text('de'), text('')]);
  const format = {
    parse: (bytes: Uint8Array): Uint8Array[] => decodeBundle(bytes, 3),
    format: encodeBundle,
    codes: ['bundle-malformed'] as const,
  };
  assert.ok(checkMutants(good, format) > 0);
});

test('the count is exact and refusals name the offset', () => {
  const bundle = encodeBundle([text('abc'), text('de')]);
  const offset = (bytes: Uint8Array, count: number): unknown =>
    refusal(() => decodeBundle(bytes, count), 'bundle-malformed').detail['offset'];
  assert.is(offset(bundle, 1), 5);
  assert.is(offset(bundle, 3), 9);
  assert.is(offset(bundle.subarray(0, 8), 2), 5);
  assert.is(offset(bundle.subarray(0, 6), 2), 5);
});

test('the largest entry fits and a larger one is a mistake of the caller', () => {
  const largest = new Uint8Array(MAX_ENTRY_SIZE).fill(1);
  assert.equal(decodeBundle(encodeBundle([largest]), 1), [largest]);
  assert.throws(() => encodeBundle([new Uint8Array(MAX_ENTRY_SIZE + 1)]), RangeError);
});

test('entries can be written and walked one by one', () => {
  const bundle = new Uint8Array(9);
  const next = writeBundleEntry(bundle, 0, text('abc'));
  assert.is(writeBundleEntry(bundle, next, text('de')), 9);
  assert.is(bundleEntryEnd(bundle, 0), next);
  assert.is(bundleEntryEnd(bundle, next), 9);
});

test.run();
