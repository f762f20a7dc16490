// Fork proofs (spec/fork-proof.md): two checkpoints of one key that cannot both be true.

import {
  base64,
  checkpointOf,
  consistency,
  hex,
  invalid,
  keyOf,
  LOG,
  lineOf,
  madeUpHash,
  noteOf,
  octets,
  realHash,
  valid,
  WITNESSES,
} from './scenery.mjs';

const FORMAT = 'fork-proof';
const MALFORMED = 'fork-proof-malformed';

/** Hashes of another tree: no leaf is that of the first. */
const otherHash = (start, end) => {
  if (end - start === 1n) return madeUpHash(start, end);
  return consistency(end, start, end, madeUpHash).root;
};

export function* forkProofVectors() {
  yield* forks();
  yield* noForks();
  yield* falseNotes();
  yield* malformedFiles();
}

function checkpoint(size, root, ...signers) {
  const text = checkpointOf({ size, root });
  return noteOf(text, ...(signers.length === 0 ? [LOG] : signers));
}

function treeOf(size, hash = realHash) {
  return { size, root: hash(0n, BigInt(size)) };
}

/** What shows the root of the first `size` leaves in a tree of `larger`: the root itself leads where proofs omit it. */
function hashesOf(size, larger, hash = realHash) {
  const { oldRoot, proof } = consistency(BigInt(size), 0n, BigInt(larger), hash);
  return Number.isInteger(Math.log2(size)) ? [oldRoot, ...proof] : proof;
}

function fileOf(notes, { hashes = [], vkey = LOG.vkey, lines } = {}) {
  const lengths = notes.map((note) => `checkpoint ${new TextEncoder().encode(note).length}`);
  const proof = hashes.map((hash) => `hash ${base64(hash)}`);
  const head = lines ?? ['writ-fork-proof/v1', `log ${vkey}`, ...proof, ...lengths];
  return `${head.join('\n')}\n\n${notes.join('')}`;
}

function inputOf(file) {
  return octets('fork_proof', file);
}

/** Notes of trees of one size in the order of the file. */
function inOrder(...trees) {
  return trees.sort((a, b) => (hex(a.root) < hex(b.root) ? -1 : 1));
}

const notesOf = (trees, ...signers) =>
  trees.map(({ size, root }) => checkpoint(size, root, ...signers));

/** A file for trees of `size` and `larger`, of which the smaller is another one. */
function forkOf(size, larger) {
  const trees = [treeOf(size, otherHash), treeOf(larger)];
  return { trees, notes: notesOf(trees), hashes: hashesOf(size, larger) };
}

function* forks() {
  const shown = (name, description, file, [smaller, larger], implied) =>
    valid(FORMAT, name, description, inputOf(file), {
      vkey: LOG.vkey,
      smaller_size: String(smaller.size),
      smaller_root: hex(smaller.root),
      larger_size: String(larger.size),
      larger_root: hex(larger.root),
      implied_root: hex(implied),
    });
  const same = inOrder(treeOf(5), treeOf(5, otherHash));
  const twin = fileOf(notesOf(same));
  yield shown('same-size', 'Two roots for one size.', twin, same, same[1].root);
  const cosigned = fileOf(notesOf(same, LOG, ...WITNESSES));
  const description = 'Other signatures are not looked at.';
  yield shown('cosigned', description, cosigned, same, same[1].root);
  for (const [size, larger] of [
    [1, 2],
    [3, 5],
    [4, 5],
    [6, 13],
    [8, 13],
    [7, 8],
  ]) {
    const { trees, notes, hashes } = forkOf(size, larger);
    const file = fileOf(notes, { hashes });
    const what = `Trees of ${size} and ${larger} entries.`;
    yield shown(`sizes-${size}-${larger}`, what, file, trees, treeOf(size).root);
  }
  const huge = 2n ** 63n - 1n;
  const [old, now] = [3n, consistency(3n, 0n, huge, madeUpHash)];
  const trees = [
    { size: old, root: madeUpHash(9n, 9n) },
    { size: huge, root: now.root },
  ];
  const file = fileOf(notesOf(trees), { hashes: now.proof });
  yield shown('sizes-3-huge', 'A tree of 2^63 - 1 entries.', file, trees, now.oldRoot);
  const empty = inOrder(treeOf(0), { size: 0, root: madeUpHash(0n, 0n) });
  yield shown(
    'size-zero',
    'Two roots of no entries.',
    fileOf(notesOf(empty)),
    empty,
    empty[1].root,
  );
}

function refused(name, description, file, code = MALFORMED, detail) {
  return invalid(FORMAT, name, description, inputOf(file), code, detail);
}

