// Parameters of an action against the schema that the driver's manifest has for the verb (params-schema.ts).

import type { JsonValue } from '@writ/core/statements/jcs';
import { formatPointer } from './json-pointer.ts';
import {
  isOfType,
  type Members,
  membersOf,
  type SchemaProblem,
  type TypeName,
  typeNamed,
} from './params-schema.ts';

/** Most problems of one value; what comes after them adds nothing. */
export const MAX_PARAM_PROBLEMS = 16;
const MAX_SHOWN = 16;
const MAX_SHOWN_LENGTH = 64;

/**
 * What in `value` `schema` does not allow, at most MAX_PARAM_PROBLEMS; pointers lead into `value`. The schema has
 * passed checkParamsSchema; under one that has not, whatever is not understood is refused.
 */
export function checkParams(schema: JsonValue, value: JsonValue, at = ''): SchemaProblem[] {
  const problems: SchemaProblem[] = [];
  checkValue(schema, value, at, problems);
  return problems.slice(0, MAX_PARAM_PROBLEMS);
}

function checkValue(
  schema: JsonValue,
  value: JsonValue,
  at: string,
  problems: SchemaProblem[],
): void {
  checkRules(rulesOf(schema), value, at, problems);
}

interface Rules {
  readonly members: Members;
  readonly type: TypeName | undefined;
}

function rulesOf(schema: JsonValue): Rules {
  const members = membersOf(schema) ?? new Map<string, JsonValue>();
  return { members, type: typeNamed(members.get('type')) };
}

function checkRules(
  { members: rules, type }: Rules,
  value: JsonValue,
  at: string,
  problems: SchemaProblem[],
): void {
  if (type === undefined)
    problems.push(invalid(at, 'the driver does not say what is allowed here'));
  else if (!isOfType(value, type)) problems.push(invalid(at, `is not of type ${type}`));
  else {
    problems.push(...checkChoice(rules, value, at), ...checkLimits(rules, value, at));
    if (type === 'object') checkMembers(rules, membersOf(value) ?? new Map(), at, problems);
    if (type === 'array' && Array.isArray(value)) checkItems(rules, value, at, problems);
  }
}

function checkItems(
  rules: Members,
  items: readonly JsonValue[],
  at: string,
  problems: SchemaProblem[],
): void {
  // Read once: there may be thousands of items.
  const itemRules = rulesOf(rules.get('items') ?? null);
  for (const [i, item] of items.entries()) {
    if (problems.length >= MAX_PARAM_PROBLEMS) return;
    checkRules(itemRules, item, `${at}/${i}`, problems);
  }
}

function checkChoice(rules: Members, value: JsonValue, at: string): SchemaProblem[] {
  const choices = rules.get('enum');
  const constant = rules.get('const');
  const allowed =
    constant !== undefined ? [constant] : Array.isArray(choices) ? choices : undefined;
  if (allowed === undefined) return [];
  // Choices are scalars; checkParamsSchema sees to it.
  return allowed.includes(value) ? [] : [invalid(at, `is not one of ${listed(allowed)}`)];
}

function checkLimits(rules: Members, value: JsonValue, at: string): SchemaProblem[] {
  const measures: [string, string, number][] = [];
  if (typeof value === 'number') measures.push(['minimum', 'maximum', value]);
  // JSON Schema counts characters, not UTF-16 units.
  if (typeof value === 'string') measures.push(['minLength', 'maxLength', [...value].length]);
  if (Array.isArray(value)) measures.push(['minItems', 'maxItems', value.length]);
  const problems: SchemaProblem[] = [];
  for (const [lower, upper, size] of measures) {
    const what = lower === 'minimum' ? '' : lower === 'minLength' ? ' characters' : ' items';
    const [low, high] = [rules.get(lower), rules.get(upper)];
    if (typeof low === 'number' && size < low)
      problems.push(invalid(at, `is less than ${low}${what}`));
    if (typeof high === 'number' && size > high)
      problems.push(invalid(at, `is more than ${high}${what}`));
  }
  return problems;
}

function checkMembers(
  rules: Members,
  members: Members,
  at: string,
  problems: SchemaProblem[],
): void {
  const properties = membersOf(rules.get('properties') ?? {}) ?? new Map<string, JsonValue>();
  const required = rules.get('required');
  for (const name of Array.isArray(required) ? required : []) {
    if (typeof name !== 'string' || members.has(name)) continue;
    const message = `the parameter ${name} is missing`;
    problems.push({ code: 'param-missing', pointer: `${at}${formatPointer(name)}`, message });
  }
  for (const [name, value] of members) {
    if (problems.length >= MAX_PARAM_PROBLEMS) return;
    const pointer = `${at}${formatPointer(name)}`;
    const schema = properties.get(name);
    if (schema === undefined)
      problems.push({
        code: 'param-unknown',
        pointer,
        message: `there is no parameter ${name.slice(0, MAX_SHOWN_LENGTH)}; there are: ${listed([...properties.keys()])}`,
      });
    else checkValue(schema, value, pointer, problems);
  }
}

// Whoever wrote the policy or the manifest decides how long these are.
function listed(values: readonly JsonValue[]): string {
  if (values.length === 0) return 'none';
  const shown = values.slice(0, MAX_SHOWN).map((value) => String(value).slice(0, MAX_SHOWN_LENGTH));
  return `${shown.join(', ')}${values.length > MAX_SHOWN ? ' and others' : ''}`;
}

function invalid(pointer: string, message: string): SchemaProblem {
  return { code: 'param-invalid', pointer, message };
}
