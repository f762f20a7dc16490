// The secrets of a connection: which members they are, and how they stay out of everything that is written down
// (spec/drivers.md section 4).

import type { JsonValue } from '@writ/core/statements/jcs';
import { formatPointer } from './json-pointer.ts';
import { checkParams } from './params-check.ts';
import { membersOf, type SchemaProblem } from './params-schema.ts';

/** What stands in place of a secret. */
export const REDACTED = '[secret]';
/** A shorter secret would be found in ordinary words, so it is refused rather than searched for. */
export const MIN_SECRET_LENGTH = 6;
/** Shortest beginning of a secret that is taken out where a text was cut off in the middle of one. */
const MIN_REST_LENGTH = 4;

/** Everything in `connection` that `schema` does not allow, and secrets too short to be kept out of texts. */
export function checkConnection(schema: JsonValue, connection: JsonValue): SchemaProblem[] {
  const problems = checkParams(schema, connection);
  for (const { pointer, value } of secretsIn(schema, connection))
    if (value.length < MIN_SECRET_LENGTH)
      problems.push({
        code: 'param-invalid',
        pointer,
        message: `a secret has at least ${MIN_SECRET_LENGTH} characters`,
      });
  return problems;
}

/** `connection` with every secret member replaced; the rest is what people may see. */
export function redactConnection(schema: JsonValue, connection: JsonValue): JsonValue {
  const rules = membersOf(schema);
  if (rules?.get('secret') === true) return REDACTED;
  if (Array.isArray(connection)) {
    const items = rules?.get('items') ?? null;
    return connection.map((item) => redactConnection(items, item));
  }
  const members = membersOf(connection);
  if (members === undefined) return connection;
  const properties = membersOf(rules?.get('properties') ?? null);
  // A member that the schema does not know may be a secret under a wrong name.
  return Object.fromEntries(
    [...members].map(([name, value]) => {
      const known = properties?.get(name);
      return [name, known === undefined ? REDACTED : redactConnection(known, value)];
    }),
  );
}

/**
 * A function that takes every secret of `connection` out of a text, as it is written and line by line, and in the
 * encodings in which error messages show it (JSON, URL). What a text ends with and a
 * secret begins with is taken out too, as whoever cut the text did not know the secrets. A driver that wants to give a
 * secret away can still spell it otherwise; this is against accidents.
 */
export function secretFilter(schema: JsonValue, connection: JsonValue): (text: string) => string {
  const needles = new Set<string>();
  for (const { value } of secretsIn(schema, connection)) {
    for (const part of [value, ...value.split(/\r?\n/)]) {
      if (part.length < MIN_SECRET_LENGTH) continue;
      needles.add(part);
      needles.add(JSON.stringify(part).slice(1, -1));
      if (part.isWellFormed()) needles.add(encodeURIComponent(part));
    }
  }
  // The longest first, so that no rest of a long one remains where a short one is part of it.
  const ordered = [...needles].sort((a, b) => b.length - a.length);
  return (text) => {
    const whole = ordered.reduce((left, needle) => left.replaceAll(needle, REDACTED), text);
    const rest = Math.max(0, ...ordered.map((needle) => restAtEnd(whole, needle)));
    return rest === 0 ? whole : `${whole.slice(0, -rest)}${REDACTED}`;
  };
}

/** How many characters at the end of `text` are a beginning of `secret`; 0 for fewer than are worth it. */
function restAtEnd(text: string, secret: string): number {
  const tail = text.slice(-secret.length);
  const start = secret.slice(0, MIN_REST_LENGTH);
  for (let at = tail.indexOf(start); at >= 0; at = tail.indexOf(start, at + 1))
    if (secret.startsWith(tail.slice(at))) return tail.length - at;
  return 0;
}

function secretsIn(
  schema: JsonValue,
  value: JsonValue,
  at = '',
): { pointer: string; value: string }[] {
  const rules = membersOf(schema);
  if (rules?.get('secret') === true) return textsIn(value, at);
  if (Array.isArray(value)) {
    const items = rules?.get('items') ?? null;
    return value.flatMap((item, i) => secretsIn(items, item, `${at}/${i}`));
  }
  const properties = membersOf(rules?.get('properties') ?? null);
  return [...(membersOf(value) ?? [])].flatMap(([name, member]) =>
    secretsIn(properties?.get(name) ?? null, member, `${at}${formatPointer(name)}`),
  );
}

function textsIn(value: JsonValue, at: string): { pointer: string; value: string }[] {
  if (typeof value === 'string') return [{ pointer: at, value }];
  if (typeof value === 'number') return [{ pointer: at, value: String(value) }];
  if (Array.isArray(value)) return value.flatMap((item, i) => textsIn(item, `${at}/${i}`));
  return [...(membersOf(value) ?? [])].flatMap(([name, member]) =>
    textsIn(member, `${at}${formatPointer(name)}`),
  );
}
