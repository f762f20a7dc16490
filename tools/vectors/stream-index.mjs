// The stream index and its proofs (spec/stream-index.md), by the definition: nothing here is shared with core.

import { ascii, digest, fixedBytes, hex, invalid, valid } from './scenery.mjs';

const FORMAT = 'stream-index';
const EMPTY = digest(Uint8Array.of(3));

export function* streamIndexVectors() {
  const index = indexOf(12);
  yield* validVectors(index);
  yield* madeUpVectors();
  yield* falsePresence(index);
  yield* falseAbsence(index);
  yield* malformedProofs();
}

/** A CBOR head (RFC 8949 section 3) for arguments below 2^53. */
function head(major, argument) {
  const first = major << 5;
  if (argument < 24) return [first | argument];
  const width = argument < 2 ** 8 ? 1 : argument < 2 ** 16 ? 2 : argument < 2 ** 32 ? 4 : 8;
  const digits = argument.toString(16).padStart(2 * width, '0');
  return [first | (24 + Math.log2(width)), ...Buffer.from(digits, 'hex')];
}

function byteString(bytes) {
  return [...head(2, bytes.length), ...bytes];
}

function encodeValue({ stream, seq, leafIndex, statementId }) {
  const id = new TextEncoder().encode(stream);
  const numbers = [...head(0, seq), ...head(0, leafIndex)];
  return Uint8Array.from([
    0x84,
    ...head(3, id.length),
    ...id,
    ...numbers,
    ...byteString(statementId),
  ]);
}

function headOf(stream, seq, leafIndex) {
  return { stream, seq, leafIndex, statementId: fixedBytes(`statement ${seq} of ${stream}`) };
}

function indexOf(count) {
  return Array.from({ length: count }, (_, i) =>
    headOf(`node/north-grid/ups-${i}`, i * i, 300 * i),
  );
}

function leafOf(value) {
  return { key: digest(ascii(value.stream)), valueHash: digest(encodeValue(value)) };
}

function hashOfLeaf({ key, valueHash }) {
  return digest(Uint8Array.of(2), key, valueHash);
}

function bit(key, depth) {
  return (key[depth >> 3] >> (7 - (depth % 8))) & 1;
}

function subtree(leaves, depth) {
  if (leaves.length === 0) return EMPTY;
  if (leaves.length === 1) return hashOfLeaf(leaves[0]);
  const side = (wanted) => leaves.filter(({ key }) => bit(key, depth) === wanted);
  return digest(Uint8Array.of(1), subtree(side(0), depth + 1), subtree(side(1), depth + 1));
}

/** The way of `key` through the index: siblings deepest first, undefined where empty, and the leaf at the end. */
function pathOf(key, values) {
  const siblings = [];
  let leaves = values.map(leafOf);
  while (leaves.length > 1) {
    const depth = siblings.length;
    const others = leaves.filter((leaf) => bit(leaf.key, depth) !== bit(key, depth));
    siblings.unshift(others.length === 0 ? undefined : subtree(others, depth + 1));
    leaves = leaves.filter((leaf) => bit(leaf.key, depth) === bit(key, depth));
  }
  return { siblings, leaf: leaves[0] };
}

/** The encoded proof; `kind` 0 present, 1 empty, 2 other, whose leaf comes last. */
function encodeProof(kind, siblings, leaf) {
  const bits = siblings.map((sibling) => (sibling === undefined ? '0' : '1')).join('');
  const bitmap = (bits.padEnd(8 * Math.ceil(bits.length / 8), '0').match(/.{8}/g) ?? []).map(
    (byte) => Number.parseInt(byte, 2),
  );
  const hashes = siblings.flatMap((sibling) => [...(sibling ?? [])]);
  const end = leaf === undefined ? [] : [...byteString(leaf.key), ...byteString(leaf.valueHash)];
  const items = [kind, ...head(0, siblings.length), ...byteString(bitmap), ...byteString(hashes)];
  return Uint8Array.from([0x80 | (leaf === undefined ? 4 : 6), ...items, ...end]);
}

function proofOf(stream, values) {
  const key = digest(new TextEncoder().encode(stream));
  const { siblings, leaf } = pathOf(key, values);
  if (leaf === undefined) return encodeProof(1, siblings);
  return hex(leaf.key) === hex(key) ? encodeProof(0, siblings) : encodeProof(2, siblings, leaf);
}

