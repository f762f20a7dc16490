// Merkle proofs (RFC 6962 §2.1), tile paths and entry bundles (C2SP tlog-tiles v0.1.0).

import { encodeBundle } from '@writ/core/formats/entry-bundle';
import {
  ascii,
  base64,
  consistency,
  fixedBytes,
  hex,
  inclusion,
  invalid,
  madeUpHash,
  realHash,
  valid,
} from './scenery.mjs';

const MAX = 2n ** 63n - 1n;

export function* treeVectors() {
  yield* inclusionVectors();
  yield* consistencyVectors();
  yield* validPaths();
  yield* invalidPaths();
  yield* bundleVectors();
}

function claimOf(index, size, { leaf, root, proof }) {
  return {
    index: String(index),
    size: String(size),
    leaf_hash: base64(leaf),
    root: base64(root),
    proof: proof.map(base64),
  };
}

function* inclusionVectors() {
  for (const [index, size] of [
    [0n, 1n],
    [0n, 2n],
    [1n, 2n],
    [2n, 3n],
    [4n, 7n],
    [6n, 7n],
    [12n, 21n],
    [20n, 21n],
    [255n, 256n],
    [256n, 257n],
    [299n, 300n],
  ]) {
    const claim = claimOf(index, size, inclusion(index, 0n, size));
    yield valid('inclusion', `${index}-of-${size}`, `Entry ${index} of ${size}.`, claim);
  }
  for (const [name, index, size] of [
    ['beyond-32-bit', 2n ** 32n + 5n, 2n ** 33n + 1n],
    ['beyond-double', 2n ** 53n, 2n ** 53n + 2n],
    ['largest-tree', 2n ** 62n + 12_345n, MAX],
    ['largest-tree-last', MAX - 1n, MAX],
  ]) {
    const claim = claimOf(index, size, inclusion(index, 0n, size, madeUpHash));
    yield valid('inclusion', name, 'Subtrees are made-up hashes.', claim);
  }
  const good = claimOf(12n, 21n, inclusion(12n, 0n, 21n));
  for (const [name, description, change] of changedProofs(good)) {
    yield invalid('inclusion', name, description, { ...good, ...change });
  }
  const other = base64(fixedBytes('another hash'));
  for (const [name, description, change] of [
    ['index-sibling', 'The index of the sibling.', { index: '13' }],
    ['index-is-size', 'An index behind the tree.', { index: '21' }],
    ['size-smaller', 'A smaller tree.', { size: '12' }],
    ['size-doubled', 'A larger tree.', { size: '42' }],
    ['size-0', 'A tree without entries.', { index: '0', size: '0', proof: [] }],
    ['leaf-other', 'Another leaf.', { leaf_hash: other }],
    ['root-other', 'Another root.', { root: other }],
    ['root-is-leaf', 'The leaf hash for the root, no hashes.', { root: good.leaf_hash, proof: [] }],
    ['node-as-leaf', 'A node of the tree for a leaf.', nodeAsLeaf()],
  ]) {
    yield invalid('inclusion', name, description, { ...good, ...change });
  }
}

/** The hash of leaves 12 and 13 passed off as a leaf of a tree with half the entries. */
function nodeAsLeaf() {
  const { proof, root } = inclusion(12n, 0n, 21n);
  return {
    index: '12',
    size: '21',
    leaf_hash: base64(realHash(12n, 14n)),
    root: base64(root),
    proof: proof.slice(1).map(base64),
  };
}

function changedProofs({ proof }) {
  const other = base64(fixedBytes('another hash'));
  const short = base64(fixedBytes('another hash').subarray(1));
  return [
    ['proof-empty', 'No hashes.', { proof: [] }],
    ['proof-short', 'The last hash is missing.', { proof: proof.slice(0, -1) }],
    ['proof-first-missing', 'The first hash is missing.', { proof: proof.slice(1) }],
    ['proof-long', 'A hash too much at the end.', { proof: [...proof, other] }],
    ['proof-long-first', 'A hash too much in front.', { proof: [other, ...proof] }],
    ['proof-reversed', 'The hashes in reverse order.', { proof: proof.toReversed() }],
    ['proof-first-changed', 'The first hash is another one.', { proof: proof.with(0, other) }],
    ['proof-last-changed', 'The last hash is another one.', { proof: proof.with(-1, other) }],
    ['proof-hash-short', 'A hash of 31 bytes.', { proof: proof.with(0, short) }],
  ];
}

