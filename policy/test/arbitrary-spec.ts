// Generated policies that are valid: the same seed gives the same ones everywhere.

import type { JsonValue } from '@writ/core/statements/jcs';
import fc from 'fast-check';
import { HOST_ID, HYPERVISOR, SWITCH, SWITCH_ID } from './sample-policies.ts';

type Document = { readonly [name: string]: JsonValue };

const UNIT_LIMITS = { s: 3600, m: 600, h: 24, d: 1 } as const;

/** Up to a day: what `for` allows, too. */
const duration = fc
  .constantFrom('s' as const, 'm' as const, 'h' as const, 'd' as const)
  .chain((unit) =>
    fc.integer({ min: 1, max: UNIT_LIMITS[unit] }).map((count) => `${count}${unit}`),
  );

/** A name in any script, without control characters and line separators. */
const text = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
  .map((characters) => `« ${characters.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]/gu, '')} »`);
const number = fc.oneof(
  fc.integer({ min: -1_000_000, max: 1_000_000 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const comparison = fc.constantFrom('>', '>=', '<', '<=', '=', '!=');
const clock = fc
  .tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }))
  .map((parts) => parts.map((part) => String(part).padStart(2, '0')).join(':'));
const weekdays = fc.uniqueArray(fc.constantFrom('mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'), {
  minLength: 1,
});
const upsState = fc.constantFrom('mains-lost', 'mains-returned', 'low-battery');
const metric = fc.constantFrom('ups.runtime_minutes', 'room.temp_c', 'host.memory_used_pct');

const schedule = fc.oneof(
  fc.record({ repeat: fc.constant('daily'), at: clock }),
  fc.record({ repeat: fc.constant('weekly'), at: clock, days: weekdays }),
  fc.record({ repeat: fc.constant('monthly'), at: clock, day: fc.integer({ min: 1, max: 31 }) }),
);
const cron = fc.constantFrom('*/5 * * * *', '0 6 * * mon-fri', '30 4 1,15 * 5', '0 0 29 2 *');
const zone = fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe');

const trigger = fc.oneof(
  fc.record(
    { type: fc.constant('ups.state'), equals: upsState, for: duration },
    { requiredKeys: ['type', 'equals'] },
  ),
  fc.record(
    { type: fc.constant('metric.threshold'), metric, op: comparison, value: number, for: duration },
    { requiredKeys: ['type', 'metric', 'op', 'value'] },
  ),
  fc.record(
    { type: fc.constant('timer.at'), schedule, time_zone: zone },
    { requiredKeys: ['type', 'schedule'] },
  ),
  fc.record(
    { type: fc.constant('timer.at'), cron, time_zone: zone },
    { requiredKeys: ['type', 'cron'] },
  ),
  fc.record({
    type: fc.constant('timer.after'),
    after: duration,
    since_event: fc.record({ type: fc.constant('ups.state'), equals: upsState }),
  }),
  fc.record(
    {
      type: fc.constant('webhook.custom'),
      name: fc.constantFrom('deploy', 'alarm', 'gate.open'),
      attrs: fc.dictionary(fc.constantFrom('site', 'level', 'émigré', 'valueOf'), number, {
        maxKeys: 3,
        noNullPrototype: true,
      }),
    },
    { requiredKeys: ['type', 'name'] },
  ),
);

const condition = fc.oneof(
  fc.record({
    scope: fc.constant('ups'),
    field: fc.constantFrom('runtime_minutes', 'charge_pct'),
    op: comparison,
    value: number,
  }),
  fc.record({ scope: fc.constant('metric'), field: metric, op: comparison, value: number }),
  fc.record({
    scope: fc.constant('host'),
    field: fc.constant('reachable'),
    op: fc.constantFrom('=', '!='),
    value: fc.boolean(),
  }),
);

