// Which policies see an event, and in which order (requirement X1), against a model that looks at every policy.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonValue } from '@writ/core/statements/jcs';
import type { EngineEvent } from '@writ/policy/engine/event';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeVillage, policy, policyId, snapshotOf } from './engine-village.ts';
import { EngineWorld, START_SECONDS, upsEvent } from './engine-world.ts';

const test = suite<{ dir: string }>('engine order', { dir: '' });

test.before.each(async (world) => {
  world.dir = await mkdtemp(join(tmpdir(), 'writ-engine-'));
});

test.after.each(async ({ dir }) => {
  await rm(dir, { recursive: true });
});

const WITNESSED = { witnessedSeconds: START_SECONDS };

test('policies run by priority, lower numbers first, and then by id', async ({ dir }) => {
  const made = makeVillage(
    new Map([
      [policyId(3), taking('c', { priority: 5 })],
      [policyId(1), taking('a', { priority: 5 })],
      [policyId(4), taking('d', { priority: -1 })],
      [policyId(2), taking('b', { priority: 5 })],
    ]),
    WITNESSED,
  );
  const world = await EngineWorld.start(dir, snapshotOf(made));
  await world.handle(upsEvent(0));
  assert.equal(tagsOf(world), ['d', 'a', 'b', 'c']);
  await world.close();
});

interface Model {
  readonly number: number;
  readonly priority: number;
  readonly stops: boolean;
  readonly enabled: boolean;
  readonly logic: 'ANY' | 'ALL';
  readonly triggers: readonly string[];
}

const STATES = ['mains-lost', 'low-battery', 'overload', 'mains-returned'];
const models: fc.Arbitrary<Model[]> = fc
  .array(
    fc.record(
      {
        priority: fc.integer({ min: -2, max: 2 }),
        stops: fc.boolean(),
        enabled: fc.integer({ min: 0, max: 5 }).map((n) => n > 0),
        logic: fc.constantFrom('ANY' as const, 'ALL' as const),
        triggers: fc.uniqueArray(fc.constantFrom(...STATES.slice(0, 3)), {
          minLength: 1,
          maxLength: 2,
        }),
      },
      { noNullPrototype: true },
    ),
    { minLength: 1, maxLength: 8 },
  )
  .map((list) => list.map((model, i) => ({ ...model, number: (i * 5) % 8 })));

test('any set of policies does what a model that asks each of them says', async ({ dir }) => {
  let run = 0;
  const property = fc.asyncProperty(
    models,
    fc.array(fc.constantFrom(...STATES), { minLength: 1, maxLength: 8 }),
    async (policies, states) => {
      run += 1;
      const documents = policies.map((model): [string, JsonValue] => [
        policyId(model.number),
        taking(String(model.number), {
          priority: model.priority,
          stop_on_match: model.stops,
          enabled: model.enabled,
          trigger_group: {
            logic: model.logic,
            triggers: model.triggers.map((equals) => ({ type: 'ups.state', equals })),
            window: '1h',
          },
          suppression_window: '1s',
          idempotency_window: '1s',
        }),
      ]);
      const snapshot = snapshotOf(makeVillage(new Map(documents), WITNESSED));
      const world = await EngineWorld.start(join(dir, String(run)), snapshot);
      try {
        const expected = naive(policies, states);
        for (const [i, state] of states.entries()) {
          world.pass(10_000);
          await world.handle(upsEvent(i, { attrs: { state } }));
        }
        assert.equal(tagsOf(world), expected);
      } finally {
        await world.close();
      }
    },
  );
  await fc.assert(property, { numRuns: 60 });
});

test('an event of a kind or name that no policy waits for costs no policy anything', async ({
  dir,
}) => {
  const world = await EngineWorld.start(
    dir,
    snapshotOf(makeVillage(new Map([[policyId(1), policy()]]), WITNESSED)),
  );
  const others: Partial<EngineEvent>[] = [
    { attrs: { state: 'overload' } },
    { type: 'webhook', kind: 'webhook.custom', attrs: { name: 'mains-lost' } },
    { attrs: { state: 'mains-lost', held_s: 60 } },
  ];
  for (const [i, fields] of others.entries())
    assert.equal((await world.handle(upsEvent(i, fields))).runs, []);
  assert.equal(world.drivers.calls, []);
  assert.equal(await world.records(), []);
  await world.close();
});

test.run();

function taking(tag: string, fields: { readonly [name: string]: JsonValue }): JsonValue {
  const actions = [{ capability_id: 'vm.snapshot', verb: 'take', params: { tag } }];
  return policy({ name: `policy ${tag}`, actions, ...fields });
}

function tagsOf({ drivers }: EngineWorld): unknown[] {
  return drivers.calls.map(({ call }) => call.params['tag']);
}

/** States of a UPS that take another one back. */
const ENDS: { readonly [state: string]: readonly string[] } = {
  'mains-lost': ['mains-returned'],
  'low-battery': ['battery-ok', 'mains-returned'],
  overload: [],
};

function naive(policies: readonly Model[], states: readonly string[]): string[] {
  const sorted = policies
    .filter(({ enabled }) => enabled)
    .toSorted((a, b) => a.priority - b.priority || a.number - b.number);
  const latched = new Map(sorted.map((model) => [model, new Set<string>()]));
  const done: string[] = [];
  for (const state of states) {
    for (const model of sorted) {
      const held = latched.get(model) ?? new Set();
      for (const trigger of held) if (ENDS[trigger]?.includes(state)) held.delete(trigger);
      if (!model.triggers.includes(state)) continue;
      held.add(state);
      const isTrue = model.logic === 'ANY' || model.triggers.every((trigger) => held.has(trigger));
      if (!isTrue) continue;
      held.clear();
      done.push(String(model.number));
      if (model.stops) break;
    }
  }
  return done;
}
