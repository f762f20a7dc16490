// The hashes of a stored tree as Merkle code wants them: single nodes and the right edge.

import { coveringNodes } from '@writ/core/merkle/range';
import { hashesAtLevel, TILE_WIDTH, tileNodeSource } from '@writ/core/merkle/tile';
import type { NodeSource } from '@writ/core/merkle/tree';
import { HASH_SIZE } from '@writ/core/sha256';
import type { Edge } from './integrate.ts';

/** Reads `count` hashes of a tile level from hash `start` on. */
export type ReadHashes = (level: number, start: number, count: number) => Uint8Array;

/** Complete subtrees of a tree of `size`, folded from its tiles; each tile is read once. */
export function storedNodes(size: number, read: ReadHashes): NodeSource {
  const tiles = new Map<string, Uint8Array>();
  return tileNodeSource(BigInt(size), ({ level, index, width }) => {
    const key = `${level}/${index}`;
    const known = tiles.get(key);
    if (known !== undefined) return known;
    const tile = read(level, Number(index) * TILE_WIDTH, width);
    tiles.set(key, tile);
    return tile;
  });
}

/** The right edge of a stored tree of `size`. */
export function edgeOf(size: number, read: ReadHashes): Edge {
  const source = storedNodes(size, read);
  const edge: (Uint8Array | undefined)[] = [];
  for (const node of coveringNodes(0n, BigInt(size))) edge[node.level] = source(node);
  return Array.from(edge);
}

/** Bytes of the tile (level, index) up to `width`, or undefined when a tree of `size` has no such tile. */
export function readTile(
  size: number,
  tile: { readonly level: number; readonly index: bigint; readonly width: number },
  read: ReadHashes,
): Uint8Array | undefined {
  const end = tile.index * BigInt(TILE_WIDTH) + BigInt(tile.width);
  if (end > hashesAtLevel(tile.level, BigInt(size))) return undefined;
  const bytes = read(tile.level, Number(tile.index) * TILE_WIDTH, tile.width);
  return bytes.length === tile.width * HASH_SIZE ? bytes : undefined;
}
