// Appends a batch of leaves to a tree: RFC 6962 §2.1 by complete subtrees, level by level, so that the SIMD
// hash gets whole rows. Pure: nothing is kept but what is returned.

import { emptyRoot, nodeHash } from '@writ/core/merkle/hash';
import { hashPairs } from '@writ/core/merkle/interior';
import { TILE_HEIGHT } from '@writ/core/merkle/tile';
import { HASH_SIZE } from '@writ/core/sha256';

/** The right edge of a tree: at index h the complete subtree of height h that has no sibling yet. */
export type Edge = readonly (Uint8Array | undefined)[];

export interface Integrated {
  readonly edge: Edge;
  /** Hashes that the batch completed, for each tile level: `[0]` are the leaf hashes themselves. */
  readonly hashes: readonly Uint8Array[];
}

/** Adds `leafHashes` (32 bytes each) behind the tree with this edge. */
export function integrate(edge: Edge, leafHashes: Uint8Array): Integrated {
  const next = edge.slice();
  const hashes: Uint8Array[] = [leafHashes];
  let row = leafHashes;
  for (let height = 0; row.length > 0; height++) {
    row = pairUp(next, height, row);
    const isTileLevel = (height + 1) % TILE_HEIGHT === 0;
    if (isTileLevel && row.length > 0) hashes.push(row);
  }
  return { edge: next, hashes };
}

/** Joins the waiting subtree of `height` and the new ones to their parents; an odd one is left to wait. */
function pairUp(edge: (Uint8Array | undefined)[], height: number, row: Uint8Array): Uint8Array {
  const waiting = edge[height];
  let nodes = row;
  if (waiting !== undefined) {
    nodes = new Uint8Array(HASH_SIZE + row.length);
    nodes.set(waiting, 0);
    nodes.set(row, HASH_SIZE);
  }
  const count = nodes.length / HASH_SIZE;
  edge[height] = count % 2 === 1 ? nodes.slice(-HASH_SIZE) : undefined;
  const parents = new Uint8Array(Math.floor(count / 2) * HASH_SIZE);
  hashPairs(nodes, parents.length / HASH_SIZE, parents);
  return parents;
}

/** Root of the tree with this edge. */
export function edgeRoot(edge: Edge): Uint8Array {
  let root: Uint8Array | undefined;
  for (const hash of edge) {
    if (hash !== undefined) root = root === undefined ? hash : nodeHash(hash, root);
  }
  return root ?? emptyRoot();
}
