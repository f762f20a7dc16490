// The engine of a node: matching, events with durable windows and records, the way from event to driver, the start from
// what is stored, and memory. Drivers are simulated; the ledger and the outbox are on this disk.

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonValue } from '@writ/core/statements/jcs';
import type { EngineEvent } from '@writ/policy/engine/event';
import {
  hostId,
  makeVillage,
  policy,
  policyId,
  snapshotOf,
} from '@writ/policy/test/engine-village';
import { EngineWorld, START_SECONDS, upsEvent } from '@writ/policy/test/engine-world';
import { START } from '@writ/policy/test/node-world';
import { type Benchmark, higher, lower, quantile, type Result } from './result.ts';
import { inScratch } from './scratch.ts';

const HOSTS = 20;
/** The same thing done for two policies is two things to the windows. */
const actionsOf = (i: number): JsonValue => [
  { capability_id: 'vm.snapshot', verb: 'take', idempotency: { key_hint: `p${i}` } },
];
const FLIGHT = 256;
const PACE_MS = 10;
const PACED = 400;

export const enginePolicy: Benchmark = {
  name: 'engine-policy',
  run: async (say) => [
    ...(await matching(say)),
    ...(await sustained(say)),
    ...(await toDriver(say)),
  ],
};

type Fields = NonNullable<Parameters<typeof policy>[0]>;

/** `count` policies over HOSTS hosts; `fields` and `value` (its targets) may differ by number. */
function policies(
  count: number,
  fields: (i: number) => Fields,
  value: (i: number) => string = () => '101',
): ReadonlyMap<string, JsonValue> {
  return new Map(
    Array.from({ length: count }, (_, i) => {
      const targets = { host_id: hostId(i % HOSTS), selector: { mode: 'list', value: value(i) } };
      return [
        policyId(i),
        policy({ name: `policy number ${i}`, actions: actionsOf(i), ...fields(i) }, targets),
      ];
    }),
  );
}

async function inWorld<T>(
  documents: ReadonlyMap<string, JsonValue>,
  work: (world: EngineWorld) => Promise<T>,
): Promise<T> {
  return inScratch(async (dir) => {
    const made = makeVillage(documents, { witnessedSeconds: START_SECONDS });
    const snapshot = snapshotOf(made);
    if (snapshot.active.length !== documents.size) throw new Error('a policy is not active');
    const options = {
      maxWaiting: 100_000,
      limits: { softRows: 1e6, hardRows: 1e6, softBytes: 1e10, hardBytes: 1e10 },
    };
    const world = await EngineWorld.start(join(dir, 'records'), snapshot, options);
    try {
      return await work(world);
    } finally {
      await world.close();
    }
  });
}

/** One event that every policy of the village has to be asked about, and none in the end wants. */
async function matching(say: (line: string) => void): Promise<Result[]> {
  const results: Result[] = [];
  for (const [count, goal, stretch] of [
    [100, 0.3, 0.1],
    [1000, 0.3, 0.1],
    [10_000, 2, 0.5],
  ] as const) {
    // All wait for that state. One in sixty for as long as it held, and has a condition that does not hold.
    const documents = policies(count, (i) => ({
      trigger_group: {
        triggers: [
          {
            type: 'ups.state',
            equals: 'mains-lost',
            ...(i % 60 === 0 ? {} : { for: `${i % 60}s` }),
          },
        ],
      },
      conditions: { all: [{ scope: 'ups', field: 'charge_pct', op: '<', value: 20 }] },
    }));
    const times = await inWorld(documents, async (world) => {
      world.facts.learn('ups/main', [['ups.charge_pct', 80]]);
      const found: number[] = [];
      for (let i = 0; i < 2500; i++) {
        const event = upsEvent(i);
        const started = performance.now();
        const { runs } = await world.handle(event);
        if (i >= 500) found.push(performance.now() - started);
        if (runs.length > 0) throw new Error('a policy ran');
      }
      return found;
    });
    const name = `match one event, ${count} policies`;
    say(`${name}: p50 ${quantile(times, 0.5).toFixed(3)} ms`);
    if (count > 100)
      results.push(lower(`${name}, p99`, quantile(times, 0.99), 'ms', goal, stretch));
  }
  return results;
}

interface Load {
  readonly what: string;
  readonly policies: number;
  readonly targets: number;
  readonly events: number;
  /** Of so many events, one is executed; the windows hold the others back. */
  readonly oneIn: number;
}

