// What the fields of a policy have to be together: rules that the types of single fields cannot say
// (spec/policy-spec.md). Each is a list of problems, so that all findings come at once.

import type * as z from 'zod';
import { canRun, MAX_CRON_LENGTH, parseCron } from './cron.ts';
import { UPS_STATES, WEBHOOK, WEBHOOK_WORDS } from './schema-parts.ts';

const WAITABLE = [...UPS_STATES]
  .flatMap(([state, ends]) => (ends.length > 0 ? [state] : []))
  .join(', ');
const UNORDERED = 'value-unordered: <, <=, > and >= need a number';

/** Field and words of each problem; an empty field is the value itself. */
type Problem = readonly [field: string, words: string];

// Runs where a field is wrong already, too, so that all findings come at once; hence `unknown`.
export function problemsBy(
  problemsOf: (value: unknown) => readonly Problem[],
): [(value: unknown, context: z.core.$RefinementCtx) => void, z.core.$ZodSuperRefineParams] {
  return [
    (value, context) => {
      for (const [field, message] of problemsOf(value))
        context.addIssue({ code: 'custom', message, path: field === '' ? [] : [field] });
    },
    { when: () => true },
  ];
}

function member(value: unknown, name: string): unknown {
  const isObject = typeof value === 'object' && value !== null;
  return isObject ? new Map<string, unknown>(Object.entries(value)).get(name) : undefined;
}

export function scheduleProblems(schedule: unknown): readonly Problem[] {
  const [repeat, days, day] = ['repeat', 'days', 'day'].map((name) => member(schedule, name));
  if (repeat === undefined) return [];
  const hasDays = Array.isArray(days) && days.length > 0;
  const problems: Problem[] = [];
  if (repeat === 'weekly' && Array.isArray(days) && !hasDays)
    problems.push(['', 'weekdays-missing: a weekly schedule needs days, such as ["mon", "fri"]']);
  if (repeat !== 'weekly' && hasDays)
    problems.push(['days', 'weekdays-unexpected: only a weekly schedule has days']);
  if (repeat === 'monthly' && day === null)
    problems.push(['', 'day-missing: a monthly schedule needs a day from 1 to 31']);
  if (repeat !== 'monthly' && typeof day === 'number')
    problems.push(['day', 'day-unexpected: only a monthly schedule has a day']);
  return problems;
}

export function timerProblems(timer: unknown): readonly Problem[] {
  const [schedule, cron] = [member(timer, 'schedule'), member(timer, 'cron')];
  const count = [schedule, cron].filter((value) => value !== null && value !== undefined).length;
  return count === 1
    ? []
    : [['', 'schedule-ambiguous: timer.at needs a schedule or a cron expression, one of both']];
}

export function cronProblems(text: unknown): readonly Problem[] {
  if (typeof text !== 'string' || text.length > MAX_CRON_LENGTH) return [];
  const cron = parseCron(text);
  if ('problem' in cron) return [['', `cron-malformed: ${cron.problem}`]];
  return canRun(cron) ? [] : [['', 'cron-never-runs: there is no such day in any year']];
}

export function orderProblems(value: unknown): readonly Problem[] {
  const isOrder = ['<', '<=', '>', '>='].some((op) => op === member(value, 'op'));
  const compared = typeof member(value, 'value');
  const isOther = compared === 'string' || compared === 'boolean';
  return isOrder && isOther ? [['value', UNORDERED]] : [];
}

export function sinceProblems(event: unknown): readonly Problem[] {
  const [type, equals] = [member(event, 'type'), member(event, 'equals')];
  if (typeof equals !== 'string') return [];
  if (type === 'webhook.custom' && !WEBHOOK.test(equals))
    return [['equals', `webhook-malformed: ${WEBHOOK_WORDS}`]];
  if (type !== 'ups.state') return [];
  const ends = UPS_STATES.get(equals);
  if (ends === undefined) return [['equals', `ups-state-unknown: must be one of ${WAITABLE}`]];
  return ends.length > 0
    ? []
    : [
        [
          'equals',
          `since-event-endless: nothing says when this state ends; take one of ${WAITABLE}`,
        ],
      ];
}
