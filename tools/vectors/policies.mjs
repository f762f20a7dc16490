// Trust policies and proof files: C2SP tlog-policy and tlog-proof.

import { concatBytes } from '@writ/core/bytes';
import { formatVkey, keyId } from '@writ/core/formats/key';
import {
  ascii,
  base64,
  checkpointOf,
  fixedBytes,
  hex,
  inclusion,
  invalid,
  keyOf,
  LOG,
  lineOf,
  madeUpHash,
  noteOf,
  ORIGIN,
  octets,
  POST_QUANTUM,
  realHash,
  valid,
  WITNESSES,
} from './scenery.mjs';

const [W1, W2, W3] = WITNESSES;
const LINES = [
  `log ${LOG.vkey} https://log.example/`,
  `witness w1 ${W1.vkey}`,
  `witness w2 ${W2.vkey} https://w2.example/`,
  `witness w3 ${W3.vkey}`,
];
const NAMES = { w1: W1.vkey, w2: W2.vkey, w3: W3.vkey };
const HALF = policyOf(...LINES, 'group half 2 w1 w2 w3', 'quorum half');

function policyOf(...lines) {
  return `${lines.join('\n')}\n`;
}

export function* policyVectors() {
  yield* validPolicies();
  yield* invalidPolicies();
  yield* validProofs();
  yield* invalidProofs();
}

/** `sets`: lists of witnesses, and whether their cosignatures satisfy the quorum. */
function validPolicy(
  name,
  description,
  policy,
  { logs = [LOG.vkey], witnesses = NAMES, sets = [] },
) {
  const input = { ...octets('policy', policy), cosigned_by: sets.map(([, ...names]) => names) };
  const facts = { logs, witnesses, quorum_met: sets.map(([met]) => met) };
  return valid('policy', name, description, input, facts);
}

function* validPolicies() {
  const sets = [
    [false],
    [false, 'w1'],
    [true, 'w1', 'w3'],
    [true, 'w1', 'w2', 'w3'],
    [false, 'w1', 'stranger'],
  ];
  yield validPolicy('two-of-three', 'A group with a number.', HALF, { sets });
  const all = policyOf(...LINES, 'group g all w1 w2 w3', 'quorum g');
  yield validPolicy('all', 'Everybody.', all, {
    sets: [
      [false, 'w1', 'w2'],
      [true, 'w1', 'w2', 'w3'],
    ],
  });
  const any = policyOf(...LINES, 'group g any w1 w2 w3', 'quorum g');
  yield validPolicy('any', 'Anybody.', any, { sets: [[false], [true, 'w2']] });
  const one = policyOf(...LINES, 'quorum w2');
  yield validPolicy('single-witness', 'A witness is the quorum.', one, {
    sets: [
      [false, 'w1', 'w3'],
      [true, 'w2'],
    ],
  });
  const none = policyOf(LINES[0] ?? '', 'quorum none');
  yield validPolicy('none', 'No witness is asked for.', none, { witnesses: {}, sets: [[true]] });
  const bare = policyOf('quorum none');
  yield validPolicy('quorum-alone', 'Only the quorum is mandatory.', bare, {
    logs: [],
    witnesses: {},
  });
  const nested = policyOf(...LINES, 'group a any w1 w2', 'group b all a w3', 'quorum b');
  yield validPolicy('nested-groups', 'A group of a group.', nested, {
    sets: [
      [false, 'w1', 'w2'],
      [false, 'w3'],
      [true, 'w1', 'w3'],
    ],
  });
  const spaced = `\n  # comment\n\t${LINES.join(' \t\n\n')}\n quorum\t w1 \n#\n`;
  yield validPolicy('white-space', 'Spaces, tabs, empty lines, comments.', spaced, {
    sets: [[true, 'w1']],
  });
  const odd = policyOf('# caf\u00e9', `witness #1 ${W1.vkey}`, 'quorum #1');
  yield validPolicy('name-number-sign', 'Only a line that starts with # is a comment.', odd, {
    logs: [],
    witnesses: { '#1': W1.vkey },
    sets: [[true, '#1']],
  });
  const latin = concatBytes(ascii('# '), [0xe9, 0xff], ascii('\nquorum none\n'));
  yield validPolicy('comment-octets', 'Comments need not be UTF-8.', latin, {
    logs: [],
    witnesses: {},
  });
  const prototype = policyOf(`witness __proto__ ${W1.vkey}`, 'quorum __proto__');
  yield validPolicy('name-prototype', 'Any name is a name.', prototype, {
    logs: [],
    witnesses: { ['__proto__']: W1.vkey },
    sets: [
      [true, '__proto__'],
      [false, 'constructor'],
    ],
  });
  const postQuantum = policyOf(`witness w4 ${POST_QUANTUM.vkey}`, 'quorum w4');
  yield validPolicy('ml-dsa-44', 'A post-quantum witness.', postQuantum, {
    logs: [],
    witnesses: { w4: POST_QUANTUM.vkey },
    sets: [[true, 'w4']],
  });
}

