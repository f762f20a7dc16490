// What the engine remembers over a restart (requirements E1, X10): latches, timers, schedules, events from outside, and
// what it was doing when it stopped.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonValue } from '@writ/core/statements/jcs';
import { Clockwork } from '@writ/policy/agent/clockwork';
import { MatchState, SEEN_FOR_MS } from '@writ/policy/agent/match-state';
import type { EngineEvent } from '@writ/policy/engine/event';
import { MAX_RUNS } from '@writ/policy/engine/next-run';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeVillage, policy, policyId, snapshotOf } from './engine-village.ts';
import { EngineWorld, START_SECONDS, upsEvent } from './engine-world.ts';
import { after } from './node-world.ts';

const test = suite<{ dir: string }>('engine restart', { dir: '' });

test.before.each(async (world) => {
  world.dir = await mkdtemp(join(tmpdir(), 'writ-engine-'));
});

test.after.each(async ({ dir }) => {
  await rm(dir, { recursive: true });
});

type Fields = NonNullable<Parameters<typeof policy>[0]>;

function start(dir: string, fields: Fields, ms = 0): Promise<EngineWorld> {
  const documents = new Map<string, JsonValue>([[policyId(1), policy(fields)]]);
  const made = makeVillage(documents, { witnessedSeconds: START_SECONDS });
  return EngineWorld.start(dir, snapshotOf(made), { now: after(ms) });
}

const BOTH: Fields = {
  trigger_group: {
    logic: 'ALL',
    window: '1h',
    triggers: [
      { type: 'ups.state', equals: 'mains-lost' },
      { type: 'ups.state', equals: 'low-battery' },
    ],
  },
};

const state = (ms: number, name: string): EngineEvent => upsEvent(ms, { attrs: { state: name } });

test('the half of ALL that was true stays true over a restart, until it is taken back or its window ends', async ({
  dir,
}) => {
  const first = await start(dir, BOTH);
  assert.equal(await first.results(state(0, 'mains-lost')), []);
  await first.close();
  const second = await start(dir, BOTH, 60_000);
  assert.equal(await second.results(state(60_000, 'low-battery')), ['succeeded']);
  // It took the latches off with it.
  second.pass(1_000_000);
  assert.equal(await second.results(state(1_060_000, 'low-battery')), []);
  await second.close();
  const third = await start(dir, BOTH, 1_070_000);
  await third.handle(state(1_070_000, 'mains-returned'));
  await third.handle(state(1_070_001, 'mains-lost'));
  await third.close();
  const fourth = await start(dir, BOTH, 1_070_001 + 3_600_001);
  assert.equal(await fourth.results(state(1_070_001 + 3_600_001, 'low-battery')), []);
  await fourth.close();
});

/** The clock of timers over a world; `later` never calls. */
function clockworkOf(world: EngineWorld): {
  readonly clockwork: Clockwork;
  readonly published: EngineEvent[];
  readonly missed: [string, number][];
} {
  const published: EngineEvent[] = [];
  const missed: [string, number][] = [];
  const env = {
    now: () => world.clock.wallMs,
    monotonic: () => world.clock.steadyMs,
    later: () => () => {},
    random: () => 0,
  };
  const clockwork = new Clockwork(env, world.state, {
    publish: (event) => published.push(event),
    missed: (trigger, count) => missed.push([trigger, count]),
  });
  const { snapshot } = world.engine;
  if (snapshot !== undefined) clockwork.watch(snapshot);
  return { clockwork, published, missed };
}

const AFTER: Fields = {
  trigger_group: {
    triggers: [
      {
        type: 'timer.after',
        after: '5m',
        since_event: { type: 'ups.state', equals: 'mains-lost' },
      },
    ],
  },
};

