import { contraryWatches, isContrary } from '@writ/policy/engine/contrary';
import type { EngineEvent } from '@writ/policy/engine/event';
import {
  eventKey,
  matchKeys,
  type PreparedMatch,
  prepareMatch,
  triggerId,
} from '@writ/policy/engine/event-match';
import { eventId } from '@writ/policy/engine/event-schema';
import { type Latch, matchEvent } from '@writ/policy/engine/latch';
import type { IrTrigger } from '@writ/policy/engine/policy-ir';
import type { Comparison, Scalar, TriggerLogic } from '@writ/policy/engine/policy-spec';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const latches = suite('triggers and latches');
const START = Date.parse('2026-11-20T19:00:00.000Z');

function ups(state: string, atS: number, held_s = 0, id = 'rack1'): EngineEvent {
  return {
    type: 'ups',
    kind: 'ups.state',
    subject: { kind: 'ups', id },
    attrs: { state, held_s },
    ts: new Date(START + atS * 1000).toISOString(),
    correlation_id: null,
  };
}

function metric(op: Comparison, value: Scalar, atS: number, held_s = 0): EngineEvent {
  return {
    ...ups('', atS),
    type: 'metric',
    kind: 'metric.threshold',
    attrs: { metric: 'ups.charge_pct', op, value, held_s },
  };
}

const RETURNED: IrTrigger = { kind: 'ups.state', equals: 'mains-returned', for_s: 600 };
const CHARGED: IrTrigger = {
  kind: 'metric.threshold',
  metric: 'ups.charge_pct',
  op: '>=',
  value: 60,
  for_s: 60,
};

function prepare(logic: TriggerLogic, ...triggers: readonly IrTrigger[]): PreparedMatch {
  return prepareMatch({ logic, window_s: 1800, triggers, conditions: [] });
}

/** Feeds events that arrive when they happen; the matches, and the latches at the end. */
function feed(
  match: PreparedMatch,
  events: readonly EngineEvent[],
): { readonly matched: readonly boolean[]; readonly latches: readonly Latch[] } {
  let held: readonly Latch[] = [];
  const matched = events.map((event) => {
    const verdict = matchEvent(match, held, event, Date.parse(event.ts));
    // They are kept as JSON between two events.
    held = JSON.parse(JSON.stringify(verdict.latches));
    return verdict.matched;
  });
  return { matched, latches: held };
}

latches('ANY is true with each event that makes a trigger true, and keeps nothing', () => {
  const { matched, latches: held } = feed(prepare('ANY', RETURNED, CHARGED), [
    ups('mains-returned', 0),
    ups('mains-returned', 600, 600),
    metric('>=', 60, 700, 60),
    metric('>=', 60, 800, 0),
    metric('>=', 61, 900, 60),
    metric('>', 60, 900, 60),
    ups('mains-lost', 1000, 600),
  ]);
  assert.equal(matched, [false, true, true, false, false, false, false]);
  assert.equal(held, []);
});

latches('ALL is true once every trigger was, in any order, and then begins anew', () => {
  const match = prepare('ALL', RETURNED, CHARGED);
  const [back, full] = [ups('mains-returned', 600, 600), metric('>=', 60, 700, 60)];
  assert.equal(feed(match, [back, full]), { matched: [false, true], latches: [] });
  assert.equal(feed(match, [full, back]).matched, [false, true]);
  const again = feed(match, [back, full, metric('>=', 60, 800, 60)]);
  assert.equal(again.matched, [false, true, false]);
  assert.is(again.latches.length, 1);
});

latches('a match names the events that made it, oldest first', () => {
  const match = prepare('ALL', RETURNED, CHARGED);
  const [back, full] = [ups('mains-returned', 600, 600), metric('>=', 60, 700, 60)];
  const first = matchEvent(match, [], full, START + 700_000);
  const second = matchEvent(match, first.latches, back, START + 701_000);
  assert.equal(second.events, [eventId(back), eventId(full)]);
});

latches('ALL forgets what is older than the window', () => {
  const match = prepare('ALL', RETURNED, CHARGED);
  const back = ups('mains-returned', 0, 600);
  assert.equal(feed(match, [back, metric('>=', 60, 1800, 60)]).matched, [false, true]);
  assert.equal(feed(match, [back, metric('>=', 60, 1801, 60)]).matched, [false, false]);
});