function* invalidPolicies() {
  const refused = (name, description, policy, line, code = 'policy-malformed') =>
    invalid('policy', name, description, octets('policy', policy), code, { line });
  const withLast = (...last) => policyOf(...LINES, ...last);
  yield refused('empty', 'There is no quorum.', '', 1);
  yield refused('no-quorum', 'There is no quorum line.', policyOf(...LINES), 1);
  yield refused('no-final-newline', 'The last newline is missing.', HALF.slice(0, -1), 6);
  for (const [name, description, ...last] of [
    ['quorum-twice', 'Two quorum lines.', 'quorum w1', 'quorum w1'],
    ['quorum-unknown', 'The quorum has no such name.', '', 'quorum x'],
    ['quorum-before-group', 'Only earlier names count.', '', 'quorum g', 'group g any w1'],
    ['quorum-two-names', 'One name is enough.', '', 'quorum w1 w2'],
    ['quorum-nameless', 'The name is missing.', '', 'quorum'],
    ['keyword-unknown', 'There is no such keyword.', '', 'threshold 2'],
    ['keyword-upper-case', 'Keywords are lower case.', '', 'QUORUM w1'],
    ['group-empty', 'A group without members.', '', 'group g 1'],
    ['group-zero', 'A threshold of 0.', '', 'group g 0 w1 w2'],
    ['group-too-many', 'A threshold above the members.', '', 'group g 3 w1 w2'],
    ['group-leading-zero', 'Numbers are canonical.', '', 'group g 01 w1 w2'],
    ['group-negative', 'A negative threshold.', '', 'group g -1 w1 w2'],
    ['group-member-unknown', 'There is no such member.', '', 'group g any x'],
    ['group-member-none', 'None is no member.', '', 'group g any none'],
    ['group-member-self', 'A group is no member of itself.', '', 'group g any g'],
    ['group-member-twice', 'A member counts once.', '', 'group g 2 w1 w1'],
    ['group-member-shared', 'A member is in one group.', 'group a any w1', 'group b any w1'],
    ['group-name-taken', 'Witnesses and groups share names.', '', 'group w1 any w2'],
    ['group-name-none', 'None is reserved.', '', 'group none any w2'],
    ['comment-trailing', 'A comment has its own line.', '', 'quorum w1 # enough'],
    ['witness-name-none', 'None is reserved.', '', `witness none ${keyOf('x', 4).vkey}`],
    [
      'witness-name-taken',
      'A name stands for one witness.',
      '',
      `witness w1 ${keyOf('x', 4).vkey}`,
    ],
    ['witness-key-twice', 'A key stands for one witness.', '', `witness w4 ${W1.vkey}`],
    [
      'witness-key-renamed',
      'A key stands for one witness.',
      '',
      `witness w4 ${keyOf('another.example', 4, W1.name).vkey}`,
    ],
    ['witness-key-type', 'A log key is no witness key.', '', `witness w4 ${keyOf('x').vkey}`],
    ['witness-keyless', 'The key is missing.', '', 'witness w4'],
    ['witness-words', 'A word too much.', '', `witness w4 ${keyOf('x', 4).vkey} https://x/ x`],
    ['witness-key-malformed', 'The key is malformed.', '', `witness w4 ${W1.vkey.slice(0, -4)}`],
    ['log-key-twice', 'A key stands for one log.', '', `log ${LOG.vkey}`],
    ['log-key-type', 'A witness key is no log key.', '', `log ${keyOf('x', 4).vkey}`],
    ['log-keyless', 'The key is missing.', '', 'log'],
    ['separator-no-break-space', 'Only space and tab separate.', '', 'quorum\u00a0w1'],
    ['carriage-return', 'Lines end in LF alone.', '', 'quorum w1\r'],
    ['control', 'A control character.', '', 'quorum w1\u0001'],
  ]) {
    yield refused(name, description, withLast(...last, ''), 6);
  }
  const publicKey = new Uint8Array(32);
  const id = keyId('weak.example', 4, publicKey);
  const weak = `witness w4 ${formatVkey({ name: 'weak.example', id, type: 4, publicKey })}`;
  yield refused('witness-key-weak', 'The key has small order.', withLast('', weak), 6, 'key-weak');
}

