// Exam operations on the Merkle tree: proofs, roots and the tiles that the log would store.

import { createHash } from 'node:crypto';
import { concatBytes, formatBase64, parseDecimal, utf8 } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { encodeBundle } from '@writ/core/formats/entry-bundle';
import { formatTilePath, parseTilePath, type TilePath } from '@writ/core/formats/tile-path';
import { checkConsistency } from '@writ/core/merkle/consistency';
import { checkInclusion } from '@writ/core/merkle/inclusion';
import { tileRoots } from '@writ/core/merkle/interior';
import { hashBundleEntries } from '@writ/core/merkle/leaf-batch';
import { hashesAtLevel, TILE_WIDTH, tileNodeSource } from '@writ/core/merkle/tile';
import { treeRoot } from '@writ/core/merkle/tree';
import { HASH_SIZE } from '@writ/core/sha256';
import { type Answer, type Operation, type Question, verdict } from './question.ts';

export const TREE_OPERATIONS: ReadonlyMap<string, Operation> = new Map([
  [
    'inclusion',
    verdict((q) =>
      checkInclusion({
        index: size(q, 'index'),
        size: size(q, 'size'),
        leafHash: q.base64('leaf_hash'),
        root: q.base64('root'),
        proof: q.base64List('proof'),
      }),
    ),
  ],
  [
    'consistency',
    verdict((q) =>
      checkConsistency({
        oldSize: size(q, 'old_size'),
        size: size(q, 'size'),
        oldRoot: q.base64('old_root'),
        root: q.base64('root'),
        proof: q.base64List('proof'),
      }),
    ),
  ],
  ['tree_root', (q) => ({ root: formatBase64(treeOf(q).root(size(q, 'size'))) })],
  ['tile_sha256', tileDigest],
  ['tile_path', (q) => ({ path: formatTilePath(tileOf(q)) })],
  ['tile_path_valid', verdict((q) => parseTilePath(q.text('path')))],
]);

function size(question: Question, name: string): bigint {
  const value = parseDecimal(question.decimal(name));
  if (value === undefined) throw new LogError('request-invalid', `${name} is not a size`);
  return value;
}

function tileOf(question: Question): TilePath {
  const level = question.decimal('level');
  return {
    level: level === 'entries' ? level : Number(level),
    index: size(question, 'index'),
    width: Number(size(question, 'width')),
  };
}

function tileDigest(question: Question): Answer {
  const path = question.text('path');
  const bytes = treeOf(question).tile(parseTilePath(path), size(question, 'size'));
  return { sha256: createHash('sha256').update(bytes).digest('hex') };
}

const trees = new Map<string, ExampleTree>();

function treeOf(question: Question): ExampleTree {
  const prefix = question.text('leaf_prefix');
  const tree = trees.get(prefix) ?? new ExampleTree(prefix);
  trees.set(prefix, tree);
  return tree;
}

/** A growing log whose entry i is the prefix and i in decimal. Hashes as the log does: bundle by bundle. */
class ExampleTree {
  readonly #prefix: string;
  /** Hashes of complete subtrees, one array a tile level; level 0 are leaf hashes of whole bundles. */
  readonly #levels: Uint8Array[] = [new Uint8Array(0)];

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  root(treeSize: bigint): Uint8Array {
    return treeRoot(
      treeSize,
      tileNodeSource(treeSize, (tile) => this.tile(tile, treeSize)),
    );
  }

  /** What is stored under the path at this size. */
  tile(path: TilePath, treeSize: bigint): Uint8Array {
    const first = Number(path.index) * TILE_WIDTH;
    const level = path.level === 'entries' ? 0 : path.level;
    if (hashesAtLevel(level, treeSize) < BigInt(first + path.width)) {
      throw new LogError('not-found', 'the tree has no such tile');
    }
    if (path.level === 'entries') return this.#bundle(Number(path.index), path.width);
    this.#grow(Number(treeSize));
    const hashes = this.#levels[level] ?? new Uint8Array(0);
    return hashes.subarray(first * HASH_SIZE, (first + path.width) * HASH_SIZE);
  }

  #bundle(index: number, width: number): Uint8Array {
    const first = index * TILE_WIDTH;
    return encodeBundle(
      Array.from({ length: width }, (_, i) => utf8(`${this.#prefix}${first + i}`)),
    );
  }

  /** Completes the bundles up to `treeSize` and every level above. */
  #grow(treeSize: number): void {
    const leaves = this.#levels[0] ?? new Uint8Array(0);
    const have = leaves.length / (TILE_WIDTH * HASH_SIZE);
    const want = Math.ceil(treeSize / TILE_WIDTH);
    if (have >= want) return;
    const added = new Uint8Array((want - have) * TILE_WIDTH * HASH_SIZE);
    for (let i = have; i < want; i++) {
      const at = (i - have) * TILE_WIDTH * HASH_SIZE;
      hashBundleEntries(this.#bundle(i, TILE_WIDTH), TILE_WIDTH, added, at);
    }
    this.#levels[0] = concatBytes(leaves, added);
    this.#growAbove(0);
  }

  #growAbove(level: number): void {
    const below = this.#levels[level] ?? new Uint8Array(0);
    const tiles = Math.floor(below.length / (TILE_WIDTH * HASH_SIZE));
    if (tiles === 0) return;
    const roots = new Uint8Array(tiles * HASH_SIZE);
    tileRoots(below, tiles, roots);
    this.#levels[level + 1] = roots;
    this.#growAbove(level + 1);
  }
}