function* noForks() {
  const same = treeOf(5);
  const twice = fileOf(notesOf([same, same]));
  yield refused('same-tree', 'One tree twice.', twice, MALFORMED, { line: 1 });
  const grown = [treeOf(5), treeOf(13)];
  const growth = fileOf(notesOf(grown), { hashes: hashesOf(5, 13) });
  yield refused('growth', 'A log that grew.', growth, MALFORMED, { line: 1 });
  const doubled = fileOf(notesOf([treeOf(4), treeOf(8)]), { hashes: hashesOf(4, 8) });
  yield refused('growth-whole', 'A log that doubled.', doubled, MALFORMED, { line: 1 });
  const { notes, hashes } = forkOf(6, 13);
  const reversed = fileOf(notes.toReversed(), { hashes });
  yield refused('order', 'The larger tree comes first.', reversed, MALFORMED, { line: 1 });
  const [a, b] = notesOf(inOrder(treeOf(5), treeOf(5, otherHash)));
  yield refused('order-roots', 'The greater root comes first.', fileOf([b, a]), MALFORMED);
  const needless = fileOf([a, b], { hashes });
  yield refused('hashes-needless', 'Hashes for one size.', needless, MALFORMED, { line: 3 });
  const mismatch = (name, description, wrong) =>
    refused(name, description, fileOf(notes, { hashes: wrong }), 'hash-mismatch');
  yield mismatch('hashes-none', 'No hashes.', []);
  yield mismatch('hash-missing', 'One is missing.', hashes.slice(0, -1));
  yield mismatch('hash-more', 'One too many.', [...hashes, hashes[0]]);
  yield mismatch('hash-other', 'Another one.', hashes.with(1, madeUpHash(1n, 9n)));
  yield mismatch('hash-order', 'Two are swapped.', [hashes[1], hashes[0], ...hashes.slice(2)]);
  const whole = forkOf(8, 13);
  const omitted = fileOf(whole.notes, { hashes: whole.hashes.slice(1) });
  const description = 'The first hash is left out, as in a consistency proof.';
  yield refused('hash-first-omitted', description, omitted, 'hash-mismatch');
  const none = fileOf([checkpoint(0, madeUpHash(1n, 1n)), notes[1]], { hashes });
  yield refused('size-zero-smaller', 'No entries have no proof.', none, 'hash-mismatch');
}

function* falseNotes() {
  const trees = inOrder(treeOf(5), treeOf(5, otherHash));
  const [first, second] = notesOf(trees);
  const other = keyOf(LOG.name, 1, 'another key of the log');
  const [{ size, root }] = trees;
  const mixed = fileOf([checkpoint(size, root, other), second]);
  yield refused('two-keys', 'Two keys of one name.', mixed, 'note-unverified');
  const witnessed = fileOf(notesOf(trees, WITNESSES[0]));
  yield refused('cosigned-only', 'The log did not sign.', witnessed, 'note-unverified');
  const text = checkpointOf({ size, root });
  const forged = `${text}\n${lineOf(LOG, checkpointOf({ size: 6, root }))}`;
  const file = fileOf([forged, second]);
  yield refused('signature', 'A signature of another text.', file, 'note-bad-signature');
  const plain = `hello\n\n${lineOf(LOG, 'hello\n')}`;
  const hello = fileOf([plain, second]);
  yield refused('no-checkpoint', 'A note about something else.', hello, 'checkpoint-malformed');
  yield refused('no-note', 'No note.', fileOf(['hello', second]), 'note-malformed');
  const foreign = checkpointOf({ origin: 'other.example/log', size, root });
  const named = fileOf([noteOf(foreign, LOG), second]);
  yield refused('origin', 'Another origin than the name of the key.', named, MALFORMED, {
    line: 2,
  });
  yield refused('cut-off', 'The last byte is missing.', fileOf([first, second]).slice(0, -1));
}

function* malformedFiles() {
  const { notes, hashes } = forkOf(6, 13);
  const file = fileOf(notes, { hashes });
  const bad = (name, description, bytes, line) =>
    refused(name, description, bytes, MALFORMED, { line });
  const but = (name, description, from, to, line) =>
    bad(name, description, file.replace(from, to), line);
  yield bad('empty', 'No bytes.', '', 1);
  yield bad('no-empty-line', 'Nothing behind the first line.', 'writ-fork-proof/v1\n', 1);
  yield but('version', 'Another version.', '/v1', '/v2', 1);
  yield but('crlf', 'CR before LF.', 'v1\n', 'v1\r\n', 1);
  yield but('key-missing', 'No log line.', `log ${LOG.vkey}\n`, '', 2);
  yield but('key-malformed', 'No vkey.', LOG.vkey, 'log.example', 2);
  yield but('hash-word', 'Another word.', 'hash ', 'node ', 3);
  yield but('hash-31-bytes', 'A short hash.', base64(hashes[0]), base64(hashes[0].subarray(1)), 3);
  const padded = base64(hashes[0]).replace('=', '');
  yield but('hash-unpadded', 'No padding.', base64(hashes[0]), padded, 3);
  const at = 3 + hashes.length;
  yield but('length-zero-ahead', 'A leading zero.', 'checkpoint ', 'checkpoint 0', at);
  yield but('length-sign', 'A sign.', 'checkpoint ', 'checkpoint +', at);
  yield but('length-space', 'Two spaces.', 'checkpoint ', 'checkpoint  ', at);
  yield but('length-more', 'A third number.', /checkpoint \d+/, '$& 1', at);
  yield bad('byte-too-much', 'A byte follows.', `${file} `, at + 1);
  const crowd = Array.from({ length: 65 }, () => hashes[0]);
  yield bad('hashes-65', 'Too many hashes.', fileOf(notes, { hashes: crowd }), 2);
  const latin = new TextEncoder().encode(file);
  yield bad('not-utf-8', 'A byte that is no UTF-8.', latin.with(5, 0xff), 1);
  const lines = ['writ-fork-proof/v1', `log ${LOG.vkey}`, 'checkpoint 524289', 'checkpoint 1'];
  yield bad('note-too-large', 'More than a note has.', fileOf(['x', 'y'], { lines }), 3);
}
