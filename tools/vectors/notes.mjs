// Signed notes and verifier keys: C2SP signed-note v1.0.0.

import { concatBytes, parseBase64 } from '@writ/core/bytes';
import { formatVkey, keyId } from '@writ/core/formats/key';
import { formatSignatureLine } from '@writ/core/formats/note';
import {
  ascii,
  base64,
  hex,
  invalid,
  keyOf,
  lineOf,
  noteOf,
  octets,
  POST_QUANTUM,
  valid,
  WITNESSES,
} from './scenery.mjs';

const ALICE = keyOf('alice.example/notes');
const BOB = keyOf('bob.example');
const STRANGER = keyOf('stranger.example');
const TEXT = 'A note about nothing.\n';
const LINE = lineOf(ALICE, TEXT);
const SIGNATURE = ALICE.signer.signRaw(ascii(TEXT));

export function* noteVectors() {
  yield* validNotes();
  yield* invalidNotes();
  yield* malformedSignatures();
  yield* unacceptableNotes();
  yield* validKeys();
  yield* invalidKeys();
}

function validNote(name, description, note, text, ...signers) {
  const input = { ...octets('note', note), vkeys: [ALICE.vkey, BOB.vkey] };
  const verified = signers.map(({ ref }) => ref);
  return valid('note', name, description, input, { text, verified });
}

function invalidNote(name, description, note, code = 'note-malformed', detail = undefined) {
  const input = { ...octets('note', note), vkeys: [ALICE.vkey, BOB.vkey] };
  return invalid('note', name, description, input, code, detail);
}

function* validNotes() {
  const cases = [
    ['one-signature', 'One signature of a known key.', TEXT],
    ['text-with-blank-line', 'The text holds an empty line: the last one separates.', 'a\n\nb\n'],
    ['text-starts-with-blank-line', 'The text starts with an empty line.', '\na\n'],
    ['text-ends-with-blank-line', 'The text ends with an empty line.', 'a\n\n'],
    ['text-with-signature', 'The text is itself a signed note.', noteOf(TEXT, BOB)],
    ['text-with-bom', 'A byte order mark belongs to the text.', '\ufeffa\n'],
    ['text-with-line-separator', 'Only U+000A ends a line.', 'a\u2028b\u0085c\n'],
    ['text-with-delete', 'U+007F is not below U+0020.', 'a\u007fb\n'],
    ['text-empty-line-only', 'The text is one newline.', '\n'],
  ];
  for (const [name, description, text] of cases) {
    yield validNote(name, description, noteOf(text, ALICE), text, ALICE);
  }
  const both = noteOf(TEXT, ALICE, BOB);
  yield validNote('two-signatures', 'Two known keys signed.', both, TEXT, ALICE, BOB);
  const mixed = noteOf(TEXT, STRANGER, ALICE);
  yield validNote('unknown-signature', 'A line of an unknown key is ignored.', mixed, TEXT, ALICE);
  const twice = noteOf(TEXT, ALICE, ALICE);
  yield validNote('signature-twice', 'The same line twice counts once.', twice, TEXT, ALICE);
  const many = `${TEXT}\n${lineOf(STRANGER, TEXT).repeat(15)}${LINE}`;
  yield validNote('16-signatures', 'Sixteen lines, the known one last.', many, TEXT, ALICE);
  const most = `${TEXT}\n${lineOf(STRANGER, TEXT).repeat(99)}${LINE}`;
  yield validNote('100-signatures', 'As many lines as are accepted.', most, TEXT, ALICE);
  const long = { name: 'x'.repeat(300), id: '00000000', bytes: SIGNATURE };
  const longName = `${TEXT}\n${formatSignatureLine(long)}${LINE}`;
  yield validNote(
    'unknown-long-name',
    'Key names of strangers may be long.',
    longName,
    TEXT,
    ALICE,
  );
  const other = { name: ALICE.name, id: '00000000', bytes: SIGNATURE };
  const otherId = `${TEXT}\n${formatSignatureLine(other)}${LINE}`;
  yield validNote('known-name-other-id', 'A known name alone is unknown.', otherId, TEXT, ALICE);
}

