// The record of a followed village, read back with the suspicion that a disk deserves.

import type { JsonValue } from '@writ/core/statements/jcs';
import type { HeadRef } from '@writ/core/streams/reconciliation-report';

/** What `v/<village>/meta` holds. */
export interface Meta {
  readonly checkpoint: Uint8Array;
  readonly head: HeadRef | null;
  readonly active: HeadRef | null;
  readonly applied: number;
  /** SHA-256 of each snapshot in hexadecimal; null where there is none. */
  readonly state: string | null;
  readonly inbox: string | null;
}

/** Reads a record. Throws RangeError with the field that is wrong. */
export function readMeta(
  value: JsonValue,
  parseBase64: (text: string) => Uint8Array | undefined,
): Meta {
  const of = membersOf(value);
  const checkpoint = parseBase64(textOf(of('checkpoint'), 'checkpoint'));
  if (checkpoint === undefined) throw new RangeError('checkpoint is not base64');
  return {
    checkpoint,
    head: headOf(of('head'), 'head'),
    active: headOf(of('active'), 'active'),
    applied: countOf(of('applied'), 'applied'),
    state: textOrNull(of('state'), 'state'),
    inbox: textOrNull(of('inbox'), 'inbox'),
  };
}

function headOf(value: JsonValue, field: string): HeadRef | null {
  if (value === null) return null;
  const of = membersOf(value);
  return {
    seq: countOf(of('seq'), `${field}.seq`),
    id: textOf(of('id'), `${field}.id`),
    index: countOf(of('index'), `${field}.index`),
  };
}

function membersOf(value: JsonValue): (name: string) => JsonValue {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new RangeError('not an object');
  const members = new Map<string, JsonValue>(Object.entries(value));
  return (name) => {
    const member = members.get(name);
    if (member === undefined) throw new RangeError(`${name} is missing`);
    return member;
  };
}

function textOrNull(value: JsonValue, field: string): string | null {
  return value === null ? null : textOf(value, field);
}

function textOf(value: JsonValue, field: string): string {
  if (typeof value !== 'string') throw new RangeError(`${field} is not text`);
  return value;
}

function countOf(value: JsonValue, field: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new RangeError(`${field} is not a count`);
  return value;
}
