import { compareBytes, concatBytes, formatHex, parseHex, utf8 } from '@writ/core/bytes';
import { encodeCbor } from '@writ/core/cbor/encode';
import { sha256 } from '@writ/core/sha256';
import {
  checkAbsence,
  checkIndexPath,
  checkPresence,
  decodeIndexProof,
  encodeIndexProof,
  type IndexProof,
  MAX_INDEX_PROOF_BYTES,
} from '@writ/core/streams/index-proof';
import {
  emptyIndexRoot,
  encodeIndexValue,
  type IndexValue,
  indexLeafHash,
  indexValueHash,
  keyBit,
  streamKey,
} from '@writ/core/streams/stream-index';
import { buildIndexRoot } from '@writ/core/streams/stream-index-root';
import { IndexValueHasher } from '@writ/core/streams/stream-index-values';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkMutants, mutantsOf, refusal } from './mutants.ts';

const test = suite('stream index');

function testValue(stream: string, seq = 0): IndexValue {
  return { stream, seq, leafIndex: seq + 7, statementId: sha256(utf8(`${stream} ${seq}`)) };
}

interface Leaf {
  readonly key: Uint8Array;
  readonly valueHash: Uint8Array;
}

/** The definition, word for word, and nothing shared with the code under test but SHA-256. */
function rootOf(leaves: readonly Leaf[], depth = 0): Uint8Array {
  const [first] = leaves;
  if (first === undefined) return sha256(Uint8Array.of(3));
  if (leaves.length === 1) return sha256(concatBytes(Uint8Array.of(2), first.key, first.valueHash));
  const [left, right] = sides(leaves, depth);
  return sha256(concatBytes(Uint8Array.of(1), rootOf(left, depth + 1), rootOf(right, depth + 1)));
}

function sides(leaves: readonly Leaf[], depth: number): [Leaf[], Leaf[]] {
  const bit = ({ key }: Leaf): string | undefined =>
    [...key].map((byte) => byte.toString(2).padStart(8, '0')).join('')[depth];
  return [leaves.filter((leaf) => bit(leaf) === '0'), leaves.filter((leaf) => bit(leaf) === '1')];
}

/** The path of `key` through the index of `leaves`, by the definition. */
function proofOf(key: Uint8Array, leaves: readonly Leaf[]): IndexProof {
  const siblings: (Uint8Array | undefined)[] = [];
  let here = leaves;
  while (here.length > 1) {
    const depth = siblings.length;
    const [left, right] = sides(here, depth);
    const [mine, others] = keyBit(key, depth) === 0 ? [left, right] : [right, left];
    siblings.unshift(others.length === 0 ? undefined : rootOf(others, depth + 1));
    here = mine;
  }
  const [leaf] = here;
  if (leaf === undefined) return { end: { kind: 'empty' }, siblings };
  const isOther = compareBytes(leaf.key, key) !== 0;
  return { end: isOther ? { kind: 'other', ...leaf } : { kind: 'present' }, siblings };
}

function leavesOf(values: readonly IndexValue[]): Leaf[] {
  return values.map((value) => ({
    key: streamKey(value.stream),
    valueHash: indexValueHash(value),
  }));
}

function manyValues(count: number): IndexValue[] {
  return Array.from({ length: count }, (_, i) => testValue(`audit/number-${i}`, i));
}

/** A key that begins with the bits of `text`; the rest is zero. */
function keyWith(text: string): Uint8Array {
  const bits = text.padEnd(256, '0');
  return Uint8Array.from({ length: 32 }, (_, i) => Number(`0b${bits.slice(8 * i, 8 * i + 8)}`));
}

test('the hashes are those of the specification', () => {
  const value = testValue('log');
  const encoded = encodeCbor(['log', 0, 7, value.statementId]);
  assert.equal(encodeIndexValue(value), encoded);
  assert.is(formatHex(encoded.subarray(0, 9)), '84636c6f6700075820');
  assert.equal(streamKey('log'), sha256(utf8('log')));
  assert.equal(indexValueHash(value), sha256(encoded));
  const message = concatBytes(Uint8Array.of(2), streamKey('log'), sha256(encoded));
  assert.equal(buildIndexRoot([value]), sha256(message));
  assert.equal(indexLeafHash(streamKey('log'), sha256(encoded)), sha256(message));
  assert.equal(buildIndexRoot([]), sha256(Uint8Array.of(3)));
  assert.equal(emptyIndexRoot(), sha256(Uint8Array.of(3)));
});

