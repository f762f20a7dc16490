// Rows of the node's records in its database: JSON objects, read back with the suspicion that a disk deserves.

import { parseUtf8, utf8 } from '@writ/core/bytes';
import type { CborValue } from '@writ/core/cbor/value';
import { LogError } from '@writ/core/errors';
import type { JsonValue } from '@writ/core/statements/jcs';
import { badShape, ShapeError } from '@writ/core/statements/kinds/shape';

/** A member of a row; numbers are whole and not negative. */
export type RowValue = null | number | string | readonly (number | string)[];

/** The row with these members. */
export function encodeRow(members: { readonly [name: string]: RowValue }): Uint8Array {
  return utf8(JSON.stringify(members));
}

/** The members of the row under `key`; they are exactly `names`. LogError storage-corrupt, also for what `read` refuses. */
export function decodeRow<Value>(
  key: string,
  bytes: Uint8Array,
  names: readonly string[],
  read: (of: (name: string) => CborValue) => Value,
): Value {
  try {
    return read(membersOf(bytes, names));
  } catch (error) {
    if (!(error instanceof ShapeError || error instanceof LogError || error instanceof SyntaxError))
      throw error;
    const message = `the record ${key} is damaged; bring the folder back from a copy`;
    throw new LogError('storage-corrupt', message, { key }, error);
  }
}

/**
 * `decode` that knows its last answer: while a group of jobs runs, the same row is read again and again. The answers are
 * shared, so they must not be changed.
 */
export function rememberLast<Value>(
  decode: (key: string, bytes: Uint8Array) => Value,
): (key: string, bytes: Uint8Array) => Value {
  let last: { readonly bytes: Uint8Array; readonly value: Value } | undefined;
  return (key, bytes) => {
    if (last?.bytes !== bytes) last = { bytes, value: decode(key, bytes) };
    return last.value;
  };
}

function membersOf(bytes: Uint8Array, names: readonly string[]): (name: string) => CborValue {
  const row: JsonValue = JSON.parse(parseUtf8(bytes) ?? '');
  if (typeof row !== 'object' || row === null) badShape('a row must be an object');
  const members = new Map<string, JsonValue>(Object.entries(row));
  if (members.size !== names.length) badShape('a row has a member too many or too few');
  return (name) => asValue(members.get(name), name);
}

// Nothing but what `encodeRow` writes: the readers of payloads take every number for a whole one.
function asValue(value: JsonValue | undefined, field: string): CborValue {
  if (value === null || typeof value === 'string') return value;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  if (!Array.isArray(value)) badShape(`${field} is missing or of another type`);
  const items: readonly JsonValue[] = value;
  return items.map((item) => asValue(item, field));
}

/** Reads any text. */
export function textOf(value: CborValue, field: string): string {
  return typeof value === 'string' ? value : badShape(`${field} must be text`);
}

/** Reads null, or what `read` reads. */
export function nullOr<Value>(
  value: CborValue,
  field: string,
  read: (value: CborValue, field: string) => Value,
): Value | null {
  return value === null ? null : read(value, field);
}

/** A count as part of a key: keys sort as the counts do. */
export function keyNumber(count: number): string {
  return String(count).padStart(16, '0');
}
