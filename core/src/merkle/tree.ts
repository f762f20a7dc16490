// Hashes of trees from the hashes of their complete subtrees.

import { emptyRoot, nodeHash } from './hash.ts';
import { coveringNodes, type Node } from './range.ts';

/** Where hashes of complete subtrees come from: tiles, memory, a file. */
export type NodeSource = (node: Node) => Uint8Array;

/** Hash over adjacent complete subtrees, left to right, as RFC 6962 joins them: right to left. */
export function foldNodes(nodes: readonly Node[], source: NodeSource): Uint8Array {
  let hash: Uint8Array | undefined;
  for (const node of nodes.toReversed()) {
    hash = hash === undefined ? source(node) : nodeHash(source(node), hash);
  }
  return hash ?? emptyRoot();
}

/** Root of the tree of `size` leaves. */
export function treeRoot(size: bigint, source: NodeSource): Uint8Array {
  return foldNodes(coveringNodes(0n, size), source);
}

/** One proof hash for each group of `inclusionNodes` or `consistencyNodes`. */
export function buildProof(groups: readonly (readonly Node[])[], source: NodeSource): Uint8Array[] {
  return groups.map((group) => foldNodes(group, source));
}

/**
 * A tree that grows leaf by leaf and remembers only its right edge: at most one complete subtree for each
 * level (the binary counter of the size). Cheap to copy, O(1) amortised per leaf.
 */
export class GrowingTree {
  #size: bigint;
  readonly #edge: (Uint8Array | undefined)[];

  /** `edge`: hashes of `coveringNodes(0n, size)`, left to right. */
  constructor(size = 0n, edge: readonly Uint8Array[] = []) {
    const nodes = coveringNodes(0n, size);
    if (nodes.length !== edge.length) throw new RangeError('edge does not fit the size');
    this.#size = size;
    this.#edge = [];
    for (const [i, node] of nodes.entries()) this.#edge[node.level] = edge[i];
  }

  get size(): bigint {
    return this.#size;
  }

  /** Hashes of `coveringNodes(0n, size)`, left to right. */
  get edge(): Uint8Array[] {
    return coveringNodes(0n, this.#size).map((node) => this.#edge[node.level] ?? emptyRoot());
  }

  append(leafHash: Uint8Array): void {
    let hash = leafHash;
    let level = 0;
    for (let left = this.#edge[0]; left !== undefined; left = this.#edge[level]) {
      hash = nodeHash(left, hash);
      this.#edge[level] = undefined;
      level++;
    }
    this.#edge[level] = hash;
    this.#size += 1n;
  }

  root(): Uint8Array {
    let hash: Uint8Array | undefined;
    for (const left of this.#edge) {
      if (left !== undefined) hash = hash === undefined ? left : nodeHash(left, hash);
    }
    return hash ?? emptyRoot();
  }
}