test('a value that has no encoding is our caller’s mistake', () => {
  const value = testValue('log');
  assert.throws(() => encodeIndexValue({ ...value, seq: -1 }), /seq/);
  assert.throws(() => encodeIndexValue({ ...value, leafIndex: 1.5 }), /leafIndex/);
  assert.throws(() => encodeIndexValue({ ...value, statementId: new Uint8Array(31) }), /32 bytes/);
  assert.throws(() => encodeIndexValue({ ...value, stream: '\ud800' }), /surrogate/);
});

test('hashing many values gives what hashing each gives', () => {
  const numbers = [0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1];
  const lengths = [0, 1, 23, 24, 254, 255, 256, 70_000];
  const streams = [...lengths.map((length) => 'a'.repeat(length)), 'dörf', '村'.repeat(90), '🏡'];
  const hasher = new IndexValueHasher();
  const key = sha256(utf8('another key'));
  for (const stream of streams) {
    for (const number of numbers) {
      const value = { ...testValue(stream), seq: number, leafIndex: 2 ** 53 - 1 - number };
      const swapped = { ...value, seq: value.leafIndex, leafIndex: number };
      const both = { ...value, leafIndex: number };
      for (const one of [value, swapped, both]) {
        const target = new Uint8Array(70).fill(9);
        hasher.write(one, target, 3);
        assert.equal(target.subarray(3, 67), concatBytes(streamKey(stream), indexValueHash(one)));
        assert.equal([target[2], target[67]], [9, 9]);
        hasher.write(one, target, 3, key);
        assert.equal(target.subarray(3, 67), concatBytes(key, indexValueHash(one)));
      }
    }
  }
  for (const bad of [{ seq: -1 }, { leafIndex: 0.5 }, { statementId: key.subarray(1) }]) {
    const value = { ...testValue('log'), ...bad };
    assert.throws(() => hasher.write(value, new Uint8Array(64), 0), RangeError);
  }
});

test('the root is that of the definition for every number of streams, in any order', () => {
  const values = manyValues(40);
  for (let count = 0; count <= values.length; count++) {
    const some = values.slice(0, count);
    const root = formatHex(rootOf(leavesOf(some)));
    assert.is(formatHex(buildIndexRoot(some)), root);
    assert.is(formatHex(buildIndexRoot(some.toReversed())), root);
  }
});

test('a stream that appears twice has no root', () => {
  assert.throws(() => buildIndexRoot([testValue('log'), testValue('log', 1)]), /twice/);
});

test('every stream is proved present and every other absent, and never the other way round', () => {
  for (const count of [0, 1, 2, 3, 10, 60]) {
    const values = manyValues(count);
    const leaves = leavesOf(values);
    const root = buildIndexRoot(values);
    for (const value of values) {
      const proof = decodeIndexProof(encodeIndexProof(proofOf(streamKey(value.stream), leaves)));
      assert.ok(checkPresence({ root, value, proof }));
      assert.not(checkPresence({ root, value: { ...value, seq: value.seq + 1 }, proof }));
      assert.not(checkPresence({ root, value: testValue('audit/absent'), proof }));
      assert.not(checkAbsence({ root, stream: value.stream, proof }));
    }
    for (let i = 0; i < 30; i++) {
      const stream = `village/absent-${i}`;
      const proof = decodeIndexProof(encodeIndexProof(proofOf(streamKey(stream), leaves)));
      assert.ok(checkAbsence({ root, stream, proof }));
      assert.not(checkPresence({ root, value: testValue(stream), proof }));
    }
  }
});

test('a path of the right hashes under another root proves nothing', () => {
  const values = manyValues(20);
  const value = values[3] ?? testValue('log');
  const proof = proofOf(streamKey(value.stream), leavesOf(values));
  assert.not(checkPresence({ root: buildIndexRoot(values.slice(0, 19)), value, proof }));
  assert.not(checkPresence({ root: buildIndexRoot([]), value, proof }));
  assert.not(checkPresence({ root: new Uint8Array(31), value, proof }));
});

