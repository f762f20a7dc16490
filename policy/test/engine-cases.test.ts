// The cases at the edge (requirements X5, X9): what is done, with which severity, and what the record says.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonValue } from '@writ/core/statements/jcs';
import type { NodePayload } from '@writ/core/statements/kinds';
import type { CallResult } from '@writ/policy/agent/driver-host';
import type { DriverFailure, DriverFailureCode } from '@writ/policy/engine/driver-failure';
import type { DriverAnswer, DriverCall } from '@writ/policy/engine/driver-manifest';
import { InventoryIndex } from '@writ/policy/engine/inventory-index';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  ENGINE_MANIFESTS,
  HOSTS,
  makeVillage,
  policy,
  policyId,
  snapshotOf,
} from './engine-village.ts';
import {
  answerTo,
  EngineWorld,
  START_SECONDS,
  upsEvent,
  type WorldOptions,
} from './engine-world.ts';
import { item } from './inventories.ts';
import { HYPERVISOR } from './sample-policies.ts';

const test = suite<{ dir: string }>('engine cases', { dir: '' });

test.before.each(async (world) => {
  world.dir = await mkdtemp(join(tmpdir(), 'writ-engine-'));
});

test.after.each(async ({ dir }) => {
  await rm(dir, { recursive: true });
});

type Fields = NonNullable<Parameters<typeof policy>[0]>;

const SHUTDOWN = { actions: [{ capability_id: 'vm.lifecycle', verb: 'shutdown' }] };
const TWO = { selector: { mode: 'list', value: '101, 102' } };

function start(
  dir: string,
  documents: readonly Fields[],
  options: WorldOptions = {},
): Promise<EngineWorld> {
  const named = documents.map((document, i): [string, JsonValue] => [policyId(i + 1), document]);
  const made = makeVillage(new Map(named), { witnessedSeconds: START_SECONDS });
  return EngineWorld.start(dir, snapshotOf(made), options);
}

function failure(code: DriverFailureCode, outcome: DriverFailure['outcome']): CallResult {
  return { failure: { code, severity: 'error', message: 'as told by the test', outcome } };
}

/** Kind, result, severity and reason of every record. */
async function story(world: EngineWorld): Promise<unknown[]> {
  return (await world.records()).map(lineOf);
}

function lineOf(record: NodePayload): unknown {
  switch (record.kind) {
    case 'execution-intent':
      return 'intent';
    case 'execution-outcome':
      return [record.result, record.severity, record.reason];
    case 'execution-unknown':
      return ['unknown', record.reason];
    case 'execution-suppressed':
      return ['suppressed', record.reason, record.count];
    default:
      return record.kind;
  }
}

function inventory(stale: boolean, ...states: readonly (string | null)[]): InventoryIndex {
  const items = states.map((state, i) => item(`vm:${101 + i}`, { state }));
  const reason = stale ? '1 of 2 targets are old: the driver did not answer for it' : null;
  return InventoryIndex.build({ items, timeMs: START_SECONDS * 1000, stale, reason });
}

test('an empty selection is recorded as such and is no failure', async ({ dir }) => {
  const empty = policy({}, { selector: { mode: 'query', value: 'name ~ "lab-*"' } });
  const world = await start(dir, [empty], { inventory: () => inventory(false, 'running') });
  const { runs } = await world.handle(upsEvent(0));
  assert.equal(runs, [{ policy: policyId(1), isScheduled: false, actions: [] }]);
  assert.equal(await story(world), [['suppressed', 'selection-empty', 1]]);
  await world.close();
});

test('a capability that the pinned package does not have keeps the policy from running, and says which', async () => {
  const gone = new Map(
    [...ENGINE_MANIFESTS].map(([digest, manifest]) => [
      digest,
      { ...manifest, capabilities: manifest.capabilities.filter(({ id }) => id !== 'vm.snapshot') },
    ]),
  );
  const { active, idle } = snapshotOf(
    makeVillage(new Map([[policyId(1), policy()]]), { witnessedSeconds: START_SECONDS }),
    { manifests: gone },
  );
  assert.equal(active, []);
  assert.equal(
    idle.map(({ isOff, findings }) => [
      isOff,
      findings.find(({ severity }) => severity === 'blocker')?.code,
    ]),
    [[false, 'capability-unknown']],
  );
});

