// Checkpoints, cosignatures and witness requests: C2SP tlog-checkpoint v1.0.0, tlog-cosignature v1.1.0-rc.1,
// tlog-witness v1.0.0.

import { concatBytes, parseBase64 } from '@writ/core/bytes';
import { formatSignatureLine } from '@writ/core/formats/note';
import {
  ascii,
  base64,
  checkpointOf,
  consistency,
  fixedBytes,
  hex,
  invalid,
  LOG,
  lineOf,
  noteOf,
  ORIGIN,
  octets,
  POST_QUANTUM,
  realHash,
  TIME,
  valid,
  WITNESSES,
} from './scenery.mjs';

const ROOT = fixedBytes('a root');
const ROOT_LINE = base64(ROOT);
const MAX = 2n ** 63n - 1n;
const [WITNESS] = WITNESSES;
const TEXT = checkpointOf({ size: 1000n, root: ROOT });

export function* checkpointVectors() {
  yield* validCheckpoints();
  yield* invalidCheckpoints();
  yield* validCosignatures();
  yield* invalidCosignatures();
  yield* validRequests();
  yield* invalidRequests();
}

function* validCheckpoints() {
  for (const [name, description, origin, size, extensions] of [
    ['plain', 'Three lines.', ORIGIN, 1000n, []],
    ['size-0', 'The empty tree.', ORIGIN, 0n, []],
    ['size-beyond-double', 'A size that no double holds.', ORIGIN, 2n ** 53n + 1n, []],
    ['size-max', 'The largest size.', ORIGIN, MAX, []],
    ['extension', 'One extension line.', ORIGIN, 1000n, ['anything']],
    ['extensions', 'Several extension lines.', ORIGIN, 1000n, ['a', ' ', 'a', '— x y']],
    ['origin-with-spaces', 'Origins may hold spaces.', 'Go module log', 1n, []],
    ['origin-unicode', 'Origins may be any text.', 'журнал.example', 1n, []],
  ]) {
    const text = checkpointOf({ origin, size, root: ROOT, extensions });
    const facts = { origin, size: String(size), root: hex(ROOT), extensions };
    yield valid('checkpoint', name, description, { text }, facts);
  }
}

function* invalidCheckpoints() {
  const refused = (name, description, text, field, line) =>
    invalid('checkpoint', name, description, { text }, 'checkpoint-malformed', { field, line });
  for (const [name, size] of [
    ['leading-zero', '01'],
    ['double-zero', '00'],
    ['plus', '+1'],
    ['minus', '-1'],
    ['minus-zero', '-0'],
    ['fraction', '1.0'],
    ['exponent', '1e3'],
    ['hexadecimal', '0x10'],
    ['leading-space', ' 1'],
    ['trailing-space', '1 '],
    ['empty', ''],
    ['separator', '1_000'],
    ['full-width-digits', '１２'],
    ['arabic-digits', '٣'],
    ['word', 'NaN'],
    ['2-63', String(2n ** 63n)],
    ['2-64', String(2n ** 64n)],
    ['20-digits', '10000000000000000000'],
  ]) {
    const text = `${ORIGIN}\n${size}\n${ROOT_LINE}\n`;
    yield refused(`size-${name}`, `The size is "${size}".`, text, 'size', 2);
  }
  for (const [name, description, line] of [
    ['31-bytes', 'A hash of 31 bytes.', base64(ROOT.subarray(1))],
    ['33-bytes', 'A hash of 33 bytes.', base64(concatBytes(ROOT, [0]))],
    ['empty', 'An empty hash.', ''],
    ['hexadecimal', 'The hash in hex.', hex(ROOT)],
    ['base64-url', 'The URL alphabet.', `${'-_'.repeat(21)}A=`],
    ['base64-unpadded', 'The padding is missing.', ROOT_LINE.slice(0, -1)],
    ['base64-unused-bits', 'Unused bits are set.', unusedBitsSet(ROOT_LINE)],
    ['trailing-space', 'A space behind the hash.', `${ROOT_LINE} `],
  ]) {
    const text = `${ORIGIN}\n1000\n${line}\n`;
    yield refused(`root-${name}`, description, text, 'root', 3);
  }
  yield refused('empty', 'Nothing.', '', 'body', 1);
  yield refused('no-final-newline', 'The last newline is missing.', TEXT.slice(0, -1), 'body', 1);
  yield refused('one-line', 'Only an origin.', `${ORIGIN}\n`, 'size', 2);
  yield refused('two-lines', 'There is no root.', `${ORIGIN}\n1000\n`, 'root', 3);
  yield refused('crlf', 'Lines end in CR LF.', TEXT.replaceAll('\n', '\r\n'), 'origin', 1);
  yield refused('origin-empty', 'The origin is empty.', `\n1000\n${ROOT_LINE}\n`, 'origin', 1);
  yield refused('extension-empty', 'An empty extension line.', `${TEXT}a\n\nb\n`, 'extension', 5);
  yield refused('extension-control', 'A control character.', `${TEXT}a\tb\n`, 'extension', 4);
  yield refused('blank-line-trailing', 'An empty line at the end.', `${TEXT}\n`, 'extension', 4);
}