function* invalidNotes() {
  const note = noteOf(TEXT, ALICE);
  const at = (line) => ({ line });
  yield invalidNote('empty', 'No bytes.', '', undefined, at(1));
  yield invalidNote('no-final-newline', 'The last newline is missing.', note.slice(0, -1));
  yield invalidNote('no-blank-line', 'Nothing separates text and signatures.', `${TEXT}${LINE}`);
  yield invalidNote('no-signature', 'There is no signature line.', `${TEXT}\n`);
  yield invalidNote('no-text', 'There is no text.', `\n${LINE}`);
  yield invalidNote('crlf', 'Lines end in CR LF.', note.replaceAll('\n', '\r\n'), undefined, at(1));
  for (const [name, character] of [
    ['nul', '\0'],
    ['tab', '\t'],
    ['escape', '\u001b'],
    ['unit-separator', '\u001f'],
  ]) {
    const text = `a${character}b\n`;
    yield invalidNote(
      `control-${name}`,
      'The text has a control character.',
      noteOf(text, ALICE),
      undefined,
      at(1),
    );
  }
  for (const [name, bytes] of [
    ['byte-ff', [0xff]],
    ['overlong', [0xc0, 0xaf]],
    ['surrogate', [0xed, 0xa0, 0x80]],
    ['above-10ffff', [0xf4, 0x90, 0x80, 0x80]],
  ]) {
    const text = Uint8Array.from([...bytes, 0x0a]);
    const line = { name: ALICE.name, id: ALICE.signer.id, bytes: ALICE.signer.signRaw(text) };
    const whole = concatBytes(text, ascii(`\n${formatSignatureLine(line)}`));
    yield invalidNote(`utf8-${name}`, 'The text is not valid UTF-8.', whole);
  }
  yield invalidNote(
    '101-signatures',
    'More lines than are accepted.',
    `${TEXT}\n${LINE.repeat(101)}`,
  );
  yield invalidNote('blank-line-after', 'An empty line follows the signatures.', `${note}\n`);
  yield invalidNote(
    'text-after',
    'Text follows the signatures.',
    `${note}more\n`,
    undefined,
    at(4),
  );
  const between = `${TEXT}\n${LINE}\n${lineOf(BOB, `${TEXT}\n${LINE}`).replace('— ', '- ')}`;
  yield invalidNote('bad-line-after-blank', 'The last block is no signature.', between);
}

function* malformedSignatures() {
  const [, name = '', blob = ''] = LINE.trimEnd().split(' ');
  const lines = [
    ['dash-hyphen', 'A hyphen for the em dash.', `- ${name} ${blob}`],
    ['dash-en', 'An en dash for the em dash.', `– ${name} ${blob}`],
    ['dash-bar', 'A horizontal bar for the em dash.', `― ${name} ${blob}`],
    ['space-missing', 'No space after the dash.', `—${name} ${blob}`],
    ['space-leading', 'A space before the dash.', ` — ${name} ${blob}`],
    ['space-double', 'Two spaces before the signature.', `— ${name}  ${blob}`],
    ['space-trailing', 'A space behind the signature.', `— ${name} ${blob} `],
    ['name-empty', 'The key name is empty.', `—  ${blob}`],
    ['name-plus', 'The key name has a plus.', `— a+b ${blob}`],
    ['name-no-break-space', 'The key name has U+00A0.', `— a\u00a0b ${blob}`],
    ['name-ideographic-space', 'The key name has U+3000.', `— a\u3000b ${blob}`],
    ['name-next-line', 'The key name has U+0085.', `— a\u0085b ${blob}`],
    ['base64-empty', 'The signature is empty.', `— ${name} `],
    ['base64-unpadded', 'The padding is missing.', `— ${name} ${blob.replace(/=+$/, '')}`],
    ['base64-overpadded', 'There is padding too much.', `— ${name} ${blob}====`],
    ['base64-url', 'The URL alphabet.', `— ${name} ${'-_-_'.repeat(23)}`],
    ['base64-unused-bits', 'Unused bits are set.', `— ${name} ${setUnusedBits(blob)}`],
    ['id-only', 'A key ID and no signature.', `— ${name} ${base64(Uint8Array.of(1, 2, 3, 4))}`],
    ['id-cut-off', 'Three bytes.', `— ${name} ${base64(Uint8Array.of(1, 2, 3))}`],
  ];
  for (const [reason, description, line] of lines) {
    const note = `${TEXT}\n${LINE}${line}\n`;
    yield invalidNote(
      `line-${reason}`,
      `${description} A good line is beside it.`,
      note,
      undefined,
      {
        line: 4,
      },
    );
  }
}

