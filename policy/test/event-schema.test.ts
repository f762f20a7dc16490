import { LogError } from '@writ/core/errors';
import type { EngineEvent } from '@writ/policy/engine/event';
import {
  eventId,
  eventJsonSchema,
  judgeEventTime,
  MAX_EVENT_AGE_MS,
  MAX_EVENT_AHEAD_MS,
  readEvent,
} from '@writ/policy/engine/event-schema';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fastestMs } from './fastest.ts';

const events = suite('events');
const DIGEST = 'ab'.repeat(32);
const UPS = {
  type: 'ups',
  kind: 'ups.state',
  subject: { kind: 'ups', id: 'rack1@nut.example:3493' },
  attrs: { state: 'mains-lost', held_s: 30 },
  ts: '2026-11-20T19:00:00.000Z',
  correlation_id: '3f2d9e0a-51c7-4d3b-8a64-7b1e9c0d5f21',
};
const METRIC = {
  ...UPS,
  type: 'metric',
  kind: 'metric.threshold',
  subject: { kind: 'host', id: '6f1d1b54-3c1e-4f0a-9d57-0c9b3d2f7a11' },
  attrs: { metric: 'host.memory_used_pct', op: '>=', value: 92, held_s: 0 },
};
const TIMER = { ...UPS, type: 'timer', subject: { kind: 'integration', id: 'timer' } };
const VALID: readonly unknown[] = [
  UPS,
  METRIC,
  { ...METRIC, attrs: { metric: 'door', op: '=', value: 'open' } },
  { ...TIMER, kind: 'timer.at', attrs: { trigger: DIGEST } },
  { ...TIMER, kind: 'timer.after', attrs: { trigger: DIGEST, since: DIGEST } },
  {
    ...TIMER,
    type: 'webhook',
    kind: 'webhook.custom',
    attrs: { name: 'deploy', constructor: 1, ok: true },
  },
];

events('each kind of event is read as itself', () => {
  for (const event of VALID) assert.equal(readEvent(event), event);
  const { correlation_id: _, ...without } = UPS;
  assert.is(readEvent(without).correlation_id, null);
});

events('what does not belong to the kind is refused, and the field is named', () => {
  const table: readonly (readonly [string, unknown])[] = [
    ['', null],
    ['', []],
    ['/extra', { ...UPS, extra: 1 }],
    ['/kind', { ...UPS, kind: 'ups.alarm' }],
    ['/type', { ...UPS, type: 'metric' }],
    ['/subject/kind', { ...UPS, subject: { kind: 'host', id: 'x' } }],
    ['/subject/id', { ...UPS, subject: { kind: 'ups', id: '' } }],
    ['/subject/id', { ...UPS, subject: { kind: 'ups', id: 'a\u001b[2J' } }],
    ['/attrs/state', { ...UPS, attrs: { state: 'OB' } }],
    ['/attrs/held_s', { ...UPS, attrs: { state: 'mains-lost', held_s: -1 } }],
    ['/attrs/held_s', { ...UPS, attrs: { state: 'mains-lost', held_s: 0.5 } }],
    ['/attrs/name', { ...UPS, attrs: { state: 'mains-lost', name: 'x' } }],
    ['/attrs', { ...METRIC, attrs: { metric: 'a', op: '>' } }],
    ['/attrs/value', { ...METRIC, attrs: { metric: 'a', op: '>', value: null } }],
    ['/attrs/trigger', { ...TIMER, kind: 'timer.at', attrs: { trigger: 'AB'.repeat(32) } }],
    ['/ts', { ...UPS, ts: '2026-11-20T19:00:00Z' }],
    ['/ts', { ...UPS, ts: '2026-02-30T19:00:00.000Z' }],
    ['/ts', { ...UPS, ts: '2026-11-20T25:00:00.000Z' }],
    ['/ts', { ...UPS, ts: 1_795_000_000_000 }],
    ['/correlation_id', { ...UPS, correlation_id: 'x' }],
  ];
  for (const [pointer, event] of table) {
    assert.throws(
      () => readEvent(event),
      (error: unknown) =>
        error instanceof LogError &&
        error.code === 'json-malformed' &&
        error.detail['pointer'] === pointer,
      `${pointer} of ${JSON.stringify(event)}`,
    );
  }
});

events('an event that is too large or has too many attributes is refused', () => {
  const webhook = { ...TIMER, type: 'webhook', kind: 'webhook.custom' };
  const attrs = Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`a${i}`, i]));
  assert.throws(() => readEvent({ ...webhook, attrs: { name: 'x', ...attrs } }), /32 attributes/);
  const large = { ...webhook, attrs: { name: 'x', text: 'x'.repeat(20_000) } };
  assert.throws(() => readEvent(large), /larger/);
  const ms = fastestMs(() => {
    try {
      readEvent(large);
    } catch {}
  });
  assert.ok(ms < 10, `it took ${ms} ms`);
});

events('the id is that of the canonical JSON: equal for the same event, else different', () => {
  const event = readEvent(UPS);
  assert.is(eventId(event), '3abe5489c95b01e9f48f744a485cb4dcb57ed92d1cfe77b083a83446de00be08');
  const turned = readEvent(Object.fromEntries(Object.entries(UPS).reverse()));
  assert.is(eventId(turned), eventId(event));
  const changes = [
    { ts: '2026-11-20T19:00:00.001Z' },
    { subject: { kind: 'ups', id: 'rack2@nut.example:3493' } },
    { attrs: { state: 'mains-lost', held_s: 31 } },
    { correlation_id: null },
  ];
  const ids = changes.map((change) => eventId(readEvent({ ...UPS, ...change })));
  assert.is(new Set([...ids, eventId(event)]).size, 5);
});

events('an event ahead of the clock is refused, an old one matches nothing', () => {
  const event = readEvent(UPS);
  const time = Date.parse(UPS.ts);
  const verdict = (nowMs: number): string => judgeEventTime(event, nowMs);
  assert.is(verdict(time), 'handle');
  assert.is(verdict(time - MAX_EVENT_AHEAD_MS), 'handle');
  assert.is(verdict(time - MAX_EVENT_AHEAD_MS - 1), 'ahead');
  assert.is(verdict(time + MAX_EVENT_AGE_MS), 'handle');
  assert.is(verdict(time + MAX_EVENT_AGE_MS + 1), 'old');
  const unreadable: EngineEvent = { ...event, ts: 'yesterday' };
  assert.is(judgeEventTime(unreadable, time), 'ahead');
});

events('no JSON makes the reader throw anything but json-malformed', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(...Object.keys(UPS)), (value, name) => {
      try {
        readEvent({ ...UPS, [name]: value });
      } catch (error) {
        assert.ok(error instanceof LogError && error.code === 'json-malformed', String(error));
      }
    }),
    { numRuns: 200 },
  );
});

events('the JSON Schema of events has one alternative for each kind', () => {
  const schema: { oneOf?: unknown[] } = eventJsonSchema();
  assert.is(schema.oneOf?.length, 5);
});

events.run();
