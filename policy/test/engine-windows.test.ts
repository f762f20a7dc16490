// Windows of the engine (requirements X2, X3, X8): duplicates, suppression, clocks that jump, restarts.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonValue } from '@writ/core/statements/jcs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeVillage, policy, policyId, snapshotOf } from './engine-village.ts';
import {
  answerTo,
  EngineWorld,
  START_SECONDS,
  upsEvent,
  type WorldOptions,
} from './engine-world.ts';
import { after } from './node-world.ts';

const test = suite<{ dir: string }>('engine windows', { dir: '' });

test.before.each(async (world) => {
  world.dir = await mkdtemp(join(tmpdir(), 'writ-engine-'));
});

test.after.each(async ({ dir }) => {
  await rm(dir, { recursive: true });
});

type Fields = NonNullable<Parameters<typeof policy>[0]>;

function start(
  dir: string,
  policies: readonly Fields[],
  options: WorldOptions = {},
): Promise<EngineWorld> {
  const documents = policies.map((fields, i): [string, JsonValue] => [
    policyId(i + 1),
    policy(fields),
  ]);
  const made = makeVillage(new Map(documents), { witnessedSeconds: START_SECONDS });
  return EngineWorld.start(dir, snapshotOf(made), options);
}

const kinds = (records: readonly { readonly kind: string }[]): string[] =>
  records.map(({ kind }) => kind);

test('a thousand duplicates at once give one call, and a record for each of the others', async ({
  dir,
}) => {
  const world = await start(dir, [{ suppression_window: '1s' }], { maxWaiting: 2000 });
  await Promise.all(
    Array.from({ length: 1000 }, (_, i) =>
      world.handle(upsEvent(i, { subject: { kind: 'ups', id: `ups-${i}` } })),
    ),
  );
  assert.is(world.drivers.calls.length, 1);
  assert.equal(await world.suppressed(), { 'suppressed-idempotent': 999 });
  assert.equal(kinds(await world.records()), [
    'execution-intent',
    'execution-outcome',
    'execution-suppressed',
  ]);
  const { rows } = await world.node.ledger.index.page(policyId(1));
  assert.equal(
    rows.map(({ state, severity, count }) => [state, severity, count]),
    [
      ['suppressed', 'info', 999],
      ['succeeded', 'info', 1],
    ],
  );
  await world.close();
});

test('two policies that want the same of one target call once, whichever runs first', async ({
  dir,
}) => {
  const world = await start(dir, [{ name: 'first' }, { name: 'second' }]);
  assert.equal(await world.results(upsEvent(0)), ['succeeded', 'held: suppressed-idempotent']);
  assert.is(world.drivers.calls.length, 1);
  await world.close();
});

test('idempotency is asked before suppression, and a look ahead spares the driver a question', async ({
  dir,
}) => {
  const world = await start(dir, [
    {
      suppression_window: '10m',
      actions: [{ capability_id: 'vm.lifecycle', verb: 'shutdown' }],
    },
  ]);
  assert.equal(await world.results(upsEvent(0)), ['succeeded']);
  assert.equal(await world.results(upsEvent(1)), ['held: suppressed-idempotent']);
  assert.is(world.drivers.dryRuns.length, 1);
  await world.close();
});

test('the suppression window holds for its policy and subject alone, and ends by the clock', async ({
  dir,
}) => {
  const world = await start(dir, [{ suppression_window: '10m', idempotency_window: '1s' }]);
  const other = { subject: { kind: 'ups', id: 'other' } } as const;
  assert.equal(await world.results(upsEvent(0)), ['succeeded']);
  world.pass(5000);
  assert.equal(await world.results(upsEvent(5000)), ['held: suppressed-window']);
  assert.equal(await world.results(upsEvent(5001, other)), ['succeeded']);
  world.pass(600_000 - 5001);
  assert.equal(await world.results(upsEvent(599_999)), ['held: suppressed-window']);
  world.pass(1);
  assert.equal(await world.results(upsEvent(600_000)), ['succeeded']);
  await world.close();
});

