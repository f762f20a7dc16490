// The part of JSON Schema (2020-12) in which a driver describes the parameters of a verb (spec/drivers.md). It is
// small enough that it always ends, in time linear in the parameters: no references, no combinators, no patterns.
// A keyword that is not listed makes the schema invalid, so nothing in a manifest is passed over in silence.

import type { JsonValue } from '@writ/core/statements/jcs';
import { formatPointer } from './json-pointer.ts';

export const MAX_SCHEMA_DEPTH = 8;
/** Schemas inside one schema. */
export const MAX_SCHEMA_NODES = 1024;
/** Values of one `enum`. */
export const MAX_CHOICES = 64;

/** What is wrong with a schema, or with a value under one. */
export interface SchemaProblem {
  readonly code: 'schema-invalid' | 'param-missing' | 'param-unknown' | 'param-invalid';
  /** JSON Pointer into what was checked. */
  readonly pointer: string;
  readonly message: string;
}

/** Name → value of a JSON object. */
export type Members = ReadonlyMap<string, JsonValue>;

const TYPES = ['object', 'array', 'string', 'number', 'integer', 'boolean', 'null'] as const;
export type TypeName = (typeof TYPES)[number];

/** Keyword → the types it belongs to; an empty list: any. */
const KEYWORDS: ReadonlyMap<string, readonly TypeName[]> = new Map<string, readonly TypeName[]>([
  ['type', []],
  ['title', []],
  ['description', []],
  ['secret', []],
  ['enum', []],
  ['const', []],
  ['properties', ['object']],
  ['required', ['object']],
  ['additionalProperties', ['object']],
  ['items', ['array']],
  ['minItems', ['array']],
  ['maxItems', ['array']],
  ['minimum', ['number', 'integer']],
  ['maximum', ['number', 'integer']],
  ['minLength', ['string']],
  ['maxLength', ['string']],
]);

/** Lower limit, upper limit, and whether both are counts. */
const LIMITS = [
  ['minimum', 'maximum', false],
  ['minLength', 'maxLength', true],
  ['minItems', 'maxItems', true],
] as const;

/**
 * Everything that is wrong with `schema`, a schema of parameters as a manifest carries it; pointers lead into it. The
 * outermost one is an object, and every object says `additionalProperties: false`. `secret: true` is allowed where
 * `allowSecrets` says so, which is in connections.
 */
export function checkParamsSchema(
  schema: JsonValue,
  { allowSecrets = false }: { readonly allowSecrets?: boolean } = {},
): SchemaProblem[] {
  const check = new SchemaCheck(allowSecrets);
  check.schema(schema, '', 0);
  const members = membersOf(schema);
  if (check.problems.length === 0 && members?.get('type') !== 'object')
    check.say('/type', 'parameters are an object: say "type": "object"');
  return check.problems;
}

class SchemaCheck {
  readonly problems: SchemaProblem[] = [];
  readonly allowSecrets: boolean;
  #nodes = 0;

  constructor(allowSecrets: boolean) {
    this.allowSecrets = allowSecrets;
  }

  say(pointer: string, message: string): void {
    this.problems.push({ code: 'schema-invalid', pointer, message });
  }

  schema(schema: JsonValue, at: string, depth: number): void {
    const members = membersOf(schema);
    if (members === undefined) {
      this.say(at, 'a schema is an object');
      return;
    }
    if (depth > MAX_SCHEMA_DEPTH) {
      this.say(at, `schemas are nested at most ${MAX_SCHEMA_DEPTH} deep`);
      return;
    }
    this.#nodes++;
    if (this.#nodes > MAX_SCHEMA_NODES) {
      if (this.#nodes === MAX_SCHEMA_NODES + 1)
        this.say('', `a schema has at most ${MAX_SCHEMA_NODES} parts`);
      return;
    }
    const type = typeNamed(members.get('type'));
    if (type === undefined) {
      this.say(at, `type is one of ${TYPES.join(', ')}`);
      return;
    }
    for (const name of members.keys()) {
      const types = KEYWORDS.get(name);
      if (types === undefined)
        this.say(`${at}${formatPointer(name)}`, `the keyword ${name} is not part of the subset`);
      else if (types.length > 0 && !types.includes(type))
        this.say(`${at}/${name}`, `${name} has no meaning for type ${type}`);
    }
    this.#words(members, at);
    this.#limits(members, at);
    this.#choices(members, type, at);
    if (type === 'object') this.#object(members, at, depth);
    if (type === 'array') this.#array(members, at, depth);
  }

  #words(members: Members, at: string): void {
    for (const name of ['title', 'description']) {
      const text = members.get(name);
      if (text !== undefined && typeof text !== 'string') this.say(`${at}/${name}`, 'is a text');
    }
    const secret = members.get('secret');
    if (secret === undefined) return;
    if (!this.allowSecrets)
      this.say(`${at}/secret`, 'parameters go into the log and are never secret');
    else if (typeof secret !== 'boolean') this.say(`${at}/secret`, 'is true or false');
  }