const SIZE = 21n;
const INDEX = 13n;
const ENTRY = ascii(`entry ${INDEX}`);
const TREE = inclusion(INDEX, 0n, SIZE);
const TEXT = checkpointOf({ size: SIZE, root: TREE.root });
const HASHES = TREE.proof.map(base64);
const NOTE = noteOf(TEXT, LOG, W1, W2);

function proofOf({ head = [], index = `index ${INDEX}`, hashes = HASHES, note = NOTE }) {
  return ['c2sp.org/tlog-proof@v1', ...head, index, ...hashes, '', note].join('\n');
}

function validProof(name, description, proof, { policy = HALF, entry = ENTRY, ...facts } = {}) {
  const input = { policy, entry: hex(entry), ...octets('proof', proof) };
  const expect = { origin: ORIGIN, index: String(INDEX), size: String(SIZE), ...facts };
  return valid('proof', name, description, input, expect);
}

function* validProofs() {
  yield validProof('two-of-three', 'Two cosignatures of three.', proofOf({}));
  const extra = `extra ${base64(ascii('opaque'))}`;
  yield validProof('extra', 'Extra data, which nothing vouches for.', proofOf({ head: [extra] }));
  yield validProof('extra-empty', 'Extra data of no bytes.', proofOf({ head: ['extra '] }));
  const reordered = noteOf(TEXT, W3, LOG, W1);
  yield validProof('order', 'Lines in another order.', proofOf({ note: reordered }));
  const stranger = noteOf(TEXT, LOG, keyOf('x', 4), W1, keyOf('y'), W2);
  yield validProof('strangers', 'Lines of unknown keys.', proofOf({ note: stranger }));
  const extended = checkpointOf({ size: SIZE, root: TREE.root, extensions: ['more'] });
  const extendedNote = noteOf(extended, LOG, W1, W2);
  yield validProof('extension', 'An extension line.', proofOf({ note: extendedNote }));
  const alone = policyOf(LINES[0] ?? '', 'quorum none');
  yield validProof('quorum-none', 'The log alone.', proofOf({ note: noteOf(TEXT, LOG) }), {
    policy: alone,
  });
  const single = checkpointOf({ size: 1n, root: realHash(0n, 1n) });
  const only = proofOf({ index: 'index 0', hashes: [], note: noteOf(single, LOG, W1, W2) });
  yield validProof('one-leaf', 'A tree of one leaf: no hashes.', only, {
    entry: ascii('entry 0'),
    index: '0',
    size: '1',
  });
  const postQuantum = `log ${LOG.vkey}\nwitness w4 ${POST_QUANTUM.vkey}\nquorum w4\n`;
  const w4 = proofOf({ note: noteOf(TEXT, LOG, POST_QUANTUM) });
  yield validProof('ml-dsa-44', 'A post-quantum cosignature.', w4, { policy: postQuantum });
}

function* invalidProofs() {
  const refused = (name, description, proof, code, { policy = HALF, entry = ENTRY, detail } = {}) =>
    invalid(
      'proof',
      name,
      description,
      { policy, entry: hex(entry), ...octets('proof', proof) },
      code,
      detail,
    );
  yield* malformedProofs(refused);
  yield* distrustedProofs(refused);
  yield* wrongProofs(refused);
}

function* distrustedProofs(refused) {
  const note = (...keys) => proofOf({ note: noteOf(TEXT, ...keys) });
  const quorum = 'quorum-not-met';
  yield refused('quorum-one', 'One cosignature of two.', note(LOG, W1), quorum);
  yield refused('quorum-same-twice', 'A witness counts once.', twice(W1), quorum);
  yield refused(
    'quorum-strangers',
    'Strangers do not count.',
    note(LOG, W1, keyOf('x', 4)),
    quorum,
  );
  yield refused('log-missing', 'The log did not sign.', note(W1, W2), 'note-unverified');
  const impostor = keyOf(ORIGIN, 1, 'impostor');
  yield refused(
    'log-other-key',
    'Another key with its name.',
    note(impostor, W1, W2),
    'note-unverified',
  );
  const other = checkpointOf({ origin: 'other.example', size: SIZE, root: TREE.root });
  const otherOrigin = proofOf({ note: noteOf(other, LOG, W1, W2) });
  yield refused(
    'origin-other',
    'The log signed under another origin.',
    otherOrigin,
    'origin-unknown',
  );
  const elsewhere = checkpointOf({ size: SIZE, root: fixedBytes('another root') });
  const split = `${TEXT}\n${lineOf(LOG, TEXT)}${lineOf(W1, elsewhere)}${lineOf(W2, elsewhere)}`;
  yield refused(
    'split-view',
    'Witnesses saw another root.',
    proofOf({ note: split }),
    'note-bad-signature',
  );
}

