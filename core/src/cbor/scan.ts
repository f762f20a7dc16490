// The strict scanner of the deterministic CBOR profile (spec/cbor.md): RFC 8949 section 4.2.1 narrowed to
// integers, byte strings, text, arrays, maps, false, true and null. It alone decides which bytes are
// accepted. It builds no objects, so that the log can scan every submission.
//
// Example: a2 01 20 61 61 f6 is {1: -1, "a": null}.

import { LogError } from '../errors.ts';

/** Deepest nesting of arrays and maps that the profile allows; a lone integer has depth 0. */
export const MAX_CBOR_DEPTH = 32;

/** What a scan allows beyond or below the profile. */
export interface CborLimits {
  /** Arrays and maps inside each other; at most and by default MAX_CBOR_DEPTH. */
  readonly maxDepth?: number;
  /** Accept tag 18 (COSE_Sign1, RFC 9052 section 2) around the outermost item. Off by default. */
  readonly allowTag18?: boolean;
}

const TAG_18 = 0xd2;
const TWO_TO_32 = 0x1_0000_0000;

/**
 * Checks that one item of the profile begins at `offset` and returns the offset behind it. What follows is
 * the caller's business. Throws LogError `cbor-malformed` with the offset of the first wrong byte.
 */
export function scanCbor(bytes: Uint8Array, offset = 0, limits: CborLimits = {}): number {
  const depth = Math.min(limits.maxDepth ?? MAX_CBOR_DEPTH, MAX_CBOR_DEPTH);
  const tagged = limits.allowTag18 === true && bytes[offset] === TAG_18;
  return scanItem(bytes, tagged ? offset + 1 : offset, depth);
}

/** As `scanCbor` for exactly one item that fills `bytes`. */
export function checkCbor(bytes: Uint8Array, limits: CborLimits = {}): void {
  const end = scanCbor(bytes, 0, limits);
  if (end !== bytes.length) fail('bytes follow the item', end);
}

/** Bytes of the head that starts with `initial` (RFC 8949 section 3), for additional information up to 27. */
export function headSize(initial: number): number {
  const info = initial & 31;
  return info < 24 ? 1 : 1 + (1 << (info - 24));
}

function scanItem(bytes: Uint8Array, at: number, depth: number): number {
  if (at >= bytes.length) fail('the item is cut off', at);
  const initial = bytes[at] ?? 0;
  const major = initial >> 5;
  if (major === 7) return scanSimple(initial, at);
  const argument = scanArgument(bytes, at, initial & 31);
  const next = at + headSize(initial);
  switch (major) {
    case 0:
    case 1:
      return next;
    case 2:
      return skip(bytes, at, next, argument);
    case 3:
      return scanText(bytes, next, skip(bytes, at, next, argument));
    case 4:
      return scanArray(bytes, at, next, argument, depth);
    case 5:
      return scanMap(bytes, at, next, argument, depth);
    default:
      return fail('tags are not allowed here', at);
  }
}

function scanSimple(initial: number, at: number): number {
  if (initial >= 0xf4 && initial <= 0xf6) return at + 1;
  if (initial >= 0xf9 && initial <= 0xfb) fail('floating-point numbers are not allowed', at);
  return fail('simple values other than false, true and null are not allowed', at);
}

/** The argument of a head, refused unless in its shortest form. Inexact from 2^53 on: only good for comparing. */
function scanArgument(bytes: Uint8Array, at: number, info: number): number {
  if (info < 24) return info;
  if (info > 27)
    fail(info === 31 ? 'indefinite lengths are not allowed' : 'the head is reserved', at);
  const next = at + 1;
  if (next + (1 << (info - 24)) > bytes.length) fail('the head is cut off', at);
  let argument = bytes[next] ?? 0;
  let least = 24;
  if (info === 25) {
    argument = argument * 256 + (bytes[next + 1] ?? 0);
    least = 0x100;
  } else if (info === 26) {
    argument = uint32At(bytes, next);
    least = 0x1_0000;
  } else if (info === 27) {
    argument = uint32At(bytes, next) * TWO_TO_32 + uint32At(bytes, next + 4);
    least = TWO_TO_32;
  }
  if (argument < least) fail('the head is not in its shortest form', at);
  return argument;
}

function uint32At(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] ?? 0) * 0x100_0000 +
    (((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0))
  );
}

function skip(bytes: Uint8Array, at: number, next: number, length: number): number {
  if (length > bytes.length - next) fail('the string is longer than the input', at);
  return next + length;
}

function scanText(bytes: Uint8Array, start: number, end: number): number {
  const bad = findBadUtf8(bytes, start, end);
  if (bad !== -1) fail('text is not valid UTF-8', bad);
  return end;
}

function scanArray(
  bytes: Uint8Array,
  at: number,
  start: number,
  count: number,
  depth: number,
): number {
  // Each item takes a byte: a count beyond the rest of the input is refused before any work.
  if (count > bytes.length - start) fail('the array is longer than the input', at);
  if (depth === 0) fail('arrays and maps are nested too deeply', at);
  let next = start;
  for (let i = 0; i < count; i++) next = scanItem(bytes, next, depth - 1);
  return next;
}

function scanMap(
  bytes: Uint8Array,
  at: number,
  start: number,
  count: number,
  depth: number,
): number {
  if (count * 2 > bytes.length - start) fail('the map is longer than the input', at);
  if (depth === 0) fail('arrays and maps are nested too deeply', at);
  let before = start;
  let beforeEnd = start;
  let next = start;
  for (let i = 0; i < count; i++) {
    const keyEnd = scanItem(bytes, next, depth - 1);
    if (i > 0) checkKeyOrder(bytes, before, beforeEnd, next, keyEnd);
    before = next;
    beforeEnd = keyEnd;
    next = scanItem(bytes, keyEnd, depth - 1);
  }
  return next;
}

// Bytewise order of the encoded keys (RFC 8949 section 4.2.1), not the length-first order of section 4.2.3.
function checkKeyOrder(bytes: Uint8Array, a: number, aEnd: number, b: number, bEnd: number): void {
  const length = Math.min(aEnd - a, bEnd - b);
  for (let i = 0; i < length; i++) {
    const difference = (bytes[a + i] ?? 0) - (bytes[b + i] ?? 0);
    if (difference < 0) return;
    if (difference > 0) fail('map keys are not in ascending order', b);
  }
  // No encoded item is a prefix of another one, so equal up to the shorter end means equal.
  fail('a map key appears twice', b);
}

/** Offset of the first byte in [start, end) that breaks UTF-8 (RFC 3629 section 4), or -1. */
function findBadUtf8(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end) {
    const lead = bytes[at] ?? 0;
    if (lead < 0x80) {
      at++;
      continue;
    }
    if (lead < 0xc2 || lead > 0xf4) return at;
    const size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (at + size > end) return at;
    // The second byte decides about overlong forms, surrogates and code points above U+10FFFF.
    const least = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    const most = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    const second = bytes[at + 1] ?? 0;
    if (second < least || second > most) return at;
    for (let i = 2; i < size; i++) if (((bytes[at + i] ?? 0) & 0xc0) !== 0x80) return at;
    at += size;
  }
  return -1;
}

function fail(message: string, offset: number): never {
  throw new LogError('cbor-malformed', `cbor: ${message}`, { offset });
}