/** `head` is [seq, leaf index, statement id] for a proof of presence and empty for one of absence. */
function inputOf(values, stream, value, proof = proofOf(stream, values)) {
  return {
    entries: values.map((entry) => [entry.stream, ...textsOf(entry)]),
    root: hex(subtree(values.map(leafOf), 0)),
    stream,
    head: value === undefined ? [] : textsOf(value),
    proof: hex(proof),
  };
}

function textsOf({ seq, leafIndex, statementId }) {
  return [String(seq), String(leafIndex), hex(statementId)];
}

/** An absent stream whose path ends in the wanted way. */
function absentStream(values, hasLeaf) {
  for (let i = 0; ; i++) {
    const { leaf } = pathOf(digest(ascii(`village/absent-${i}`)), values);
    if ((leaf !== undefined) === hasLeaf) return `village/absent-${i}`;
  }
}

function* validVectors(index) {
  const good = (name, description, input, kind) =>
    valid(FORMAT, name, description, input, {
      kind,
      key: hex(digest(new TextEncoder().encode(input.stream))),
    });
  const log = headOf('log', 0, 0);
  yield good('no-streams', 'The index without streams.', inputOf([], 'log'), 'empty');
  yield good('one-stream', 'The root is the leaf.', inputOf([log], 'log', log), 'present');
  yield good(
    'one-stream-other',
    'The only leaf is of another stream.',
    inputOf([log], 'village/a'),
    'other',
  );
  const [, second, third] = index;
  yield good('present', 'One of 12 streams.', inputOf(index, second.stream, second), 'present');
  const reversed = inputOf(index.toReversed(), third.stream, third);
  yield good('order-reversed', 'The order of the entries does not matter.', reversed, 'present');
  for (const [name, hasLeaf, kind] of [
    ['absent-empty', false, 'empty'],
    ['absent-other', true, 'other'],
  ]) {
    const input = inputOf(index, absentStream(index, hasLeaf));
    yield good(name, `Absent: the path ends at ${hasLeaf ? 'a leaf' : 'nothing'}.`, input, kind);
  }
  const gap = index.find(({ stream }) =>
    pathOf(digest(ascii(stream)), index).siblings.includes(undefined),
  );
  yield good(
    'present-beside-empty',
    'One of the siblings is empty.',
    inputOf(index, gap.stream, gap),
    'present',
  );
  const long = headOf(`package/${'n'.repeat(64)}/${'p'.repeat(64)}`, 2 ** 53 - 2, 2 ** 53 - 1);
  yield good(
    'largest-numbers',
    'The longest id and the largest numbers.',
    inputOf([log, long], long.stream, long),
    'present',
  );
  for (const seq of [23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32]) {
    const value = headOf('audit/widths', seq, seq + 1);
    yield good(
      `seq-${seq}`,
      'A number at the edge of its width.',
      inputOf([log, value], value.stream, value),
      'present',
    );
  }
}

/** The root that `siblings` lead to from the leaf or the empty subtree at the end. */
function fold(key, end, siblings) {
  return siblings.reduce((hash, sibling = EMPTY, i) => {
    const isRight = bit(key, siblings.length - 1 - i) === 1;
    return isRight
      ? digest(Uint8Array.of(1), sibling, hash)
      : digest(Uint8Array.of(1), hash, sibling);
  }, end);
}