const LOADS: readonly Load[] = [
  { what: 'one in ten executed', policies: 1000, targets: 1, events: 10_000, oneIn: 10 },
  { what: 'every one executed', policies: 1000, targets: 1, events: 5000, oneIn: 1 },
];
const GROWTH: readonly Load[] = [
  { what: '10 policies', policies: 10, targets: 1, events: 2000, oneIn: 10 },
  { what: '10,000 policies', policies: 10_000, targets: 1, events: 2000, oneIn: 10 },
  { what: '10 targets a policy', policies: 1000, targets: 10, events: 1000, oneIn: 10 },
];

/** Events that each concern one policy, as fast as the node takes them. */
async function sustained(say: (line: string) => void): Promise<Result[]> {
  const results: Result[] = [];
  for (const load of [...LOADS, ...GROWTH]) {
    const perSecond = await rateOf(load);
    say(`events, ${load.what}: ${perSecond.toFixed(0)}/s`);
    if (LOADS.includes(load))
      results.push(higher(`node events, durable, ${load.what}`, perSecond, '1/s', 2000, 10_000));
  }
  return results;
}

async function rateOf({ policies: count, targets, events, oneIn }: Load): Promise<number> {
  const value = `101-${100 + targets}`;
  const documents = policies(
    count,
    (i) => ({
      trigger_group: { triggers: [{ type: 'webhook.custom', name: `hook-${i}` }] },
      idempotency_window: oneIn === 1 ? '1s' : '1h',
    }),
    () => value,
  );
  return inWorld(documents, async (world) => {
    let executed = 0;
    const one = async (i: number): Promise<void> => {
      // Each policy comes round again: within its window, or after the clock went on beyond it.
      const number = oneIn === 1 ? i % count : Math.floor(i / oneIn) % count;
      if (oneIn === 1 && i % count === 0) world.pass(10_000);
      const { runs } = await world.handle(hook(number, i, world.clock.wallMs));
      for (const { actions } of runs)
        executed += actions.filter(({ result }) => result === 'succeeded').length;
    };
    const started = performance.now();
    let next = 0;
    await Promise.all(
      Array.from({ length: FLIGHT }, async () => {
        while (next < events) await one(next++);
      }),
    );
    await world.node.ledger.suppressions.flush({ ...world.clock });
    const seconds = (performance.now() - started) / 1000;
    const expected = Math.min(events / oneIn, oneIn === 1 ? events : count) * targets;
    if (executed < expected * 0.9) throw new Error(`${executed} executed of ${expected}`);
    return events / seconds;
  });
}

function hook(number: number, id: number, wallMs: number): EngineEvent {
  return {
    type: 'webhook',
    kind: 'webhook.custom',
    subject: { kind: 'integration', id: `sender-${id}` },
    attrs: { name: `hook-${number}`, id },
    ts: new Date(wallMs).toISOString(),
    correlation_id: null,
  };
}

/** A hundred events in a second, from the event to the call of the driver: its intent is durable by then. */
async function toDriver(say: (line: string) => void): Promise<Result[]> {
  const documents = policies(1000, (i) => ({
    trigger_group: { triggers: [{ type: 'webhook.custom', name: `hook-${i}` }] },
  }));
  const times = await inWorld(documents, async (world) => {
    const starts = new Map<string, number>();
    const found: number[] = [];
    world.drivers.answer = (call, host) => {
      const started = starts.get(host);
      if (started !== undefined) found.push(performance.now() - started);
      return ANSWER(call.target);
    };
    const going: Promise<unknown>[] = [];
    const begin = performance.now();
    for (let i = 0; i < PACED; i++) {
      await sleep(Math.max(0, begin + i * PACE_MS - performance.now()));
      starts.set(hostId(i % HOSTS), performance.now());
      going.push(world.handle(hook(i, i, START.wallMs)));
    }
    await Promise.all(going);
    return found.slice(PACED / 8);
  });
  say(`event to driver at 100/s: p50 ${quantile(times, 0.5).toFixed(2)} ms`);
  return [lower('event to driver called, 100 events/s, p99', quantile(times, 0.99), 'ms', 10, 5)];
}

const ANSWER = (target: string) =>
  ({
    answer: {
      ok: true,
      severity: 'info',
      idempotency_key: 'ab'.repeat(32),
      preconditions: [],
      plan: { kind: 'api', preview: [] },
      effects: { summary: 'done', per_target: [{ id: target, from: null, to: 'done' }] },
      reason: null,
    },
  }) as const;
