import { isLogError } from '@writ/core/errors';
import { type Discovery, MAX_LABELS, readDiscovery } from '@writ/policy/engine/discovery';
import { MAX_TARGETS } from '@writ/policy/engine/inventory-index';
import {
  type DiscoveryRun,
  type HostInventory,
  keepRows,
  mergeDiscovery,
  ofDriver,
  unknownInventory,
} from '@writ/policy/engine/inventory-merge';
import {
  judgeInventory,
  readStalenessOverride,
  STALE_AFTER_MS,
} from '@writ/policy/engine/inventory-staleness';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const merging = suite('inventory');

const HOST = '6f1f7e52-3b0c-4d52-8a3e-0c7c9b1d2e3f';

function answer(ids: readonly string[], more: Partial<Discovery> = {}): Discovery {
  const items = ids.map((id) => ({ id, name: id }));
  return readDiscovery({ items, complete: [], ...more });
}

function full(startedMs: number, nowMs = startedMs): DiscoveryRun {
  return { mode: 'full', wanted: null, driver: 'd1', startedMs, nowMs };
}

function fast(wanted: readonly string[], startedMs: number, nowMs = startedMs): DiscoveryRun {
  return { mode: 'fast', wanted, driver: 'd1', startedMs, nowMs };
}

function known(...ids: readonly string[]): HostInventory {
  const listed = answer(ids, { complete: ['vm', 'host'] });
  return mergeDiscovery(unknownInventory('d1'), listed, full(1000)).inventory;
}

function rowsOf({ rows }: HostInventory): (readonly [string, number, string | null])[] {
  return [...rows].map(([id, { timeMs, reason }]) => [id, timeMs, reason]);
}

merging('a full discovery brings what is there and takes away what is gone', () => {
  const listed = answer(['vm:2', 'vm:3'], { complete: ['vm'] });
  const { inventory, problems } = mergeDiscovery(known('vm:1', 'vm:2'), listed, full(5000));
  assert.equal(rowsOf(inventory), [
    ['vm:2', 5000, null],
    ['vm:3', 5000, null],
  ]);
  assert.equal([inventory.fullMs, problems], [5000, []]);
});

merging('what fails in part keeps its old rows, with the reason', () => {
  const failures = [{ type: 'vm', id: null, reason: 'permission denied' }];
  const listed = answer(['host:1'], { complete: ['vm', 'host'], failures });
  const before = known('vm:1', 'vm:2', 'host:1', 'host:2');
  const { inventory, problems } = mergeDiscovery(before, listed, full(5000));
  assert.equal(rowsOf(inventory), [
    ['vm:1', 1000, 'permission denied'],
    ['vm:2', 1000, 'permission denied'],
    ['host:1', 5000, null],
  ]);
  assert.equal(problems, ['targets of type vm: permission denied']);
  assert.is(inventory.fullMs, 1000);
});

merging('a type that was not listed in full loses nothing', () => {
  const { inventory } = mergeDiscovery(known('vm:1', 'vm:2'), answer(['vm:2']), full(5000));
  assert.equal(rowsOf(inventory)[0]?.slice(0, 2), ['vm:1', 1000]);
  assert.match(rowsOf(inventory)[0]?.[2] ?? '', /did not list its type in full/);
});

merging('an error never empties an inventory', () => {
  const before = known('vm:1', 'vm:2');
  const { inventory, problems } = keepRows(before, 'connection refused', full(5000));
  assert.equal(rowsOf(inventory), [
    ['vm:1', 1000, 'connection refused'],
    ['vm:2', 1000, 'connection refused'],
  ]);
  assert.equal(problems, ['connection refused']);
  const again = mergeDiscovery(
    inventory,
    answer(['vm:1', 'vm:2'], { complete: ['vm'] }),
    full(9000),
  );
  assert.equal(rowsOf(again.inventory), [
    ['vm:1', 9000, null],
    ['vm:2', 9000, null],
  ]);
});

merging('a fast discovery touches what was asked and nothing else', () => {
  const before = known('vm:1', 'vm:2', 'vm:3', 'vm:4');
  const listed = answer(['vm:1', 'vm:66'], { absent: ['vm:2', 'vm:4'] });
  const { inventory } = mergeDiscovery(before, listed, fast(['vm:1', 'vm:2', 'vm:3'], 5000));
  assert.equal(rowsOf(inventory), [
    ['vm:1', 5000, null],
    ['vm:3', 1000, 'the driver did not answer for it'],
    ['vm:4', 1000, null],
  ]);
});

merging('a slow full discovery does not undo what a fast one saw meanwhile', () => {
  const seen = mergeDiscovery(
    known('vm:1'),
    answer(['vm:1', 'vm:7']),
    fast(['vm:1', 'vm:7'], 8000),
  );
  const listed = answer(['vm:1'], { complete: ['vm'] });
  const { inventory } = mergeDiscovery(seen.inventory, listed, full(5000, 9000));
  assert.equal(rowsOf(inventory), [
    ['vm:1', 8000, null],
    ['vm:7', 8000, null],
  ]);
  const failed = keepRows(seen.inventory, 'too late', full(5000, 9000));
  assert.equal(rowsOf(failed.inventory)[0], ['vm:1', 8000, null]);
});