const keyHint = fc.record({ key_hint: fc.option(fc.constantFrom('night', 'low-battery')) });
const vmAction = fc.record(
  {
    capability_id: fc.constant('vm.lifecycle'),
    verb: fc.constantFrom('shutdown', 'start', 'suspend', 'resume'),
    params: fc.constant({}),
    idempotency: keyHint,
  },
  { requiredKeys: ['capability_id', 'verb'] },
);
const poeAction = fc.record(
  {
    capability_id: fc.constant('poe.port'),
    verb: fc.constant('set'),
    params: fc.record(
      { state: fc.constantFrom('on', 'off'), confirm: fc.boolean() },
      { requiredKeys: ['state'] },
    ),
    idempotency: keyHint,
  },
  { requiredKeys: ['capability_id', 'verb', 'params'] },
);

const items = fc
  .uniqueArray(fc.integer({ min: 1, max: 999 }), { minLength: 1, maxLength: 8 })
  .map((numbers) => numbers.join(', '));
const ports = fc
  .tuple(fc.integer({ min: 1, max: 24 }), fc.integer({ min: 0, max: 24 }))
  .map(([first, more]) => `1/A${first}-1/A${first + more}`);

const hypervisor = fc.record({
  targets: targetsOf(HOST_ID, 'vm', HYPERVISOR, fc.constant('list'), items),
  actions: fc.array(vmAction, { minLength: 1, maxLength: 4 }),
});
const networkSwitch = fc.record({
  targets: targetsOf(SWITCH_ID, 'poe-port', SWITCH, fc.constant('range'), ports),
  actions: fc.array(poeAction, { minLength: 1, maxLength: 4 }),
});

function targetsOf(
  host: string,
  type: string,
  driver: string,
  mode: fc.Arbitrary<string>,
  value: fc.Arbitrary<string>,
): fc.Arbitrary<Document> {
  return fc.record({
    host_id: fc.constant(host),
    target_type: fc.constant(type),
    selector: fc.record({ mode, value }),
    driver: fc.constant(`sha256:${driver}`),
  });
}

const frame = fc.record(
  {
    version: fc.constant(1),
    name: text,
    enabled: fc.boolean(),
    priority: fc.integer({ min: -1000, max: 1000 }),
    stop_on_match: fc.boolean(),
    dynamic_resolution: fc.boolean(),
    trigger_group: fc.record(
      {
        logic: fc.constantFrom('ALL', 'ANY'),
        triggers: fc.array(trigger, { minLength: 1, maxLength: 4 }),
        window: duration,
      },
      { requiredKeys: ['triggers'] },
    ),
    conditions: fc.record({ all: fc.array(condition, { maxLength: 4 }) }),
    suppression_window: duration,
    idempotency_window: duration,
    notes: fc.option(text),
  },
  { requiredKeys: ['version', 'name', 'trigger_group'] },
);

/** A document that compiles without a blocker against `OPTIONS` of sample-policies.ts, members in any order. */
export const arbitrarySpec: fc.Arbitrary<Document> = fc
  .tuple(frame, fc.oneof(hypervisor, networkSwitch), fc.nat())
  .map(([start, rest, seed]) => shuffled(plain({ ...start, ...rest }), seed));

/** `count` documents that depend on `seed` and nothing else. */
export function generateSpecs(count: number, seed: number): Document[] {
  return fc.sample(arbitrarySpec, { numRuns: count, seed });
}

function plain(value: object): Document {
  const copy: Document = JSON.parse(JSON.stringify(value));
  return copy;
}

/** The same object with its members in another order, all the way down. */
export function shuffled<T extends JsonValue>(value: T, seed: number): T {
  const copy: T = JSON.parse(JSON.stringify(reorder(value, seed)));
  return copy;
}

function reorder(value: JsonValue, seed: number): JsonValue {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => reorder(item, seed));
  const members = Object.entries(value).map(([name, item]) => [name, reorder(item, seed)] as const);
  const by = (name: string): number => (name.charCodeAt(seed % name.length) * 31 + seed) % 17;
  return Object.fromEntries(members.sort(([a], [b]) => by(a) - by(b)));
}