/** Base64 of 32 bytes, with the two bits that encode nothing set. */
function unusedBitsSet(line) {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  return `${line.slice(0, 42)}${digits[digits.indexOf(line[42]) + 3]}=`;
}

function* validCosignatures() {
  const extended = checkpointOf({ size: 1000n, root: ROOT, extensions: ['more'] });
  for (const [name, description, key, checkpoint, time] of [
    ['ed25519', 'Type 0x04.', WITNESS, TEXT, TIME],
    ['ed25519-extension', 'Type 0x04 covers extension lines.', WITNESS, extended, TIME],
    ['ed25519-time-0', 'Type 0x04 at time 0.', WITNESS, TEXT, 0n],
    ['ed25519-time-max', 'Type 0x04 at 2^63-1.', WITNESS, TEXT, MAX],
    ['ml-dsa-44', 'Type 0x06.', POST_QUANTUM, TEXT, TIME],
    ['ml-dsa-44-time-0', 'Type 0x06 at time 0.', POST_QUANTUM, TEXT, 0n],
    ['ml-dsa-44-size-max', 'Type 0x06, the largest tree.', POST_QUANTUM, sized(MAX), TIME],
  ]) {
    const input = { vkey: key.vkey, checkpoint, line: lineOf(key, checkpoint, time) };
    yield valid('cosignature', name, description, input, { timestamp: String(time) });
  }
  // The message of type 0x06 ends with the root: the same line fits with and without extension lines.
  yield valid(
    'cosignature',
    'ml-dsa-44-extension',
    'Type 0x06 does not cover extension lines.',
    { vkey: POST_QUANTUM.vkey, checkpoint: extended, line: lineOf(POST_QUANTUM, TEXT) },
    { timestamp: String(TIME) },
  );
}

function sized(size) {
  return checkpointOf({ size, root: ROOT });
}

function* invalidCosignatures() {
  const bad = 'note-bad-signature';
  const refused = (name, description, key, line, { checkpoint = TEXT, code = bad } = {}) =>
    invalid('cosignature', name, description, { vkey: key.vkey, checkpoint, line }, code);
  for (const [label, key] of [
    ['ed25519', WITNESS],
    ['ml-dsa-44', POST_QUANTUM],
  ]) {
    const line = lineOf(key, TEXT);
    const other = (checkpoint) => ({ checkpoint });
    const raw = bytesOf(line);
    const last = raw.length - 1;
    const changed = [
      ['time', 'The time is not what was signed.', raw.with(7, raw[7] ^ 1)],
      ['time-2-63', 'The time has the highest bit set.', raw.with(0, 0x80)],
      ['signature', 'The signature is not what was made.', raw.with(last - 40, raw[last - 40] ^ 1)],
      ['short', 'The last byte is missing.', raw.subarray(0, -1)],
      ['long', 'There is a byte too much.', concatBytes(raw, [0])],
      ['without-time', 'There is no time.', raw.subarray(8)],
      ['time-alone', 'There is no signature.', raw.subarray(0, 8)],
    ];
    for (const [name, description, bytes] of changed) {
      yield refused(`${label}-${name}`, description, key, lineWith(key, bytes));
    }
    const smaller = other(sized(999n));
    yield refused(`${label}-size`, 'Another size.', key, line, smaller);
    const otherRoot = other(checkpointOf({ size: 1000n, root: fixedBytes('another root') }));
    yield refused(`${label}-root`, 'Another root.', key, line, otherRoot);
    const otherOrigin = other(checkpointOf({ origin: 'other.example', size: 1000n, root: ROOT }));
    yield refused(`${label}-origin`, 'Another origin.', key, line, otherOrigin);
    const noCheckpoint = { checkpoint: 'no checkpoint\n', code: 'checkpoint-malformed' };
    yield refused(`${label}-text`, 'The text is no checkpoint.', key, line, noCheckpoint);
  }
  const line = lineOf(WITNESS, TEXT);
  const extended = checkpointOf({ size: 1000n, root: ROOT, extensions: ['more'] });
  yield refused('ed25519-extension', 'An extension line is added.', WITNESS, line, {
    checkpoint: extended,
  });
  const plain = WITNESS.signer.signRaw(ascii(TEXT));
  yield refused('ed25519-plain', 'A plain note signature.', WITNESS, lineWith(WITNESS, plain));
  const stranger = lineOf(WITNESSES[1], TEXT);
  yield refused('other-key', 'A line of another witness.', WITNESS, stranger, {
    code: 'note-unverified',
  });
  yield refused('no-newline', 'The line is not ended.', WITNESS, line.slice(0, -1), {
    code: 'note-malformed',
  });
}