function* wrongProofs(refused) {
  const failed = 'inclusion-failed';
  yield refused('entry-other', 'Another entry.', proofOf({}), failed, { entry: ascii('entry 12') });
  yield refused('entry-is-hash', 'The leaf hash for the entry.', proofOf({}), failed, {
    entry: TREE.leaf,
  });
  yield refused('index-other', 'Another index.', proofOf({ index: 'index 12' }), failed);
  yield refused(
    'index-is-size',
    'An index behind the tree.',
    proofOf({ index: 'index 21' }),
    'entry-absent',
  );
  yield refused(
    'hash-missing',
    'A hash is missing.',
    proofOf({ hashes: HASHES.slice(0, -1) }),
    failed,
  );
  yield refused(
    'hash-more',
    'A hash too much.',
    proofOf({ hashes: [...HASHES, HASHES[0]] }),
    failed,
  );
  const swapped = [HASHES[1], HASHES[0], ...HASHES.slice(2)];
  yield refused('hash-order', 'Two hashes change places.', proofOf({ hashes: swapped }), failed);
  const empty = checkpointOf({ size: 0n, root: realHash(0n, 0n) });
  const nothing = proofOf({ index: 'index 0', hashes: [], note: noteOf(empty, LOG, W1, W2) });
  yield refused('tree-empty', 'An empty tree has no entry.', nothing, 'entry-absent', {
    entry: ascii('entry 0'),
  });
}

function twice(witness) {
  const lines = [lineOf(LOG, TEXT), lineOf(witness, TEXT), lineOf(witness, TEXT, 1n)];
  return proofOf({ note: `${TEXT}\n${lines.join('')}` });
}

function* malformedProofs(refused) {
  const code = 'proof-malformed';
  const good = proofOf({});
  const malformed = (name, description, proof, line) =>
    refused(name, description, proof, code, { detail: { line } });
  yield malformed('empty', 'No bytes.', '', 1);
  yield malformed('version', 'Another version.', good.replace('@v1', '@v2'), 1);
  yield malformed('version-missing', 'No version line.', good.slice(good.indexOf('\n') + 1), 1);
  yield malformed('crlf', 'Lines end in CR LF.', good.replaceAll('\n', '\r\n'));
  yield malformed('utf8', 'Not valid UTF-8.', concatBytes(ascii(good), [0xff]), 1);
  for (const [name, index] of [
    ['missing', HASHES[0]],
    ['leading-zero', 'index 013'],
    ['plus', 'index +13'],
    ['minus', 'index -1'],
    ['empty', 'index '],
    ['2-63', `index ${2n ** 63n}`],
    ['2-64', `index ${2n ** 64n}`],
    ['trailing-space', 'index 13 '],
  ]) {
    yield malformed(`index-${name}`, `The index line is "${index}".`, proofOf({ index }), 2);
  }
  yield malformed('index-twice', 'Two index lines.', proofOf({ head: [`index ${INDEX}`] }), 3);
  const late = proofOf({ index: `index ${INDEX}\nextra AAAA` });
  yield malformed('extra-late', 'Extra data behind the index.', late, 3);
  yield malformed('extra-base64', 'Extra data in bad base64.', proofOf({ head: ['extra A'] }), 2);
  yield malformed(
    'hash-31-bytes',
    'A short hash.',
    proofOf({ hashes: ['A'.repeat(40), ...HASHES] }),
    3,
  );
  const many = Array.from({ length: 64 }, (_, i) => base64(madeUpHash(0n, BigInt(i))));
  yield malformed('hash-64', 'More hashes than any tree needs.', proofOf({ hashes: many }), 3);
  yield malformed('blank-line-missing', 'No empty line.', good.replaceAll('\n\n', '\n'));
  yield refused('note-cut-off', 'The checkpoint is cut off.', good.slice(0, -1), 'note-malformed');
}