/** Proofs deeper than any index that can be built: the siblings are made up. */
function* madeUpVectors() {
  const value = headOf('village/north-grid', 5, 77);
  const leaf = leafOf(value);
  const made = (depth) => Array.from({ length: depth }, (_, i) => fixedBytes(`sibling ${i}`));
  const input = (siblings, end, proof, rest = []) => ({
    root: hex(fold(leaf.key, end, siblings)),
    stream: value.stream,
    head: rest,
    proof: hex(proof),
  });
  const say = 'The siblings are made up.';
  for (const depth of [8, 9, 256]) {
    const proof = encodeProof(0, made(depth));
    const facts = { kind: 'present', depth };
    const present = input(made(depth), hashOfLeaf(leaf), proof, textsOf(value));
    yield valid(FORMAT, `present-depth-${depth}`, say, present, facts);
  }
  const sparse = made(200).map((sibling, i) => (i === 0 || i % 50 === 49 ? sibling : undefined));
  const few = input(sparse, hashOfLeaf(leaf), encodeProof(0, sparse), textsOf(value));
  yield valid(FORMAT, 'present-sparse', 'Most of 200 siblings are empty.', few, { depth: 200 });
  const empty = input(made(255), EMPTY, encodeProof(1, made(255)));
  yield valid(FORMAT, 'empty-depth-255', say, empty, { kind: 'empty', depth: 255 });
  const key = leaf.key.with(31, leaf.key[31] ^ 1);
  const other = { key, valueHash: leaf.valueHash };
  const proof = encodeProof(2, made(255), other);
  const wrong = { key: leaf.key.with(0, leaf.key[0] ^ 0x80), valueHash: leaf.valueHash };
  const misplaced = input(made(3), hashOfLeaf(wrong), encodeProof(2, made(3), wrong));
  yield invalid(FORMAT, 'other-misplaced', 'The leaf is where its key does not lead.', misplaced);
  const twin = input(made(255), hashOfLeaf(other), proof);
  yield valid(FORMAT, 'other-depth-255', 'Only the last bit differs.', twin, {
    kind: 'other',
    depth: 255,
  });
}

/** Well-formed proofs of presence that prove nothing. */
function* falsePresence(index) {
  const [, value] = index;
  const { siblings } = pathOf(leafOf(value).key, index);
  const changed = fixedBytes('another hash');
  const refused = (name, description, siblingsThen, valueThen = value) =>
    invalid(
      FORMAT,
      name,
      description,
      inputOf(index, valueThen.stream, valueThen, encodeProof(0, siblingsThen)),
    );
  for (const [name, description, change] of [
    ['seq-other', 'Another sequence number.', { seq: value.seq + 1 }],
    ['leaf-index-other', 'Another leaf index.', { leafIndex: 5 }],
    ['statement-other', 'Another statement.', { statementId: changed }],
    ['stream-other', 'Another stream.', { stream: 'village/absent' }],
  ]) {
    yield refused(name, description, siblings, { ...value, ...change });
  }
  for (const [name, description, others] of [
    ['sibling-changed', 'The first sibling is another one.', siblings.with(0, changed)],
    ['sibling-last-changed', 'The last sibling is another one.', siblings.with(-1, changed)],
    ['sibling-made-empty', 'The last sibling is called empty.', siblings.with(-1, undefined)],
    ['sibling-missing', 'The last sibling is missing.', siblings.slice(0, -1)],
    ['sibling-too-much', 'A sibling too much.', [...siblings, changed]],
    ['siblings-reversed', 'The siblings are in reverse order.', siblings.toReversed()],
  ]) {
    yield refused(name, description, others);
  }
  const older = inputOf(index.slice(0, 6), value.stream, value, proofOf(value.stream, index));
  yield invalid(FORMAT, 'index-older', 'The root is that of an older index.', older);
  const stranger = absentStream(index, true);
  const absence = inputOf(index, stranger, headOf(stranger, 0, 0), proofOf(stranger, index));
  yield invalid(FORMAT, 'absence-for-presence', 'A proof of absence for presence.', absence);
}

/** Well-formed proofs of absence that prove nothing. */
function* falseAbsence(index) {
  const [, value] = index;
  const { siblings } = pathOf(leafOf(value).key, index);
  const leaves = index.map(leafOf);
  const [key, valueHash] = [0, 1].map((side) =>
    subtree(
      leaves.filter((leaf) => bit(leaf.key, 0) === side),
      1,
    ),
  );
  const { stream } = value;
  const stranger = absentStream(index, true);
  const { siblings: honest, leaf } = pathOf(digest(ascii(stranger)), index);
  const far = leaves.find((other) => bit(other.key, 0) !== bit(leaf.key, 0));
  const farPath = pathOf(far.key, index).siblings;
  const hash = fixedBytes('another hash');
  const twin = leaf.key.with(31, leaf.key[31] ^ 1);
  for (const [name, description, about, proof] of [
    ['present-as-empty', 'A stream that is there.', stream, encodeProof(1, siblings)],
    ['present-as-other', 'Its own leaf.', stream, encodeProof(2, siblings, leafOf(value))],
    ['presence-for-absence', 'A proof of presence.', stream, encodeProof(0, siblings)],
    ['node-as-leaf', 'The root for a leaf.', stream, encodeProof(2, [], { key, valueHash })],
    ['other-path', 'A true leaf off the path.', stranger, encodeProof(2, farPath, far)],
    [
      'other-value-changed',
      'Another value hash for the leaf at the end.',
      stranger,
      encodeProof(2, honest, { ...leaf, valueHash: hash }),
    ],
    [
      'other-key-changed',
      'Another key for the leaf at the end.',
      stranger,
      encodeProof(2, honest, { ...leaf, key: twin }),
    ],
  ]) {
    yield invalid(FORMAT, name, description, inputOf(index, about, undefined, proof));
  }
}

