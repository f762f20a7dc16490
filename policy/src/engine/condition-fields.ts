// The fields that conditions can ask for, by scope (spec/policy-spec.md section 7). A node fills them from the sources
// that it has; what it does not know stays unknown.

import type { Condition } from './policy-spec.ts';
import { METRIC, UPS_STATES } from './schema-parts.ts';

export type ConditionScope = Condition['scope'];

export interface ConditionField {
  readonly type: 'number' | 'boolean' | 'text';
  /** The values of a text. */
  readonly values?: readonly string[];
  readonly meaning: string;
}

/** Scope → field → what it is. Metrics have any name and any type. */
export const CONDITION_FIELDS: Readonly<
  Record<Exclude<ConditionScope, 'metric'>, ReadonlyMap<string, ConditionField>>
> = {
  ups: new Map([
    [
      'state',
      {
        type: 'text',
        values: [...UPS_STATES.keys()],
        meaning: 'the states that hold now; = asks whether one of them does',
      },
    ],
    ['charge_pct', number('charge of the battery in percent')],
    ['runtime_minutes', number('minutes that the battery lasts at the present load')],
    ['load_pct', number('load in percent of what the UPS can bear')],
    ['battery_voltage', number('voltage of the battery')],
    ['input_voltage', number('voltage of the mains')],
    ['output_voltage', number('voltage that the UPS gives')],
    ['temperature_c', number('temperature in degrees Celsius')],
  ]),
  host: new Map([
    ['reachable', { type: 'boolean', meaning: 'whether the driver of the host got an answer' }],
    ['cpu_used_pct', number('processor time in use, in percent')],
    ['memory_used_pct', number('memory in use, in percent')],
    ['disk_used_pct', number('disk in use, in percent')],
    ['load_1m', number('load average over a minute')],
    ['temperature_c', number('temperature in degrees Celsius')],
    ['uptime_minutes', number('minutes since the host started')],
  ]),
  vm: new Map([
    [
      'count_matching',
      number(
        'running machines: those that the selector names where the target type is vm, else all of the host',
      ),
    ],
    ['count_total', number('the same, whether they run or not')],
  ]),
};

/** What a condition asks for; undefined: there is no such field. */
export function conditionField(
  scope: ConditionScope,
  field: string,
): ConditionField | 'any' | undefined {
  if (scope === 'metric') return METRIC.test(field) ? 'any' : undefined;
  return CONDITION_FIELDS[scope].get(field);
}

function number(meaning: string): ConditionField {
  return { type: 'number', meaning };
}