latches('an event that comes late counts from when it happened', () => {
  const match = prepare('ALL', RETURNED, CHARGED);
  const now = START + 7_200_000;
  const full = matchEvent(match, [], metric('>=', 60, 7200, 60), now);
  const late = matchEvent(match, full.latches, ups('mains-returned', 0, 600), now);
  assert.is(late.matched, false);
});

latches('an event of a clock that is ahead counts from now', () => {
  const match = prepare('ALL', RETURNED, CHARGED);
  const ahead = matchEvent(match, [], ups('mains-returned', 250, 600), START);
  assert.equal(
    ahead.latches.map(({ ms }) => ms),
    [START],
  );
});

latches('a clock that went back by more than the window lets go of what it kept', () => {
  const match = prepare('ALL', RETURNED, CHARGED);
  const { latches: held } = feed(match, [ups('mains-returned', 7200, 600)]);
  assert.is(matchEvent(match, held, metric('>=', 60, 0, 60), START).matched, false);
});

latches('a contrary event takes a latch off', () => {
  const match = prepare('ALL', RETURNED, CHARGED);
  const back = ups('mains-returned', 600, 600);
  const full = metric('>=', 60, 900, 60);
  const table: readonly (readonly [EngineEvent, boolean])[] = [
    [ups('mains-lost', 700), false],
    [ups('mains-lost', 700, 0, 'rack2'), true],
    [ups('replace-battery', 700), true],
    [ups('mains-returned', 700), true],
  ];
  for (const [between, expected] of table)
    assert.is(feed(match, [back, between, full]).matched.at(-1), expected, JSON.stringify(between));
  const below: readonly (readonly [EngineEvent, boolean])[] = [
    [metric('<', 60, 1000), false],
    [metric('=', 59, 1000), false],
    [metric('=', 60, 1000), true],
    [metric('<', 90, 1000), true],
  ];
  for (const [between, expected] of below) {
    const later = ups('mains-returned', 1100, 600);
    assert.is(feed(match, [full, between, later]).matched.at(-1), expected);
  }
});

latches('a low battery does not mean that the mains came back', () => {
  const lost: IrTrigger = { kind: 'ups.state', equals: 'mains-lost', for_s: 0 };
  const low: IrTrigger = { kind: 'ups.state', equals: 'low-battery', for_s: 0 };
  const match = prepare('ALL', lost, low);
  assert.equal(feed(match, [ups('mains-lost', 0), ups('low-battery', 60)]).matched, [false, true]);
  const back = [ups('mains-lost', 0), ups('mains-returned', 30), ups('low-battery', 60)];
  assert.equal(feed(match, back).matched, [false, false, false]);
});

latches('a latch of a trigger that the policy no longer has is dropped', () => {
  const { latches: held } = feed(prepare('ALL', RETURNED, CHARGED), [
    ups('mains-returned', 0, 600),
  ]);
  const other = prepare('ALL', { ...RETURNED, for_s: 300 }, CHARGED);
  const verdict = matchEvent(other, held, metric('>=', 60, 60, 60), START + 60_000);
  assert.is(verdict.matched, false);
  assert.is(verdict.latches.length, 1);
});

latches('each UPS is held for itself', () => {
  const match = prepare('ALL', { ...RETURNED, for_s: 0 }, CHARGED);
  const { matched } = feed(match, [
    ups('mains-returned', 0, 0, 'rack1'),
    ups('mains-returned', 1, 0, 'rack2'),
    ups('mains-lost', 2, 0, 'rack2'),
    metric('>=', 60, 60, 60),
  ]);
  assert.is(matched.at(-1), true);
});

latches('webhooks are compared by name and by the attributes that the trigger lists', () => {
  const trigger: IrTrigger = { kind: 'webhook.custom', name: 'alarm', attrs: { site: 'north' } };
  const match = prepare('ANY', trigger);
  const hook = (attrs: EngineEvent['attrs']): boolean => {
    const event: EngineEvent = { ...ups('', 0), type: 'webhook', kind: 'webhook.custom', attrs };
    return matchEvent(match, [], event, START).matched;
  };
  assert.ok(hook({ name: 'alarm', site: 'north' }));
  assert.ok(hook({ name: 'alarm', site: 'north', level: 3 }));
  assert.not(hook({ name: 'alarm', site: 'south' }));
  assert.not(hook({ name: 'alarm' }));
  assert.not(hook({ name: 'alarms', site: 'north' }));
});