test('timer.after runs on over a restart and comes due once', async ({ dir }) => {
  const first = await start(dir, AFTER);
  await first.handle(state(0, 'mains-lost'));
  await first.close();
  const second = await start(dir, AFTER, 299_000);
  const early = clockworkOf(second);
  await early.clockwork.tick();
  assert.equal(early.published, []);
  second.pass(1000);
  await early.clockwork.tick();
  assert.equal(
    early.published.map(({ kind, ts }) => [kind, ts]),
    [['timer.after', new Date(after(300_000).wallMs).toISOString()]],
  );
  const [event] = early.published;
  assert.ok(event);
  assert.equal(await second.results(event), ['succeeded']);
  await early.clockwork.tick();
  assert.is(early.published.length, 1);
  await second.close();
  const third = await start(dir, AFTER, 301_000);
  const late = clockworkOf(third);
  await late.clockwork.tick();
  assert.equal(late.published, []);
  // Published again after a crash it would be known.
  assert.is((await third.handle(event)).kind, 'duplicate');
  await third.close();
});

test('timer.after is cancelled when its state is left, and missed when the node slept through it', async ({
  dir,
}) => {
  const first = await start(dir, AFTER);
  await first.handle(state(0, 'mains-lost'));
  await first.handle(state(1000, 'mains-returned'));
  assert.equal(first.state.timers, []);
  await first.handle(state(2000, 'mains-lost'));
  await first.close();
  const second = await start(dir, AFTER, 302_000 + 60_001);
  const { clockwork, published, missed } = clockworkOf(second);
  await clockwork.tick();
  assert.equal(published, []);
  assert.equal(
    missed.map(([, count]) => count),
    [1],
  );
  assert.equal(second.state.timers, []);
  await second.close();
});

const HOURLY: Fields = { trigger_group: { triggers: [{ type: 'timer.at', cron: '0 * * * *' }] } };
/** From START to the next full hour. */
const TO_HOUR: number = 3_600_000 - (after(0).wallMs % 3_600_000);

test('runs of a schedule that the node slept through are missed and counted; the last minute still runs', async ({
  dir,
}) => {
  const first = await start(dir, HOURLY);
  const before = clockworkOf(first);
  first.pass(60_000);
  await before.clockwork.tick();
  assert.equal(before.published, []);
  await first.close();
  const second = await start(dir, HOURLY, TO_HOUR + 3 * 3_600_000 + 30_000);
  const { clockwork, published, missed } = clockworkOf(second);
  await clockwork.tick();
  assert.equal(
    published.map(({ ts }) => ts),
    [new Date(after(TO_HOUR + 3 * 3_600_000).wallMs).toISOString()],
  );
  assert.equal(
    missed.map(([, count]) => count),
    [3],
  );
  await clockwork.tick();
  assert.is(published.length, 1);
  await second.close();
});

test('a run of a schedule happens once, also when the node crashes before it noted the time', async ({
  dir,
}) => {
  const first = await start(
    dir,
    { ...HOURLY, suppression_window: '1s', idempotency_window: '1s' },
    TO_HOUR - 1000,
  );
  const before = clockworkOf(first);
  first.pass(1000);
  await before.clockwork.tick();
  const [event] = before.published;
  assert.ok(event);
  assert.equal(await first.results(event), ['succeeded']);
  await first.close();
  const second = await start(
    dir,
    { ...HOURLY, suppression_window: '1s', idempotency_window: '1s' },
    TO_HOUR + 20_000,
  );
  // As after a crash: nothing was noted since long before the run.
  await second.state.setMark(after(TO_HOUR - 10_000).wallMs);
  const again = clockworkOf(second);
  await again.clockwork.tick();
  assert.equal(again.published, [event]);
  assert.equal((await second.handle(event)).kind, 'duplicate');
  assert.equal(second.drivers.calls, []);
  await second.close();
});

test('a clock that is set back repeats no run; one that is set ahead by a year is bounded', async ({
  dir,
}) => {
  const world = await start(dir, HOURLY, TO_HOUR - 1000);
  const { clockwork, published, missed } = clockworkOf(world);
  world.pass(2000);
  await clockwork.tick();
  assert.is(published.length, 1);
  world.clock.wallMs -= 10_000;
  await clockwork.tick();
  world.pass(10_000);
  await clockwork.tick();
  assert.is(published.length, 1);
  world.clock.wallMs += 365 * 86_400_000;
  const startedMs = performance.now();
  await clockwork.tick();
  assert.ok(performance.now() - startedMs < 1000);
  assert.equal(
    missed.map(([, count]) => count),
    [MAX_RUNS],
  );
  await world.close();
});

