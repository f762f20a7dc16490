// Stage "normalise" of a compilation: triggers with their durations in seconds and their schedules as one canonical
// cron expression each (spec/policy-engine.md section 5). The schema stage has refused whatever is malformed.

import { bug } from '@writ/core/errors';
import { formatCron, parseCron } from './cron.ts';
import { parseDuration } from './duration.ts';
import type { IrTrigger } from './policy-ir.ts';
import type { PolicySpec, Schedule, TimerAtTrigger, Trigger } from './policy-spec.ts';

/** The triggers of `spec`, in its order. */
export function normaliseTriggers(spec: PolicySpec): IrTrigger[] {
  return spec.trigger_group.triggers.map(normaliseTrigger);
}

/** Seconds of a duration that the schema stage has accepted. */
export function durationSeconds(text: string): number {
  return parseDuration(text) ?? bug(`the schema let ${text} through as a duration`);
}

function normaliseTrigger(trigger: Trigger): IrTrigger {
  switch (trigger.type) {
    case 'ups.state':
      return { kind: trigger.type, equals: trigger.equals, for_s: holdSeconds(trigger.for) };
    case 'metric.threshold': {
      const { type: kind, metric, op, value } = trigger;
      return { kind, metric, op, value, for_s: holdSeconds(trigger.for) };
    }
    case 'timer.at':
      return normaliseTimer(trigger);
    case 'timer.after':
      return {
        kind: trigger.type,
        after_s: durationSeconds(trigger.after),
        since: { kind: trigger.since_event.type, equals: trigger.since_event.equals },
      };
    case 'webhook.custom':
      return { kind: trigger.type, name: trigger.name, attrs: trigger.attrs };
  }
}

function normaliseTimer({ type, cron, schedule, time_zone }: TimerAtTrigger): IrTrigger {
  const text = cron ?? (schedule === null ? bug('a timer has no schedule') : cronOf(schedule));
  // Only a monthly schedule has days that some months lack.
  const last_day = schedule?.repeat === 'monthly';
  const parsed = parseCron(text, last_day);
  if ('problem' in parsed) return bug(`the schema let ${text} through as a schedule`);
  return { kind: type, cron: formatCron(parsed), time_zone, last_day };
}

function cronOf({ repeat, at, days, day }: Schedule): string {
  const [hour = '', minute = ''] = at.split(':');
  const date = repeat === 'monthly' ? String(day ?? 31) : '*';
  const weekdays = repeat === 'weekly' ? days.join(',') : '*';
  return `${Number(minute)} ${Number(hour)} ${date} * ${weekdays}`;
}

function holdSeconds(text: string | null): number {
  return text === null ? 0 : durationSeconds(text);
}
