// A constitution as people write it: JSON in the words of spec/villages.md, keys as vkeys or in hexadecimal.

import { formatHex, parseHex } from '@writ/core/bytes';
import { CborMap, type CborValue } from '@writ/core/cbor/value';
import { ED25519_KEY_SIZE } from '@writ/core/ed25519';
import { LogError } from '@writ/core/errors';
import { formatVkey, parseVkey, type SignerKey } from '@writ/core/formats/key';
import type { JsonValue } from '@writ/core/statements/jcs';
import {
  type Constitution,
  constitutionValue,
  readConstitution,
} from '@writ/core/statements/kinds/constitution';
import { ShapeError } from '@writ/core/statements/kinds/shape';
import { diffJson, type JsonChange } from '@writ/policy/engine/json-diff';

const YEAR_SECONDS = 31_622_400;
const DAY_SECONDS = 86_400;

/** The constitution in a JSON value. LogError json-malformed with the path of the field, key-malformed, key-weak. */
export function constitutionOf(json: JsonValue): Constitution {
  try {
    return readConstitution(toCbor(json, ''), 'constitution');
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    throw new LogError('json-malformed', error.message, { field: 'constitution' }, error);
  }
}

function toCbor(json: JsonValue, name: string): CborValue {
  if (Array.isArray(json)) {
    return json.map((item: JsonValue) =>
      name === 'keys' && typeof item === 'string' ? keyOf(item) : toCbor(item, ''),
    );
  }
  if (typeof json === 'number') {
    if (Number.isSafeInteger(json)) return json;
    throw new LogError('json-malformed', `constitution has the number ${json}`);
  }
  if (typeof json !== 'object' || json === null) return json;
  return new CborMap(Object.entries(json).map(([key, value]) => [key, toCbor(value, key)]));
}

// In hexadecimal is how a constitution comes out of the log, where keys have no names.
function keyOf(text: string): Uint8Array {
  const bytes = parseHex(text);
  return bytes?.length === ED25519_KEY_SIZE ? bytes : parseVkey(text).publicKey;
}

/** What differs between two constitutions: members by name, and lists of roles and keys as the sets that they are. */
export function diffConstitutions(before: Constitution, after: Constitution): JsonChange[] {
  return diffJson(asSets(constitutionJson(before), ''), asSets(constitutionJson(after), ''));
}

const SETS = new Set(['roles', 'keys', 'authors', 'approvers']);

function asSets(value: JsonValue, name: string): JsonValue {
  if (Array.isArray(value)) {
    const items: readonly JsonValue[] = value;
    if (SETS.has(name)) return Object.fromEntries(items.map((item) => [String(item), true]));
    return Object.fromEntries(items.map((item, i) => [memberName(item, i), asSets(item, '')]));
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, asSets(item, key)]));
}

function memberName(item: JsonValue, at: number): string {
  const names: ReadonlyMap<string, JsonValue> = new Map(
    typeof item === 'object' && item !== null ? Object.entries(item) : [],
  );
  const name = names.get('name');
  return typeof name === 'string' ? name : String(at);
}

/** As JSON, with the keys in hexadecimal: what `village show` gives. */
export function constitutionJson(constitution: Constitution): JsonValue {
  return fromCbor(constitutionValue(constitution));
}

function fromCbor(value: CborValue): JsonValue {
  if (value instanceof Uint8Array) return formatHex(value);
  if (value instanceof CborMap)
    return Object.fromEntries(value.entries.map(([key, item]) => [String(key), fromCbor(item)]));
  if (Array.isArray(value)) return value.map(fromCbor);
  return typeof value === 'bigint' ? String(value) : isPlain(value) ? value : null;
}

function isPlain(value: unknown): value is string | number | boolean | null {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}

/** A village of one: its founder does everything, until it amends its constitution. */
export function foundersConstitution(
  founder: SignerKey,
  member: string,
  visibility: Constitution['visibility'],
): Constitution {
  const rule = {
    authors: ['admin'],
    approvers: ['admin'],
    quorum: { kind: 'count', k: 1 },
    expiresAfterSeconds: YEAR_SECONDS,
    notBefore: true,
  };
  return constitutionOf({
    members: [{ name: member, roles: ['admin'], weight: 1, keys: [formatVkey(founder)] }],
    rules: { policy: rule, constitution: rule, members: rule },
    limits: {
      statementsPerDay: 1000,
      proposalsOpen: 16,
      specBytes: 60_000,
      requestsPerMinute: 6000,
    },
    quarantine: null,
    staleness: { mode: 'keep-last-good', maxSeconds: DAY_SECONDS },
    visibility,
    recordDenials: false,
  });
}