/** Bytes that are no proof, whatever the root. */
function* malformedProofs() {
  const value = headOf('log', 0, 0);
  const hash = hex(byteString(fixedBytes('a hash')));
  const deep = (kind, depth) =>
    hex(
      encodeProof(
        kind,
        Array.from({ length: depth }, () => fixedBytes('a hash')),
      ),
    );
  for (const [name, description, proof, field, offset] of [
    ['bytes-none', 'No bytes.', '', 'envelope', 0],
    ['bytes-behind', 'A byte behind the proof.', '840000404000', 'envelope', 5],
    ['item-missing', 'The last item is missing.', '84000040', 'envelope', 0],
    ['cut-off', 'The last item is cut off.', '8400004041', 'envelope', 4],
    ['map', 'A map.', 'a0', 'envelope', 0],
    ['items-5', 'Five items.', '850000404040', 'envelope', 0],
    ['depth-not-shortest', 'The depth takes a byte too much.', '840018004040', 'envelope', 2],
    ['indefinite', 'A byte string of indefinite length.', '8400005fff40', 'envelope', 3],
    ['kind-3', 'There is no kind 3.', '8403004040', 'kind', 1],
    ['kind-negative', 'A negative kind.', '8420004040', 'kind', 1],
    ['other-without-leaf', 'Kind 2 with four items.', '8402004040', 'kind', 1],
    ['present-with-leaf', 'Kind 0 with six items.', `8600004040${hash}${hash}`, 'kind', 1],
    ['depth-257', 'A path longer than a key.', deep(0, 257), 'depth', 2],
    ['empty-depth-256', 'An empty subtree as deep as a key is long.', deep(1, 256), 'depth', 2],
    ['depth-text', 'The depth is text.', '8400604040', 'depth', 2],
    ['bitmap-long', 'A bitmap for no siblings.', '840000410040', 'bitmap', 3],
    ['bitmap-short', 'No bitmap for a sibling.', `84000140${hash}`, 'bitmap', 3],
    ['bitmap-deepest-empty', 'The deepest sibling is empty.', '840001410040', 'bitmap', 3],
    ['bitmap-tail', 'A bit behind the last sibling.', `84000141c0${hash}`, 'bitmap', 3],
    ['bitmap-text', 'The bitmap is text.', '8400006040', 'bitmap', 3],
    ['hashes-none', 'The sibling has no hash.', '840001418040', 'hashes', 5],
    ['hashes-too-many', 'A hash for no sibling.', `84000040${hash}`, 'hashes', 4],
    ['hash-31-bytes', 'A hash of 31 bytes.', `8400014180581f${'ab'.repeat(31)}`, 'hashes', 5],
    ['key-31-bytes', 'A key of 31 bytes.', `8602004040581f${'ab'.repeat(31)}${hash}`, 'key', 5],
    [
      'value-hash-33-bytes',
      'A value hash of 33 bytes.',
      `8602004040${hash}5821${'ab'.repeat(33)}`,
      'value hash',
      39,
    ],
    [
      'too-long',
      'More bytes than the longest proof.',
      `840000405920${'48'}${'00'.repeat(8265)}`,
      'envelope',
      8269,
    ],
  ]) {
    const input = { ...inputOf([value], 'log', value), proof };
    yield invalid(FORMAT, name, description, input, 'stream-proof-malformed', { field, offset });
  }
}
