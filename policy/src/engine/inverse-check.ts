// Whether what a manifest says of undoing is sound (spec/drivers.md): checked when a package is published, so that
// an inverse policy can be made from the declaration alone.

import type { JsonValue } from '@writ/core/statements/jcs';
import type { Capability, Inverse } from './driver-manifest.ts';
import { formatPointer } from './json-pointer.ts';
import { checkParams } from './params-check.ts';
import { membersOf } from './params-schema.ts';

export interface InverseProblem {
  /** JSON Pointer into the capability. */
  readonly pointer: string;
  readonly message: string;
}

const MAPPED_TYPES: readonly JsonValue[] = ['string', 'boolean', 'integer', 'number'];

/** The name under which a parameter map lists `value`; undefined for what no map can list. */
export function mapKey(value: JsonValue | undefined): string | undefined {
  if (typeof value === 'string') return value;
  return typeof value === 'boolean' || typeof value === 'number' ? String(value) : undefined;
}

/**
 * Everything that is wrong with the inverses of `capability`: verbs that it does not have, maps of values that the
 * schema does not allow, and pairs that do not undo each other. Where both verbs of a pair are declared, or a verb is
 * its own inverse, applying the declaration twice gives what was there before.
 */
export function checkInverses(capability: Capability): InverseProblem[] {
  return Object.entries(capability.invertible).flatMap(([verb, inverse]) => {
    const at = formatPointer('invertible', verb);
    if (!capability.verbs.includes(verb))
      return [{ pointer: at, message: `${capability.id} has no verb ${verb}` }];
    if (!capability.verbs.includes(inverse.verb))
      return [{ pointer: `${at}/verb`, message: `${capability.id} has no verb ${inverse.verb}` }];
    if (inverse.verb === verb && Object.keys(inverse.params).length === 0)
      return [
        { pointer: `${at}/params`, message: 'a verb that undoes itself changes a parameter' },
      ];
    return [
      ...checkValues(capability, verb, inverse, at),
      ...checkWayBack(capability, verb, inverse, at),
    ];
  });
}

/** Keys are values that the verb takes; their images are values that the inverse takes. */
function checkValues(
  capability: Capability,
  verb: string,
  inverse: Inverse,
  at: string,
): InverseProblem[] {
  const problems: InverseProblem[] = [];
  for (const [name, map] of Object.entries(inverse.params)) {
    const pointer = `${at}${formatPointer('params', name)}`;
    const [from, to] = [
      parameterSchema(capability, verb, name),
      parameterSchema(capability, inverse.verb, name),
    ];
    const type = membersOf(from ?? null)?.get('type') ?? null;
    if (from === undefined || to === undefined) {
      problems.push({ pointer, message: `${name} is not a parameter of both verbs` });
      continue;
    }
    if (!MAPPED_TYPES.includes(type)) {
      problems.push({ pointer, message: `${name} has no values that a map can list` });
      continue;
    }
    for (const [key, image] of Object.entries(map)) {
      const value = namedValue(key, type);
      if (inverse.verb === verb && mapKey(image) === key) {
        problems.push({
          pointer: `${pointer}${formatPointer(key)}`,
          message: `${key} is not undone by ${key}`,
        });
        continue;
      }
      const isTaken = value !== undefined && checkParams(from, value).length === 0;
      if (!isTaken || checkParams(to, image).length > 0)
        problems.push({
          pointer: `${pointer}${formatPointer(key)}`,
          message: isTaken
            ? `the inverse does not take what ${key} becomes`
            : `${verb} does not take the value ${key}`,
        });
    }
  }
  return problems;
}

/** A declaration in both directions is an involution, value for value. */
function checkWayBack(
  capability: Capability,
  verb: string,
  inverse: Inverse,
  at: string,
): InverseProblem[] {
  const back = ownMember(capability.invertible, inverse.verb);
  if (back === undefined) return [];
  if (back.verb !== verb)
    return [
      {
        pointer: `${at}/verb`,
        message: `${inverse.verb} is undone by ${back.verb}, not by ${verb}`,
      },
    ];
  const problems: InverseProblem[] = [];
  for (const [name, map] of Object.entries(inverse.params)) {
    const pointer = `${at}${formatPointer('params', name)}`;
    const mapBack = ownMember(back.params, name);
    for (const [key, image] of Object.entries(map)) {
      const imageKey = mapKey(image);
      const returned =
        mapBack === undefined || imageKey === undefined ? undefined : ownMember(mapBack, imageKey);
      if (mapKey(returned) !== key)
        problems.push({
          pointer: `${pointer}${formatPointer(key)}`,
          message: `the way back does not lead from ${imageKey ?? 'there'} to ${key}`,
        });
    }
  }
  return problems;
}

function parameterSchema(
  capability: Capability,
  verb: string,
  name: string,
): JsonValue | undefined {
  const schema = membersOf(ownMember(capability.params, verb) ?? null);
  return membersOf(schema?.get('properties') ?? null)?.get(name);
}

/** The value of `type` that a map calls `key`; undefined where `key` is not its name. */
function namedValue(key: string, type: JsonValue): JsonValue | undefined {
  if (type === 'string') return key;
  const value: JsonValue = type === 'boolean' ? key === 'true' : Number(key);
  return String(value) === key ? value : undefined;
}

/** The member that `object` has itself, never one of its prototype. */
export function ownMember<T>(object: { readonly [name: string]: T }, name: string): T | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}
