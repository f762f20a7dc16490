// Consistency proofs: RFC 6962 §2.1.2, verified as in RFC 9162 §2.1.4.2.

import { equalBytes } from '../bytes.ts';
import { emptyRoot, isHash, nodeHash } from './hash.ts';
import { coveringNodes, type Node, splitPoint } from './range.ts';

/**
 * Groups of complete subtrees that make up the proof from `oldSize` to `size`; each folds to one hash.
 * Empty for oldSize 0 or oldSize = size. Throws RangeError unless oldSize <= size.
 */
export function consistencyNodes(oldSize: bigint, size: bigint): Node[][] {
  if (oldSize < 0n || oldSize > size) throw new RangeError('old size must not be above size');
  if (oldSize === 0n || oldSize === size) return [];
  const groups: Node[][] = [];
  let [start, end] = [0n, size];
  let known = true; // the old tree itself is [start, end): its root is known to the verifier
  while (oldSize !== end) {
    const middle = start + splitPoint(end - start);
    if (oldSize <= middle) {
      groups.push(coveringNodes(middle, end));
      end = middle;
    } else {
      groups.push(coveringNodes(start, middle));
      start = middle;
      known = false;
    }
  }
  if (!known) groups.push(coveringNodes(start, end));
  return groups.reverse();
}

/** What a consistency proof claims. Sizes and roots from signed checkpoints, `proof` from anybody. */
export interface ConsistencyClaim {
  readonly oldSize: bigint;
  readonly oldRoot: Uint8Array;
  readonly size: bigint;
  readonly root: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** True when `proof` shows that the tree of `size` starts with the whole tree of `oldSize`. */
export function checkConsistency(claim: ConsistencyClaim): boolean {
  const { oldSize, oldRoot, size, root, proof } = claim;
  if (oldSize < 0n || oldSize > size) return false;
  if (!isHash(oldRoot) || !isHash(root) || !proof.every(isHash)) return false;
  if (oldSize === size) return proof.length === 0 && equalBytes(oldRoot, root) && isPossible(claim);
  if (oldSize === 0n) return proof.length === 0 && isPossible(claim);
  return checkGrowth(claim);
}

/** The tree without leaves has exactly one root. */
function isPossible({ oldSize, oldRoot }: ConsistencyClaim): boolean {
  return oldSize !== 0n || equalBytes(oldRoot, emptyRoot());
}

function checkGrowth({ oldSize, oldRoot, size, root, proof }: ConsistencyClaim): boolean {
  let [fn, sn] = [oldSize - 1n, size - 1n];
  while ((fn & 1n) === 1n) {
    fn >>= 1n;
    sn >>= 1n;
  }
  const hashes = fn === 0n ? [oldRoot, ...proof] : [...proof];
  const seed = hashes.shift();
  if (seed === undefined) return false;
  let [oldHash, newHash] = [seed, seed];
  for (const hash of hashes) {
    if (sn === 0n) return false;
    if ((fn & 1n) === 1n || fn === sn) {
      oldHash = nodeHash(hash, oldHash);
      newHash = nodeHash(hash, newHash);
      while ((fn & 1n) === 0n && fn !== 0n) {
        fn >>= 1n;
        sn >>= 1n;
      }
    } else {
      newHash = nodeHash(newHash, hash);
    }
    fn >>= 1n;
    sn >>= 1n;
  }
  return sn === 0n && equalBytes(oldHash, oldRoot) && equalBytes(newHash, root);
}