/** The same base64 but for the bits that encode nothing. Needs a text that ends in one or two "=". */
function setUnusedBits(text) {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  const at = text.indexOf('=') - 1;
  return text.slice(0, at) + digits[digits.indexOf(text[at]) + 1] + text.slice(at + 1);
}

function* unacceptableNotes() {
  const bad = (bytes) => formatSignatureLine({ name: ALICE.name, id: ALICE.signer.id, bytes });
  const flipped = SIGNATURE.with(40, SIGNATURE[40] ^ 1);
  const refused = [
    ['bit-flipped', 'One bit of the signature is wrong.', bad(flipped)],
    ['signature-short', 'The signature lacks a byte.', bad(SIGNATURE.subarray(0, 63))],
    ['signature-long', 'The signature has a byte too much.', bad(concatBytes(SIGNATURE, [0]))],
    ['scalar-plus-order', 'S + L for S (RFC 8032 §5.1.7).', bad(addOrder(SIGNATURE))],
    [
      'known-key-bad',
      'A good line of another key does not help.',
      lineOf(BOB, TEXT) + bad(flipped),
    ],
    ['same-key-bad', 'A good line of the same key does not help.', LINE + bad(flipped)],
  ];
  for (const [name, description, lines] of refused) {
    yield invalidNote(name, description, `${TEXT}\n${lines}`, 'note-bad-signature');
  }
  const changed = noteOf(TEXT, ALICE).replace('nothing', 'Nothing');
  yield invalidNote(
    'text-changed',
    'The text is not what was signed.',
    changed,
    'note-bad-signature',
  );
  const wrongName = formatSignatureLine({ name: 'x', id: ALICE.signer.id, bytes: SIGNATURE });
  const nobody = [
    ['strangers-only', 'Only unknown keys signed.', noteOf(TEXT, STRANGER)],
    ['other-name', 'The right key ID under another name.', `${TEXT}\n${wrongName}`],
    [
      'upper-case-name',
      'Names are compared exactly.',
      `${TEXT}\n${LINE.replace('alice', 'Alice')}`,
    ],
  ];
  for (const [name, description, note] of nobody) {
    yield invalidNote(name, description, note, 'note-unverified');
  }
}

// L, the order of the base point, in little-endian bytes.
const ORDER = parseBase64('7dP1XBpjEljWnPei3vneFAAAAAAAAAAAAAAAAAAAABA=') ?? [];

export function addOrder(signature) {
  const sum = signature.slice();
  let carry = 0;
  for (let i = 0; i < 32; i++) {
    carry += sum[32 + i] + ORDER[i];
    sum[32 + i] = carry & 0xff;
    carry >>= 8;
  }
  return sum;
}

function validKey(name, description, key) {
  const { id, type, publicKey } = key.signer;
  const facts = { name: key.name, id, type, public_key: hex(publicKey) };
  return valid('vkey', name, description, { vkey: key.vkey }, facts);
}

function* validKeys() {
  yield validKey('ed25519', 'A note key, type 0x01.', ALICE);
  yield validKey('ed25519-cosignature', 'A witness key, type 0x04.', WITNESSES[0]);
  yield validKey('ml-dsa-44', 'A post-quantum witness key, type 0x06.', POST_QUANTUM);
  yield validKey(
    'name-unicode',
    'Any characters but white space and plus.',
    keyOf('prüfer.example/ß'),
  );
  yield validKey('name-one-letter', 'The shortest name.', keyOf('x'));
  yield validKey('name-255-bytes', 'The longest name.', keyOf('x'.repeat(255)));
}