test('a match for which nothing has to be done begins the suppression window too', async ({
  dir,
}) => {
  const empty = policy(
    { suppression_window: '10m' },
    { selector: { mode: 'query', value: 'name ~ "lab-*"' } },
  );
  const made = makeVillage(new Map([[policyId(1), empty]]), { witnessedSeconds: START_SECONDS });
  const alone = await EngineWorld.start(dir, snapshotOf(made));
  await alone.handle(upsEvent(0));
  alone.pass(1000);
  await alone.handle(upsEvent(1));
  assert.equal(await alone.suppressed(), { 'selection-empty': 1, 'suppressed-window': 1 });
  assert.equal(alone.drivers.calls, []);
  await alone.close();
});

for (const [what, jumpMs] of [
  ['back by a day', -86_400_000],
  ['ahead by a day', 86_400_000],
] as const) {
  test(`a wall clock that jumps ${what} neither opens nor keeps a window within a run`, async ({
    dir,
  }) => {
    const world = await start(dir, [{ suppression_window: '10m', idempotency_window: '10m' }]);
    assert.equal(await world.results(upsEvent(0)), ['succeeded']);
    world.clock.wallMs += jumpMs;
    const now = () => world.clock.wallMs - START_SECONDS * 1000;
    world.pass(60_000);
    assert.equal(await world.results(upsEvent(now())), ['held: suppressed-idempotent']);
    world.pass(541_000);
    assert.equal(await world.results(upsEvent(now())), ['succeeded']);
    await world.close();
  });
}

test('windows survive a restart, and a clock that went back over it keeps them closed', async ({
  dir,
}) => {
  const policies = [{ suppression_window: '10m', idempotency_window: '10m' }];
  const first = await start(dir, policies);
  await first.handle(upsEvent(0));
  await first.close();
  const second = await start(dir, policies, { now: after(300_000) });
  assert.equal(await second.results(upsEvent(300_000)), ['held: suppressed-idempotent']);
  await second.close();
  const wallMs = after(-86_400_000).wallMs;
  const third = await start(dir, policies, { now: { wallMs, steadyMs: 0 } });
  assert.equal(await third.results(upsEvent(-86_400_000)), ['held: suppressed-idempotent']);
  third.pass(599_000);
  assert.equal(await third.results(upsEvent(-86_400_000 + 599_000)), [
    'held: suppressed-idempotent',
  ]);
  third.pass(1000);
  assert.equal(await third.results(upsEvent(-86_400_000 + 600_000)), ['succeeded']);
  await third.close();
});

test('a policy that stops keeps later ones from the event once it has an intent', async ({
  dir,
}) => {
  const world = await start(dir, [
    { stop_on_match: true, idempotency_window: '1s', suppression_window: '10m' },
    { actions: [taking('second')] },
  ]);
  await world.handle(upsEvent(0));
  assert.equal(tagsOf(world), [undefined]);
  // Suppressed as a whole it stops nothing.
  world.pass(5000);
  await world.handle(upsEvent(5000));
  assert.equal(tagsOf(world), [undefined, 'second']);
  await world.close();
});

test('a later policy does not begin before it is known whether the one before stops', async ({
  dir,
}) => {
  let end: () => void = () => {};
  const world = await start(dir, [
    { stop_on_match: true, actions: [{ capability_id: 'vm.lifecycle', verb: 'shutdown' }] },
    { actions: [taking('second')] },
  ]);
  world.drivers.answer = async (call) => {
    if (call.dryRun)
      await new Promise<void>((resolve) => {
        end = resolve;
      });
    return { answer: answerTo(call) };
  };
  const handled = world.handle(upsEvent(0));
  while (world.drivers.dryRuns.length === 0) await new Promise(setImmediate);
  end();
  await handled;
  assert.equal(world.drivers.verbs, ['shutdown vm:101']);
  await world.close();
});

test.run();

function taking(tag: string): JsonValue {
  return { capability_id: 'vm.snapshot', verb: 'take', params: { tag } };
}

function tagsOf({ drivers }: EngineWorld): unknown[] {
  return drivers.calls.map(({ call }) => call.params['tag']);
}
