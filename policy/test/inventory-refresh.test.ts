import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { utf8 } from '@writ/core/bytes';
import { DigestCache } from '@writ/policy/agent/digest-cache';
import { Inventories } from '@writ/policy/agent/inventory';
import type {
  DiscoveryRequest,
  InventoryHost,
  InventoryStore,
} from '@writ/policy/agent/inventory-port';
import { levelInventoryStore } from '@writ/policy/agent/inventory-store';
import type { HostInventory } from '@writ/policy/engine/inventory-merge';
import { searchTargets } from '@writ/policy/engine/inventory-search';
import { Level } from 'level';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const refreshing = suite('inventory refresh');

const HOST: InventoryHost = { id: 'h1', driver: 'd1', types: ['vm'] };

/** A clock that tests move, and a driver that answers when they say. */
class World {
  nowMs = 1_000_000;
  readonly calls: {
    readonly host: string;
    readonly request: DiscoveryRequest;
    readonly signal: AbortSignal;
    answer(value: unknown): void;
    fail(error: Error): void;
  }[] = [];
  readonly saved = new Map<string, HostInventory>();
  failsToSave = false;
  #sleepers: { readonly atMs: number; wake(): void }[] = [];
  #random = 0;
  readonly inventories = new Inventories({
    env: {
      nowMs: () => this.nowMs,
      random: (length) => {
        this.#random = (this.#random + 37) % 256;
        return new Uint8Array(length).fill(this.#random);
      },
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          this.#sleepers.push({ atMs: this.nowMs + ms, wake: resolve });
          signal?.addEventListener('abort', () => resolve(), { once: true });
        }),
    },
    discoverer: {
      discover: (host, request, signal) =>
        new Promise((answer, fail) => this.calls.push({ host, request, signal, answer, fail })),
    },
    store: this.#store(),
  });

  #store(): InventoryStore {
    return {
      load: async (host) => this.saved.get(host),
      save: async (host, _previous, next) => {
        if (this.failsToSave) throw new Error('disk is full');
        this.saved.set(host, next);
      },
    };
  }

  async pass(milliseconds: number): Promise<void> {
    const end = this.nowMs + milliseconds;
    for (;;) {
      await settled();
      const next = this.#sleepers
        .filter(({ atMs }) => atMs <= end)
        .sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.#sleepers = this.#sleepers.filter((sleeper) => sleeper !== next);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.wake();
    }
    this.nowMs = end;
    await settled();
  }
}

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function listing(...ids: readonly string[]) {
  return { items: ids.map((id) => ({ id, name: `name of ${id}` })), complete: ['vm'] };
}

async function worldWith(...ids: readonly string[]): Promise<World> {
  const world = new World();
  await world.inventories.setHosts([HOST]);
  const refresh = world.inventories.refreshFull('h1');
  world.calls[0]?.answer(listing(...ids));
  await refresh;
  return world;
}

refreshing('a full discovery fills the index, and the index can be searched', async () => {
  const world = await worldWith('vm:1', 'vm:2');
  const index = world.inventories.index('h1');
  assert.equal(
    index?.items.map(({ id }) => id),
    ['vm:1', 'vm:2'],
  );
  assert.equal([index?.timeMs, index?.stale], [1_000_000, false]);
  if (index) assert.is(searchTargets(index, 'of vm:2').items.length, 1);
  assert.is(world.saved.get('h1')?.rows.size, 2);
  world.nowMs += 30_000;
  assert.not(world.inventories.index('h1')?.stale);
  world.nowMs += 1;
  assert.ok(world.inventories.index('h1')?.stale);
  assert.ok(!index?.stale, 'a snapshot does not change');
});

refreshing(
  'a host of which nothing is known has no index, and an empty one has an empty one',
  async () => {
    const world = new World();
    await world.inventories.setHosts([HOST]);
    assert.is(world.inventories.index('h1'), undefined);
    assert.is(world.inventories.index('h2'), undefined);
    assert.throws(() => world.inventories.judge('h2'), RangeError);
    const empty = await worldWith();
    assert.equal(empty.inventories.index('h1')?.items, []);
  },
);

refreshing('a fast refresh asks for what is wanted, within the deadline of the host', async () => {
  const world = await worldWith('vm:1', 'vm:2');
  world.nowMs += 60_000;
  const refresh = world.inventories.refreshFast('h1', ['vm:1']);
  const call = world.calls[1];
  assert.equal(call?.request, { mode: 'fast', types: ['vm'], ids: ['vm:1'], deadlineMs: 5000 });
  call?.answer({ items: [{ id: 'vm:1', name: 'new name' }] });
  const { refreshed, inventory, findings } = await refresh;
  assert.equal(
    [refreshed, inventory.stale, inventory.timeMs, findings],
    [true, false, 1_060_000, []],
  );
  assert.is(world.inventories.index('h1')?.get('vm:1')?.name, 'new name');
  assert.ok(world.inventories.index('h1')?.stale, 'the other row is old');
});

