// A policy in plain English, from what the engine runs and not from what its author meant (spec/policy-engine.md
// section 11).

import { formatDuration } from './duration.ts';
import { explainCron } from './explain-cron.ts';
import type { IrAction, IrCondition, IrTrigger, PolicyIr } from './policy-ir.ts';
import type { Scalar } from './policy-spec.ts';

export interface ExplainLine {
  readonly about: 'trigger' | 'condition' | 'target' | 'action' | 'window' | 'order';
  readonly text: string;
}

const OPERATORS: ReadonlyMap<string, string> = new Map([
  ['>', 'is above'],
  ['>=', 'is at least'],
  ['<', 'is below'],
  ['<=', 'is at most'],
  ['=', 'is'],
  ['!=', 'is not'],
]);

/** What `ir` does, one sentence a line: triggers, conditions, targets, actions in order, windows, place among others. */
export function explainPolicy(ir: PolicyIr): ExplainLine[] {
  return [
    ...explainTriggers(ir.match),
    ...ir.match.conditions.map((condition) => ({
      about: 'condition' as const,
      text: `Only if ${explainCondition(condition)}; if that is not known, it does not run.`,
    })),
    ...explainTargets(ir),
    ...ir.plan.map((action, i) => ({
      about: 'action' as const,
      text: `${i + 1}. ${explainAction(action)}`,
    })),
    ...explainWindows(ir),
    ...explainOrder(ir),
  ];
}

function explainTriggers({ logic, window_s, triggers }: PolicyIr['match']): ExplainLine[] {
  const lines = triggers.map((trigger) => ({
    about: 'trigger' as const,
    text: `When ${explainTrigger(trigger)}.`,
  }));
  if (triggers.length < 2) return lines;
  const text =
    logic === 'ANY'
      ? 'One of these is enough.'
      : `All of these have to be so within ${formatDuration(window_s)}.`;
  return [...lines, { about: 'trigger', text }];
}

/** A trigger as the end of a sentence that begins with "when". */
export function explainTrigger(trigger: IrTrigger): string {
  switch (trigger.kind) {
    case 'ups.state':
      return `a UPS reports ${trigger.equals}${explainHold(trigger.for_s)}`;
    case 'metric.threshold':
      return `${trigger.metric} ${explainComparison(trigger.op, trigger.value)}${explainHold(trigger.for_s)}`;
    case 'timer.at':
      return `it is ${explainCron(trigger.cron, trigger.last_day)} (time zone ${trigger.time_zone})`;
    case 'timer.after':
      return `${formatDuration(trigger.after_s)} have passed since ${trigger.since.kind} ${trigger.since.equals}, and that is still so`;
    case 'webhook.custom': {
      const attrs = Object.entries(trigger.attrs).map(([name, value]) => `${name} ${shown(value)}`);
      const where = attrs.length === 0 ? '' : ` with ${attrs.sort().join(', ')}`;
      return `the web hook ${trigger.name} is called${where}`;
    }
  }
}

function explainCondition({ scope, field, op, value }: IrCondition): string {
  return `${field} of the ${scope} ${explainComparison(op, value)}`;
}

function explainTargets({ targets, dynamic_resolution }: PolicyIr): ExplainLine[] {
  const { host_id, target_type, selector, driver } = targets;
  const which =
    selector.mode === 'query' ? `that match "${selector.value}"` : `"${selector.value}"`;
  const when = dynamic_resolution
    ? 'looked up again at every run'
    : 'as they were when the policy was compiled';
  return [
    {
      about: 'target',
      text: `On host ${host_id}, the targets of type ${target_type} ${which}, ${when}.`,
    },
    {
      about: 'target',
      text:
        driver === null
          ? 'No driver package is pinned: it cannot be enabled.'
          : `With the driver package ${driver} and no other.`,
    },
  ];
}

function explainAction(action: IrAction): string {
  const params = Object.entries(action.params)
    .map(([name, value]) => `${name} ${JSON.stringify(value)}`)
    .sort();
  const withParams = params.length === 0 ? '' : ` with ${params.join(', ')}`;
  const notes = [
    ...(action.destructive ? ['destructive'] : []),
    ...(action.dry_run === 'not_supported' ? ['cannot be tried without doing it'] : []),
  ];
  const note = notes.length === 0 ? '' : ` (${notes.join('; ')})`;
  return `${action.capability} ${action.verb}${withParams}${note}`;
}

function explainWindows({ windows }: PolicyIr): ExplainLine[] {
  return [
    {
      about: 'window',
      text: `After a match it stays quiet for ${formatDuration(windows.suppression_s)} about the same subject.`,
    },
    {
      about: 'window',
      text: `The same action on the same target is not done again within ${formatDuration(windows.idempotency_s)}.`,
    },
  ];
}

function explainOrder({ priority, stop_on_match }: PolicyIr): ExplainLine[] {
  const stop = stop_on_match ? '; once it acts, no later policy sees the event' : '';
  return [{ about: 'order', text: `Priority ${priority}: lower ones go first${stop}.` }];
}

function explainComparison(op: string, value: Scalar): string {
  return `${OPERATORS.get(op) ?? op} ${shown(value)}`;
}

function explainHold(seconds: number): string {
  return seconds === 0 ? '' : ` and this has held for ${formatDuration(seconds)}`;
}

function shown(value: Scalar): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}