  #limits(members: Members, at: string): void {
    for (const [lower, upper, isCount] of LIMITS) {
      const [low, high] = [members.get(lower), members.get(upper)];
      for (const [name, limit] of [
        [lower, low],
        [upper, high],
      ] as const) {
        if (limit === undefined) continue;
        const isGood = isCount
          ? Number.isSafeInteger(limit) && Number(limit) >= 0
          : typeof limit === 'number';
        if (!isGood) this.say(`${at}/${name}`, isCount ? 'is a count' : 'is a number');
      }
      if (typeof low === 'number' && typeof high === 'number' && low > high)
        this.say(`${at}/${lower}`, `is greater than ${upper}: nothing would be valid`);
    }
  }

  #choices(members: Members, type: TypeName, at: string): void {
    const [constant, choices] = [members.get('const'), members.get('enum')];
    if (constant === undefined && choices === undefined) return;
    if (type === 'object' || type === 'array') {
      this.say(at, `const and enum have no meaning for type ${type}`);
      return;
    }
    if (constant !== undefined && !isOfType(constant, type))
      this.say(`${at}/const`, `is not of type ${type}`);
    if (choices === undefined) return;
    if (!Array.isArray(choices) || choices.length === 0 || choices.length > MAX_CHOICES) {
      this.say(`${at}/enum`, `is a list of 1 to ${MAX_CHOICES} values`);
      return;
    }
    for (const [i, choice] of choices.entries()) {
      if (!isOfType(choice, type)) this.say(`${at}/enum/${i}`, `is not of type ${type}`);
      else if (choices.indexOf(choice) !== i) this.say(`${at}/enum/${i}`, 'is there twice');
    }
  }

  #object(members: Members, at: string, depth: number): void {
    if (members.get('additionalProperties') !== false)
      this.say(at, 'an object says "additionalProperties": false, so that every name is checked');
    const properties = membersOf(members.get('properties') ?? {});
    if (properties === undefined) {
      this.say(`${at}/properties`, 'is an object of schemas');
      return;
    }
    for (const [name, schema] of properties)
      this.schema(schema, `${at}${formatPointer('properties', name)}`, depth + 1);
    const required = members.get('required') ?? [];
    if (!Array.isArray(required)) {
      this.say(`${at}/required`, 'is a list of names');
      return;
    }
    for (const [i, name] of required.entries()) {
      if (typeof name !== 'string' || !properties.has(name))
        this.say(`${at}/required/${i}`, 'is not the name of a property');
      else if (required.indexOf(name) !== i) this.say(`${at}/required/${i}`, 'is there twice');
    }
  }

  #array(members: Members, at: string, depth: number): void {
    const items = members.get('items');
    if (items === undefined) {
      this.say(at, 'an array says with items what is in it');
      return;
    }
    this.schema(items, `${at}/items`, depth + 1);
  }
}

/** The type that `value` names; undefined: none of them. */
export function typeNamed(value: JsonValue | undefined): TypeName | undefined {
  return TYPES.find((name) => name === value);
}

/** True when `value` is of `type` as JSON Schema means it. */
export function isOfType(value: JsonValue, type: TypeName): boolean {
  switch (type) {
    case 'null':
      return value === null;
    case 'array':
      return Array.isArray(value);
    case 'object':
      return membersOf(value) !== undefined;
    case 'integer':
      return Number.isSafeInteger(value);
    case 'number':
      return typeof value === 'number' && Number.isFinite(value);
    default:
      return typeof value === type;
  }
}

/** The members of a JSON object; undefined for anything else. */
export function membersOf(value: JsonValue): Members | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? new Map<string, JsonValue>(Object.entries(value))
    : undefined;
}
