// The map that reducers keep their state in, against a Map.

import { HexMap } from '@writ/core/streams/hex-map';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('hex map');

// Few digits, so that keys share prefixes and come again.
const keys = fc.array(fc.constantFrom('0', '1', 'a', 'f'), { minLength: 6, maxLength: 6 });
const steps = fc.array(fc.tuple(fc.boolean(), keys, fc.nat()), { maxLength: 60 });

test('it holds what a Map holds, in the order of the keys', () => {
  fc.assert(
    fc.property(steps, (list) => {
      const model = new Map<string, number>();
      let map = HexMap.of<number>();
      for (const [isSet, digits, value] of list) {
        const key = digits.join('');
        if (isSet) model.set(key, value);
        else model.delete(key);
        map = isSet ? map.set(key, value) : map.delete(key);
        assert.is(map.size, model.size);
        assert.is(map.get(key), model.get(key));
      }
      const sorted = [...model].sort(([a], [b]) => (a < b ? -1 : 1));
      assert.equal([...map], sorted);
      assert.equal(
        [...map.values()],
        sorted.map(([, value]) => value),
      );
    }),
  );
});

test('a change leaves the map before it as it was', () => {
  fc.assert(
    fc.property(steps, keys, (list, digits) => {
      const entries = list.map(([, parts, value]) => [parts.join(''), value] as const);
      const map = HexMap.of(entries);
      const before = [...map];
      const key = digits.join('');
      map.set(key, -1);
      map.delete(key);
      assert.equal([...map], before);
    }),
  );
});

test('UUIDs are keys', () => {
  const ids = ['3f2a1b4c-1111-4222-8333-944455556666', '3f2a1b4c-1111-4222-8333-944455556667'];
  const map = HexMap.of(ids.map((id, i) => [id, i]));
  assert.equal(
    ids.map((id) => map.get(id)),
    [0, 1],
  );
  assert.is(map.get('3f2a1b4c-1111-4222-8333-944455556668'), undefined);
  assert.is(map.get(''), undefined);
});

test.run();
