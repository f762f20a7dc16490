// Finds an entry by its bytes in a log that is only known by its tiles.

import { equalBytes, formatHex } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { TILE_WIDTH } from '@writ/core/merkle/tile';
import { GrowingTree } from '@writ/core/merkle/tree';
import { HASH_SIZE } from '@writ/core/sha256';
import type { VerifiedCheckpoint } from '../checkpoint.ts';
import { readTile, type TileSource, widthOf } from '../tiles.ts';

/**
 * The first index that holds the leaf `hash`. Reads every level-0 tile and folds them to the verified root,
 * so the answer that there is none is as sure as the checkpoint. LogError entry-absent, hash-mismatch.
 */
export async function findLeaf(
  source: TileSource,
  hash: Uint8Array,
  { size, root }: VerifiedCheckpoint,
): Promise<bigint> {
  const tree = new GrowingTree();
  for (let index = 0n; index * BigInt(TILE_WIDTH) < size; index++) {
    const tile = await readTile(source, { level: 0, index, width: widthOf(index, size) });
    for (let at = 0; at < tile.length; at += HASH_SIZE) {
      const leaf = tile.slice(at, at + HASH_SIZE);
      if (equalBytes(leaf, hash)) return tree.size;
      tree.append(leaf);
    }
  }
  if (!equalBytes(tree.root(), root)) {
    throw new LogError('hash-mismatch', 'the tiles of the log do not hash to its root', {
      expected: formatHex(root),
      got: formatHex(tree.root()),
    });
  }
  throw new LogError('entry-absent', `none of the ${size} entries is this one`, {
    expected: formatHex(hash),
    got: `${size} other leaf hashes`,
  });
}
