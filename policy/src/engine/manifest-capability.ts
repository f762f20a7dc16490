// Capabilities of a manifest: verbs, targets, parameters, and what undoes what (spec/drivers.md section 2).

import type { JsonValue } from '@writ/core/statements/jcs';
import type { Capability, Inverse } from './driver-manifest.ts';
import { checkInverses } from './inverse-check.ts';
import { formatPointer } from './json-pointer.ts';
import type { ManifestReader } from './manifest-reader.ts';
import { checkParamsSchema, membersOf } from './params-schema.ts';
import { TARGET_TYPES } from './target-types.ts';

/** Most capabilities of one driver. */
export const MAX_CAPABILITIES = 32;
/** Most verbs of one capability. */
export const MAX_VERBS = 32;
const MAX_TARGET_TYPES = 16;
const MAX_KEY_FIELDS = 16;

const CAPABILITY_ID = /^[a-z][a-z0-9-]{0,31}(?:\.[a-z][a-z0-9-]{0,31}){1,3}$/;
const VERB = /^[a-z][a-z0-9-]{0,31}$/;
const KEY_FIELD = /^(?:verb|target_id|params\.([A-Za-z0-9_-]{1,64}))$/;

/** A verb without a schema takes no parameters. */
const NO_PARAMS: JsonValue = { type: 'object', properties: {}, additionalProperties: false };

/** The capabilities in the manifest's list. */
export function readCapabilities(
  reader: ManifestReader,
  value: JsonValue | undefined,
): Capability[] {
  const capabilities = reader
    .list(value, '/capabilities', 1, MAX_CAPABILITIES)
    .map((item, i) => readCapability(reader, item, `/capabilities/${i}`));
  const ids = capabilities.map(({ id }) => id);
  for (const [i, id] of ids.entries())
    if (id !== '' && ids.indexOf(id) !== i)
      reader.say('manifest-duplicate', `/capabilities/${i}/id`, `${id} is there twice`);
  return capabilities;
}

function readCapability(reader: ManifestReader, value: JsonValue, at: string): Capability {
  const members = reader.object(value, at, {
    required: ['id', 'verbs', 'targets'],
    optional: ['dry_run', 'invertible', 'idempotency', 'destructive', 'params'],
  });
  const before = reader.findings.length;
  const verbs = texts(reader, members.get('verbs'), `${at}/verbs`, 1, MAX_VERBS, VERB);
  const capability: Capability = {
    id: reader.text(members.get('id'), `${at}/id`, CAPABILITY_ID, 'a name such as vm.lifecycle'),
    verbs,
    targets: readTargets(reader, members.get('targets'), `${at}/targets`),
    dry_run: reader.choice(members.get('dry_run') ?? 'optional', `${at}/dry_run`, [
      'optional',
      'required',
      'not_supported',
    ]),
    invertible: readInvertible(reader, members.get('invertible'), `${at}/invertible`),
    idempotency: { key_fields: readKeyFields(reader, members.get('idempotency'), at) },
    destructive: readDestructive(reader, members.get('destructive'), `${at}/destructive`, verbs),
    params: readParams(reader, members.get('params'), `${at}/params`, verbs),
  };
  // On parts that are wrong themselves, these would only say it again.
  if (reader.findings.length === before) checkCapability(reader, capability, at);
  return capability;
}

function checkCapability(reader: ManifestReader, capability: Capability, at: string): void {
  for (const { pointer, message } of checkInverses(capability))
    reader.say('manifest-inverse', `${at}${pointer}`, message);
  for (const [i, field] of capability.idempotency.key_fields.entries()) {
    const name = KEY_FIELD.exec(field)?.[1];
    if (name === undefined) continue;
    const isKnown = Object.values(capability.params).some((schema) =>
      membersOf(membersOf(schema)?.get('properties') ?? null)?.has(name),
    );
    if (!isKnown)
      reader.say(
        'manifest-key-field',
        `${at}/idempotency/key_fields/${i}`,
        `no verb of ${capability.id} has a parameter ${name}`,
      );
  }
}

