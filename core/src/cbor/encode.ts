// Values to the one encoding that the deterministic CBOR profile has for them (spec/cbor.md).

import { compareBytes, utf8 } from '../bytes.ts';
import { MAJOR, SIMPLE } from './reader.ts';
import { MAX_CBOR_DEPTH } from './scan.ts';
import { CborMap, type CborValue } from './value.ts';

const TWO_TO_32 = 0x1_0000_0000;
const TWO_TO_64 = 2n ** 64n;

/**
 * Encodes `value`; map entries may come in any order. Throws RangeError for what the profile cannot say:
 * numbers that are not safe integers, integers beyond 64 bits, equal map keys, nesting beyond
 * MAX_CBOR_DEPTH; TypeError for text with a lone surrogate and for other kinds of values.
 */
export function encodeCbor(value: CborValue): Uint8Array {
  const writer = new Writer();
  writeValue(writer, value, MAX_CBOR_DEPTH);
  return writer.finish();
}

/** The bytes so far, in a buffer that doubles when it is full. */
class Writer {
  #buffer = new Uint8Array(128);
  #length = 0;

  byte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
  }

  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** A head in its shortest form (RFC 8949 section 4.2.1). */
  head(major: number, argument: number | bigint): void {
    const first = major << 5;
    if (argument < 24) {
      this.byte(first | Number(argument));
      return;
    }
    const exponent = argument < 0x100 ? 0 : argument < 0x1_0000 ? 1 : argument < TWO_TO_32 ? 2 : 3;
    this.byte(first | (24 + exponent));
    let rest = BigInt(argument);
    const size = 1 << exponent;
    this.#reserve(size);
    this.#length += size;
    for (let i = 1; i <= size; i++) {
      this.#buffer[this.#length - i] = Number(rest & 0xffn);
      rest >>= 8n;
    }
  }

  finish(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#buffer.length) return;
    const larger = new Uint8Array(Math.max(this.#buffer.length * 2, this.#length + more));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }
}

function writeValue(writer: Writer, value: CborValue, depth: number): void {
  if (typeof value === 'number' || typeof value === 'bigint') writeInteger(writer, value);
  else if (typeof value === 'string') writeString(writer, MAJOR.text, utf8(value));
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
  if (value >= TWO_TO_64 || value < -TWO_TO_64) throw new RangeError('an integer does not fit in 64 bits');
  if (value >= 0) writer.head(MAJOR.uint, value);
  else writer.head(MAJOR.nint, typeof value === 'number' ? -1 - value : -1n - value);
}

function writeString(writer: Writer, major: number, bytes: Uint8Array): void {
  writer.head(major, bytes.length);
  writer.append(bytes);
}

function writeArray(writer: Writer, items: readonly CborValue[], depth: number): void {
  writer.head(MAJOR.array, items.length);
  for (const item of items) writeValue(writer, item, depth);
}

function writeMap(writer: Writer, map: CborMap, depth: number): void {
  const entries = map.entries.map(([key, value]) => ({ key: encodeKey(key, depth), value }));
  entries.sort((a, b) => compareBytes(a.key, b.key));
  writer.head(MAJOR.map, entries.length);
  let before: Uint8Array | undefined;
  for (const { key, value } of entries) {
    if (before !== undefined && compareBytes(before, key) === 0) {
      throw new RangeError('a map key appears twice');
    }
    before = key;
    writer.append(key);
    writeValue(writer, value, depth);
  }
}

function encodeKey(key: CborValue, depth: number): Uint8Array {
  const writer = new Writer();
  writeValue(writer, key, depth);
  return writer.finish();
}