latches('a trigger that asks for a name of every object is not met by the object', () => {
  const trigger: IrTrigger = { kind: 'webhook.custom', name: 'x', attrs: { toString: 'y' } };
  const event: EngineEvent = {
    ...ups('', 0),
    type: 'webhook',
    kind: 'webhook.custom',
    attrs: { name: 'x' },
  };
  assert.is(matchEvent(prepare('ANY', trigger), [], event, START).matched, false);
});

latches('timers are matched by the name of the trigger, which is its content', () => {
  const trigger: IrTrigger = {
    kind: 'timer.at',
    cron: '0 6 * * *',
    time_zone: 'UTC',
    last_day: false,
  };
  const event: EngineEvent = {
    ...ups('', 0),
    type: 'timer',
    kind: 'timer.at',
    attrs: { trigger: triggerId(trigger) },
  };
  assert.is(matchEvent(prepare('ANY', trigger), [], event, START).matched, true);
  const other = prepare('ANY', { ...trigger, time_zone: 'Europe/Berlin' });
  assert.is(matchEvent(other, [], event, START).matched, false);
});

const STATES = ['mains-lost', 'mains-returned', 'low-battery', 'battery-ok', 'comm-lost', 'bypass'];
const anyTrigger = fc.oneof(
  fc.record({
    kind: fc.constant('ups.state' as const),
    equals: fc.constantFrom(...STATES),
    for_s: fc.constantFrom(0, 60),
  }),
  fc.record({
    kind: fc.constant('metric.threshold' as const),
    metric: fc.constant('ups.charge_pct'),
    op: fc.constantFrom<Comparison>('>', '>=', '<', '<=', '=', '!='),
    value: fc.integer({ min: 59, max: 61 }),
    for_s: fc.constantFrom(0, 60),
  }),
);
const anyEvent = fc.oneof(
  fc
    .tuple(fc.constantFrom(...STATES), fc.constantFrom(0, 60))
    .map(([state, held]) => ups(state, 0, held)),
  fc
    .tuple(
      fc.constantFrom<Comparison>('>', '>=', '<', '<=', '=', '!='),
      fc.integer({ min: 59, max: 61 }),
      fc.constantFrom(0, 60),
    )
    .map(([op, value, held]) => metric(op, value, 0, held)),
);

latches('an index by keys shows each policy every event that can concern it', () => {
  fc.assert(
    fc.property(
      fc.constantFrom<TriggerLogic>('ALL', 'ANY'),
      fc.array(anyTrigger, { minLength: 1, maxLength: 3 }),
      fc.array(anyEvent, { minLength: 1, maxLength: 12 }),
      (logic, triggers, events) => {
        const match = prepare(logic, ...triggers);
        const shown = events.filter((event) => matchKeys(match).includes(eventKey(event)));
        const [all, some] = [feed(match, events), feed(match, shown)];
        assert.equal(all.latches, some.latches);
        assert.is(all.matched.filter(Boolean).length, some.matched.filter(Boolean).length);
      },
    ),
  );
});

latches('an event never makes a trigger true and takes it back', () => {
  fc.assert(
    fc.property(anyTrigger, anyEvent, (trigger, event) => {
      const { matched } = matchEvent(prepare('ANY', trigger), [], event, START);
      assert.not(matched && isContrary(trigger, event));
    }),
  );
});

latches('sources are told to watch what takes latches back and what timers count from', () => {
  const base = { window_s: 60, conditions: [] };
  const all = contraryWatches({ ...base, logic: 'ALL', triggers: [RETURNED, CHARGED] });
  assert.equal(all, [
    { kind: 'ups.state', equals: 'mains-lost', for_s: 0 },
    { kind: 'metric.threshold', metric: 'ups.charge_pct', op: '<', value: 60, for_s: 0 },
  ]);
  assert.equal(contraryWatches({ ...base, logic: 'ANY', triggers: [RETURNED, CHARGED] }), []);
  const since = { kind: 'ups.state', equals: 'low-battery' };
  const after: IrTrigger = { kind: 'timer.after', after_s: 300, since };
  assert.equal(
    contraryWatches({ ...base, logic: 'ANY', triggers: [after] }).map((watch) =>
      watch.kind === 'ups.state' ? watch.equals : '',
    ),
    ['low-battery', 'battery-ok', 'mains-returned'],
  );
});

latches.run();
