// What the engine does when there is too much of something (requirement X5): it refuses, and that can be seen.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonValue } from '@writ/core/statements/jcs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeVillage, policy, policyId, snapshotOf } from './engine-village.ts';
import { EngineWorld, START_SECONDS, upsEvent, type WorldOptions } from './engine-world.ts';

const test = suite<{ dir: string }>('engine limits', { dir: '' });

test.before.each(async (world) => {
  world.dir = await mkdtemp(join(tmpdir(), 'writ-engine-'));
});

test.after.each(async ({ dir }) => {
  await rm(dir, { recursive: true });
});

type Fields = NonNullable<Parameters<typeof policy>[0]>;

const SHUTDOWN = { actions: [{ capability_id: 'vm.lifecycle', verb: 'shutdown' }] };

function start(
  dir: string,
  documents: readonly Fields[],
  options: WorldOptions = {},
): Promise<EngineWorld> {
  const named = documents.map((document, i): [string, JsonValue] => [policyId(i + 1), document]);
  const made = makeVillage(new Map(named), { witnessedSeconds: START_SECONDS });
  return EngineWorld.start(dir, snapshotOf(made), options);
}

test('events beyond the queue of a host are refused with a record, and the others run', async ({
  dir,
}) => {
  const world = await start(dir, [policy({ idempotency_window: '1s' })], { maxWaiting: 3 });
  const subject = (i: number) => ({ subject: { kind: 'ups', id: `ups-${i}` } }) as const;
  const handled = await Promise.all(
    Array.from({ length: 10 }, (_, i) => world.handle(upsEvent(i, subject(i)))),
  );
  assert.is(handled.filter(({ runs }) => runs.some(({ actions }) => actions.length > 0)).length, 4);
  const suppressed = await world.suppressed();
  assert.is(suppressed['queue-full'], 6);
  assert.is(world.engine.counters.refused, 6);
  await world.close();
});

test('more events at a time than the engine takes are refused, counted and recorded', async ({
  dir,
}) => {
  const world = await start(dir, [policy()], { maxEvents: 2 });
  const handled = await Promise.all([0, 1, 2, 3, 4].map((i) => world.handle(upsEvent(i))));
  assert.equal(
    handled.map(({ kind }) => kind),
    ['handled', 'handled', 'refused', 'refused', 'refused'],
  );
  assert.equal(await world.suppressed(), { 'queue-full': 3, 'suppressed-idempotent': 1 });
  await world.close();
});

test('a full outbox holds destructive verbs back and lets others pass, and both can be seen', async ({
  dir,
}) => {
  const world = await start(
    dir,
    [policy({ ...SHUTDOWN, name: 'destroys' }), policy({ name: 'saves' })],
    { limits: { softRows: 1 } },
  );
  assert.equal(await world.results(upsEvent(0)), ['succeeded', 'succeeded']);
  assert.is(world.node.outbox.status.isFull.destructive, true);
  world.pass(3_600_000);
  assert.equal(await world.results(upsEvent(3_600_000)), ['held: outbox-full', 'succeeded']);
  assert.equal(world.drivers.verbs, ['shutdown vm:101', 'take vm:101', 'take vm:101']);
  assert.equal(await world.suppressed(), { 'outbox-full': 1 });
  await world.close();
});

test('beyond its last row the outbox lets nothing begin, and says later how much it lost', async ({
  dir,
}) => {
  const world = await start(dir, [policy()], { limits: { softRows: 1, hardRows: 2 } });
  assert.equal(await world.results(upsEvent(0)), ['succeeded']);
  world.pass(3_600_000);
  assert.equal(await world.results(upsEvent(3_600_000)), ['held: outbox-full']);
  assert.is(world.drivers.calls.length, 1);
  assert.is(world.node.ledger.suppressions.pending, 1);
  await world.close();
});

test('an event far ahead is refused and an old one matches nothing; both are recorded', async ({
  dir,
}) => {
  const world = await start(dir, [policy()]);
  assert.is((await world.handle(upsEvent(301_000))).kind, 'refused');
  assert.is((await world.handle(upsEvent(-86_400_001))).kind, 'old');
  assert.equal(await world.suppressed(), { 'event-ahead': 1, 'event-old': 1 });
  assert.equal(world.drivers.calls, []);
  await world.close();
});

test.run();
