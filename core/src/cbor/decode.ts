// Bytes of the deterministic CBOR profile to values. The scanner accepts or refuses; building the value
// afterwards decides nothing.

import { LogError } from '../errors.ts';
import { CborReader, MAJOR, SIMPLE } from './reader.ts';
import { type CborLimits, checkCbor, scanCbor } from './scan.ts';
import { type CborEntry, CborMap, type CborValue } from './value.ts';

/** Decodes exactly one item. Byte strings are copies. Throws LogError `cbor-malformed` with the offset. */
export function decodeCbor(bytes: Uint8Array): CborValue {
  checkCbor(bytes);
  return readValue(new CborReader(bytes));
}

/** Limits of a sequence beside those of each item. */
export interface CborSequenceLimits extends CborLimits {
  /** Most items that the sequence may hold. */
  readonly maxItems: number;
}

/**
 * Splits a CBOR sequence (RFC 8742) into views of its items; an empty input has none. Throws LogError
 * `cbor-malformed` at the first bad item and `batch-too-large` for more than `maxItems`.
 */
export function splitCborSequence(bytes: Uint8Array, limits: CborSequenceLimits): Uint8Array[] {
  const items: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (items.length === limits.maxItems) {
      throw new LogError(
        'batch-too-large',
        `the sequence holds more than ${limits.maxItems} items`,
        {
          limit: limits.maxItems,
          offset: at,
        },
      );
    }
    const end = scanCbor(bytes, at, limits);
    items.push(bytes.subarray(at, end));
    at = end;
  }
  return items;
}

function readValue(reader: CborReader): CborValue {
  switch (reader.major) {
    case MAJOR.uint:
      return reader.argument();
    case MAJOR.nint:
      return negative(reader.argument());
    case MAJOR.bytes:
      return reader.byteString().slice();
    case MAJOR.text:
      return reader.text();
    case MAJOR.array:
      return readArray(reader);
    case MAJOR.map:
      return readMap(reader);
    default:
      return readSimple(reader);
  }
}

function negative(argument: number | bigint): number | bigint {
  const value = -1n - BigInt(argument);
  return value >= BigInt(Number.MIN_SAFE_INTEGER) ? Number(value) : value;
}

function readArray(reader: CborReader): CborValue[] {
  const items: CborValue[] = [];
  for (let left = reader.length(); left > 0; left--) items.push(readValue(reader));
  return items;
}

function readMap(reader: CborReader): CborMap {
  const entries: CborEntry[] = [];
  for (let left = reader.length(); left > 0; left--)
    entries.push([readValue(reader), readValue(reader)]);
  return new CborMap(entries);
}

function readSimple(reader: CborReader): boolean | null {
  const { initial } = reader;
  reader.at++;
  return initial === SIMPLE.null ? null : initial === SIMPLE.true;
}