merging(
  'a row from the future gives way, so that a clock which was wrong does no lasting harm',
  () => {
    const { inventory } = mergeDiscovery(known('vm:1'), answer(['vm:1']), full(400, 500));
    assert.equal(rowsOf(inventory), [['vm:1', 400, null]]);
  },
);

merging('targets listed by another driver package stay, and are old', () => {
  const before = known('vm:1');
  assert.is(ofDriver(before, 'd1'), before);
  const after = ofDriver(before, 'd2');
  assert.equal(rowsOf(after), [['vm:1', 1000, 'listed by another driver package']]);
  assert.ok(judgeInventory(after, { nowMs: 1000 }).stale);
});

merging('a driver that lists without end fills the memory up to the limit and no further', () => {
  const rows = new Map(
    Array.from({ length: MAX_TARGETS }, (_, i) => {
      const item = { id: `vm:${i}`, type: 'vm', name: '', label: '', labels: {}, state: null };
      return [item.id, { item, timeMs: 1, reason: null }] as const;
    }),
  );
  const before = { driver: 'd1', rows, fullMs: 1 };
  const { inventory, problems } = mergeDiscovery(before, answer(['vm:999999', 'vm:1']), full(5000));
  assert.is(inventory.rows.size, MAX_TARGETS);
  assert.is(inventory.rows.get('vm:1')?.timeMs, 5000);
  assert.match(problems.at(-1) ?? '', /^1 targets beyond/);
});

merging('an inventory is old one millisecond after the limit and not at it', () => {
  const inventory = known('vm:1', 'vm:2');
  const at = (nowMs: number) => judgeInventory(inventory, { nowMs });
  assert.equal(at(1000 + STALE_AFTER_MS), {
    timeMs: 1000,
    stale: false,
    reason: null,
    override: null,
  });
  assert.equal(at(1001 + STALE_AFTER_MS), {
    timeMs: 1000,
    stale: true,
    reason: '2 of 2 targets are old: not seen lately',
    override: null,
  });
  assert.not(at(1000).stale);
  // The clock went back: nobody knows how old the rows are.
  assert.ok(at(999).stale);
  assert.ok(judgeInventory(inventory, { nowMs: 1002, staleAfterMs: 1 }).stale);
});

merging('one old row makes the whole old, and not the targets that were asked for', () => {
  const seen = mergeDiscovery(known('vm:1', 'vm:2'), answer(['vm:1']), fast(['vm:1'], 90_000));
  const options = { nowMs: 90_000 };
  assert.equal(judgeInventory(seen.inventory, options), {
    timeMs: 1000,
    stale: true,
    reason: '1 of 2 targets are old: not seen lately',
    override: null,
  });
  const wanted = judgeInventory(seen.inventory, { ...options, ids: ['vm:1', 'vm:404'] });
  assert.equal([wanted.stale, wanted.timeMs], [false, 90_000]);
});

merging('a host without targets is judged by its last full discovery', () => {
  assert.match(judgeInventory(unknownInventory(null), { nowMs: 5 }).reason ?? '', /no discovery/);
  const empty = known();
  assert.not(judgeInventory(empty, { nowMs: 1000 + STALE_AFTER_MS }).stale);
  assert.ok(judgeInventory(empty, { nowMs: 1001 + STALE_AFTER_MS }).stale);
});

merging(
  'the word of an operator lets an old inventory pass while it holds, for its host, and visibly',
  () => {
    const inventory = known('vm:1');
    const override = readStalenessOverride({
      host_id: HOST,
      reason: 'hypervisor API is down for maintenance',
      by: 'ana',
      from_ms: 100_000,
      until_ms: 200_000,
    });
    const judge = (nowMs: number, hostId: string = HOST) =>
      judgeInventory(inventory, { nowMs, override, hostId });
    const passed = judge(150_000);
    assert.not(passed.stale);
    assert.is(passed.override, override);
    assert.match(
      passed.reason ?? '',
      /1 of 1 targets are old: .*; accepted: hypervisor API is down/,
    );
    for (const nowMs of [99_999, 200_000]) assert.ok(judge(nowMs).stale, String(nowMs));
    assert.ok(judge(150_000, 'another host').stale);
    // Nothing to accept: the override does not show where the inventory is fresh.
    assert.is(judgeInventory(inventory, { nowMs: 1000, override, hostId: HOST }).override, null);
  },
);

merging('an override without a reason, an end or a person is refused', () => {
  const good = {
    host_id: HOST,
    reason: 'hypervisor API is down',
    by: 'ana',
    from_ms: 1,
    until_ms: 2,
  };
  assert.equal(readStalenessOverride(good), good);
  for (const bad of [
    null,
    'text',
    {},
    { ...good, reason: '' },
    { ...good, reason: 'short    ' },
    { ...good, reason: 'x'.repeat(501) },
    { ...good, reason: 'two\nlines of reason' },
    { ...good, by: '' },
    { ...good, host_id: HOST.toUpperCase() },
    { ...good, until_ms: 1 },
    { ...good, until_ms: 86_400_002 },
    { ...good, until_ms: '2' },
    { ...good, from_ms: -1 },
    { ...good, more: 1 },
  ])
    assert.throws(
      () => readStalenessOverride(bad),
      (error: unknown) => isLogError(error, 'request-invalid'),
    );
});