test('a package of another driver than the one that the host is for keeps the policy from running', async () => {
  const hosts = new Map(
    [...HOSTS].map(([id, host]) => [id, { ...host, driverId: 'example.other' }]),
  );
  const { active, idle } = snapshotOf(
    makeVillage(new Map([[policyId(1), policy()]]), { witnessedSeconds: START_SECONDS }),
    { hosts },
  );
  assert.equal(active, []);
  assert.ok(idle[0]?.findings.some(({ code }) => code === 'driver-mismatch'));
});

test('a refresh that came back in part raises info to warn, and the call is made', async ({
  dir,
}) => {
  const asked: string[][] = [];
  const world = await start(dir, [policy(SHUTDOWN)], {
    inventory: () => inventory(true, 'running', 'running'),
    refresh: async (_, ids) => {
      asked.push([...ids]);
    },
  });
  assert.equal(await world.results(upsEvent(0)), ['succeeded: rule stale-inventory']);
  assert.equal(asked, [['vm:101']]);
  assert.equal(await story(world), ['intent', ['succeeded', 'warn', 'rule stale-inventory']]);
  await world.close();
});

test('a target that is in the desired state is skipped with info, and its driver does nothing', async ({
  dir,
}) => {
  const world = await start(dir, [policy(SHUTDOWN)], { inventory: () => inventory(false, 'off') });
  world.drivers.answer = (call) => ({ answer: inState(call, { severity: 'warn' }) });
  assert.equal(await world.results(upsEvent(0)), ['skipped: already-desired']);
  assert.equal(world.drivers.calls, []);
  assert.equal(await story(world), ['intent', ['skipped', 'info', 'already-desired']]);
  await world.close();
});

test('a desired state that only an old inventory shows stays a warning', async ({ dir }) => {
  const world = await start(dir, [policy(SHUTDOWN)], { inventory: () => inventory(true, 'off') });
  world.drivers.answer = (call) => ({ answer: inState(call, { severity: 'warn' }) });
  await world.handle(upsEvent(0));
  assert.equal(await story(world), ['intent', ['skipped', 'warn', 'already-desired']]);
  await world.close();
});

test('a host that cannot be reached is an error, and the other targets are tried', async ({
  dir,
}) => {
  const world = await start(dir, [policy(SHUTDOWN, TWO)]);
  world.drivers.answer = (call) =>
    call.target === 'vm:101'
      ? failure('target-unreachable', 'reported')
      : { answer: answerTo(call) };
  const message = 'target-unreachable: as told by the test';
  assert.equal(await world.results(upsEvent(0)), [`skipped: ${message}`, 'succeeded']);
  assert.equal(world.drivers.verbs, ['shutdown vm:102']);
  assert.equal(await story(world), [
    'intent',
    ['skipped', 'error', message],
    'intent',
    ['succeeded', 'info', null],
  ]);
  await world.close();
});

test('a precondition that does not hold keeps the driver from acting, and is named', async ({
  dir,
}) => {
  const world = await start(dir, [policy(SHUTDOWN)]);
  const check = { check: 'agent-running', ok: false, details: 'no answer' };
  world.drivers.answer = (call) => ({ answer: answerTo(call, { preconditions: [check] }) });
  assert.equal(await world.results(upsEvent(0)), ['skipped: does not hold: agent-running']);
  assert.equal(world.drivers.calls, []);
  await world.close();
});

for (const [code, outcome, line] of [
  ['driver-timeout', 'unknown', ['unknown', 'driver-timeout']],
  ['driver-crashed', 'unknown', ['unknown', 'driver-crashed']],
  ['driver-answer-malformed', 'unknown', ['unknown', 'driver-answer-malformed']],
  ['driver-start-failed', 'none', ['failed', 'error', 'driver-start-failed: as told by the test']],
  ['target-refused', 'reported', ['failed', 'error', 'target-refused: as told by the test']],
] as const) {
  test(`a call that ends with ${code} is ${line[0]}, and is not tried again`, async ({ dir }) => {
    const world = await start(dir, [policy()]);
    world.drivers.answer = () => failure(code, outcome);
    await world.handle(upsEvent(0));
    assert.equal(await story(world), ['intent', line]);
    world.pass(60_000);
    assert.equal(await world.results(upsEvent(60_000)), ['held: suppressed-idempotent']);
    assert.is(world.drivers.calls.length, 1);
    assert.is(world.node.ledger.open, 0);
    await world.close();
  });
}

