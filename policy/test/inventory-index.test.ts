import { isLogError } from '@writ/core/errors';
import { InventoryIndex, MAX_TARGETS } from '@writ/policy/engine/inventory-index';
import { searchTargets } from '@writ/policy/engine/inventory-search';
import { PositionSet } from '@writ/policy/engine/position-set';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { indexOf, inventory, item } from './inventories.ts';

const index = suite('inventory index');

const FLEET = indexOf(
  item('vm:101', { name: 'Web-1', labels: { tier: 'web', rack: 'r1' } }),
  item('vm:102', { name: 'web-2', labels: { tier: 'web', rack: 'r2' } }),
  item('vm:9', { name: 'Datenbank \u00c4', label: 'the old one', labels: { tier: 'db' } }),
  item('host:1', { name: 'web-host' }),
);

function found(text: string, options = {}): string[] {
  return searchTargets(FLEET, text, options).items.map(({ id }) => id);
}

index(
  'a search finds ids, names, labels and words of several of them, in upper and lower case',
  () => {
    for (const [text, ids] of [
      ['web', 'host:1 vm:101 vm:102'],
      ['WEB-1', 'vm:101'],
      ['vm:10', 'vm:101 vm:102'],
      ['the old', 'vm:9'],
      ['rack=r2', 'vm:102'],
      ['r1 web', 'vm:101'],
      ['web web', 'host:1 vm:101 vm:102'],
      ['datenbank \u00e4', 'vm:9'],
      ['web nothing', ''],
      ['1web', ''],
      ['', 'host:1 vm:101 vm:102 vm:9'],
      [' \t ', 'host:1 vm:101 vm:102 vm:9'],
    ] as const)
      assert.equal(found(text), ids.split(' ').filter(Boolean), text);
    assert.equal(found('web', { type: 'vm' }), ['vm:101', 'vm:102']);
    assert.equal(found('web', { type: 'robot' }), []);
  },
);

index('pages follow each other without a gap, also when the inventory changes between them', () => {
  const ids = Array.from({ length: 25 }, (_, i) => `vm:${100 + i}`);
  const first = searchTargets(indexOf(...ids), 'vm', { limit: 10 });
  assert.equal(
    first.items.map(({ id }) => id),
    ids.slice(0, 10),
  );
  assert.is(first.cursor, 'vm:109');
  // The last one of the page is gone, and one came in before it.
  const changed = indexOf(...ids.filter((id) => id !== 'vm:109'), 'vm:1005');
  const second = searchTargets(changed, 'vm', { limit: 10, cursor: first.cursor });
  assert.equal(
    second.items.map(({ id }) => id),
    ids.slice(10, 20),
  );
  const third = searchTargets(changed, 'vm', { limit: 10, cursor: second.cursor });
  assert.equal(
    third.items.map(({ id }) => id),
    ids.slice(20),
  );
  assert.is(third.cursor, null);
  const exact = searchTargets(indexOf(...ids.slice(0, 10)), '', { limit: 10 });
  assert.is(exact.cursor, null);
});

index('a search out of bounds is refused', () => {
  for (const [text, options] of [
    ['a'.repeat(257), {}],
    ['a b c d e f g', {}],
    ['a', { limit: 0 }],
    ['a', { limit: 501 }],
    ['a', { limit: 1.5 }],
    ['a', { cursor: 'no id' }],
  ] as const)
    assert.throws(
      () => searchTargets(FLEET, text, options),
      (error: unknown) => isLogError(error, 'request-invalid'),
    );
});

index('a search in a large inventory finds what a scan finds', () => {
  const items = Array.from({ length: 5000 }, (_, i) =>
    item(`vm:${i}`, { name: `n${(i * 7919) % 5000}-x`, labels: { rack: `r${i % 37}` } }),
  );
  const large = InventoryIndex.build(inventory(items));
  const words = fc.oneof(
    fc.stringMatching(/^[nrvmx0-9=-]{1,5}$/),
    fc.constantFrom('rack=r3', 'n49', 'vm:4999', '-x', 'zzz'),
  );
  fc.assert(
    fc.property(fc.array(words, { maxLength: 3 }), fc.nat(4999), (list, after) => {
      const cursor = `vm:${after}`;
      const { items: page } = searchTargets(large, list.join(' '), { limit: 20, cursor });
      const expected = large.items.filter(({ id, name, label, labels }) => {
        const fields = [id, name, label, `rack=${labels['rack']}`].map((text) =>
          text.toLowerCase(),
        );
        return id > cursor && list.every((word) => fields.some((text) => text.includes(word)));
      });
      assert.equal(page, expected.slice(0, 20));
    }),
    { numRuns: 300 },
  );
});

index('a snapshot stays as it is, and another stamp shares its targets', () => {
  const items = [item('vm:2'), item('vm:10')];
  const first = InventoryIndex.build(inventory(items));
  items.push(item('vm:3'));
  assert.equal(
    first.items.map(({ id }) => id),
    ['vm:10', 'vm:2'],
  );
  const later = first.stamped({ timeMs: 5, stale: true, reason: 'old' });
  assert.equal([first.stale, later.stale, later.timeMs, later.reason], [false, true, 5, 'old']);
  assert.is(later.items, first.items);
  assert.equal([later.get('vm:2')?.id, later.get('vm:3')], ['vm:2', undefined]);
});

index('an id that occurs twice, and too many targets, are a fault of the caller', () => {
  assert.throws(() => indexOf('vm:1', 'vm:1'), /twice/);
  const many = new Array(MAX_TARGETS + 1).fill(item('vm:1'));
  assert.throws(() => InventoryIndex.build(inventory(many)), /at most/);
});

index('a set of positions is what a set of numbers is', () => {
  const numbers = fc.uniqueArray(fc.nat(99));
  fc.assert(
    fc.property(numbers, numbers, fc.nat(100), fc.nat(100), (a, b, start, end) => {
      const [left, right] = [setOf(a), setOf(b)];
      const sorted = (list: number[]) => list.sort((x, y) => x - y);
      assert.equal(left.first(1000), sorted([...a]));
      assert.equal(left.first(3), sorted([...a]).slice(0, 3));
      assert.is(left.count, a.length);
      assert.equal(left.minus(right).first(1000), sorted(a.filter((at) => !b.includes(at))));
      assert.equal(left.plus(right).first(1000), sorted([...new Set([...a, ...b])]));
      const between = PositionSet.between(100, start, end).first(1000);
      assert.equal(
        between,
        Array.from({ length: Math.max(0, end - start) }, (_, i) => start + i),
      );
      const visited: number[] = [];
      left.forEach((at) => {
        visited.push(at);
      });
      assert.equal(visited, left.first(1000));
    }),
  );
  function setOf(list: readonly number[]): PositionSet {
    const set = new PositionSet(100);
    for (const at of list) set.add(at);
    return set;
  }
});

index.run();
