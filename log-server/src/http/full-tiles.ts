// Full tiles of hashes that were served: they never change, so they are kept by path, 8 KiB each.

import { isLogError } from '@writ/core/errors';
import { parseTilePath } from '@writ/core/formats/tile-path';
import { hashesAtLevel, TILE_WIDTH } from '@writ/core/merkle/tile';
import type { Log } from '../log/log.ts';

const MAX_TILES = 1024;

export class FullTiles {
  readonly #log: Log;
  readonly #kept = new Map<string, Uint8Array>();

  constructor(log: Log) {
    this.#log = log;
  }

  /**
   * The full tile of hashes that the URL path names, inside the published tree of `publishedSize`. Undefined for
   * everything else: partial tiles and bundles have rules of their own.
   */
  read(path: string, publishedSize: number): Uint8Array | undefined {
    const kept = this.#kept.get(path);
    if (kept !== undefined) return kept;
    const tile = this.#published(path, publishedSize);
    if (tile === undefined) return undefined;
    const [oldest] = this.#kept.keys();
    if (this.#kept.size >= MAX_TILES && oldest !== undefined) this.#kept.delete(oldest);
    this.#kept.set(path, tile);
    return tile;
  }

  #published(path: string, publishedSize: number): Uint8Array | undefined {
    try {
      const { level, index, width } = parseTilePath(path.slice(1));
      if (level === 'entries' || width !== TILE_WIDTH) return undefined;
      const isPublished =
        (index + 1n) * BigInt(TILE_WIDTH) <= hashesAtLevel(level, BigInt(publishedSize));
      return isPublished ? this.#log.readTile(level, index, width) : undefined;
    } catch (error) {
      if (isLogError(error)) return undefined; // the app says what is wrong with the path
      throw error;
    }
  }
}