function growthOf(old, size, { oldRoot, root, proof }) {
  return {
    old_size: String(old),
    size: String(size),
    old_root: base64(oldRoot),
    root: base64(root),
    proof: proof.map(base64),
  };
}

function* consistencyVectors() {
  for (const [old, size] of [
    [1n, 1n],
    [1n, 2n],
    [2n, 3n],
    [3n, 7n],
    [4n, 7n],
    [6n, 8n],
    [7n, 8n],
    [8n, 21n],
    [13n, 21n],
    [21n, 21n],
    [255n, 257n],
    [256n, 300n],
    [257n, 300n],
  ]) {
    const claim = growthOf(old, size, consistency(old, 0n, size));
    yield valid('consistency', `${old}-to-${size}`, `From ${old} to ${size} entries.`, claim);
  }
  const empty = { oldRoot: realHash(0n, 0n), root: realHash(0n, 21n), proof: [] };
  const first = growthOf(0n, 21n, empty);
  yield valid('consistency', '0-to-21', 'Everything grew from the empty tree.', first);
  const still = growthOf(0n, 0n, { ...empty, root: empty.oldRoot });
  yield valid('consistency', '0-to-0', 'The empty tree and itself.', still);
  for (const [name, old, size] of [
    ['beyond-32-bit', 2n ** 32n + 5n, 2n ** 33n + 1n],
    ['beyond-double', 2n ** 53n + 1n, 2n ** 53n + 3n],
    ['largest-tree', 2n ** 62n + 12_345n, MAX],
  ]) {
    const claim = growthOf(old, size, consistency(old, 0n, size, madeUpHash));
    yield valid('consistency', name, 'Subtrees are made-up hashes.', claim);
  }
  const other = base64(fixedBytes('another hash'));
  const good = growthOf(13n, 21n, consistency(13n, 0n, 21n));
  for (const [name, description, change] of [
    ...changedProofs(good),
    ['old-size-other', 'Another old size.', { old_size: '14' }],
    ['old-size-above', 'The tree shrinks.', { old_size: '21', size: '13' }],
    ['old-root-other', 'Another old root.', { old_root: other }],
    ['root-other', 'Another root.', { root: other }],
    [
      'roots-swapped',
      'Old and new root change places.',
      { root: good.old_root, old_root: good.root },
    ],
    ['same-size-other-root', 'Two roots for one size.', { old_size: '21', proof: [] }],
    ['same-size-proof', 'A proof where none belongs.', { ...sameSize(), proof: [other] }],
    ['old-empty-proof', 'A proof where none belongs.', { ...first, proof: [other] }],
    ['old-empty-other-root', 'The empty tree has one root.', { ...first, old_root: other }],
    [
      'both-empty-other-root',
      'The empty tree has one root.',
      { ...still, old_root: other, root: other },
    ],
  ]) {
    yield invalid('consistency', name, description, { ...good, ...change });
  }
}

function sameSize() {
  const root = base64(realHash(0n, 21n));
  return { old_size: '21', size: '21', old_root: root, root };
}

function* validPaths() {
  for (const [name, path, level, index, width] of [
    ['first', 'tile/0/000', 0, 0n, 256],
    ['three-digits', 'tile/0/999', 0, 999n, 256],
    ['six-digits', 'tile/0/x001/000', 0, 1000n, 256],
    ['example', 'tile/0/x001/x234/067', 0, 1_234_067n, 256],
    ['partial', 'tile/1/000.p/17', 1, 0n, 17],
    ['partial-1', 'tile/0/x001/234.p/1', 0, 1234n, 1],
    ['partial-255', 'tile/0/000.p/255', 0, 0n, 255],
    ['level-7', 'tile/7/000.p/1', 7, 0n, 1],
    ['level-63', 'tile/63/000.p/1', 63, 0n, 1],
    ['index-max', 'tile/0/x036/x028/x797/x018/x963/967', 0, 2n ** 55n - 1n, 256],
    ['entries', 'tile/entries/000', 'entries', 0n, 256],
    ['entries-partial', 'tile/entries/x001/067.p/8', 'entries', 1067n, 8],
  ]) {
    const facts = { level, index: String(index), width };
    yield valid('tile-path', name, 'A canonical path.', { path }, facts);
  }
}

