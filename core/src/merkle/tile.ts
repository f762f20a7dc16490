// Tiles: C2SP tlog-tiles (https://c2sp.org/tlog-tiles@v0.1.0), "Merkle Tree".
//
// Tile (level L, index N) holds up to 256 hashes: hash i is that of the complete subtree with index
// 256 N + i among those of 256^L leaves. It is partial, of a width below 256, at the right edge.

import { LogError } from '../errors.ts';
import { HASH_SIZE } from '../sha256.ts';
import { nodeHash } from './hash.ts';
import type { Node } from './range.ts';
import type { NodeSource } from './tree.ts';

/** Hashes in a full tile, entries in a full bundle. */
export const TILE_WIDTH = 256;
/** Levels of the tree inside one tile. */
export const TILE_HEIGHT = 8;
/** Highest tile level (C2SP tlog-tiles). */
export const MAX_TILE_LEVEL = 63;

/** Position and width of a tile; width 256 is a full one. */
export interface Tile {
  readonly level: number;
  readonly index: bigint;
  readonly width: number;
}

/** Complete subtrees of 256^level leaves in a tree of `size`. */
export function hashesAtLevel(level: number, size: bigint): bigint {
  return size >> BigInt(TILE_HEIGHT * level);
}

/** The tile that holds `node` in a tree of `size`, and the range of its hashes that fold to the node. */
export function tileOfNode(node: Node, size: bigint): { tile: Tile; start: number; count: number } {
  const level = Math.floor(node.level / TILE_HEIGHT);
  const height = node.level - level * TILE_HEIGHT;
  const first = node.index << BigInt(height);
  const index = first >> BigInt(TILE_HEIGHT);
  const left = hashesAtLevel(level, size) - index * BigInt(TILE_WIDTH);
  const width = left > BigInt(TILE_WIDTH) ? TILE_WIDTH : Number(left);
  return { tile: { level, index, width }, start: Number(first % 256n), count: 2 ** height };
}

/** Hash of the complete subtree over `count` (a power of two) hashes of a tile, from hash `start` on. */
export function nodeFromTile(tile: Uint8Array, start: number, count: number): Uint8Array {
  if (count === 1) return tile.slice(start * HASH_SIZE, (start + 1) * HASH_SIZE);
  const half = count / 2;
  return nodeHash(nodeFromTile(tile, start, half), nodeFromTile(tile, start + half, half));
}

/** A NodeSource over the tiles of a tree of `size`; `read` gives a tile's bytes, at least its width. */
export function tileNodeSource(size: bigint, read: (tile: Tile) => Uint8Array): NodeSource {
  return (node) => {
    const { tile, start, count } = tileOfNode(node, size);
    const bytes = read(tile);
    if (bytes.length < (start + count) * HASH_SIZE) {
      throw new LogError('storage-corrupt', 'a tile is shorter than the tree needs', {
        level: tile.level,
        index: tile.index,
        got: bytes.length,
      });
    }
    return nodeFromTile(bytes, start, count);
  };
}

/** The tiles that `nodes` of a tree of `size` live in, each once: what to fetch before folding. */
export function tilesOfNodes(nodes: readonly Node[], size: bigint): Tile[] {
  const tiles = new Map<string, Tile>();
  for (const node of nodes) {
    const { tile } = tileOfNode(node, size);
    tiles.set(`${tile.level}/${tile.index}`, tile);
  }
  return [...tiles.values()];
}

/** Every tile of a tree of `size`, level by level: what a mirror or an audit reads. */
export function* tilesOfTree(size: bigint): Generator<Tile> {
  for (let level = 0; hashesAtLevel(level, size) > 0n; level++) {
    const hashes = hashesAtLevel(level, size);
    for (let index = 0n; index * 256n < hashes; index++) {
      const left = hashes - index * 256n;
      yield { level, index, width: left > 256n ? TILE_WIDTH : Number(left) };
    }
  }
}