refreshing(
  'a driver that does not answer in time fails nothing: old rows, a warning, and an answer at the deadline',
  async () => {
    for (const slaSeconds of [1, 5, 60]) {
      const world = await worldWith('vm:1');
      await world.inventories.setHosts([{ ...HOST, slaSeconds }]);
      let ended = false;
      const refresh = world.inventories.refreshFast('h1', ['vm:1']).finally(() => {
        ended = true;
      });
      await world.pass(slaSeconds * 1000 - 1);
      assert.not(ended);
      assert.not(world.calls[1]?.signal.aborted);
      await world.pass(1);
      assert.ok(ended);
      assert.ok(world.calls[1]?.signal.aborted);
      const { refreshed, inventory, findings } = await refresh;
      assert.equal([refreshed, inventory.stale], [false, true]);
      assert.equal(
        findings.map(({ code, severity }) => [code, severity]),
        [
          ['inventory-refresh-incomplete', 'warn'],
          ['inventory-stale', 'warn'],
        ],
      );
      assert.match(findings[0]?.message ?? '', new RegExp(`no answer within ${slaSeconds} s`));
      assert.is(world.inventories.index('h1')?.items.length, 1);
    }
  },
);

refreshing(
  'a late answer is thrown away and counted, and until it comes nobody asks again',
  async () => {
    const world = await worldWith('vm:1');
    const refresh = world.inventories.refreshFast('h1', ['vm:1']);
    await world.pass(5000);
    await refresh;
    const again = await world.inventories.refreshFast('h1', ['vm:1']);
    assert.not(again.refreshed);
    assert.match(again.findings[0]?.message ?? '', /has not ended the discovery before/);
    assert.is(world.calls.length, 2);
    world.calls[1]?.answer({ items: [{ id: 'vm:1', name: 'too late' }] });
    await settled();
    assert.is(world.inventories.counters.late, 1);
    assert.is(world.inventories.index('h1')?.get('vm:1')?.name, 'name of vm:1');
    const third = world.inventories.refreshFast('h1', ['vm:1']);
    assert.is(world.calls.length, 3);
    world.calls[2]?.answer(listing('vm:1'));
    assert.ok((await third).refreshed);
  },
);

refreshing('errors and wrong answers of a driver keep the rows with the reason', async () => {
  const world = await worldWith('vm:1');
  const failing = world.inventories.refreshFull('h1');
  world.calls[1]?.fail(new Error('connection refused'));
  const { findings } = await failing;
  assert.match(findings[0]?.message ?? '', /connection refused/);
  const wrong = world.inventories.refreshFull('h1');
  world.calls[2]?.answer({ items: 'all of them' });
  assert.match((await wrong).findings[0]?.message ?? '', /items is not a list/);
  assert.is(world.inventories.index('h1')?.items.length, 1);
  assert.match(world.inventories.judge('h1').reason ?? '', /items is not a list/);
});

refreshing('those who ask at once share one discovery, and others share the next', async () => {
  const world = await worldWith('vm:1', 'vm:2', 'vm:3');
  const first = world.inventories.refreshFast('h1', ['vm:1', 'vm:2']);
  const within = world.inventories.refreshFast('h1', ['vm:2']);
  const others = ['vm:3', 'vm:1', 'vm:4'].map((id) =>
    world.inventories.refreshFast('h1', [id, 'vm:3']),
  );
  await settled();
  assert.is(world.calls.length, 2);
  world.calls[1]?.answer(listing('vm:1', 'vm:2'));
  assert.ok((await first).refreshed && (await within).refreshed);
  await settled();
  assert.is(world.calls.length, 3);
  assert.equal(world.calls[2]?.request.ids, ['vm:3', 'vm:1', 'vm:4']);
  world.calls[2]?.answer(listing('vm:1', 'vm:3', 'vm:4'));
  for (const other of others) assert.ok((await other).refreshed);
  assert.is(world.inventories.counters.shared, 1);
});

refreshing('a full discovery does not hold up a fast one', async () => {
  const world = await worldWith('vm:1');
  const slow = world.inventories.refreshFull('h1');
  const quick = world.inventories.refreshFast('h1', ['vm:1']);
  assert.is(world.calls[2]?.request.mode, 'fast');
  world.calls[2]?.answer(listing('vm:1'));
  assert.ok((await quick).refreshed);
  world.calls[1]?.answer(listing('vm:1'));
  assert.ok((await slow).refreshed);
});

refreshing('an integration without fast discovery says so', async () => {
  const world = await worldWith('vm:1');
  await world.inventories.setHosts([{ ...HOST, isFast: false }]);
  const { refreshed, findings } = await world.inventories.refreshFast('h1', ['vm:1']);
  assert.not(refreshed);
  assert.match(findings[0]?.message ?? '', /no fast discovery/);
  assert.is(world.calls.length, 1);
});

