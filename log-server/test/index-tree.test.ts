import { formatHex, utf8 } from '@writ/core/bytes';
import { sha256 } from '@writ/core/sha256';
import {
  checkAbsence,
  checkIndexPath,
  checkPresence,
  decodeIndexProof,
  encodeIndexProof,
} from '@writ/core/streams/index-proof';
import { emptyIndexRoot, type IndexValue, indexValueHash } from '@writ/core/streams/stream-index';
import { buildIndexRoot } from '@writ/core/streams/stream-index-root';
import type { StreamHead } from '@writ/log-server/storage/port';
import { IndexTree } from '@writ/log-server/streams/index-tree';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('index tree');

type Heads = ReadonlyMap<string, StreamHead>;

function headOf(stream: string, seq: number, index = seq): StreamHead {
  return { seq, index, statementId: sha256(utf8(`${stream} ${seq} ${index}`)) };
}

function valueIn(heads: Heads, stream: string): IndexValue | undefined {
  const head = heads.get(stream);
  if (head === undefined) return undefined;
  return { stream, seq: head.seq, leafIndex: head.index, statementId: head.statementId };
}

function naiveRoot(heads: Heads, keyOf?: (stream: string) => Uint8Array): string {
  const values = [...heads.keys()].flatMap((stream) => valueIn(heads, stream) ?? []);
  return formatHex(buildIndexRoot(values, keyOf));
}

function manyHeads(from: number, to: number, seq = 0): Map<string, StreamHead> {
  const streams = Array.from(
    { length: to - from },
    (_, i) => `node/v-${(from + i) % 7}/${from + i}`,
  );
  return new Map(streams.map((stream) => [stream, headOf(stream, seq)]));
}

/** Proves each of `streams` in a version and checks that it has exactly the value that `heads` has. */
function checkProofs(tree: IndexTree, version: number, heads: Heads, streams: string[]): void {
  const root = tree.root(version);
  for (const stream of streams) {
    const proven = tree.prove(stream, version);
    const proof = decodeIndexProof(encodeIndexProof(proven.proof));
    const value = valueIn(heads, stream);
    if (value === undefined) {
      assert.ok(checkAbsence({ root, stream, proof }), stream);
      assert.is(proven.head, undefined);
    } else {
      assert.ok(checkPresence({ root, value, proof }), stream);
      assert.equal(proven.head, { seq: value.seq, index: value.leafIndex });
      assert.not(checkAbsence({ root, stream, proof }));
    }
  }
}

test('a new tree is empty and proves every stream absent', () => {
  const tree = new IndexTree();
  assert.equal(tree.root(), emptyIndexRoot());
  assert.equal([tree.version, tree.oldestVersion, tree.size, tree.nodeCount], [0, 0, 0, 0]);
  checkProofs(tree, 0, new Map(), ['log', 'village/a']);
});

test('each commit has the root that the definition gives, and all its proofs check', () => {
  const tree = new IndexTree();
  const heads = new Map<string, StreamHead>();
  for (let i = 0; i < 60; i++) {
    const batch = manyHeads(i * 3, i * 5 + 1, i);
    for (const [stream, head] of batch) heads.set(stream, head);
    assert.is(formatHex(tree.commit(batch)), naiveRoot(heads));
    assert.is(tree.size, heads.size);
  }
  const streams = [...heads.keys()].filter((_, i) => i % 3 === 0);
  checkProofs(tree, tree.version, heads, [...streams, ...manyHeads(900, 1000).keys()]);
});

test('a loaded tree is the committed tree, however many heads there are', () => {
  for (const count of [0, 1, 2, 1000, 16_384, 20_000]) {
    const heads = manyHeads(0, count);
    const [loaded, committed] = [new IndexTree(), new IndexTree()];
    assert.equal(loaded.load(heads), committed.commit(heads));
    assert.is(formatHex(loaded.root()), naiveRoot(heads));
    assert.is(loaded.nodeCount, committed.nodeCount);
    const batch = manyHeads(500, 600, 9);
    assert.equal(loaded.commit(batch), committed.commit(batch));
  }
});

