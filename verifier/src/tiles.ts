// Proofs and entries out of the static resources of a log: C2SP tlog-tiles (https://c2sp.org/tlog-tiles@v0.1.0).
//
// Nothing that comes from a TileSource is believed: every proof made here still has to be checked against a
// verified checkpoint, which is what `openEntry`, `advance` and `audit` do.

import { LogError } from '@writ/core/errors';
import { decodeBundle } from '@writ/core/formats/entry-bundle';
import { formatTilePath, type TilePath } from '@writ/core/formats/tile-path';
import { consistencyNodes } from '@writ/core/merkle/consistency';
import { inclusionNodes } from '@writ/core/merkle/inclusion';
import { coveringNodes, type Node } from '@writ/core/merkle/range';
import { TILE_WIDTH, type Tile, tileNodeSource, tilesOfNodes } from '@writ/core/merkle/tile';
import { buildProof } from '@writ/core/merkle/tree';
import { HASH_SIZE } from '@writ/core/sha256';
import { isPowerOfTwo } from './advance.ts';

/** Where the static resources of one log come from: a folder, a web server, memory. */
export interface TileSource {
  /** Bytes of the resource at `path`, relative to the log's prefix; undefined when there is none. */
  read(path: string): Promise<Uint8Array | undefined>;
}

/**
 * Bytes of a resource, and whether it is the full one: a log may delete a partial tile once the full one
 * exists, so that one is asked for next. LogError not-found, or entry-absent for a bundle.
 */
export async function readResource(
  source: TileSource,
  path: TilePath,
): Promise<{ readonly bytes: Uint8Array; readonly isFull: boolean }> {
  const wanted = await source.read(formatTilePath(path));
  if (wanted !== undefined) return { bytes: wanted, isFull: path.width === TILE_WIDTH };
  const full = formatTilePath({ ...path, width: TILE_WIDTH });
  const bytes = path.width === TILE_WIDTH ? undefined : await source.read(full);
  if (bytes !== undefined) return { bytes, isFull: true };
  const code = path.level === 'entries' ? 'entry-absent' : 'not-found';
  const detail = { path: formatTilePath(path) };
  throw new LogError(code, `the log does not have ${detail.path}`, detail);
}

/** The first `tile.width` hashes of a tile. LogError not-found, or hash-mismatch for a wrong length. */
export async function readTile(source: TileSource, tile: Tile): Promise<Uint8Array> {
  const { bytes, isFull } = await readResource(source, tile);
  const size = (isFull ? TILE_WIDTH : tile.width) * HASH_SIZE;
  if (bytes.length === size) return bytes.subarray(0, tile.width * HASH_SIZE);
  const path = formatTilePath(tile);
  throw new LogError('hash-mismatch', `${path} has a wrong length`, {
    path,
    expected: size,
    got: bytes.length,
  });
}

/** One hash for each group of nodes of the tree of `size`, out of its tiles. */
export async function hashesOf(
  source: TileSource,
  groups: readonly (readonly Node[])[],
  size: bigint,
): Promise<Uint8Array[]> {
  const tiles = new Map<string, Uint8Array>();
  const wanted = tilesOfNodes(groups.flat(), size);
  await Promise.all(
    wanted.map(async (tile) => tiles.set(formatTilePath(tile), await readTile(source, tile))),
  );
  const nodes = tileNodeSource(
    size,
    (tile) => tiles.get(formatTilePath(tile)) ?? new Uint8Array(0),
  );
  return buildProof(groups, nodes);
}

/** Inclusion proof of the entry at `index` < `size`. */
export function proveInclusion(
  source: TileSource,
  index: bigint,
  size: bigint,
): Promise<Uint8Array[]> {
  return hashesOf(source, inclusionNodes(index, size), size);
}

/** Consistency proof from `oldSize` to `size`. */
export function proveConsistency(
  source: TileSource,
  oldSize: bigint,
  size: bigint,
): Promise<Uint8Array[]> {
  return hashesOf(source, consistencyNodes(oldSize, size), size);
}

/** The hashes of a fork proof: as a consistency proof, but never without a subtree of the old tree. */
export function proveFork(
  source: TileSource,
  oldSize: bigint,
  size: bigint,
): Promise<Uint8Array[]> {
  const groups = consistencyNodes(oldSize, size);
  if (isPowerOfTwo(oldSize)) groups.unshift(coveringNodes(0n, oldSize));
  return hashesOf(source, groups, size);
}

/** Width of the tile `index` over `count` hashes or entries. */
export function widthOf(index: bigint, count: bigint): number {
  const left = count - index * BigInt(TILE_WIDTH);
  return left > BigInt(TILE_WIDTH) ? TILE_WIDTH : Number(left);
}

/** The entry at `index` of the tree of `size`, not verified. LogError entry-absent, bundle-malformed. */
export async function readEntry(
  source: TileSource,
  index: bigint,
  size: bigint,
): Promise<Uint8Array> {
  if (index >= size) {
    throw new LogError('entry-absent', `the log has ${size} entries, so none with index ${index}`, {
      expected: `an index below ${size}`,
      got: index,
    });
  }
  const bundle = index / BigInt(TILE_WIDTH);
  const width = widthOf(bundle, size);
  const { bytes, isFull } = await readResource(source, { level: 'entries', index: bundle, width });
  const entries = decodeBundle(bytes, isFull ? TILE_WIDTH : width);
  return entries[Number(index % BigInt(TILE_WIDTH))] ?? new Uint8Array(0);
}