test('keys with long common prefixes have deep leaves, and neighbours on every level are absent', () => {
  for (const depth of [0, 1, 7, 8, 9, 63, 64, 254, 255]) {
    const prefix = '10'.repeat(128).slice(0, depth);
    const leaves = ['0', '1'].map((bit) => ({
      key: keyWith(`${prefix}${bit}`),
      valueHash: sha256(utf8(bit)),
    }));
    const root = rootOf(leaves);
    for (const { key, valueHash } of leaves) {
      const proof = proofOf(key, leaves);
      assert.is(proof.siblings.length, depth + 1);
      assert.ok(checkIndexPath({ root, key, valueHash, proof }));
      assert.equal(decodeIndexProof(encodeIndexProof(proof)), proof);
      for (const bit of [0, 1, depth - 1, depth, depth + 1, 254, 255]) {
        if (bit < 0 || bit > 255) continue;
        const byte = bit >>> 3;
        const neighbour = key.with(byte, (key[byte] ?? 0) ^ (0x80 >>> (bit & 7)));
        const isThere = leaves.some((leaf) => compareBytes(leaf.key, neighbour) === 0);
        const path = proofOf(neighbour, leaves);
        assert.is(checkIndexPath({ root, key: neighbour, proof: path }), !isThere);
        assert.is(checkIndexPath({ root, key, proof: path }), false);
      }
    }
    const absent = proofOf(keyWith('01'.repeat(128)), leaves);
    assert.is(absent.end.kind, depth === 0 ? 'other' : 'empty');
  }
});

test('the builder is the definition for keys with long common prefixes too', () => {
  const keys = ['', '1', '11', '1'.repeat(255), `${'1'.repeat(255)}1`, '01', `${'0'.repeat(200)}1`];
  const values = keys.map((_, i) => testValue(`audit/${i}`));
  const keyOf = (stream: string): Uint8Array => keyWith(keys[Number(stream.slice(6))] ?? '');
  const leaves = values.map((value) => ({
    key: keyOf(value.stream),
    valueHash: indexValueHash(value),
  }));
  assert.is(formatHex(buildIndexRoot(values, keyOf)), formatHex(rootOf(leaves)));
});

test('a neighbour’s leaf proves absence only to keys that share its path, and never to itself', () => {
  const leaves = leavesOf(manyValues(64));
  const root = rootOf(leaves);
  const key = streamKey('village/absent');
  const [victim] = leaves;
  if (victim === undefined) throw new Error('no leaves');
  const path = proofOf(victim.key, leaves);
  const forged: IndexProof = { ...path, end: { kind: 'other', ...victim } };
  assert.not(checkIndexPath({ root, key: victim.key, proof: forged }));
  assert.not(
    checkIndexPath({ root, key: key.with(0, (victim.key[0] ?? 0) ^ 0x80), proof: forged }),
  );
  const sharing = victim.key.with(31, (victim.key[31] ?? 0) ^ 1);
  assert.ok(checkIndexPath({ root, key: sharing, proof: forged }));
});

test('an inner node passes for no leaf, and a leaf for no inner node', () => {
  const leaves = leavesOf(manyValues(8));
  const root = rootOf(leaves);
  const [left, right] = sides(leaves, 0).map((side) => rootOf(side, 1)) as [Uint8Array, Uint8Array];
  const forged: IndexProof = {
    end: { kind: 'other', key: left, valueHash: right },
    siblings: [],
  };
  assert.not(checkIndexPath({ root, key: streamKey('village/absent'), proof: forged }));
  assert.not(
    checkIndexPath({
      root,
      key: left,
      valueHash: right,
      proof: { ...forged, end: { kind: 'present' } },
    }),
  );
  const [leaf] = leaves;
  if (leaf === undefined) throw new Error('no leaves');
  const alone = rootOf([leaf]);
  const split: IndexProof = { end: { kind: 'empty' }, siblings: [leaf.valueHash] };
  assert.not(checkIndexPath({ root: alone, key: leaf.key, proof: split }));
});

test('a mutated proof is refused, or proves nothing', () => {
  const values = manyValues(12);
  const leaves = leavesOf(values);
  const root = buildIndexRoot(values);
  const absent = Array.from({ length: 100 }, (_, i) => `village/absent-${i}`);
  const kindOf = (stream: string): string => proofOf(streamKey(stream), leaves).end.kind;
  const streams = ['present', 'empty', 'other'].map(
    (kind) => ['audit/number-3', ...absent].find((stream) => kindOf(stream) === kind) ?? kind,
  );
  for (const stream of streams) {
    const value = values.find((one) => one.stream === stream);
    const good = encodeIndexProof(proofOf(streamKey(stream), leaves));
    const format = {
      parse: decodeIndexProof,
      format: encodeIndexProof,
      codes: ['stream-proof-malformed'] as const,
    };
    checkMutants(good, format);
    for (const mutant of mutantsOf(good)) {
      const read = tryDecode(mutant);
      if (read === undefined) continue;
      assert.not(checkAbsence({ root, stream, proof: read }), formatHex(mutant));
      assert.not(value !== undefined && checkPresence({ root, value, proof: read }));
    }
  }
  assert.equal(streams.map(kindOf), ['present', 'empty', 'other']);
});

