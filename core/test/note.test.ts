// Signed notes of C2SP signed-note.

import { controlCharacterAt, parseUtf8, utf8 } from '@writ/core/bytes';
import { openNote, signText } from '@writ/core/formats/cosignature';
import { parseVkey, verifierOf } from '@writ/core/formats/key';
import {
  formatNote,
  formatSignatureLine,
  MAX_NOTE_BYTES,
  MAX_SIGNATURES,
  type Note,
  parseNote,
  parseSignatureLines,
} from '@writ/core/formats/note';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LOG_KEY, LOG_SIGNER, signerFor } from './keyring.ts';
import { checkMutants, mutantsOf, refusal } from './mutants.ts';

const test = suite('signed notes');
const other = signerFor('other.example');
const EXAMPLE = `This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
`;
const EXAMPLE_KEY = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k';

function noteOf(text: string, ...signers: readonly (typeof LOG_SIGNER)[]): Note {
  return { text, signatures: signers.map((signer) => signText(signer, text, 0n)) };
}

function openWithLogKey(bytes: Uint8Array): string {
  const note = parseNote(bytes);
  openNote(note, [LOG_KEY]);
  return note.text;
}

test('the example of the specification opens', () => {
  const note = parseNote(utf8(EXAMPLE));
  assert.is(note.text, 'This is an example message.\n');
  assert.is(openNote(note, [parseVkey(EXAMPLE_KEY)]).length, 1);
  assert.is(parseUtf8(formatNote(note)), EXAMPLE);
});

test('any text that ends in a newline can be signed and opened', () => {
  const texts = fc
    .string({ unit: 'grapheme', maxLength: 60 })
    .filter((text) => controlCharacterAt(text) < 0)
    .map((text) => `${text}\n`);
  fc.assert(
    fc.property(texts, (text) => {
      const bytes = formatNote(noteOf(text, LOG_SIGNER, other));
      assert.is(openWithLogKey(bytes), text);
      assert.equal(formatNote(parseNote(bytes)), bytes);
    }),
    { numRuns: 60 },
  );
});

test('a mutant is refused or read exactly', () => {
  const good = formatNote(noteOf('a\n\nb\n', LOG_SIGNER));
  const format = { parse: parseNote, format: formatNote, codes: ['note-malformed'] as const };
  assert.ok(checkMutants(good, format) > 0);
});

test('no mutant opens with another text or under another key', () => {
  const good = formatNote(noteOf('text\n', LOG_SIGNER));
  for (const mutant of mutantsOf(good)) {
    let opened: string | undefined;
    try {
      opened = openWithLogKey(mutant);
    } catch {
      continue;
    }
    assert.unreachable(`opened ${JSON.stringify(opened)}`);
  }
});

test('refusals name the line', () => {
  const good = parseUtf8(formatNote(noteOf('one\ntwo\n', LOG_SIGNER, other))) ?? '';
  const lineOf = (text: string): unknown =>
    refusal(() => parseNote(utf8(text)), 'note-malformed').detail['line'];
  assert.is(lineOf(good.replace('two', 't\two')), 2);
  assert.is(lineOf(good.replace('— other', '- other')), 5);
  assert.is(lineOf(good.replace('— log', '— l+g')), 4);
});

test('limits: 100 signatures, 512 KiB', () => {
  const [signature] = noteOf('a\n', LOG_SIGNER).signatures;
  assert.ok(signature);
  const most = formatSignatureLine(signature).repeat(MAX_SIGNATURES);
  assert.is(parseNote(utf8(`a\n\n${most}`)).signatures.length, MAX_SIGNATURES);
  refusal(() => parseNote(utf8(`a\n\n${most}${formatSignatureLine(signature)}`)), 'note-malformed');
  const line = formatSignatureLine(signature);
  const room = MAX_NOTE_BYTES - utf8(`\n\n${line}`).length;
  assert.is(parseNote(utf8(`${'x'.repeat(room)}\n\n${line}`)).text.length, room + 1);
  refusal(() => parseNote(utf8(`${'x'.repeat(room + 1)}\n\n${line}`)), 'note-malformed');
});

test('a bad signature of a known key spoils the note, one of a stranger does not', () => {
  const note = noteOf('a\n', LOG_SIGNER, other);
  const [good, strange] = note.signatures;
  assert.ok(good && strange);
  const broken = { ...good, bytes: good.bytes.with(9, (good.bytes[9] ?? 0) ^ 1) };
  const brokenStranger = { ...strange, bytes: strange.bytes.subarray(1) };
  assert.is(openNote({ ...note, signatures: [good, brokenStranger] }, [LOG_KEY]).length, 1);
  const spoilt = { ...note, signatures: [good, strange, broken] };
  refusal(() => openNote(spoilt, [LOG_KEY, verifierOf(other)]), 'note-bad-signature');
  refusal(() => openNote({ ...note, signatures: [strange] }, [LOG_KEY]), 'note-unverified');
  refusal(() => openNote(note, []), 'note-unverified');
});

test('a key that signed twice counts once', () => {
  const note = noteOf('a\n', LOG_SIGNER, LOG_SIGNER);
  assert.is(openNote(note, [LOG_KEY]).length, 1);
});

test('signature lines alone are read as the answer of a witness is', () => {
  const [signature] = noteOf('a\n', LOG_SIGNER).signatures;
  assert.ok(signature);
  assert.equal(parseSignatureLines(formatSignatureLine(signature)), [signature]);
  for (const block of ['', '\n', formatSignatureLine(signature).trimEnd()]) {
    refusal(() => parseSignatureLines(block), 'note-malformed');
  }
});

test('a text without final newline is a mistake of the signer', () => {
  assert.throws(() => formatNote({ text: 'a', signatures: [] }), RangeError);
});

test.run();
