// JSON Canonicalization Scheme (RFC 8785): the one spelling of a JSON value whose digest is signed.

import { parseUtf8 } from '../bytes.ts';
import { LogError } from '../errors.ts';

/** A JSON value. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

/** Deepest nesting of arrays and objects. */
export const MAX_JSON_DEPTH = 64;

/**
 * The canonical text of `value`. Throws TypeError for what JSON cannot hold (undefined, functions, lone
 * surrogates, objects that are not plain) and RangeError for NaN, infinities and nesting beyond
 * MAX_JSON_DEPTH.
 */
export function formatCanonicalJson(value: JsonValue): string {
  return format(value, MAX_JSON_DEPTH);
}

/** Parses canonical JSON text in UTF-8. Throws LogError `json-malformed` for any other spelling. */
export function parseCanonicalJson(bytes: Uint8Array): JsonValue {
  const text = parseUtf8(bytes);
  if (text === undefined) throw new LogError('json-malformed', 'json is not valid UTF-8');
  const { value, canonical } = reformat(text);
  // Also catches repeated names and numbers that lose digits, which JSON.parse lets through.
  if (canonical !== text) {
    throw new LogError('json-malformed', 'json is not in canonical form (RFC 8785)', {
      offset: firstDifference(text, canonical),
    });
  }
  return value;
}

function reformat(text: string): { value: JsonValue; canonical: string } {
  try {
    const value: JsonValue = JSON.parse(text);
    return { value, canonical: formatCanonicalJson(value) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'unknown reason';
    throw new LogError('json-malformed', `json cannot be read: ${reason}`, {}, error);
  }
}

function firstDifference(text: string, canonical: string): number {
  let at = 0;
  while (at < text.length && text.charAt(at) === canonical.charAt(at)) at++;
  return at;
}

function format(value: unknown, depth: number): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return formatNumber(value);
  if (typeof value === 'string') return formatText(value);
  if (typeof value !== 'object') throw new TypeError(`a ${typeof value} has no place in JSON`);
  if (depth === 0) throw new RangeError(`json is nested more than ${MAX_JSON_DEPTH} deep`);
  if (Array.isArray(value))
    return `[${Array.from(value, (item) => format(item, depth - 1)).join(',')}]`;
  return formatObject(value, depth);
}

// RFC 8785 section 3.2.2.3: as ECMAScript prints numbers; -0 is 0.
function formatNumber(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError(`${value} has no place in JSON`);
  return String(value);
}

// Most texts are like that, and nothing in them is escaped.
const PLAIN = /^[ !#-[\]-~]*$/;

// RFC 8785 section 3.2.2.2 escapes exactly what JSON.stringify escapes, but knows no lone surrogates.
function formatText(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  if (!text.isWellFormed()) throw new TypeError('text has a lone surrogate');
  return JSON.stringify(text);
}

function formatObject(value: object, depth: number): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new TypeError('only plain objects have a place in JSON');
  }
  let members = '';
  // Sorting by UTF-16 code units (section 3.2.3) is the default order of strings.
  for (const name of Object.keys(value).sort()) {
    const item: unknown = Reflect.get(value, name);
    members += `${members === '' ? '' : ','}${formatText(name)}:${format(item, depth - 1)}`;
  }
  return `{${members}}`;
}