function tryDecode(bytes: Uint8Array): IndexProof | undefined {
  try {
    return decodeIndexProof(bytes);
  } catch {
    return undefined;
  }
}

test('what is not a proof is refused with field and offset', () => {
  const hash = `5820${'ab'.repeat(32)}`;
  for (const [hex, field, offset] of [
    ['', 'envelope', 0],
    ['a0', 'envelope', 0],
    ['83000040', 'envelope', 0],
    ['8400004040 00'.replace(' ', ''), 'envelope', 5],
    ['850000404040', 'envelope', 0],
    ['8403004040', 'kind', 1],
    ['8420004040', 'kind', 1],
    ['8402004040', 'kind', 1],
    [`860000404040${'40'}`, 'kind', 1],
    ['84001901014040', 'depth', 2],
    ['8401190100 4040'.replace(' ', ''), 'depth', 2],
    ['8400f64040', 'depth', 2],
    ['8400014040', 'bitmap', 3],
    ['8400004100 40'.replace(' ', ''), 'bitmap', 3],
    ['840001410040', 'bitmap', 3],
    [`84000141c0${hash}`, 'bitmap', 3],
    ['8400008040', 'envelope', 3],
    ['840001418040', 'hashes', 5],
    [`8400004040`.replace('4040', `40${hash}`), 'hashes', 4],
    ['8400004060', 'hashes', 4],
    [`860200404041ab${hash}`, 'key', 5],
    [`8602004040${hash}41ab`, 'value hash', 39],
    ['8400004081', 'envelope', 4],
    ['840000408100', 'envelope', 4],
  ] as const) {
    const { detail } = refusal(() => decodeIndexProof(requireHex(hex)), 'stream-proof-malformed');
    assert.equal([detail['field'], detail['offset']], [field, offset], hex);
  }
});

function requireHex(text: string): Uint8Array {
  const bytes = parseHex(text);
  if (bytes === undefined) throw new Error(`bad hex ${text}`);
  return bytes;
}

test('the longest proofs are read and one byte more is refused', () => {
  const hash = sha256(utf8('sibling'));
  const present: IndexProof = {
    end: { kind: 'present' },
    siblings: Array.from({ length: 256 }, () => hash),
  };
  assert.equal(decodeIndexProof(encodeIndexProof(present)), present);
  const other: IndexProof = {
    end: { kind: 'other', key: hash, valueHash: hash },
    siblings: present.siblings.slice(1),
  };
  const longest = encodeIndexProof(other);
  assert.is(longest.length, MAX_INDEX_PROOF_BYTES);
  assert.equal(decodeIndexProof(longest), other);
  const longer = concatBytes(longest, Uint8Array.of(0));
  assert.match(
    refusal(() => decodeIndexProof(longer), 'stream-proof-malformed').message,
    /at most/,
  );
  assert.throws(() => encodeIndexProof({ ...other, siblings: present.siblings }), /shape/);
  assert.throws(() => encodeIndexProof({ end: { kind: 'empty' }, siblings: [undefined] }), /shape/);
});

test('proofs survive a round trip, whatever they are', () => {
  const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const end = fc.oneof(
    fc.constant({ kind: 'present' as const }),
    fc.constant({ kind: 'empty' as const }),
    fc.record(
      { kind: fc.constant('other' as const), key: hash, valueHash: hash },
      { noNullPrototype: true },
    ),
  );
  const siblings = fc.oneof(
    fc.constant([]),
    fc.tuple(hash, fc.array(fc.option(hash, { nil: undefined }), { maxLength: 254 })),
  );
  fc.assert(
    fc.property(end, siblings, (one, [deepest, rest = []]) => {
      const proof = { end: one, siblings: deepest === undefined ? [] : [deepest, ...rest] };
      assert.equal(decodeIndexProof(encodeIndexProof(proof)), proof);
    }),
    { numRuns: 200 },
  );
});

test.run();