refreshing('what cannot be stored is known all the same, and said', async () => {
  const world = await worldWith('vm:1');
  world.failsToSave = true;
  const refresh = world.inventories.refreshFull('h1');
  world.calls[1]?.answer(listing('vm:1', 'vm:2'));
  const { refreshed, findings } = await refresh;
  assert.not(refreshed);
  assert.match(findings[0]?.message ?? '', /could not be stored: disk is full/);
  assert.is(world.inventories.index('h1')?.items.length, 2);
});

refreshing(
  'full discoveries run in the background, spread in time, and end with the signal',
  async () => {
    const world = new World();
    const hosts = ['a', 'b', 'c'].map((id) => ({ ...HOST, id, fullIntervalSeconds: 100 }));
    await world.inventories.setHosts([...hosts, { ...HOST, id: 'off', isFull: false }]);
    const stop = new AbortController();
    world.inventories.start(stop.signal);
    const starts = new Map<string, number[]>();
    for (let i = 0; i < 400; i++) {
      await world.pass(1000);
      for (const call of world.calls.splice(0)) {
        starts.set(call.host, [...(starts.get(call.host) ?? []), world.nowMs]);
        call.answer(listing('vm:1'));
      }
    }
    assert.equal([...starts.keys()].sort(), ['a', 'b', 'c']);
    for (const times of starts.values()) {
      assert.ok((times[0] ?? 0) <= 1_000_000 + 11_000);
      for (const [i, time] of times.slice(1).entries()) {
        const gap = time - (times[i] ?? 0);
        assert.ok(gap >= 89_000 && gap <= 112_000, String(gap));
      }
    }
    assert.ok(new Set([...starts.values()].map((times) => times.join())).size > 1);
    stop.abort();
    await world.pass(500_000);
    assert.is(world.calls.length, 0);
  },
);

refreshing('a host that is taken away is asked no more', async () => {
  const world = await worldWith('vm:1');
  world.inventories.start(new AbortController().signal);
  await world.inventories.setHosts([]);
  await world.pass(1_000_000);
  assert.is(world.calls.length, 1);
  assert.is(world.inventories.index('h1'), undefined);
});

refreshing('a deadline outside of 1 to 60 seconds is a fault of the caller', async () => {
  const world = new World();
  for (const slaSeconds of [0, 0.5, 61, Number.NaN])
    await world.inventories.setHosts([{ ...HOST, slaSeconds }]).then(
      () => assert.unreachable(),
      (error: unknown) => assert.instance(error, TypeError),
    );
});

refreshing('an inventory outlasts the process, and a damaged one is found again', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'inventory-'));
  const db = new Level<string, Uint8Array>(folder, { valueEncoding: 'view' });
  try {
    const store = levelInventoryStore(db);
    assert.is(await store.load('h1'), undefined);
    const world = await worldWith('vm:1', 'vm:2', 'vm:3');
    const before: HostInventory = { driver: null, rows: new Map(), fullMs: null };
    const first = world.saved.get('h1') ?? before;
    await store.save('h1', before, first);
    await store.save('h10', before, first);
    assert.equal(await store.load('h1'), first);
    const fewer = { ...first, rows: new Map([...first.rows].slice(1)) };
    await store.save('h1', first, fewer);
    assert.equal(await store.load('h1'), fewer);
    for (const damaged of [
      '{',
      '{}',
      'null',
      '{"item":{"id":"vm:2","name":"x"},"timeMs":-1}',
      '',
    ]) {
      await db.put('inventory/h1/row/vm:2', utf8(damaged));
      assert.is(await store.load('h1'), undefined, damaged);
    }
    assert.equal(await store.load('h10'), first);
  } finally {
    await db.close();
    await rm(folder, { recursive: true });
  }
});

refreshing('what follows from a driver package is kept by its digest, for a while', async () => {
  let nowMs = 0;
  let loads = 0;
  const cache = new DigestCache<number>({ monotonicMs: () => nowMs, ttlMs: 1000, maxEntries: 2 });
  const get = (digest: string) => cache.get(digest, async () => ++loads);
  assert.equal(await Promise.all([get('a'), get('a')]), [1, 1]);
  nowMs = 1000;
  assert.is(await get('a'), 1);
  nowMs = 1001;
  assert.is(await get('a'), 2);
  cache.invalidate('a');
  assert.is(await get('a'), 3);
  await get('b');
  await get('c');
  assert.is(await get('b'), 4);
  assert.is(await get('a'), 6);
  assert.equal(cache.counters, { hits: 3, misses: 6, hitRatio: 1 / 3 });
  await cache.get('x', async () => Promise.reject(new Error('no package'))).catch(() => {});
  assert.is(await get('x'), 7);
  cache.clear();
  assert.is(await get('x'), 8);
});

refreshing.run();