function* invalidPaths() {
  for (const [name, path] of [
    ['empty', ''],
    ['leading-slash', '/tile/0/000'],
    ['trailing-slash', 'tile/0/000/'],
    ['index-missing', 'tile/0'],
    ['index-empty', 'tile/0/'],
    ['index-one-digit', 'tile/0/0'],
    ['index-four-digits', 'tile/0/1000'],
    ['index-superfluous-group', 'tile/0/x000/067'],
    ['index-x-last', 'tile/0/x001'],
    ['index-x-missing', 'tile/0/001/067'],
    ['index-upper-case-x', 'tile/0/X001/067'],
    ['index-2-55', 'tile/0/x036/x028/x797/x018/x963/968'],
    ['index-huge', 'tile/0/x999/x999/x999/x999/x999/x999/999'],
    ['index-word', 'tile/0/abc'],
    ['index-dots', 'tile/0/..'],
    ['index-encoded', 'tile/0/%30%30%30'],
    ['index-full-width-digits', 'tile/0/０００'],
    ['level-missing', 'tile/000'],
    ['level-leading-zero', 'tile/00/000'],
    ['level-plus', 'tile/+0/000'],
    ['level-minus', 'tile/-1/000'],
    ['level-64', 'tile/64/000'],
    ['level-word', 'tile/data/000'],
    ['entries-upper-case', 'tile/Entries/000'],
    ['partial-0', 'tile/0/000.p/0'],
    ['partial-256', 'tile/0/000.p/256'],
    ['partial-leading-zero', 'tile/0/000.p/08'],
    ['partial-empty', 'tile/0/000.p/'],
    ['partial-cut-off', 'tile/0/000.p'],
    ['partial-upper-case', 'tile/0/000.P/8'],
    ['partial-space', 'tile/0/000.p/8 '],
    ['newline', 'tile/0/000\n'],
    ['query', 'tile/0/000?a'],
    ['upper-case', 'TILE/0/000'],
    ['nul', 'tile/0/000\0'],
  ]) {
    const description = 'Any other spelling is refused.';
    yield invalid('tile-path', name, description, { path }, 'tile-path-malformed');
  }
}

function* bundleVectors() {
  const bundle = (entries) => ({ bundle: hex(encodeBundle(entries)), count: entries.length });
  for (const [name, description, entries] of [
    ['one', 'One entry.', [ascii('abc')]],
    ['three', 'Three entries.', [ascii('a'), ascii('bc'), ascii('def')]],
    ['empty-entry', 'An entry may be empty in the format.', [new Uint8Array(0), ascii('a')]],
    ['256-bytes', 'A length of two bytes.', [new Uint8Array(256).fill(0x61)]],
    ['full', 'A full bundle.', Array.from({ length: 256 }, (_, i) => ascii(`entry ${i}`))],
    ['none', 'No entries.', []],
  ]) {
    const facts = { entries: entries.map(hex) };
    yield valid('entry-bundle', name, description, bundle(entries), facts);
  }
  const refused = (name, description, text, count, offset) =>
    invalid('entry-bundle', name, description, { bundle: text, count }, 'bundle-malformed', {
      offset,
    });
  yield refused('empty', 'There is no entry.', '', 1, 0);
  yield refused('length-cut-off', 'Half a length.', '00', 1, 0);
  yield refused('length-alone', 'A length and nothing else.', '0003', 1, 0);
  yield refused('entry-cut-off', 'The second entry is cut off.', '00016100036263', 2, 3);
  yield refused('entry-missing', 'The second entry is missing.', '000161', 2, 3);
  yield refused('byte-too-much', 'A byte follows.', '00016100', 1, 3);
  yield refused('entry-too-much', 'An entry follows.', '000161000162', 1, 3);
  yield refused('little-endian', 'The length is little-endian.', '010061', 1, 0);
}
