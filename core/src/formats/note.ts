// Signed notes: C2SP signed-note (https://c2sp.org/signed-note@v1.0.0).
//
//   This is an example message.
//
//   — example.com/foo Uw2QOkn1tVOGRQJ4bQDnpKgXg8fwEzfYe1GG...
//
// The text ends before the last blank line and includes its own final newline.

import {
  concatBytes,
  controlCharacterAt,
  formatBase64,
  formatHex,
  parseBase64,
  parseHex,
  parseUtf8,
  utf8,
} from '../bytes.ts';
import { bug, LogError } from '../errors.ts';
import { isSignatureName, type VerifierKey } from './key.ts';

/** The format asks verifiers to take at least 16; grease and rotation need room above that. */
export const MAX_SIGNATURES = 100;
/** Room for 100 ML-DSA-44 lines and a long text. */
export const MAX_NOTE_BYTES: number = 512 * 1024;
const MIN_SIGNATURE_BYTES = 5; // key ID and at least one byte

/** One signature line. `id` is the key ID as 8 hex digits, `bytes` what follows it. */
export interface NoteSignature {
  readonly name: string;
  readonly id: string;
  readonly bytes: Uint8Array;
}

/** A note as read: nothing in it is verified. */
export interface Note {
  /** The signed text with its final newline. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** Parses a note. LogError note-malformed with the line (1-based). */
export function parseNote(bytes: Uint8Array): Note {
  if (bytes.length > MAX_NOTE_BYTES)
    throw malformed(`a note has at most ${MAX_NOTE_BYTES} bytes`, 1);
  const whole = parseUtf8(bytes);
  if (whole === undefined) throw malformed('the note is not valid UTF-8', 1);
  const control = controlCharacterAt(whole);
  if (control >= 0) throw malformed('the note has a control character', lineAt(whole, control));
  if (!whole.endsWith('\n'))
    throw malformed('the note does not end in a newline', lineAt(whole, whole.length));
  const split = whole.lastIndexOf('\n\n');
  if (split < 0)
    throw malformed('there is no blank line before the signatures', lineAt(whole, whole.length));
  const text = whole.slice(0, split + 1);
  return {
    text,
    signatures: parseSignatureLines(whole.slice(split + 2), lineAt(whole, split + 2)),
  };
}

/** Parses signature lines, each ended by a newline; at least one. `firstLine` is for messages. */
export function parseSignatureLines(block: string, firstLine = 1): NoteSignature[] {
  const lines = block.split('\n');
  if (lines.pop() !== '' || lines.length === 0)
    throw malformed('there is no signature line', firstLine);
  if (lines.length > MAX_SIGNATURES)
    throw malformed(`a note has at most ${MAX_SIGNATURES} signatures`, firstLine);
  return lines.map((line, i) => parseSignatureLine(line, firstLine + i));
}

function parseSignatureLine(line: string, number: number): NoteSignature {
  const parts = line.split(' ');
  const [dash, name = '', base64 = ''] = parts;
  if (dash !== '\u2014' || parts.length !== 3)
    throw malformed('a signature line is "— name base64"', number);
  // Of any length: the signature of a stranger is ignored, not a reason to refuse the note.
  if (!isSignatureName(name))
    throw malformed('the key name is empty or has white space or plus', number);
  const blob = parseBase64(base64);
  if (blob === undefined) throw malformed('the signature is not canonical base64', number);
  if (blob.length < MIN_SIGNATURE_BYTES) throw malformed('the signature is too short', number);
  return { name, id: formatHex(blob.subarray(0, 4)), bytes: blob.slice(4) };
}

/** One signature line with its newline. */
export function formatSignatureLine({ name, id, bytes }: NoteSignature): string {
  const blob = concatBytes(parseHex(id) ?? bug('key IDs are hex'), bytes);
  return `\u2014 ${name} ${formatBase64(blob)}\n`;
}

/** The bytes of a note. RangeError for a text that does not end in a newline. */
export function formatNote({ text, signatures }: Note): Uint8Array {
  if (!text.endsWith('\n')) throw new RangeError('the text of a note ends in a newline');
  return utf8(`${text}\n${signatures.map(formatSignatureLine).join('')}`);
}

/** A signature of a configured key that verified. */
export interface VerifiedSignature {
  readonly key: VerifierKey;
  readonly signature: NoteSignature;
}

/** Decides whether `signature` by `key` covers `text`; one function for each signature type. */
export type SignatureCheck = (key: VerifierKey, text: string, signature: Uint8Array) => boolean;

/** The signature lines that name one of `keys`, each with its key; nothing is verified. */
export function claimedSignatures<Key extends Pick<VerifierKey, 'name' | 'id'>>(
  { signatures }: Note,
  keys: readonly Key[],
): { readonly key: Key; readonly signature: NoteSignature }[] {
  return signatures.flatMap((signature) =>
    keys
      .filter(({ name, id }) => name === signature.name && id === signature.id)
      .map((key) => ({ key, signature })),
  );
}

/**
 * The signatures of `keys` on the note. Lines of unknown (name, ID) pairs are ignored; a line of a known pair
 * that does not verify spoils the whole note: LogError note-bad-signature. An empty answer is possible.
 */
export function verifyNote(
  note: Note,
  keys: readonly VerifierKey[],
  check: SignatureCheck,
): VerifiedSignature[] {
  const claimed = claimedSignatures(note, keys);
  for (const claim of claimed)
    requireGood(note, claim, check(claim.key, note.text, claim.signature.bytes));
  return firstOfEachKey(claimed);
}

/** As `verifyNote`, with a check that takes its time: one line after the other, none after a bad one. */
export async function verifyNoteAsync(
  note: Note,
  keys: readonly VerifierKey[],
  check: (...claim: Parameters<SignatureCheck>) => Promise<boolean>,
): Promise<VerifiedSignature[]> {
  const claimed = claimedSignatures(note, keys);
  for (const claim of claimed)
    requireGood(note, claim, await check(claim.key, note.text, claim.signature.bytes));
  return firstOfEachKey(claimed);
}

function requireGood(
  { signatures }: Note,
  { key, signature }: VerifiedSignature,
  isGood: boolean,
): void {
  if (isGood) return;
  const detail = { name: key.name, id: key.id, signature: signatures.indexOf(signature) + 1 };
  throw new LogError('note-bad-signature', `the signature of ${key.name} does not verify`, detail);
}

function firstOfEachKey(verified: readonly VerifiedSignature[]): VerifiedSignature[] {
  return verified.filter((one, i) => verified.findIndex(({ key }) => key === one.key) === i);
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}

function malformed(message: string, line: number): LogError {
  return new LogError('note-malformed', `line ${line}: ${message}`, { line });
}
