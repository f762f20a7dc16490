// Values to the one encoding that the deterministic CBOR profile has for them (spec/cbor.md).

import { concatBytes, utf8 } from '../bytes.ts';
import { MAJOR, SIMPLE } from './reader.ts';
import { MAX_CBOR_DEPTH } from './scan.ts';
import { CborMap, type CborValue } from './value.ts';

const TWO_TO_32 = 0x1_0000_0000;
const TWO_TO_64 = 2n ** 64n;
const INITIAL_SIZE = 512;
// Up to this length a loop over ASCII text beats a call of TextEncoder.
const SHORT_TEXT = 48;

/**
 * Encodes `value`; map entries may come in any order. Throws RangeError for what the profile cannot say:
 * numbers that are not safe integers, integers beyond 64 bits, equal map keys, nesting beyond
 * MAX_CBOR_DEPTH; TypeError for text with a lone surrogate and for other kinds of values.
 */
export function encodeCbor(value: CborValue): Uint8Array {
  const writer = new Writer();
  writeValue(writer, value, MAX_CBOR_DEPTH);
  return writer.from(0);
}

/** The bytes so far, in a buffer that doubles when it is full. */
class Writer {
  length = 0;
  #buffer = new Uint8Array(INITIAL_SIZE);

  byte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.length++] = value;
  }

  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** A head in its shortest form (RFC 8949 section 4.2.1). */
  head(major: number, argument: number | bigint): void {
    const first = major << 5;
    if (argument < 24) {
      this.byte(first | Number(argument));
    } else if (argument < TWO_TO_32) {
      const exponent = argument < 0x100 ? 0 : argument < 0x1_0000 ? 1 : 2;
      this.byte(first | (24 + exponent));
      for (let shift = (8 << exponent) - 8; shift >= 0; shift -= 8) {
        this.byte((Number(argument) >>> shift) & 0xff);
      }
    } else {
      this.byte(first | 27);
      for (let shift = 56n; shift >= 0n; shift -= 8n)
        this.byte(Number((BigInt(argument) >> shift) & 0xffn));
    }
  }

  /** Appends `text` with its head if it is ASCII; otherwise leaves everything as it was. */
  ascii(text: string): boolean {
    const before = this.length;
    this.head(MAJOR.text, text.length);
    this.#reserve(text.length);
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) {
        this.length = before;
        return false;
      }
      this.#buffer[this.length++] = code;
    }
    return true;
  }

  /** A copy of what was written from `start` to `end`. */
  from(start: number, end: number = this.length): Uint8Array {
    return this.#buffer.slice(start, end);
  }

  /** Negative when the bytes [a, aEnd) sort before [b, bEnd), zero when they are equal. */
  compare(a: number, aEnd: number, b: number, bEnd: number): number {
    const buffer = this.#buffer;
    const length = Math.min(aEnd - a, bEnd - b);
    for (let i = 0; i < length; i++) {
      const difference = (buffer[a + i] ?? 0) - (buffer[b + i] ?? 0);
      if (difference !== 0) return difference;
    }
    return aEnd - a - (bEnd - b);
  }

  #reserve(more: number): void {
    if (this.length + more <= this.#buffer.length) return;
    const larger = new Uint8Array(Math.max(this.#buffer.length * 2, this.length + more));
    larger.set(this.#buffer.subarray(0, this.length));
    this.#buffer = larger;
  }
}

function writeValue(writer: Writer, value: CborValue, depth: number): void {
  if (typeof value === 'number' || typeof value === 'bigint') writeInteger(writer, value);
  else if (typeof value === 'string') writeText(writer, value);
  else if (typeof value === 'boolean') writer.byte(value ? SIMPLE.true : SIMPLE.false);
  else if (value === null) writer.byte(SIMPLE.null);
  else if (value instanceof Uint8Array) writeString(writer, MAJOR.bytes, value);
  else if (value instanceof CborMap) writeMap(writer, value, nested(depth));
  else if (Array.isArray(value)) writeArray(writer, value, nested(depth));
  else throw new TypeError(`a value of type ${typeof value} has no encoding in the CBOR profile`);
}

function nested(depth: number): number {
  if (depth === 0) throw new RangeError(`values are nested more than ${MAX_CBOR_DEPTH} deep`);
  return depth - 1;
}

function writeInteger(writer: Writer, value: number | bigint): void {
  if (typeof value === 'number' && (!Number.isSafeInteger(value) || Object.is(value, -0))) {
    throw new RangeError(`${Object.is(value, -0) ? '-0' : value} is not a safe integer`);
  }
  if (value >= TWO_TO_64 || value < -TWO_TO_64)
    throw new RangeError('an integer does not fit in 64 bits');
  if (value >= 0) writer.head(MAJOR.uint, value);
  else writer.head(MAJOR.nint, typeof value === 'number' ? -1 - value : -1n - value);
}

function writeText(writer: Writer, text: string): void {
  if (text.length <= SHORT_TEXT && writer.ascii(text)) return;
  writeString(writer, MAJOR.text, utf8(text));
}

function writeString(writer: Writer, major: number, bytes: Uint8Array): void {
  writer.head(major, bytes.length);
  writer.append(bytes);
}

function writeArray(writer: Writer, items: readonly CborValue[], depth: number): void {
  writer.head(MAJOR.array, items.length);
  for (const item of items) writeValue(writer, item, depth);
}

/** Where an entry stands in the writer. */
interface Span {
  readonly start: number;
  readonly keyEnd: number;
  readonly end: number;
}

function writeMap(writer: Writer, map: CborMap, depth: number): void {
  writer.head(MAJOR.map, map.entries.length);
  const start = writer.length;
  const spans: Span[] = [];
  let sorted = true;
  for (const [key, value] of map.entries) {
    const span = writeEntry(writer, key, value, depth);
    const last = spans.at(-1);
    if (last !== undefined && compareKeys(writer, last, span) >= 0) sorted = false;
    spans.push(span);
  }
  if (!sorted) sortEntries(writer, start, spans);
}

function writeEntry(writer: Writer, key: CborValue, value: CborValue, depth: number): Span {
  const start = writer.length;
  writeValue(writer, key, depth);
  const keyEnd = writer.length;
  writeValue(writer, value, depth);
  return { start, keyEnd, end: writer.length };
}

function compareKeys(writer: Writer, a: Span, b: Span): number {
  return writer.compare(a.start, a.keyEnd, b.start, b.keyEnd);
}

/** Puts the entries that were written from `start` on into the order of their encoded keys. */
function sortEntries(writer: Writer, start: number, spans: Span[]): void {
  spans.sort((a, b) => compareKeys(writer, a, b));
  for (const [i, span] of spans.entries()) {
    const last = spans[i - 1];
    if (last !== undefined && compareKeys(writer, last, span) === 0) {
      throw new RangeError('a map key appears twice');
    }
  }
  const ordered = concatBytes(...spans.map((span) => writer.from(span.start, span.end)));
  writer.length = start;
  writer.append(ordered);
}