function readTargets(reader: ManifestReader, value: JsonValue | undefined, at: string): string[] {
  return reader.list(value, at, 1, MAX_TARGET_TYPES).map((item, i) => {
    if (typeof item === 'string' && TARGET_TYPES.has(item)) return item;
    const known = [...TARGET_TYPES.keys()].join(', ');
    reader.say('manifest-target-type', `${at}/${i}`, `is no target type; there are: ${known}`);
    return '';
  });
}

function readInvertible(
  reader: ManifestReader,
  value: JsonValue | undefined,
  at: string,
): { [verb: string]: Inverse } {
  const inverses = entriesOf(reader, value, at, MAX_VERBS).map(([verb, inverse]) => {
    const path = `${at}${formatPointer(verb)}`;
    if (typeof inverse === 'string') return [verb, { verb: inverse, params: {} }] as const;
    const members = reader.object(inverse, path, { required: ['verb'], optional: ['params'] });
    const maps = entriesOf(reader, members.get('params'), `${path}/params`, 16).map(
      ([name, map]) =>
        [
          name,
          Object.fromEntries(entriesOf(reader, map, `${path}/params${formatPointer(name)}`, 64)),
        ] as const,
    );
    const other = reader.text(members.get('verb'), `${path}/verb`, VERB, 'a verb');
    return [verb, { verb: other, params: Object.fromEntries(maps) }] as const;
  });
  return Object.fromEntries(inverses);
}

function readKeyFields(
  reader: ManifestReader,
  value: JsonValue | undefined,
  at: string,
): readonly string[] {
  const path = `${at}/idempotency`;
  if (value === undefined) return [];
  const members = reader.object(value, path, { required: ['key_fields'], optional: [] });
  const fields = members.get('key_fields');
  return texts(reader, fields, `${path}/key_fields`, 0, MAX_KEY_FIELDS, KEY_FIELD);
}

function readDestructive(
  reader: ManifestReader,
  value: JsonValue | undefined,
  at: string,
  verbs: readonly string[],
): string[] {
  const list = texts(reader, value ?? [], at, 0, MAX_VERBS, VERB);
  for (const [i, verb] of list.entries())
    if (verb !== '' && !verbs.includes(verb))
      reader.say('manifest-value', `${at}/${i}`, `there is no verb ${verb}`);
  return list;
}

function readParams(
  reader: ManifestReader,
  value: JsonValue | undefined,
  at: string,
  verbs: readonly string[],
): { [verb: string]: JsonValue } {
  const given = new Map(entriesOf(reader, value, at, MAX_VERBS));
  for (const [verb, schema] of given) {
    const path = `${at}${formatPointer(verb)}`;
    if (!verbs.includes(verb)) reader.say('manifest-value', path, `there is no verb ${verb}`);
    for (const { pointer, message } of checkParamsSchema(schema))
      reader.say('manifest-params-schema', `${path}${pointer}`, message);
  }
  return Object.fromEntries(verbs.map((verb) => [verb, given.get(verb) ?? NO_PARAMS]));
}

function texts(
  reader: ManifestReader,
  value: JsonValue | undefined,
  at: string,
  least: number,
  most: number,
  form: RegExp,
): string[] {
  return reader
    .list(value, at, least, most)
    .map((item, i) => reader.text(item, `${at}/${i}`, form, `of the form ${form.source}`));
}

function entriesOf(
  reader: ManifestReader,
  value: JsonValue | undefined,
  at: string,
  most: number,
): [string, JsonValue][] {
  if (value === undefined) return [];
  const members = membersOf(value);
  if (members === undefined || members.size > most) {
    reader.say('manifest-value', at, `is a map of at most ${most} members`);
    return [];
  }
  return [...members];
}