merging('a row that breaks a rule is a failure of its own and spoils no other', () => {
  for (const row of [
    null,
    7,
    [],
    {},
    { id: 'vm:007', name: 'x' },
    { id: 'robot:1', name: 'x' },
    { id: 'vm:1' },
    { id: 'vm:1', name: 1 },
    { id: 'vm:1', name: 'a\u0000b' },
    { id: 'vm:1', name: 'a\nb' },
    { id: 'vm:1', name: 'safe\u202elive' },
    { id: 'vm:1', name: '\ud800' },
    { id: 'vm:1', name: 'x'.repeat(257) },
    { id: 'vm:1', name: 'x', label: 5 },
    { id: 'vm:1', name: 'x', state: {} },
    { id: 'vm:1', name: 'x', labels: [] },
    { id: 'vm:1', name: 'x', labels: { k: 1 } },
    { id: 'vm:1', name: 'x', labels: { 'a b': 'v' } },
    { id: 'vm:1', name: 'x', labels: JSON.parse('{"__proto__": "v"}') },
    {
      id: 'vm:1',
      name: 'x',
      labels: Object.fromEntries(Array.from({ length: MAX_LABELS + 1 }, (_, i) => [`k${i}`, 'v'])),
    },
  ]) {
    const read = readDiscovery({
      items: [row, { id: 'vm:2', name: 'y' }],
      complete: ['vm', 'host'],
    });
    assert.equal(
      read.items.map(({ id }) => id),
      ['vm:2'],
      JSON.stringify(row),
    );
    assert.is(read.failures.length, 1);
    // Nobody can say which target the row was meant to be: nothing of its type may be taken away.
    assert.not(read.complete.includes('vm'), JSON.stringify(row));
  }
});

merging('a target that is listed twice is taken once, and said', () => {
  const read = answer(['vm:1', 'vm:1'], { complete: ['vm'] });
  assert.is(read.items.length, 1);
  assert.match(read.failures[0]?.reason ?? '', /twice/);
  assert.equal(read.complete, []);
});

merging('a label may be called like a member that every object has', () => {
  const labels = { constructor: 'x', toString: 'y' };
  const [item] = readDiscovery({ items: [{ id: 'vm:1', name: 'n', labels }] }).items;
  assert.equal(Object.entries(item?.labels ?? {}), [
    ['constructor', 'x'],
    ['toString', 'y'],
  ]);
});

merging('an answer of another shape is refused as a whole', () => {
  for (const bad of [
    undefined,
    null,
    5,
    'x',
    [],
    {},
    { items: {} },
    { items: [], complete: 'vm' },
    { items: [], complete: [1] },
    { items: [], absent: [null] },
    { items: [], failures: [{}] },
    { items: [], failures: [{ reason: 'x', type: 'robot' }] },
    { items: [], failures: [{ reason: 'x', type: 'vm', id: 'host:1' }] },
    { items: [], failures: [{ reason: 'x', id: 'nothing' }] },
    { items: [], failures: new Array(4097).fill({ reason: 'x' }) },
    { items: new Array(MAX_TARGETS + 1).fill(null) },
  ])
    assert.throws(
      () => readDiscovery(bad),
      (error: unknown) => isLogError(error, 'response-malformed'),
    );
});

merging(
  'whatever a driver answers, the rows that stay or come are sound and nothing unseen is taken away',
  () => {
    const ids = fc.constantFrom('vm:1', 'vm:2', 'host:1', 'vm:01', 'x');
    const answers = fc.record(
      {
        items: fc.array(fc.oneof(fc.record({ id: ids, name: fc.string() }), fc.anything()), {
          maxLength: 6,
        }),
        complete: fc.subarray(['vm', 'host']),
        absent: fc.array(ids, { maxLength: 3 }),
        failures: fc.array(
          fc.record({
            type: fc.constantFrom('vm', null),
            id: fc.constant(null),
            reason: fc.constant('r'),
          }),
          { maxLength: 2 },
        ),
      },
      { requiredKeys: ['items'] },
    );
    fc.assert(
      fc.property(answers, (value) => {
        const before = known('vm:1', 'vm:2', 'host:1');
        const discovery = readDiscovery(value);
        const { inventory } = mergeDiscovery(before, discovery, full(5000));
        for (const [id, { item }] of before.rows)
          if (!inventory.rows.has(id)) assert.ok(discovery.complete.includes(item.type), id);
        for (const [id, { timeMs, reason }] of inventory.rows)
          assert.ok(
            timeMs === 5000 ? discovery.items.some((item) => item.id === id) : reason !== null,
          );
      }),
      { numRuns: 1000 },
    );
  },
);

merging.run();
