import type { EngineEvent } from '@writ/policy/engine/event';
import { type PreparedTrigger, triggerId } from '@writ/policy/engine/event-match';
import { eventId, readEvent } from '@writ/policy/engine/event-schema';
import { matchEvent } from '@writ/policy/engine/latch';
import type { IrTrigger } from '@writ/policy/engine/policy-ir';
import {
  atEvent,
  MAX_RUNNING_TIMERS,
  type RunningTimer,
  stepTimers,
  takeDue,
} from '@writ/policy/engine/timers';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const timers = suite('timers');
const START = Date.parse('2026-11-20T19:00:00.000Z');

function prepared(trigger: IrTrigger): PreparedTrigger {
  return { id: triggerId(trigger), trigger };
}

const LOW = prepared({
  kind: 'timer.after',
  after_s: 300,
  since: { kind: 'ups.state', equals: 'low-battery' },
});

function ups(state: string, atS: number, held_s = 0, id = 'rack1'): EngineEvent {
  return {
    type: 'ups',
    kind: 'ups.state',
    subject: { kind: 'ups', id },
    attrs: { state, held_s },
    ts: new Date(START + atS * 1000).toISOString(),
    correlation_id: '3f2d9e0a-51c7-4d3b-8a64-7b1e9c0d5f21',
  };
}

function feed(
  triggers: readonly PreparedTrigger[],
  events: readonly EngineEvent[],
): readonly RunningTimer[] {
  let running: readonly RunningTimer[] = [];
  for (const event of events) {
    const step = stepTimers(running, triggers, event, Date.parse(event.ts));
    running = JSON.parse(JSON.stringify(step.timers));
  }
  return running;
}

timers('timer.after is due after the event that it counts from', () => {
  const begin = ups('low-battery', 0);
  const running = feed([LOW], [begin]);
  assert.equal(takeDue(running, START + 299_999).due, []);
  const { due, missed, timers: left } = takeDue(running, START + 300_000);
  assert.equal([left, missed], [[], []]);
  assert.equal(due, [
    {
      ...begin,
      type: 'timer',
      kind: 'timer.after',
      attrs: { trigger: LOW.id, since: eventId(begin) },
      ts: '2026-11-20T19:05:00.000Z',
    },
  ]);
  // It is an event like others, and the trigger knows it.
  const [event] = due;
  assert.equal(readEvent(event), event);
  const match = { logic: 'ANY', windowMs: 0, triggers: [LOW] } as const;
  assert.ok(event !== undefined && matchEvent(match, [], event, START).matched);
});

timers('timer.after is cancelled when the state is left', () => {
  const begin = ups('low-battery', 0);
  const step = stepTimers(feed([LOW], [begin]), [LOW], ups('battery-ok', 60), START + 60_000);
  assert.equal(step.timers, []);
  assert.is(step.cancelled.length, 1);
  assert.equal(feed([LOW], [begin, ups('mains-returned', 60)]), []);
});

timers('news of another UPS, or of a state that does not end it, cancels nothing', () => {
  const begin = ups('low-battery', 0);
  for (const other of [
    ups('mains-returned', 60, 0, 'rack2'),
    ups('mains-lost', 60),
    ups('replace-battery', 60),
  ])
    assert.is(feed([LOW], [begin, other]).length, 1, JSON.stringify(other));
  const lost = prepared({
    kind: 'timer.after',
    after_s: 300,
    since: { kind: 'ups.state', equals: 'mains-lost' },
  });
  assert.is(feed([lost], [ups('mains-lost', 0), ups('low-battery', 60)]).length, 1);
});

timers('the same news again does not put it off, and after the end it counts anew', () => {
  const [twice] = feed([LOW], [ups('low-battery', 0), ups('low-battery', 60)]);
  assert.is(twice?.dueMs, START + 300_000);
  const events = [ups('low-battery', 0), ups('battery-ok', 60), ups('low-battery', 90)];
  assert.is(feed([LOW], events)[0]?.dueMs, START + 390_000);
  // What says that the state still holds starts nothing.
  assert.equal(feed([LOW], [ups('low-battery', 600, 600)]), []);
});

timers('each UPS has a timer of its own', () => {
  const running = feed([LOW], [ups('low-battery', 0), ups('low-battery', 30, 0, 'rack2')]);
  assert.equal(
    running.map(({ subject, dueMs }) => [subject.id, dueMs - START]),
    [
      ['rack1', 300_000],
      ['rack2', 330_000],
    ],
  );
  assert.equal(
    takeDue(running, START + 330_000).due.map(({ subject }) => subject.id),
    ['rack1', 'rack2'],
  );
});

timers('a timer whose time went by while the node slept is missed', () => {
  const running = feed([LOW], [ups('low-battery', 0)]);
  assert.is(takeDue(running, START + 360_000).due.length, 1);
  const late = takeDue(running, START + 360_001);
  assert.equal([late.due, late.timers], [[], []]);
  assert.is(late.missed.length, 1);
});

timers('an event of a clock that is ahead does not put the timer off', () => {
  const step = stepTimers([], [LOW], ups('low-battery', 250), START);
  assert.equal(
    step.started.map(({ dueMs }) => dueMs),
    [START + 300_000],
  );
});

timers('an event that changes nothing gives the same list back, so that nothing is written', () => {
  const running = feed([LOW], [ups('low-battery', 0)]);
  for (const event of [ups('replace-battery', 1), ups('low-battery', 1), ups('low-battery', 9, 9)])
    assert.is(stepTimers(running, [LOW], event, START).timers, running);
  assert.is(takeDue(running, START).timers, running);
});

timers('a webhook can start a timer, and nothing ends it', () => {
  const since = { kind: 'webhook.custom', equals: 'deploy' };
  const trigger = prepared({ kind: 'timer.after', after_s: 60, since });
  const hook: EngineEvent = {
    ...ups('', 0),
    type: 'webhook',
    kind: 'webhook.custom',
    attrs: { name: 'deploy' },
  };
  assert.is(feed([trigger], [hook, ups('mains-returned', 10)]).length, 1);
  assert.equal(feed([trigger], [{ ...hook, attrs: { name: 'other' } }]), []);
});

timers('there is a bound, and what finds no room is said', () => {
  const one = feed([LOW], [ups('low-battery', 0)]);
  const full = Array.from({ length: MAX_RUNNING_TIMERS }, (_, i) => ({
    ...(one[0] as RunningTimer),
    subject: { kind: 'ups' as const, id: `u${i}` },
  }));
  const step = stepTimers(full, [LOW], ups('low-battery', 1), START + 1000);
  assert.is(step.timers.length, MAX_RUNNING_TIMERS);
  assert.is(step.refused.length, 1);
});

timers('a run of timer.at is an event that its trigger knows', () => {
  const trigger = prepared({
    kind: 'timer.at',
    cron: '0 6 * * *',
    time_zone: 'UTC',
    last_day: false,
  });
  const event = atEvent(trigger, START);
  assert.equal(readEvent(event), event);
  const match = { logic: 'ANY', windowMs: 0, triggers: [trigger] } as const;
  assert.ok(matchEvent(match, [], event, START).matched);
  assert.is(eventId(atEvent(trigger, START)), eventId(event));
});

timers.run();
