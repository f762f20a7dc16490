// Entry bundles: C2SP tlog-tiles (https://c2sp.org/tlog-tiles@v0.1.0), "Log Entries": up to 256 entries, each
// with its length as a 16-bit big-endian integer in front.

import { LogError } from '../errors.ts';

/** Largest entry that a bundle can hold. */
export const MAX_ENTRY_SIZE = 65_535;
/** Largest full bundle. */
export const MAX_BUNDLE_SIZE: number = 256 * (2 + MAX_ENTRY_SIZE);

/** Bytes of the bundle of `entries`. RangeError for an entry that does not fit. */
export function encodeBundle(entries: readonly Uint8Array[]): Uint8Array {
  const bundle = new Uint8Array(entries.reduce((sum, entry) => sum + 2 + entry.length, 0));
  let at = 0;
  for (const entry of entries) at = writeBundleEntry(bundle, at, entry);
  return bundle;
}

/** Writes one entry at `offset` of a bundle and returns the offset behind it. */
export function writeBundleEntry(bundle: Uint8Array, offset: number, entry: Uint8Array): number {
  if (entry.length > MAX_ENTRY_SIZE)
    throw new RangeError(`an entry has at most ${MAX_ENTRY_SIZE} bytes`);
  bundle[offset] = entry.length >> 8;
  bundle[offset + 1] = entry.length & 0xff;
  bundle.set(entry, offset + 2);
  return offset + 2 + entry.length;
}

/** The entries of a bundle of exactly `count`, as views of its bytes. LogError bundle-malformed with offset. */
export function decodeBundle(bundle: Uint8Array, count: number): Uint8Array[] {
  const entries: Uint8Array[] = [];
  let at = 0;
  while (entries.length < count) {
    const end = bundleEntryEnd(bundle, at);
    entries.push(bundle.subarray(at + 2, end));
    at = end;
  }
  if (at !== bundle.length) throw malformed('there are bytes behind the last entry', at);
  return entries;
}

/** Offset behind the entry that starts at `offset`. LogError bundle-malformed when it is cut off. */
export function bundleEntryEnd(bundle: Uint8Array, offset: number): number {
  const [high, low] = [bundle[offset], bundle[offset + 1]];
  if (high === undefined || low === undefined)
    throw malformed('the length of an entry is cut off', offset);
  const end = offset + 2 + high * 256 + low;
  if (end > bundle.length) throw malformed('an entry is cut off', offset);
  return end;
}

function malformed(message: string, offset: number): LogError {
  return new LogError('bundle-malformed', `offset ${offset}: ${message}`, { offset });
}