function* invalidKeys() {
  const { name, signer, vkey } = ALICE;
  const [, id = '', data = ''] = vkey.split('+');
  const refused = (reason, description, text, detail, code = 'key-malformed') =>
    invalid('vkey', reason, description, { vkey: text }, code, detail);
  const field = (which) => ({ field: which });

  yield refused('empty', 'Nothing.', '');
  yield refused('two-parts', 'The key is missing.', `${name}+${id}`);
  yield refused('id-upper-case', 'Hex digits are lower case.', keyWithLetterId(), field('id'));
  yield refused('id-short', 'Seven digits.', `${name}+${id.slice(1)}+${data}`, field('id'));
  yield refused('id-long', 'Nine digits.', `${name}+0${id}+${data}`, field('id'));
  yield refused('id-prefix', 'With 0x.', `${name}+0x${id.slice(2)}+${data}`, field('id'));
  yield refused('id-wrong', 'Another key ID.', `${name}+00000000+${data}`, field('id'));
  yield refused(
    'name-changed',
    'The ID is of another name.',
    `${name}x+${id}+${data}`,
    field('id'),
  );
  yield refused('name-empty', 'The name is empty.', `+${id}+${data}`, field('name'));
  yield refused('name-space', 'The name has a space.', `a b+${id}+${data}`, field('name'));
  yield refused('name-no-break-space', 'U+00A0.', `a\u00a0b+${id}+${data}`, field('name'));
  yield refused('name-control', 'U+0001.', `a\u0001b+${id}+${data}`, field('name'));
  const longest = 'x'.repeat(256);
  const longKey = formatVkey({ ...signer, name: longest, id: keyId(longest, 1, signer.publicKey) });
  yield refused('name-256-bytes', 'The name is too long.', longKey, field('name'));
  yield refused('newline-trailing', 'A newline at the end.', `${vkey}\n`);
  yield refused('space-leading', 'A space in front.', ` ${vkey}`);
  yield refused(
    'newline-inside',
    'A newline in the base64.',
    `${vkey.slice(0, -4)}\n${vkey.slice(-4)}`,
  );
  yield refused('type-only', 'A type byte and no key.', `${name}+${id}+AQ==`, field('key'));
  const postQuantum = `${POST_QUANTUM.vkey.slice(0, -1)}`;
  yield refused('base64-unpadded', 'The padding is missing.', postQuantum, field('key'));
  yield refused('base64-unused-bits', 'Unused bits are set.', setUnusedBits(POST_QUANTUM.vkey));
  for (const [reason, description, type, key] of [
    ['key-31-bytes', 'A key of 31 bytes.', 1, signer.publicKey.subarray(0, 31)],
    ['key-33-bytes', 'A key of 33 bytes.', 1, concatBytes(signer.publicKey, [0])],
    ['type-unknown', 'Type 0x99.', 0x99, signer.publicKey],
    ['type-ecdsa', 'Type 0x02.', 0x02, signer.publicKey],
    [
      'ml-dsa-44-short',
      'An ML-DSA-44 key of 1311 bytes.',
      6,
      POST_QUANTUM.signer.publicKey.slice(1),
    ],
  ]) {
    yield refused(reason, `${description} The ID fits.`, vkeyText(name, type, key));
  }
  yield* weakKeys(refused);
}

/** Keys that a verifier must not be configured with: small order, no point, or not canonical. */
function* weakKeys(refused) {
  for (const [reason, description, y] of [
    ['small-order-1', 'The neutral element.', `01${'00'.repeat(31)}`],
    ['small-order-2', 'The point of order 2.', `ec${'ff'.repeat(30)}7f`],
    ['small-order-4', 'A point of order 4.', '00'.repeat(32)],
    ['small-order-4-sign', 'The other point of order 4.', `${'00'.repeat(31)}80`],
    [
      'small-order-8',
      'A point of order 8.',
      'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
    ],
    ['non-canonical', 'y = p + 3 for y = 3.', `f0${'ff'.repeat(30)}7f`],
    ['off-curve', 'No point has y = 2.', `02${'00'.repeat(31)}`],
  ]) {
    const key = Uint8Array.from(y.match(/../g) ?? [], (digits) => Number(`0x${digits}`));
    yield refused(reason, description, vkeyText('weak.example', 1, key), undefined, 'key-weak');
  }
}

function vkeyText(name, type, key) {
  return formatVkey({ name, id: keyId(name, type, key), type, publicKey: key });
}

/** A good vkey but for the case of its ID, which has a letter. */
function keyWithLetterId() {
  for (let i = 0; ; i++) {
    const { vkey, signer } = keyOf(`upper${i}.example`);
    if (/[a-f]/.test(signer.id)) return vkey.replace(signer.id, signer.id.toUpperCase());
  }
}
