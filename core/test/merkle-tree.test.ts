// Ranges, growing trees and tiles against the definition of RFC 6962 §2.1.

import { isLogError } from '@writ/core/errors';
import { consistencyNodes } from '@writ/core/merkle/consistency';
import { emptyRoot } from '@writ/core/merkle/hash';
import { inclusionNodes } from '@writ/core/merkle/inclusion';
import { bitLength, coveringNodes, type Node, splitPoint } from '@writ/core/merkle/range';
import {
  hashesAtLevel,
  nodeFromTile,
  type Tile,
  tileNodeSource,
  tileOfNode,
  tilesOfNodes,
  tilesOfTree,
} from '@writ/core/merkle/tile';
import { buildProof, GrowingTree, treeRoot } from '@writ/core/merkle/tree';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { leaves, pathOf, proofOf, rootOf } from './reference-tree.ts';

const MAX = 2n ** 63n - 1n;
const SIZE = 600;
const all = leaves(SIZE);
const anySize = fc.bigInt(1n, MAX);

const test = suite('Merkle trees');

/** The tiles of a tree over the leaves above, as C2SP tlog-tiles cuts them. */
function readTile({ level, index, width }: Tile): Uint8Array {
  const span = 256 ** level;
  const bytes = new Uint8Array(32 * width);
  for (let i = 0; i < width; i++) {
    const first = (Number(index) * 256 + i) * span;
    bytes.set(rootOf(all.slice(first, first + span)), 32 * i);
  }
  return bytes;
}

test('the split point is the largest power of two below the size', () => {
  assert.equal([2n, 3n, 4n, 5n, 8n, 9n].map(splitPoint), [1n, 2n, 2n, 4n, 4n, 8n]);
  fc.assert(
    fc.property(fc.bigInt(2n, MAX), (size) => {
      const k = splitPoint(size);
      return k < size && 2n * k >= size && (k & (k - 1n)) === 0n;
    }),
  );
  assert.equal([0n, 1n, 255n, 256n, MAX].map(bitLength), [0, 1, 8, 9, 63]);
});

test('covering nodes are adjacent, aligned and complete', () => {
  fc.assert(
    fc.property(anySize, (size) => {
      let at = 0n;
      for (const { level, index } of coveringNodes(0n, size)) {
        assert.is(index << BigInt(level), at);
        at = (index + 1n) << BigInt(level);
      }
      assert.is(at, size);
    }),
  );
  assert.equal(coveringNodes(0n, 0n), []);
});

test('a growing tree has the root of the definition at every size', () => {
  const tree = new GrowingTree();
  assert.equal(tree.root(), emptyRoot());
  for (const [i, hash] of all.slice(0, 300).entries()) {
    tree.append(hash);
    assert.is(tree.size, BigInt(i + 1));
    assert.equal(tree.root(), rootOf(all.slice(0, i + 1)));
  }
});

test('a growing tree continues from its edge', () => {
  for (const size of [0, 1, 2, 3, 7, 8, 100, 255, 256]) {
    const tree = new GrowingTree();
    for (const hash of all.slice(0, size)) tree.append(hash);
    const copy = new GrowingTree(tree.size, tree.edge);
    for (const hash of all.slice(size, size + 9)) copy.append(hash);
    assert.equal(copy.root(), rootOf(all.slice(0, size + 9)));
    assert.is(tree.size, BigInt(size), 'the original has grown too');
  }
  assert.throws(() => new GrowingTree(3n, [emptyRoot()]), RangeError);
});

test('root and proofs come out of the tiles', () => {
  for (const size of [1, 2, 255, 256, 257, 511, 512, 513, 600]) {
    const source = tileNodeSource(BigInt(size), readTile);
    const some = all.slice(0, size);
    assert.equal(treeRoot(BigInt(size), source), rootOf(some));
    for (const index of [0, 1, Math.floor(size / 2), size - 1].filter((i) => i < size)) {
      const nodes = inclusionNodes(BigInt(index), BigInt(size));
      assert.equal(buildProof(nodes, source), pathOf(index, some));
      const proof = buildProof(consistencyNodes(BigInt(index), BigInt(size)), source);
      assert.equal(proof, proofOf(index, some));
    }
  }
});

test('a tile that is too short is corrupt storage', () => {
  const source = tileNodeSource(300n, (tile) => readTile(tile).subarray(32));
  const isCorrupt = (error: unknown): boolean => isLogError(error, 'storage-corrupt');
  assert.throws(() => treeRoot(300n, source), isCorrupt);
});

test('a node is found in the tile of its level', () => {
  const found = (level: number, index: bigint, size: bigint) => tileOfNode({ level, index }, size);
  const first = { level: 0, index: 0n, width: 256 };
  assert.equal(found(0, 5n, 1000n), { tile: first, start: 5, count: 1 });
  assert.equal(found(7, 1n, 1000n), { tile: first, start: 128, count: 128 });
  const edge = { level: 1, index: 0n, width: 3 };
  assert.equal(found(8, 2n, 1000n), { tile: edge, start: 2, count: 1 });
  const last = { level: 0, index: 3n, width: 232 };
  assert.equal(found(0, 999n, 1000n), { tile: last, start: 231, count: 1 });
});

test('every node that a proof needs lies inside of a tile of the tree', () => {
  fc.assert(
    fc.property(anySize, fc.bigInt(0n, MAX), (size, any) => {
      const nodes = inclusionNodes(any % size, size).flat();
      for (const node of nodes) {
        const { tile, start, count } = tileOfNode(node, size);
        assert.ok(start + count <= tile.width);
        assert.ok(tile.index * 256n + BigInt(tile.width) <= hashesAtLevel(tile.level, size));
      }
      assert.ok(tilesOfNodes(nodes, size).length <= nodes.length);
    }),
  );
});

test('the tiles of a tree are all of them, each once', () => {
  assert.equal([...tilesOfTree(0n)], []);
  const paths = (size: bigint): string[] =>
    [...tilesOfTree(size)].map(({ level, index, width }) => `${level}/${index}/${width}`);
  assert.equal(paths(1n), ['0/0/1']);
  assert.equal(paths(256n), ['0/0/256', '1/0/1']);
  assert.equal(paths(257n), ['0/0/256', '0/1/1', '1/0/1']);
  assert.equal(paths(600n), ['0/0/256', '0/1/256', '0/2/88', '1/0/2']);
  assert.is(paths(65_536n).length, 256 + 1 + 1);
});

test('the hash of a subtree of a tile is that of its leaves', () => {
  const tile = readTile({ level: 0, index: 0n, width: 256 });
  for (const [start, count] of [
    [0, 1],
    [3, 1],
    [4, 4],
    [128, 128],
    [0, 256],
  ] as const) {
    assert.equal(nodeFromTile(tile, start, count), rootOf(all.slice(start, start + count)));
  }
});

test('proof nodes never overlap', () => {
  const span = ({ level, index }: Node): [bigint, bigint] => [
    index << BigInt(level),
    (index + 1n) << BigInt(level),
  ];
  fc.assert(
    fc.property(anySize, fc.bigInt(0n, MAX), (size, any) => {
      const old = any % (size + 1n);
      const spans = consistencyNodes(old, size).flat().map(span);
      spans.sort(([a], [b]) => (a < b ? -1 : 1));
      for (const [i, [start]] of spans.entries()) {
        assert.ok(i === 0 || start >= (spans[i - 1]?.[1] ?? 0n));
      }
    }),
  );
});

test.run();