function webhook(ms: number): EngineEvent {
  return {
    type: 'webhook',
    kind: 'webhook.custom',
    subject: { kind: 'integration', id: 'ci' },
    attrs: { name: 'deploy', 'webhook-id': 'msg_1' },
    ts: new Date(after(ms).wallMs).toISOString(),
    correlation_id: null,
  };
}

const HOOK: Fields = {
  trigger_group: { triggers: [{ type: 'webhook.custom', name: 'deploy' }] },
  suppression_window: '1s',
  idempotency_window: '1s',
};

test('a webhook that is sent again is dropped and counted, also after a restart', async ({
  dir,
}) => {
  const first = await start(dir, HOOK);
  assert.equal(await first.results(webhook(0), true), ['succeeded']);
  first.pass(5000);
  assert.is((await first.handle(webhook(0), true)).kind, 'duplicate');
  assert.is(first.engine.counters.duplicates, 1);
  await first.close();
  const second = await start(dir, HOOK, 60_000);
  assert.is((await second.handle(webhook(0), true)).kind, 'duplicate');
  assert.equal(await second.results(webhook(1), true), ['succeeded']);
  assert.equal(await second.suppressed(), {});
  await second.close();
});

test('ids of events from outside are forgotten once nobody can send them again', async ({
  dir,
}) => {
  const world = await start(dir, HOOK);
  await world.handle(webhook(0), true);
  world.pass(SEEN_FOR_MS + 1);
  await world.handle(webhook(SEEN_FOR_MS), true);
  const { prefix } = world.node.outbox;
  const rows = await world.node.journal.rows({
    from: `${prefix}e/s/`,
    to: `${prefix}e/s/~`,
    limit: 10,
  });
  assert.is(rows.length, 1);
  await world.close();
});

test('an event that the node was at when it stopped is on record at the next start, once', async ({
  dir,
}) => {
  const first = await start(dir, HOOK);
  // The id is durable, and then the power goes.
  await first.state.see('ab'.repeat(32), first.clock.wallMs);
  await first.close();
  const second = await start(dir, HOOK, 1000);
  assert.equal(second.state.interrupted, ['ab'.repeat(32)]);
  // Behind what the start wrote.
  await second.node.journal.run(() => {});
  assert.equal(await second.suppressed(), { 'event-interrupted': 1 });
  await second.close();
  const third = await start(dir, HOOK, 2000);
  assert.equal(third.state.interrupted, []);
  await third.close();
});

test('a damaged memory stops the start with the name of the row', async ({ dir }) => {
  const first = await start(dir, AFTER);
  const { journal, outbox } = first.node;
  await journal.run((tx) => tx.put(`${outbox.prefix}e/t`, new Uint8Array([1])));
  await first.close();
  const failed = await start(dir, AFTER).catch((error: unknown) => error);
  assert.match(String(failed), /e\/t/);
});

test('regression 25: a policy that was taken back runs no more on any node that read so, also after a restart', async ({
  dir,
}) => {
  const fields = { suppression_window: '1s', idempotency_window: '1s' };
  const without = snapshotOf(makeVillage(new Map(), { witnessedSeconds: START_SECONDS }));
  for (const name of ['one', 'other']) {
    const world = await start(join(dir, name), fields);
    assert.equal(await world.results(upsEvent(0)), ['succeeded']);
    world.pass(5000);
    world.engine.swap(without);
    assert.equal((await world.handle(upsEvent(5000))).runs, []);
    assert.is(world.drivers.calls.length, 1);
    await world.close();
    const again = await EngineWorld.start(join(dir, name), without, { now: after(10_000) });
    assert.equal((await again.handle(upsEvent(10_000))).runs, []);
    await again.close();
  }
});

test('the memory that is read back is the one that was written', async ({ dir }) => {
  const world = await start(dir, AFTER);
  await world.handle(state(0, 'mains-lost'));
  await world.state.setMark(after(5).wallMs);
  const again = await MatchState.open(
    world.node.journal,
    world.node.outbox.prefix,
    after(6).wallMs,
  );
  assert.equal(again.timers, world.state.timers);
  assert.is(again.markMs, after(5).wallMs);
  await world.close();
});

test.run();
