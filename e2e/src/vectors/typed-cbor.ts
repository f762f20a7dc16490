// CBOR values with their kinds spelled out, so that nothing is lost in JSON:
// {"uint": "12"}, {"nint": "-1"}, {"bytes": hex}, {"text": s}, {"array": [...]}, {"map": [[k, v], ...]}, {"bool": b},
// {"null": null}.

import { formatHex } from '@writ/core/bytes';
import { CborMap, type CborValue } from '@writ/core/cbor/value';

/** The JSON form of `value`; integers are decimal text, maps are in encoded order. */
export function typedCbor(value: CborValue): unknown {
  if (value === null) return { null: null };
  if (typeof value === 'boolean') return { bool: value };
  if (typeof value === 'string') return { text: value };
  if (typeof value === 'number' || typeof value === 'bigint') {
    return value < 0 ? { nint: String(value) } : { uint: String(value) };
  }
  if (value instanceof Uint8Array) return { bytes: formatHex(value) };
  if (value instanceof CborMap) {
    return { map: value.entries.map(([key, item]) => [typedCbor(key), typedCbor(item)]) };
  }
  return { array: value.map(typedCbor) };
}