test('a load takes each stream once, and only into a new tree', () => {
  const tree = new IndexTree();
  tree.commit(manyHeads(0, 1));
  assert.throws(() => tree.load(manyHeads(0, 1)), /new tree/);
  const twice = [...manyHeads(0, 20_000), ...manyHeads(0, 1)];
  assert.throws(() => new IndexTree().load(twice), /twice/);
  assert.throws(() => new IndexTree().load([...manyHeads(0, 1), ...manyHeads(0, 1)]), /twice/);
});

test('the heads of a batch may come in any order', () => {
  const heads = [...manyHeads(0, 300)];
  const [forwards, backwards] = [new IndexTree(), new IndexTree()];
  assert.equal(forwards.commit(new Map(heads)), backwards.commit(new Map(heads.toReversed())));
});

test('a batch that changes nothing makes a version with the same root and no new nodes', () => {
  const tree = new IndexTree();
  const root = tree.commit(manyHeads(0, 100));
  const { nodeCount } = tree;
  assert.equal(tree.commit(manyHeads(20, 30)), root);
  assert.equal(tree.commit(new Map()), root);
  assert.equal([tree.nodeCount, tree.version, tree.size], [nodeCount, 3, 100]);
});

test('old versions are provable inside the window and refused outside', () => {
  const tree = new IndexTree({ versions: 4 });
  const history: Heads[] = [new Map()];
  for (let version = 1; version <= 20; version++) {
    const heads = new Map(history.at(-1));
    const batch = manyHeads(version % 5, version + 3, version);
    for (const [stream, head] of batch) heads.set(stream, head);
    history.push(heads);
    tree.commit(batch);
    assert.is(tree.oldestVersion, Math.max(0, version - 3));
    for (let old = tree.oldestVersion; old <= version; old++) {
      const then = history[old] ?? new Map();
      assert.is(formatHex(tree.root(old)), naiveRoot(then));
      checkProofs(tree, old, then, [...manyHeads(0, 30).keys()]);
    }
  }
  for (const version of [-1, 0, 16, 21, 1.5, Number.NaN]) {
    assert.throws(() => tree.root(version), /not provable: 17 to 20/);
    assert.throws(() => tree.prove('log', version), RangeError);
  }
});

test('what leaves the window is freed: rows in use stay bounded and depend on the streams alone', () => {
  const tree = new IndexTree({ versions: 1 });
  tree.load(manyHeads(0, 2000));
  const { nodeCount } = tree;
  for (let seq = 1; seq <= 50; seq++) tree.commit(manyHeads(seq * 10, seq * 10 + 200, seq));
  assert.is(tree.nodeCount, nodeCount);
  const wide = new IndexTree({ versions: 3 });
  wide.load(manyHeads(0, 2000));
  for (let seq = 1; seq <= 50; seq++) wide.commit(manyHeads(0, 10, seq));
  assert.ok(wide.nodeCount - nodeCount < 2 * 10 * 20, `${wide.nodeCount}`);
});

/** The stream audit/N has a key with bit N alone; audit/256 has none. */
function closeKey(stream: string): Uint8Array {
  const key = new Uint8Array(32);
  const bit = Number(stream.slice('audit/'.length));
  if (bit < 256) key[bit >>> 3] = 0x80 >>> (bit & 7);
  return key;
}

test('keys with long common prefixes go down to the last bit and come up again', () => {
  const tree = new IndexTree({ keyOf: closeKey, versions: 3 });
  const heads = new Map<string, StreamHead>();
  const order = [256, 255, 254, 0, 1, 100, 101, 7, 8, 9, 128, 127, 31, 32];
  for (const [i, bit] of order.entries()) {
    const stream = `audit/${bit}`;
    heads.set(stream, headOf(stream, i));
    const root = tree.commit(new Map([[stream, headOf(stream, i)]]));
    assert.is(formatHex(root), naiveRoot(heads, closeKey), stream);
  }
  for (let bit = 0; bit <= 256; bit++) {
    const stream = `audit/${bit}`;
    const { proof } = tree.prove(stream);
    const value = valueIn(heads, stream);
    const valueHash = value === undefined ? {} : { valueHash: indexValueHash(value) };
    const claim = { root: tree.root(), key: closeKey(stream), proof, ...valueHash };
    assert.ok(checkIndexPath(claim), stream);
  }
});

