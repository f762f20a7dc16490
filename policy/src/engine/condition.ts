// Conditions: a flat conjunction. What is not known makes its condition false, and the record says so
// (spec/policy-engine.md section 3).

import { CONDITION_FIELDS, conditionField } from './condition-fields.ts';
import type { Finding } from './finding.ts';
import { compares } from './hold.ts';
import type { IrCondition } from './policy-ir.ts';
import type { Condition, PolicySpec, Scalar } from './policy-spec.ts';
import type { BindCode } from './spec-finding-codes.ts';

/** What a node knows: undefined where it knows nothing; a list where several values hold at a time. */
export type Facts = (scope: string, field: string) => Scalar | readonly string[] | undefined;

/** Whether conditions hold, and a warning for each that could not be judged. */
export interface ConditionVerdict {
  readonly holds: boolean;
  /** `condition-unknown`; the pointers are into the spec. */
  readonly unknown: readonly Finding[];
}

/** Stage "bind": blockers for conditions whose field does not exist, or is of another type than their value. */
export function bindConditions(spec: PolicySpec): Finding[] {
  return spec.conditions.all.flatMap(bindCondition);
}

/** Judges every condition, also after one that does not hold: the record names all that is unknown. */
export function evaluate(conditions: readonly IrCondition[], facts: Facts): ConditionVerdict {
  const unknown: Finding[] = [];
  let holds = true;
  for (const [i, condition] of conditions.entries()) {
    const { scope, field, value } = condition;
    const fact = facts(scope, field);
    const reason = whyUnknown(fact, value);
    if (reason !== undefined) {
      unknown.push({
        code: 'condition-unknown',
        severity: 'warn',
        stage: 'execute',
        path: `/conditions/all/${i}`,
        message: `${scope} ${field} ${reason}, so the condition does not hold`,
      });
      holds = false;
    } else if (!isMet(condition, fact)) holds = false;
  }
  return { holds, unknown };

  function isMet({ op, value }: IrCondition, fact: ReturnType<Facts>): boolean {
    if (fact === undefined) return false;
    if (typeof fact !== 'object') return compares(fact, op, value);
    const isAmong = fact.some((one) => one === value);
    return op === '=' ? isAmong : op === '!=' && !isAmong;
  }
}

function whyUnknown(fact: ReturnType<Facts>, value: Scalar): string | undefined {
  if (fact === undefined) return 'is not known';
  const type = typeof fact === 'object' ? 'string' : typeof fact;
  if (type !== typeof value) return `is a ${type} and not a ${typeof value}`;
  if (typeof fact === 'number' && !Number.isFinite(fact)) return 'is not a finite number';
  return undefined;
}

function bindCondition({ scope, field, value }: Condition, i: number): Finding[] {
  const path = `/conditions/all/${i}`;
  const found = conditionField(scope, field);
  if (found === undefined) {
    const known = scope === 'metric' ? 'a metric' : [...CONDITION_FIELDS[scope].keys()].join(', ');
    const message = `scope ${scope} has no field ${JSON.stringify(field)}; it has ${known}`;
    return [blocker('condition-field-unknown', `${path}/field`, message)];
  }
  if (found === 'any') return [];
  const type = found.type === 'text' ? 'string' : found.type;
  if (typeof value !== type) {
    const message = `${scope} ${field} is a ${found.type}: compare it with one`;
    return [blocker('condition-type-wrong', `${path}/value`, message)];
  }
  if (found.values === undefined || found.values.includes(String(value))) return [];
  const message = `${scope} ${field} is one of ${found.values.join(', ')}`;
  return [blocker('condition-value-unknown', `${path}/value`, message)];
}

function blocker(code: BindCode, path: string, message: string): Finding {
  return { code, severity: 'blocker', stage: 'bind', path, message };
}
