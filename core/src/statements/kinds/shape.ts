// Readers for the payloads of statements: each takes a CBOR value and gives what the kind asks for, or says
// which field is wrong.

import { utf8 } from '../../bytes.ts';
import { CborMap, type CborValue } from '../../cbor/value.ts';

/** Why a payload is not of the shape of its kind; the caller adds where. */
export class ShapeError extends Error {}

/** Refuses a payload. `message` names the field. */
export function badShape(message: string, cause?: unknown): never {
  throw new ShapeError(message, cause === undefined ? undefined : { cause });
}

/** The members of a map with text keys that has each of `names`, any of `optional`, and nothing else. */
export function readMembers(
  value: CborValue,
  field: string,
  names: readonly string[],
  optional: readonly string[] = [],
): (name: string) => CborValue {
  if (!(value instanceof CborMap)) badShape(`${field} must be a map of ${names.join(', ')}`);
  const found = new Map<string, CborValue>();
  for (const [key, item] of value.entries) {
    if (typeof key !== 'string' || !(names.includes(key) || optional.includes(key)))
      badShape(`${field} must be a map of ${names.join(', ')} and nothing else`);
    // An absent member has one spelling: it is not there.
    if (item === null && optional.includes(key)) badShape(`${field} has a ${key} that is null`);
    found.set(key, item);
  }
  for (const name of names) if (!found.has(name)) badShape(`${field} has no ${name}`);
  return (name) => found.get(name) ?? null;
}

/** An unsigned integer from `least` to `most`. */
export function readCount(
  value: CborValue,
  field: string,
  least = 0,
  most: number = Number.MAX_SAFE_INTEGER,
): number {
  if (typeof value !== 'number' || value < least || value > most) {
    const range =
      most === Number.MAX_SAFE_INTEGER ? 'below 2^53' : `from ${least} to ${most.toFixed()}`;
    badShape(`${field} must be an unsigned integer ${range}`);
  }
  return value;
}

/** A byte string of `size` bytes, where given. */
export function readBytes(value: CborValue, field: string, size?: number): Uint8Array {
  if (!(value instanceof Uint8Array)) badShape(`${field} must be a byte string`);
  if (size !== undefined && value.length !== size) badShape(`${field} must have ${size} bytes`);
  return value;
}

/** Text that matches `form`. */
export function readText(value: CborValue, field: string, form: RegExp, words: string): string {
  if (typeof value !== 'string' || !form.test(value)) badShape(`${field} must be ${words}`);
  return value;
}

const CONTROL = /\p{Cc}/u;

/** Text of `least` to `most` bytes of UTF-8 without control characters. */
export function readLine(value: CborValue, field: string, least: number, most: number): string {
  if (typeof value !== 'string') badShape(`${field} must be text`);
  const size = utf8(value).length;
  if (size < least || size > most || CONTROL.test(value))
    badShape(`${field} must be text of ${least} to ${most} bytes without control characters`);
  return value;
}

export function readFlag(value: CborValue, field: string): boolean {
  if (typeof value !== 'boolean') badShape(`${field} must be true or false`);
  return value;
}

/** One of `words`. */
export function readWord<Word extends string>(
  value: CborValue,
  field: string,
  words: readonly Word[],
): Word {
  const word = words.find((candidate) => candidate === value);
  return word ?? badShape(`${field} must be one of ${words.join(', ')}`);
}

/** An array of `least` to `most` items, each read by `read`. */
export function readList<Item>(
  value: CborValue,
  field: string,
  [least, most]: readonly [number, number],
  read: (item: CborValue, field: string) => Item,
): readonly Item[] {
  if (!Array.isArray(value)) badShape(`${field} must be an array`);
  if (value.length < least || value.length > most)
    badShape(`${field} must have ${least} to ${most} items, has ${value.length}`);
  const items: readonly CborValue[] = value;
  return items.map((item, i) => read(item, `${field}.${i}`));
}