test('two streams with one key are refused before anything changes', () => {
  const tree = new IndexTree({ keyOf: () => new Uint8Array(32) });
  assert.throws(() => tree.commit(new Map([...manyHeads(0, 2)])), /twice/);
  assert.equal([tree.version, tree.size], [0, 0]);
  assert.equal(tree.root(), emptyIndexRoot());
});

test('long, short and non-ASCII stream ids and every size of number hash as core hashes them', () => {
  const lengths = [0, 1, 23, 24, 100, 255, 256, 300, 70_000];
  const streams = [...lengths.map((length) => 'a'.repeat(length)), 'dörf', '村'.repeat(90), '🏡'];
  const numbers = [0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 31, 2 ** 32 - 1];
  const heads = new Map<string, StreamHead>();
  for (const stream of streams) heads.set(stream, headOf(stream, 1, 2));
  for (const seq of numbers) {
    for (const index of numbers) heads.set(`audit/${seq}-${index}`, headOf('audit', seq, index));
  }
  const tree = new IndexTree();
  assert.is(formatHex(tree.commit(heads)), naiveRoot(heads));
  checkProofs(tree, 1, heads, [...heads.keys()]);
});

test('positions beyond 32 bits and heads that are none are our caller’s mistake', () => {
  const tree = new IndexTree();
  const head = headOf('log', 0);
  for (const bad of [
    { ...head, seq: -1 },
    { ...head, seq: 2 ** 32 },
    { ...head, index: 0.5 },
    { ...head, index: 2 ** 32 },
    { ...head, statementId: new Uint8Array(31) },
  ]) {
    assert.throws(() => tree.commit(new Map([['log', bad]])), RangeError);
  }
  assert.equal([tree.version, tree.nodeCount], [0, 0]);
  assert.throws(() => new IndexTree({ versions: 0 }), RangeError);
  assert.throws(() => new IndexTree({ keyOf: () => new Uint8Array(31) }).commit(manyHeads(0, 1)));
});

test('random histories: every version in the window has the root of the definition and proves all its streams', () => {
  const stream = fc.integer({ min: 0, max: 40 }).map((n) => `audit/${n}`);
  const batch = fc.array(fc.tuple(stream, fc.integer({ min: 0, max: 3 })), { maxLength: 12 });
  // Zeroed bits in front of each key; three bytes remain to tell 41 streams apart.
  const common = fc.integer({ min: 0, max: 232 });
  fc.assert(
    fc.property(fc.array(batch, { maxLength: 12 }), common, (batches, depth) => {
      const keyOf = (text: string): Uint8Array => sha256(utf8(text)).fill(0, 0, depth >>> 3);
      const tree = new IndexTree({ versions: 3, keyOf });
      const history: Heads[] = [new Map()];
      for (const changes of batches) {
        const moved = new Map(changes.map(([name, seq]) => [name, headOf(name, seq)]));
        const heads = new Map([...(history.at(-1) ?? []), ...moved]);
        history.push(heads);
        assert.is(formatHex(tree.commit(moved)), naiveRoot(heads, keyOf));
      }
      for (let version = tree.oldestVersion; version <= tree.version; version++) {
        const root = tree.root(version);
        const heads = history[version] ?? new Map();
        assert.is(formatHex(root), naiveRoot(heads, keyOf));
        for (let n = 0; n <= 40; n++) {
          const value = valueIn(heads, `audit/${n}`);
          const { proof } = tree.prove(`audit/${n}`, version);
          const valueHash = value === undefined ? {} : { valueHash: indexValueHash(value) };
          const claim = { root, key: keyOf(`audit/${n}`), proof, ...valueHash };
          assert.ok(checkIndexPath(claim));
        }
      }
    }),
    { numRuns: 60 },
  );
});

test.run();
