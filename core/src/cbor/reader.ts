// A cursor over bytes that `scanCbor` accepted: reads heads without checking them again.

import { parseUtf8, readUint64 } from '../bytes.ts';
import { bug } from '../errors.ts';
import { headSize } from './scan.ts';

/** Major types of RFC 8949 section 3.1. */
export const MAJOR = {
  uint: 0,
  nint: 1,
  bytes: 2,
  text: 3,
  array: 4,
  map: 5,
  tag: 6,
  simple: 7,
} as const;

/** First bytes of the simple values of the profile. */
export const SIMPLE = { false: 0xf4, true: 0xf5, null: 0xf6 } as const;

/** Reads item after item. Only for accepted bytes: anything else is our own bug and is reported as one. */
export class CborReader {
  readonly bytes: Uint8Array;
  /** Offset of the next item. */
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  /** The first byte of the next item; -1 at the end. */
  get initial(): number {
    return this.at < this.bytes.length ? (this.bytes[this.at] ?? 0) : -1;
  }

  /** Major type of the next item; -1 at the end. */
  get major(): number {
    return this.initial >> 5;
  }

  /** Consumes a head and returns its argument: a number where that is exact, a bigint beyond 2^53-1. */
  argument(): number | bigint {
    const { at, bytes, initial } = this;
    const size = headSize(initial);
    this.at = at + size;
    if (size === 1) return initial & 31;
    if (size === 9) {
      const value = readUint64(bytes, at + 1);
      return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
    }
    let value = 0;
    for (let i = 1; i < size; i++) value = value * 256 + (bytes[at + i] ?? 0);
    return value;
  }

  /** Consumes the head of a string, array or map and returns its length. */
  length(): number {
    const length = this.argument();
    return typeof length === 'number' ? length : bug('a length beyond the input passed the scan');
  }

  /** Consumes a byte string and returns its content as a view. */
  byteString(): Uint8Array {
    const length = this.length();
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  /** Consumes a text string. */
  text(): string {
    return parseUtf8(this.byteString()) ?? bug('invalid UTF-8 passed the scan');
  }
}
