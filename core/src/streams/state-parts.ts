// The parts that encoded states have in common.

import { parseHex } from '../bytes.ts';
import type { CborValue } from '../cbor/value.ts';
import { bug } from '../errors.ts';
import { HASH_SIZE } from '../sha256.ts';
import { badShape, readBytes, readCount, readText } from '../statements/kinds/shape.ts';
import type { Head } from './position.ts';
import type { Usage } from './village-state.ts';

/** An id that states keep in hexadecimal, as the bytes that it is. */
export function inHex(id: string): Uint8Array {
  return parseHex(id) ?? bug('an id in a state is not in hexadecimal');
}

/** Reads 32 bytes. */
export function hashOf(value: CborValue, field: string): Uint8Array {
  return readBytes(value, field, HASH_SIZE);
}

/** Reads what is null or has `read` read it. */
export function orNull<Item>(
  value: CborValue,
  field: string,
  read: (value: CborValue, field: string) => Item,
): Item | null {
  return value === null ? null : read(value, field);
}

/** Reads an array of any length whose items are arrays of `size`. */
export function readItems<Item>(
  value: CborValue,
  field: string,
  size: number,
  read: (of: (i: number) => CborValue, field: string) => Item,
): readonly Item[] {
  if (!Array.isArray(value)) badShape(`${field} must be an array`);
  const items: readonly CborValue[] = value;
  return items.map((item, i) => read(readTuple(item, `${field}.${i}`, size), `${field}.${i}`));
}

/** Reads an array of `size`. */
export function readTuple(value: CborValue, field: string, size: number): (i: number) => CborValue {
  if (!Array.isArray(value) || value.length !== size)
    badShape(`${field} must be an array of ${size}`);
  const items: readonly CborValue[] = value;
  return (i) => items[i] ?? null;
}

export function headValue({ seq, id, index }: Head): CborValue {
  return [seq, id, index];
}

export function readHead(value: CborValue): Head {
  const of = readTuple(value, 'head', 3);
  return {
    seq: readCount(of(0), 'head.seq'),
    id: hashOf(of(1), 'head.id'),
    index: readCount(of(2), 'head.index'),
  };
}

export function usageValue({ day, counts }: Usage): CborValue {
  return [day, counts.map(({ author, count }) => [author, count])];
}

export function readUsage(value: CborValue): Usage {
  const of = readTuple(value, 'usage', 2);
  const counts = readItems(of(1), 'usage.counts', 2, (item, field) => {
    return { author: readText(item(0), field, /^/, 'text'), count: readCount(item(1), field) };
  });
  return { day: readCount(of(0), 'usage.day'), counts };
}