/** The bytes of a signature line behind the key ID. */
function bytesOf(line) {
  return (parseBase64(line.trimEnd().split(' ')[2]) ?? []).slice(4);
}

function lineWith({ name, signer }, bytes) {
  return formatSignatureLine({ name, id: signer.id, bytes });
}

const NOTE = noteOf(checkpointOf({ size: 21n, root: realHash(0n, 21n) }), LOG);

function* validRequests() {
  for (const [name, description, old] of [
    ['growth', 'From 13 to 21 leaves.', 13n],
    ['power-of-two', 'From 16 leaves, whose root the proof does not repeat.', 16n],
    ['first', 'The first checkpoint: no proof.', 0n],
    ['same-size', 'Nothing new: no proof.', 21n],
  ]) {
    const hashes = old === 0n ? [] : consistency(old, 0n, 21n).proof;
    const body = requestOf(`old ${old}`, hashes.map(base64), NOTE);
    const facts = { old_size: String(old), proof: hashes.map(base64), checkpoint: NOTE };
    yield valid('add-checkpoint', name, description, { body }, facts);
  }
  const hashes = Array.from({ length: 63 }, (_, i) => base64(fixedBytes(`hash ${i}`)));
  const body = requestOf(`old ${MAX}`, hashes, NOTE);
  const facts = { old_size: String(MAX), proof: hashes, checkpoint: NOTE };
  yield valid('add-checkpoint', 'largest', 'The largest size and 63 hashes.', { body }, facts);
}

function requestOf(first, hashes, note) {
  return `${[first, ...hashes].join('\n')}\n\n${note}`;
}

function* invalidRequests() {
  const hash = base64(fixedBytes('a hash'));
  const refused = (name, description, body, line) =>
    invalid('add-checkpoint', name, description, octets('body', body), 'request-malformed', {
      line,
    });
  for (const [name, first] of [
    ['missing', hash],
    ['empty', 'old '],
    ['no-space', 'old1'],
    ['leading-zero', 'old 01'],
    ['plus', 'old +1'],
    ['minus', 'old -1'],
    ['2-63', `old ${2n ** 63n}`],
    ['trailing-space', 'old 1 '],
    ['upper-case', 'Old 1'],
    ['two-spaces', 'old  1'],
  ]) {
    yield refused(
      `old-${name}`,
      `The first line is "${first}".`,
      requestOf(first, [hash], NOTE),
      1,
    );
  }
  for (const [name, line] of [
    ['31-bytes', base64(fixedBytes('a hash').subarray(1))],
    ['33-bytes', base64(concatBytes(fixedBytes('a hash'), [0]))],
    ['unused-bits', unusedBitsSet(hash)],
    ['unpadded', hash.slice(0, -1)],
    ['carriage-return', `${hash}\r`],
    ['words', 'not a hash'],
  ]) {
    yield refused(
      `hash-${name}`,
      'The second hash is malformed.',
      requestOf('old 1', [hash, line], NOTE),
      3,
    );
  }
  const many = Array.from({ length: 64 }, () => hash);
  yield refused('64-hashes', 'A hash too much.', requestOf('old 1', many, NOTE), 2);
  yield refused('empty', 'No bytes.', '', 1);
  yield refused('no-blank-line', 'There is no checkpoint.', `old 1\n${hash}\n`, 1);
  yield refused('utf8', 'The body is not valid UTF-8.', concatBytes(ascii('old 1\n\n'), [0xff]), 1);
}
