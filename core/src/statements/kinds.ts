// The kinds of statements: what each payload holds and on which streams it may stand (spec/statement.md
// section 5, spec/statement.cddl). A new kind is a row here and an encoder beside it.

import { utf8 } from '../bytes.ts';
import { decodeCbor } from '../cbor/decode.ts';
import { encodeCbor } from '../cbor/encode.ts';
import { CborMap, type CborValue } from '../cbor/value.ts';
import { isLogError, LogError } from '../errors.ts';
import { type JsonValue, parseCanonicalJson } from './jcs.ts';
import { malformed } from './malformed.ts';
import type { Statement } from './statement.ts';
import type { StreamFamily } from './stream-id.ts';

/** A new version of a policy. */
export interface PolicyChange {
  readonly kind: 'policy-change';
  /** The policy's UUID in lower case. */
  readonly policy: string;
  readonly version: number;
  /** The Policy Spec as canonical JSON (RFC 8785). */
  readonly spec: Uint8Array;
}

/** Free text, for audit streams. */
export interface Note {
  readonly kind: 'note';
  readonly text: string;
}

export type Payload = PolicyChange | Note;

/** Longest text of a note in bytes of UTF-8. */
export const MAX_NOTE_SIZE = 4096;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

interface Kind {
  readonly families: readonly StreamFamily[];
  /** Throws Refusal with the reason. */
  readonly decode: (value: CborValue) => Payload;
}

// A Map: kinds are foreign text, and `constructor` is none of them.
const KINDS: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ['policy-change', { families: ['village'], decode: readPolicyChange }],
  ['note', { families: ['audit'], decode: readNote }],
]);

/** The kinds that this version knows. */
export const STATEMENT_KINDS: readonly string[] = [...KINDS.keys()];

/** Why a payload is refused; decodePayload adds where. */
class Refusal extends Error {}

/**
 * What the payload of a statement means. Throws LogError `statement-malformed` for an unknown kind (field
 * `content type`), a stream that the kind has no place on (`stream`) and a payload of another shape.
 */
export function decodePayload(statement: Statement): Payload {
  const kind = KINDS.get(statement.kind);
  if (kind === undefined) malformed('content type', `kind ${statement.kind} is not known`, 0);
  if (!kind.families.includes(statement.streamId.family)) {
    malformed('stream', `a ${statement.kind} has no place on ${statement.stream}`, 0);
  }
  try {
    return kind.decode(decodeCbor(statement.payload));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return malformed('payload', error.message, statement.payloadOffset, error);
  }
}

/** The payload bytes that `decodePayload` reads back. Throws RangeError when a field breaks the format. */
export function encodePayload(payload: Payload): Uint8Array {
  const value =
    payload.kind === 'note'
      ? payload.text
      : new CborMap([
          ['policy', payload.policy],
          ['version', payload.version],
          ['spec', payload.spec],
        ]);
  try {
    KINDS.get(payload.kind)?.decode(value);
  } catch (error) {
    if (error instanceof Refusal)
      throw new RangeError(`payload ${error.message}`, { cause: error });
    throw error;
  }
  return encodeCbor(value);
}

/**
 * The Policy Spec of a change. Throws LogError `json-malformed` unless it is a JSON object in canonical form;
 * what the object says is for the policy compiler.
 */
export function parsePolicySpec(spec: Uint8Array): { readonly [name: string]: JsonValue } {
  const value = parseCanonicalJson(spec);
  if (!isJsonObject(value))
    throw new LogError('json-malformed', 'policy spec must be a JSON object');
  return value;
}

function isJsonObject(value: JsonValue): value is { readonly [name: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readPolicyChange(value: CborValue): PolicyChange {
  if (!(value instanceof CborMap) || value.entries.length !== 3) {
    throw new Refusal('must be a map of policy, version and spec');
  }
  const policy = value.get('policy');
  const version = value.get('version');
  const spec = value.get('spec');
  if (typeof policy !== 'string' || !UUID.test(policy))
    throw new Refusal('policy must be a lower-case UUID');
  if (typeof version !== 'number' || version < 0)
    throw new Refusal('version must be an unsigned integer below 2^53');
  if (!(spec instanceof Uint8Array)) throw new Refusal('spec must be a byte string');
  checkSpec(spec);
  return { kind: 'policy-change', policy, version, spec };
}

function checkSpec(spec: Uint8Array): void {
  try {
    parsePolicySpec(spec);
  } catch (error) {
    if (isLogError(error, 'json-malformed'))
      throw new Refusal(`spec: ${error.message}`, { cause: error });
    throw error;
  }
}

function readNote(value: CborValue): Note {
  if (typeof value !== 'string' || value === '' || utf8(value).length > MAX_NOTE_SIZE) {
    throw new Refusal(`must be text of 1 to ${MAX_NOTE_SIZE} bytes`);
  }
  return { kind: 'note', text: value };
}
