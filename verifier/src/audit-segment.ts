// One segment of a full audit: up to 65,536 entries, which is what one tile of level 1 covers. Segments do not
// depend on each other, so they can be given to several threads; each needs about 5 MB whatever the log's size.

import { LogError } from '@writ/core/errors';
import { formatTilePath } from '@writ/core/formats/tile-path';
import { subtreeRoot, tileRoots } from '@writ/core/merkle/interior';
import { hashBundleEntries } from '@writ/core/merkle/leaf-batch';
import { coveringNodes } from '@writ/core/merkle/range';
import { TILE_HEIGHT, TILE_WIDTH, type Tile } from '@writ/core/merkle/tile';
import { HASH_SIZE } from '@writ/core/sha256';
import { readResource, readTile, type TileSource } from './tiles.ts';

/** Entries of a full segment. */
export const SEGMENT_ENTRIES: number = TILE_WIDTH * TILE_WIDTH;
const WORD_SIZE = 4;

/**
 * Re-hashes every entry of segment `segment` of the tree of `size` and compares with its tiles of level 0
 * and 1. Answers the hashes of `coveringNodes` over the segment: a single one for a full segment.
 * `readAhead` bundles are read at a time; with one, no bytes of `source` are used after its next read. LogError entry-absent, not-found, bundle-malformed, hash-mismatch.
 */
export async function auditSegment(
  source: TileSource,
  segment: bigint,
  size: bigint,
  readAhead = 1,
): Promise<Uint8Array[]> {
  const start = segment * BigInt(SEGMENT_ENTRIES);
  const left = size - start;
  const count = left > BigInt(SEGMENT_ENTRIES) ? SEGMENT_ENTRIES : Number(left);
  const leaves = new Uint8Array(count * HASH_SIZE);
  const bundles = Math.ceil(count / TILE_WIDTH);
  for (let first = 0; first < bundles; first += readAhead) {
    const batch: Promise<void>[] = [];
    for (let i = first; i < Math.min(bundles, first + readAhead); i++) {
      const width = Math.min(TILE_WIDTH, count - i * TILE_WIDTH);
      const index = segment * BigInt(TILE_WIDTH) + BigInt(i);
      const target = leaves.subarray(i * TILE_WIDTH * HASH_SIZE);
      batch.push(auditBundle(source, { level: 0, index, width }, target));
    }
    await Promise.all(batch);
  }
  const parents = new Uint8Array(Math.floor(count / TILE_WIDTH) * HASH_SIZE);
  const width = parents.length / HASH_SIZE;
  tileRoots(leaves, width, parents);
  if (width > 0) await compareTile(source, { level: 1, index: segment, width }, parents);
  return coveringNodes(start, start + BigInt(count)).map(({ level, index }) => {
    const isHigh = level >= TILE_HEIGHT;
    const hashes = isHigh ? parents : leaves;
    const height = isHigh ? level - TILE_HEIGHT : level;
    const base = isHigh ? segment * BigInt(TILE_WIDTH) : start;
    const at = Number(index * 2n ** BigInt(height) - base) * HASH_SIZE;
    return subtreeRoot(hashes.subarray(at), 2 ** height);
  });
}

/** Hashes the entries that `tile` of level 0 stands for into `target`, and compares with the tile. */
async function auditBundle(source: TileSource, tile: Tile, target: Uint8Array): Promise<void> {
  const path = { level: 'entries', index: tile.index, width: tile.width } as const;
  const { bytes, isFull } = await readResource(source, path);
  try {
    const end = hashBundleEntries(bytes, tile.width, target, 0);
    // What follows the wanted entries of a full bundle belongs to a larger tree.
    if (!isFull || tile.width === TILE_WIDTH) requireEnd(bytes, end);
  } catch (error) {
    throw withPath(error, formatTilePath(path));
  }
  await compareTile(source, tile, target.subarray(0, tile.width * HASH_SIZE));
}

function requireEnd(bytes: Uint8Array, end: number): void {
  if (end === bytes.length) return;
  throw new LogError('bundle-malformed', 'there are bytes behind the last entry', { offset: end });
}

function withPath(error: unknown, path: string): unknown {
  if (!(error instanceof LogError)) return error;
  return new LogError(error.code, `${path}: ${error.message}`, { ...error.detail, path }, error);
}

/** Compares a tile with the hashes that were computed for it. LogError hash-mismatch, not-found. */
export async function compareTile(
  source: TileSource,
  tile: Tile,
  computed: Uint8Array,
): Promise<void> {
  const [stored, wanted] = [wordsOf(await readTile(source, tile)), wordsOf(computed)];
  let at = 0;
  while (at < wanted.length && stored[at] === wanted[at]) at++;
  if (at === wanted.length) return;
  const path = formatTilePath(tile);
  const hash = Math.floor((at * WORD_SIZE) / HASH_SIZE);
  const below = tile.level === 0 ? 'entry' : `subtree of level ${tile.level}`;
  const number = tile.index * BigInt(TILE_WIDTH) + BigInt(hash);
  throw new LogError('hash-mismatch', `${path}: hash ${hash} is not that of ${below} ${number}`, {
    path,
    hash,
    index: number,
  });
}

/** A tile as words, compared several times as fast as byte by byte; 64-bit ones would be a BigInt each. */
function wordsOf(tile: Uint8Array): Uint32Array {
  const aligned = tile.byteOffset % WORD_SIZE === 0 ? tile : new Uint8Array(tile);
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length / WORD_SIZE);
}
