// Paths of tiles and entry bundles: C2SP tlog-tiles (https://c2sp.org/tlog-tiles@v0.1.0), "Merkle Tree" and
// "Log Entries".
//
//   tile/0/x001/x234/067        full tile 1234067 of level 0
//   tile/1/000.p/17             partial tile of 17 hashes
//   tile/entries/x001/067.p/8   partial bundle of 8 entries

import { parseDecimal } from '../bytes.ts';
import { LogError } from '../errors.ts';
import { MAX_TILE_LEVEL, TILE_WIDTH } from '../merkle/tile.ts';

/** A tile of hashes (`level` 0..63) or a bundle of entries. `width` 256 is a full one. */
export interface TilePath {
  readonly level: number | 'entries';
  readonly index: bigint;
  readonly width: number;
}

const PATH = /^tile\/(entries|[0-9]{1,2})\/((?:x[0-9]{3}\/){0,6}[0-9]{3})(?:\.p\/([0-9]{1,3}))?$/;

/** The canonical path of a tile, relative to the prefix of the log. */
export function formatTilePath({ level, index, width }: TilePath): string {
  const partial = width === TILE_WIDTH ? '' : `.p/${width}`;
  return `tile/${level}/${formatIndex(index)}${partial}`;
}

function formatIndex(index: bigint): string {
  const last = String(index % 1000n).padStart(3, '0');
  let path = last;
  for (let rest = index / 1000n; rest > 0n; rest /= 1000n) {
    path = `x${String(rest % 1000n).padStart(3, '0')}/${path}`;
  }
  return path;
}

/** Parses a path without leading slash. LogError tile-path-malformed for any other spelling. */
export function parseTilePath(path: string): TilePath {
  const [, levelText = '', indexText = '', widthText] = PATH.exec(path) ?? [];
  const level: TilePath['level'] =
    levelText === 'entries' ? levelText : Number(parseDecimal(levelText) ?? -1n);
  const index = BigInt(indexText.replace(/[x/]/g, '') || -1);
  const width = widthText === undefined ? TILE_WIDTH : Number(parseDecimal(widthText) ?? -1n);
  const tile = { level, index, width };
  // Formatting again refuses every second spelling: leading zeros, superfluous groups, a partial of 256.
  if (
    index < 0n ||
    index >= 2n ** 55n ||
    width < 1 ||
    width > TILE_WIDTH ||
    formatTilePath(tile) !== path
  ) {
    throw new LogError(
      'tile-path-malformed',
      'not a tile path such as tile/0/x001/067 or tile/entries/000.p/8',
    );
  }
  if (typeof level === 'number' && (level < 0 || level > MAX_TILE_LEVEL)) {
    throw new LogError('tile-path-malformed', `a tile level is 0 to ${MAX_TILE_LEVEL}`, {
      field: 'level',
    });
  }
  return tile;
}
