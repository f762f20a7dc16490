// What of parameters and messages may leave the node: the redacted view (spec/node-records.md section 6).

import { formatHex, utf8 } from '@writ/core/bytes';
import { formatCanonicalJson, type JsonValue } from '@writ/core/statements/jcs';
import { commit, saltOf } from './commitment.ts';

/** Deepest nesting that is looked into; below it everything counts as secret. */
const MAX_DEPTH = 16;

/** Secrets shorter than this are not searched for in texts: they would match everywhere. */
const MIN_SEARCHED_SECRET = 4;

export const REDACTED = '[redacted]';

/** A value and the secrets that were taken out of it. */
export interface Redacted {
  readonly view: JsonValue;
  /** Every text that was taken out. */
  readonly secrets: readonly string[];
}

/**
 * `value` with what `schema` (the JSON Schema of a manifest) flags with `"secret": true`, and what it does not
 * describe at all, replaced by `{"commitment": hex}`. The salt of each is that of `secret` for `params` and its JSON
 * Pointer. Without a schema everything is replaced.
 */
export function redactParams(
  value: JsonValue,
  schema: JsonValue | null,
  secret: Uint8Array,
): Redacted {
  const secrets: string[] = [];
  const hide = (item: JsonValue, pointer: string): JsonValue => {
    collectTexts(item, secrets);
    const salt = saltOf(secret, `params${pointer}`);
    return { commitment: formatHex(commit(salt, utf8(formatCanonicalJson(item)))) };
  };
  return { view: redactUnder(value, schema, '', 0, hide), secrets };
}

type Hide = (item: JsonValue, pointer: string) => JsonValue;

function redactUnder(
  value: JsonValue,
  schema: JsonValue | undefined,
  at: string,
  depth: number,
  hide: Hide,
): JsonValue {
  const rules = membersOf(schema);
  if (rules === undefined || rules.get('secret') === true || depth > MAX_DEPTH)
    return hide(value, at);
  if (Array.isArray(value)) {
    const items: readonly JsonValue[] = value;
    return items.map((item, i) =>
      redactUnder(item, rules.get('items'), `${at}/${i}`, depth + 1, hide),
    );
  }
  const members = membersOf(value);
  if (members === undefined) return value;
  const properties = membersOf(rules.get('properties'));
  // From entries: a member may be called __proto__.
  return Object.fromEntries(
    [...members].map(([name, item]) => {
      const pointer = `${at}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
      return [name, redactUnder(item, properties?.get(name), pointer, depth + 1, hide)];
    }),
  );
}

function membersOf(value: JsonValue | undefined): ReadonlyMap<string, JsonValue> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return new Map(Object.entries(value));
}

function collectTexts(value: JsonValue, texts: string[]): void {
  if (typeof value === 'string' || typeof value === 'number') texts.push(String(value));
  else if (typeof value === 'object' && value !== null)
    for (const item of Object.values(value)) collectTexts(item, texts);
}

/**
 * `text` as a record may hold it: on one line, at most `most` bytes of UTF-8, and `[redacted]` where a secret stood.
 * Secrets of fewer than four characters are not looked for.
 */
export function redactText(text: string, secrets: readonly string[], most: number): string {
  // The longest first: a secret may be part of another one.
  const searched = secrets.filter((secret) => secret.length >= MIN_SEARCHED_SECRET);
  searched.sort((a, b) => b.length - a.length);
  const clean = searched.reduce((rest, secret) => rest.replaceAll(secret, REDACTED), text);
  return cutText(clean.replaceAll(/\p{Cc}+/gu, ' ').toWellFormed(), most);
}

function cutText(text: string, most: number): string {
  if (text.length <= most && utf8(text).length <= most) return text;
  let size = 0;
  let cut = '';
  for (const character of text) {
    size += utf8(character).length;
    if (size > most) break;
    cut += character;
  }
  return cut;
}