test('a fault of the node during a call leaves no intent open, and the event fails', async ({
  dir,
}) => {
  const world = await start(dir, [policy()]);
  world.drivers.answer = () => {
    throw new TypeError('a fault of the node');
  };
  const failed = await world.handle(upsEvent(0)).catch((error: unknown) => error);
  assert.instance(failed, TypeError);
  assert.equal(await story(world), ['intent', ['unknown', 'node-fault']]);
  assert.is(world.engine.inFlight, 0);
  await world.close();
});

test('regression 27: what cannot be tried is not tried, and no dry run is ever a real call', async ({
  dir,
}) => {
  const kill = { actions: [{ capability_id: 'vm.kill', verb: 'kill' }] };
  const world = await start(dir, [policy(kill), policy(SHUTDOWN)]);
  world.drivers.answer = (call) =>
    call.dryRun ? failure('driver-failed', 'unknown') : { answer: answerTo(call) };
  await world.handle(upsEvent(0));
  // Without a dry run there is no answer that could pass for "nothing to do": it is done, and said.
  // One that failed changes nothing, whatever its failure: the call is not made.
  assert.equal(world.drivers.verbs, ['kill vm:101']);
  assert.equal(
    world.drivers.dryRuns.map(({ call }) => [call.verb, call.dryRun]),
    [['shutdown', true]],
  );
  assert.equal(await story(world), [
    'intent',
    ['succeeded', 'info', null],
    'intent',
    ['skipped', 'error', 'driver-failed: as told by the test'],
  ]);
  await world.close();
});

test('effects on other targets than that of the call are not believed, and raise the severity', async ({
  dir,
}) => {
  const world = await start(dir, [policy()]);
  world.drivers.answer = (call) => ({
    answer: answerTo(call, {
      effects: {
        summary: 'does more than it was told',
        per_target: [
          { id: call.target, from: 'a', to: 'b' },
          { id: 'vm:999', from: 'a', to: 'b' },
        ],
      },
    }),
  });
  await world.handle(upsEvent(0));
  assert.equal(await story(world), [
    'intent',
    ['succeeded', 'warn', 'the driver reported 1 effects that are not of this intent'],
  ]);
  await world.close();
});

test('regression 15: conditions are judged on facts; what is not known is recorded and does not hold', async ({
  dir,
}) => {
  const conditions = { all: [{ scope: 'ups', field: 'charge_pct', op: '<', value: 50 }] };
  const world = await start(dir, [policy({ conditions })]);
  assert.equal(await world.results(upsEvent(0)), []);
  assert.equal(await world.suppressed(), { 'condition-unknown': 1 });
  world.facts.learn('ups/main', [['ups.charge_pct', 80]]);
  assert.equal(await world.results(upsEvent(1)), []);
  world.facts.learn('ups/main', [['ups.charge_pct', 20]]);
  assert.equal(await world.results(upsEvent(2)), ['succeeded']);
  // An old sample is not known any more.
  world.pass(120_001);
  assert.equal(await world.results(upsEvent(120_001)), []);
  assert.equal(await world.suppressed(), { 'condition-unknown': 2 });
  assert.is(world.drivers.calls.length, 1);
  await world.close();
});

test('regression 29: parameters reach the driver as the policy has them', async ({ dir }) => {
  const actions = [{ capability_id: 'vm.snapshot', verb: 'take', params: { tag: 'before' } }];
  const world = await start(dir, [policy({ actions })]);
  await world.handle(upsEvent(0));
  assert.equal(world.drivers.calls[0]?.call, {
    capability: 'vm.snapshot',
    verb: 'take',
    target: 'vm:101',
    params: { tag: 'before' },
    dryRun: false,
  });
  assert.is(world.drivers.calls[0]?.driver, HYPERVISOR);
  await world.close();
});

test('actions run in their order, each over its targets in theirs', async ({ dir }) => {
  const actions = [
    { capability_id: 'vm.lifecycle', verb: 'suspend' },
    { capability_id: 'vm.lifecycle', verb: 'shutdown' },
  ];
  const world = await start(dir, [
    policy({ actions }, { selector: { mode: 'list', value: '102, 101' } }),
  ]);
  await world.handle(upsEvent(0));
  assert.equal(world.drivers.verbs, [
    'suspend vm:102',
    'suspend vm:101',
    'shutdown vm:102',
    'shutdown vm:101',
  ]);
  await world.close();
});

test.run();

function inState(call: DriverCall, more: Partial<DriverAnswer>): DriverAnswer {
  const effects = { summary: 'off', per_target: [{ id: call.target, from: 'off', to: 'off' }] };
  return answerTo(call, { ...more, effects });
}
