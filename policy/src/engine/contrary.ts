// What takes back that a trigger was true (spec/policy-engine.md section 2), and what sources have to watch so that it
// is ever said.

import type { EngineEvent } from './event.ts';
import { compares, type Watch } from './hold.ts';
import type { IrTrigger, PolicyIr } from './policy-ir.ts';
import type { Comparison } from './policy-spec.ts';
import { UPS_STATES } from './schema-parts.ts';

const NEGATIONS: Readonly<Record<Comparison, Comparison>> = {
  '>': '<=',
  '>=': '<',
  '<': '>=',
  '<=': '>',
  '=': '!=',
  '!=': '=',
};

/** True when `event` says of its subject that what `trigger` waits for is over. The subject is the caller's to compare. */
export function isContrary(trigger: IrTrigger, event: EngineEvent): boolean {
  if (trigger.kind === 'ups.state') return endsState(trigger.equals, event);
  if (trigger.kind !== 'metric.threshold' || event.kind !== trigger.kind) return false;
  const { metric, op, value } = event.attrs;
  if (metric !== trigger.metric || value === undefined) return false;
  if (op === '=') return !compares(value, trigger.op, trigger.value);
  return op === NEGATIONS[trigger.op] && value === trigger.value;
}

/** True when `event` says that a state of a UPS is over. A state that is not on the list ends with any other one. */
export function endsState(state: string, event: EngineEvent): boolean {
  if (event.kind !== 'ups.state') return false;
  const next = event.attrs['state'];
  return UPS_STATES.get(state)?.some((end) => end === next) ?? next !== state;
}

/**
 * What sources have to publish at once for `match` beside its own triggers: the beginnings and ends of what timer.after
 * counts from, and what takes back the latches of ALL.
 */
export function contraryWatches(match: PolicyIr['match']): readonly Watch[] {
  return match.triggers.flatMap((trigger): Watch[] => {
    if (trigger.kind === 'timer.after' && trigger.since.kind === 'ups.state')
      return [trigger.since.equals, ...endsOf(trigger.since.equals)].map(stateWatch);
    if (match.logic === 'ANY') return [];
    if (trigger.kind === 'ups.state') return endsOf(trigger.equals).map(stateWatch);
    if (trigger.kind === 'metric.threshold')
      return [{ ...trigger, op: NEGATIONS[trigger.op], for_s: 0 }];
    return [];
  });
}

/** The states that end a state. */
export function endsOf(state: string): readonly string[] {
  return UPS_STATES.get(state) ?? [];
}

function stateWatch(equals: string): Watch {
  return { kind: 'ups.state', equals, for_s: 0 };
}
