// What differs between two JSON values, by JSON pointer (RFC 6901). Two policies differ in this and nothing else,
// however their files are spelled.

import { formatCanonicalJson, type JsonValue } from '@writ/core/statements/jcs';

export interface JsonChange {
  /** Pointer to the value; empty for the whole document. */
  readonly pointer: string;
  readonly kind: 'added' | 'removed' | 'changed';
  readonly before?: JsonValue;
  readonly after?: JsonValue;
}

/** The changes from `before` to `after`, in the order of their pointers. */
export function diffJson(before: JsonValue, after: JsonValue, pointer = ''): JsonChange[] {
  if (formatCanonicalJson(before) === formatCanonicalJson(after)) return [];
  const [a, b] = [membersOf(before), membersOf(after)];
  if (a === undefined || b === undefined || Array.isArray(before) !== Array.isArray(after))
    return [{ pointer, kind: 'changed', before, after }];
  const names = [...new Set([...a.keys(), ...b.keys()])];
  if (!Array.isArray(before)) names.sort();
  return names.flatMap((name) => {
    const at = `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    const [old, now] = [a.get(name), b.get(name)];
    if (old === undefined && now !== undefined)
      return [{ pointer: at, kind: 'added' as const, after: now }];
    if (now === undefined && old !== undefined)
      return [{ pointer: at, kind: 'removed' as const, before: old }];
    return old === undefined || now === undefined ? [] : diffJson(old, now, at);
  });
}

function membersOf(value: JsonValue): ReadonlyMap<string, JsonValue> | undefined {
  return typeof value === 'object' && value !== null ? new Map(Object.entries(value)) : undefined;
}
