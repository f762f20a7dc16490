// The Merkle tree as RFC 6962 §2.1 defines it, word for word, with node:crypto.

import { createHash } from 'node:crypto';

function digest(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

/** MTH({d(0)}) for the entry "leaf i". */
export function leaf(i: number): Uint8Array {
  return digest(Uint8Array.of(0), new TextEncoder().encode(`leaf ${i}`));
}

/** Leaf hashes of a tree of `size`. */
export function leaves(size: number): Uint8Array[] {
  return Array.from({ length: size }, (_, i) => leaf(i));
}

function split(size: number): number {
  let k = 1;
  while (2 * k < size) k *= 2;
  return k;
}

// Roots that were computed before, by first leaf and length: all lists are stretches of one list of `leaves`.
const known = new WeakMap<Uint8Array, Map<number, Uint8Array>>();

/** MTH(D[n]) from a stretch of `leaves`. */
export function rootOf(hashes: readonly Uint8Array[]): Uint8Array {
  const [first] = hashes;
  if (first === undefined) return digest();
  if (hashes.length === 1) return first.slice();
  const roots = known.get(first) ?? new Map<number, Uint8Array>();
  known.set(first, roots);
  const k = split(hashes.length);
  const root =
    roots.get(hashes.length) ??
    digest(Uint8Array.of(1), rootOf(hashes.slice(0, k)), rootOf(hashes.slice(k)));
  roots.set(hashes.length, root);
  return root.slice();
}

/** PATH(m, D[n]), §2.1.1. */
export function pathOf(m: number, hashes: readonly Uint8Array[]): Uint8Array[] {
  if (hashes.length <= 1) return [];
  const k = split(hashes.length);
  return m < k
    ? [...pathOf(m, hashes.slice(0, k)), rootOf(hashes.slice(k))]
    : [...pathOf(m - k, hashes.slice(k)), rootOf(hashes.slice(0, k))];
}

/** PROOF(m, D[n]), §2.1.2; none for m = 0. */
export function proofOf(m: number, hashes: readonly Uint8Array[]): Uint8Array[] {
  return m === 0 ? [] : subproof(m, hashes, true);
}

function subproof(m: number, hashes: readonly Uint8Array[], isWhole: boolean): Uint8Array[] {
  if (m === hashes.length) return isWhole ? [] : [rootOf(hashes)];
  const k = split(hashes.length);
  return m <= k
    ? [...subproof(m, hashes.slice(0, k), isWhole), rootOf(hashes.slice(k))]
    : [...subproof(m - k, hashes.slice(k), false), rootOf(hashes.slice(0, k))];
}
