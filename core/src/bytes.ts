// Strict conversions between bytes and text. Everything that decides about attacker-chosen text or
// bytes goes through here: one spelling per value, nothing lenient.
//
// `parse*` returns undefined for input that is not exactly the canonical form, so that each format can
// name the field and line in its own error.

import { LogError } from './errors.ts';

const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const utf8Encoder = new TextEncoder();

/** Largest tree size, index or timestamp that any C2SP format carries (signed 64 bit). */
export const MAX_UINT63: bigint = 2n ** 63n - 1n;

/** Text to UTF-8. Throws TypeError for a lone surrogate, which has no UTF-8 form. */
export function utf8(text: string): Uint8Array {
  if (!text.isWellFormed()) throw new TypeError('text has a lone surrogate');
  return utf8Encoder.encode(text);
}

/** UTF-8 to text; undefined when the bytes are not valid UTF-8. A BOM is kept as a character. */
export function parseUtf8(bytes: Uint8Array): string | undefined {
  try {
    return utf8Decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Index of the first ASCII control character but newline, or -1. */
export function controlCharacterAt(text: string): number {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 && code !== 0x0a) return i;
  }
  return -1;
}

const DECIMAL = /^(?:0|[1-9][0-9]{0,18})$/;

/** ASCII decimal without sign or leading zeros, at most 2^63-1; undefined otherwise. */
export function parseDecimal(text: string): bigint | undefined {
  if (!DECIMAL.test(text)) return undefined;
  const value = BigInt(text);
  return value <= MAX_UINT63 ? value : undefined;
}

/** As parseDecimal, for values that must be safe integers (our own sizes, limits, query parameters). */
export function parseSafeDecimal(text: string): number | undefined {
  const value = parseDecimal(text);
  return value !== undefined && value <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(value)
    : undefined;
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const BASE64_VALUES: Int8Array = valuesOf(BASE64);
const HEX_VALUES: Int8Array = valuesOf('0123456789abcdef');

function valuesOf(alphabet: string): Int8Array {
  const values = new Int8Array(128).fill(-1);
  for (let i = 0; i < alphabet.length; i++) values[alphabet.charCodeAt(i)] = i;
  return values;
}

/** Standard padded base64 (RFC 4648 §4). */
export function formatBase64(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i;
    const word = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    text += BASE64.charAt(word >> 18) + BASE64.charAt((word >> 12) & 63);
    text += left > 1 ? BASE64.charAt((word >> 6) & 63) : '=';
    text += left > 2 ? BASE64.charAt(word & 63) : '=';
  }
  return text;
}

/** Canonical standard base64 with padding and zero unused bits; undefined for anything else. */
export function parseBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  const digits = text.length - padding;
  let word = 0;
  let bits = 0;
  let at = 0;
  for (let i = 0; i < digits; i++) {
    const value = BASE64_VALUES[text.charCodeAt(i)] ?? -1;
    if (value < 0) return undefined;
    word = ((word << 6) | value) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (word >> bits) & 0xff;
    }
  }
  return (word & ((1 << bits) - 1)) === 0 ? bytes : undefined;
}

const HEX_DIGITS = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));
const HEX_PIECE = 1024;

/** Lower-case hexadecimal. */
export function formatHex(bytes: Uint8Array): string {
  let text = '';
  // Not byte by byte: engines keep a text that grew like that as a tree, of a hundred times its size.
  for (let start = 0; start < bytes.length; start += HEX_PIECE) {
    const piece = bytes.subarray(start, start + HEX_PIECE);
    const codes = new Uint8Array(2 * piece.length);
    for (let i = 0; i < piece.length; i++) {
      const byte = piece[i] ?? 0;
      codes[2 * i] = HEX_DIGITS[byte >> 4] ?? 0;
      codes[2 * i + 1] = HEX_DIGITS[byte & 15] ?? 0;
    }
    text += Reflect.apply(String.fromCharCode, undefined, codes);
  }
  return text;
}

/** Lower-case hexadecimal of even length; undefined for anything else. */
export function parseHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    const high = HEX_VALUES[text.charCodeAt(2 * i)] ?? -1;
    const low = HEX_VALUES[text.charCodeAt(2 * i + 1)] ?? -1;
    if (high < 0 || low < 0) return undefined;
    bytes[i] = high * 16 + low;
  }
  return bytes;
}

/** True when both hold the same bytes. For public values: the time depends on the content. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Bytewise lexicographic order: negative, zero or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Unsigned 64-bit big-endian. */
export function uint64(value: bigint): Uint8Array {
  if (value < 0n || value >= 2n ** 64n) throw new RangeError('value does not fit in 64 bits');
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value);
  return bytes;
}

/** Reads an unsigned 64-bit big-endian integer at `offset`. */
export function readUint64(bytes: Uint8Array, offset: number): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(offset);
}

/** Guard for our own callers: a Uint8Array, of `length` bytes if given. */
export function assertBytes(
  value: unknown,
  title: string,
  length?: number,
): asserts value is Uint8Array {
  if (!(value instanceof Uint8Array)) throw new TypeError(`${title} must be a Uint8Array`);
  if (length !== undefined && value.length !== length) {
    throw new RangeError(`${title} must be ${length} bytes, got ${value.length}`);
  }
}

/** Guard for our own callers: a non-negative safe integer. */
export function assertSafeSize(value: unknown, title: string): asserts value is number {
  if (typeof value !== 'number') throw new TypeError(`${title} must be a number`);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new RangeError(`${title} must be a size, got ${value}`);
}

/** A size of a peer's as a number; LogError with the caller's words when it is beyond 2^53-1. */
export function toSafeSize(value: bigint, title: string): number {
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new LogError('request-invalid', `${title} is beyond what this program can hold`, {
      got: value,
    });
  }
  return Number(value);
}
