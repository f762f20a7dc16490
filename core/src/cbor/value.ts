// Values of the deterministic CBOR profile as JavaScript sees them (spec/cbor.md).

/**
 * An item: integers are numbers where these are exact and bigints beyond, byte strings Uint8Arrays,
 * maps CborMaps. Encoding takes either kind of integer.
 */
export type CborValue =
  | number
  | bigint
  | Uint8Array
  | string
  | boolean
  | null
  | readonly CborValue[]
  | CborMap;

/** Key and value of one map entry. */
export type CborEntry = readonly [key: CborValue, value: CborValue];

/**
 * A map as its list of entries. Neither an object, whose prototype answers to foreign names, nor a Map,
 * where two equal byte strings are two keys. Decoded maps are in encoded order.
 */
export class CborMap {
  readonly entries: readonly CborEntry[];

  constructor(entries: readonly CborEntry[]) {
    this.entries = entries;
  }

  /** The value under a text or integer key; undefined when there is none. */
  get(key: string | number): CborValue | undefined {
    return this.entries.find((entry) => entry[0] === key)?.[1];
  }
}
