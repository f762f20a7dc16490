// Inclusion proofs: RFC 6962 §2.1.1, verified as in RFC 9162 §2.1.3.2.
//
// A proof does not bind the size of the tree: the same hashes can be valid for another size. The size must
// come from a verified checkpoint, never from whoever sent the proof.

import { equalBytes } from '../bytes.ts';
import { isHash, nodeHash } from './hash.ts';
import { coveringNodes, type Node, splitPoint } from './range.ts';

/** Longest proof of a tree below 2^63 leaves. */
export const MAX_PROOF_HASHES = 63;

/**
 * Groups of complete subtrees whose hashes make up the proof of `index` in a tree of `size`, leaf's sibling
 * first. Each group folds to one hash of the proof (`foldNodes`). Throws RangeError unless index < size.
 */
export function inclusionNodes(index: bigint, size: bigint): Node[][] {
  if (index < 0n || index >= size) throw new RangeError('index must be below size');
  const groups: Node[][] = [];
  let [start, end] = [0n, size];
  while (end - start > 1n) {
    const middle = start + splitPoint(end - start);
    if (index < middle) {
      groups.push(coveringNodes(middle, end));
      end = middle;
    } else {
      groups.push(coveringNodes(start, middle));
      start = middle;
    }
  }
  return groups.reverse();
}

/** What a proof claims, all of it from trusted places but `proof`. */
export interface InclusionClaim {
  readonly index: bigint;
  readonly size: bigint;
  readonly leafHash: Uint8Array;
  readonly root: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** The root that `proof` leads to from the leaf, or undefined when the shape cannot be a proof. */
export function rootFromInclusion(claim: Omit<InclusionClaim, 'root'>): Uint8Array | undefined {
  const { index, size, leafHash, proof } = claim;
  if (index < 0n || index >= size || !isHash(leafHash) || !proof.every(isHash)) return undefined;
  let [fn, sn, hash] = [index, size - 1n, leafHash];
  for (const sibling of proof) {
    if (sn === 0n) return undefined;
    if ((fn & 1n) === 1n || fn === sn) {
      hash = nodeHash(sibling, hash);
      while ((fn & 1n) === 0n && fn !== 0n) {
        fn >>= 1n;
        sn >>= 1n;
      }
    } else {
      hash = nodeHash(hash, sibling);
    }
    fn >>= 1n;
    sn >>= 1n;
  }
  return sn === 0n ? hash : undefined;
}

/** True when `proof` shows that the leaf is at `index` of the tree with this size and root. */
export function checkInclusion(claim: InclusionClaim): boolean {
  const root = rootFromInclusion(claim);
  return root !== undefined && isHash(claim.root) && equalBytes(root, claim.root);
}
