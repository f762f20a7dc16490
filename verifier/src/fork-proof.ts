// Fork proofs: one text file that shows that a log key signed two checkpoints which cannot both be true. It
// verifies by itself: whoever has the file needs neither the log nor the reader that met the fork.
// Format: spec/fork-proof.md.
//
//   writ-fork-proof/v1
//   log example.com/log+33d7b496+AeHTu4Q3...
//   hash 3kXLkxPd...                          only for two sizes: the smaller tree as the larger one has it
//   checkpoint 171                            bytes of each note below
//   checkpoint 171
//
//   (the note of the smaller tree)(the note of the larger tree)

import {
  compareBytes,
  concatBytes,
  equalBytes,
  formatBase64,
  formatHex,
  parseBase64,
  parseSafeDecimal,
  parseUtf8,
  utf8,
} from '@writ/core/bytes';
import { isLogError, LogError } from '@writ/core/errors';
import { type Checkpoint, parseCheckpoint } from '@writ/core/formats/checkpoint';
import { openNote } from '@writ/core/formats/cosignature';
import { formatVkey, parseVkey, type VerifierKey } from '@writ/core/formats/key';
import { MAX_NOTE_BYTES, parseNote } from '@writ/core/formats/note';
import { isHash } from '@writ/core/merkle/hash';
import { MAX_PROOF_HASHES } from '@writ/core/merkle/inclusion';
import { rootsFromConsistency } from './advance.ts';
import type { VerifiedCheckpoint } from './checkpoint.ts';
import { step, type Trace } from './trace.ts';

const VERSION_LINE = 'writ-fork-proof/v1';
/** Room for two notes, a key and the hashes. */
export const MAX_FORK_PROOF_BYTES: number = 2 * MAX_NOTE_BYTES + 16 * 1024;

/** A fork proof as read: nothing in it is verified. */
interface ForkProof {
  readonly key: VerifierKey;
  readonly hashes: readonly Uint8Array[];
  readonly notes: readonly [Uint8Array, Uint8Array];
}

/** What a verified fork proof shows. Whether the key is that of a log one cares about is the caller's question. */
export interface Fork {
  readonly key: VerifierKey;
  readonly smaller: Checkpoint;
  readonly larger: Checkpoint;
  /** Root of the smaller size as the larger tree has it: not the one that was signed. */
  readonly impliedRoot: Uint8Array;
}

/**
 * The file for two verified checkpoints that contradict each other. `hashes`, for different sizes, as in
 * `rootsFromConsistency`, from the larger tree. LogError nothing-to-verify when no one key signed both,
 * and those of `openForkProof` when the two do not contradict each other.
 */
export function makeForkProof(
  a: VerifiedCheckpoint,
  b: VerifiedCheckpoint,
  hashes: readonly Uint8Array[] = [],
): Uint8Array {
  const ids = new Set(b.logKeys.map(formatVkey));
  const key = a.logKeys.find((candidate) => ids.has(formatVkey(candidate)));
  if (key === undefined) {
    throw new LogError('nothing-to-verify', 'no one key of the log signed both checkpoints');
  }
  const inOrder = a.size < b.size || (a.size === b.size && compareBytes(a.root, b.root) < 0);
  const bytes = formatForkProof({
    key,
    hashes,
    notes: inOrder ? [a.note, b.note] : [b.note, a.note],
  });
  openForkProof(bytes);
  return bytes;
}

function formatForkProof({ key, hashes, notes }: ForkProof): Uint8Array {
  const lines = [VERSION_LINE, `log ${formatVkey(key)}`];
  for (const hash of hashes) lines.push(`hash ${formatBase64(hash)}`);
  for (const note of notes) lines.push(`checkpoint ${note.length}`);
  return concatBytes(utf8(`${lines.join('\n')}\n\n`), ...notes);
}

/**
 * Verifies a fork proof. LogError fork-proof-malformed with the line, also when both checkpoints can be true;
 * note-unverified and note-bad-signature; hash-mismatch when the hashes are not those of the larger tree.
 */
export function openForkProof(bytes: Uint8Array, trace?: Trace): Fork {
  const proof = step(
    trace,
    'fork proof format',
    () => parseForkProof(bytes),
    ({ key }) => ({ why: 'a fork proof about this key', got: formatVkey(key) }),
  );
  const open = (which: string, note: Uint8Array): Checkpoint =>
    step(
      trace,
      `${which} checkpoint`,
      () => openSigned(note, proof.key),
      ({ size, root }) => ({
        why: `${proof.key.name} signed it`,
        got: `size ${size}, root ${formatHex(root)}`,
      }),
    );
  const [smaller, larger] = [open('first', proof.notes[0]), open('second', proof.notes[1])];
  const impliedRoot = step(
    trace,
    'contradiction',
    () => requireContradiction(smaller, larger, proof.hashes),
    (root) => ({
      why: `the tree of ${larger.size} entries has another root at size ${smaller.size} than was signed`,
      expected: formatHex(smaller.root),
      got: formatHex(root),
    }),
  );
  return { key: proof.key, smaller, larger, impliedRoot };
}

function parseForkProof(bytes: Uint8Array): ForkProof {
  if (bytes.length > MAX_FORK_PROOF_BYTES)
    throw malformed(`a fork proof has at most ${MAX_FORK_PROOF_BYTES} bytes`, 1);
  const text = parseUtf8(bytes);
  if (text === undefined) throw malformed('the file is not valid UTF-8', 1);
  const split = text.indexOf('\n\n');
  if (split < 0) throw malformed('there is no empty line before the checkpoints', 1);
  const lines = text.slice(0, split).split('\n');
  if (lines[0] !== VERSION_LINE) throw malformed(`the first line is not ${VERSION_LINE}`, 1);
  if (lines.length < 4 || lines.length > 5 + MAX_PROOF_HASHES)
    throw malformed('expected a log line, at most 64 hash lines and two checkpoint lines', 2);
  const key = readKey(lines[1] ?? '');
  const hashes = lines.slice(2, -2).map((line, i) => readHash(line, 3 + i));
  const lengths = lines.slice(-2).map((line, i) => readLength(line, lines.length - 1 + i));
  const body = bytes.subarray(utf8(text.slice(0, split + 2)).length);
  const [first = 0, second = 0] = lengths;
  if (first + second !== body.length)
    throw malformed('the checkpoints do not have the lengths stated', lines.length);
  return { key, hashes, notes: [body.slice(0, first), body.slice(first)] };
}

function readKey(line: string): VerifierKey {
  if (!line.startsWith('log ')) throw malformed('expected "log " and a vkey', 2);
  try {
    return parseVkey(line.slice('log '.length));
  } catch (error) {
    if (!isLogError(error)) throw error;
    throw malformed(error.message, 2);
  }
}

function readHash(line: string, number: number): Uint8Array {
  const hash = line.startsWith('hash ') ? parseBase64(line.slice('hash '.length)) : undefined;
  if (!isHash(hash)) throw malformed('expected "hash " and base64 of 32 bytes', number);
  return hash;
}

function readLength(line: string, number: number): number {
  const [word, decimal = '', ...rest] = line.split(' ');
  const length = parseSafeDecimal(decimal);
  if (word !== 'checkpoint' || length === undefined || rest.length > 0 || length > MAX_NOTE_BYTES)
    throw malformed('expected "checkpoint " and the length of a note in bytes', number);
  return length;
}

function openSigned(noteBytes: Uint8Array, key: VerifierKey): Checkpoint {
  const note = parseNote(noteBytes);
  openNote(note, [key]);
  const checkpoint = parseCheckpoint(note.text);
  if (checkpoint.origin === key.name) return checkpoint;
  throw malformed('a checkpoint is not of the log that the key names', 2);
}

function requireContradiction(
  smaller: Checkpoint,
  larger: Checkpoint,
  hashes: readonly Uint8Array[],
): Uint8Array {
  const order = smaller.size === larger.size ? compareBytes(smaller.root, larger.root) : undefined;
  if (smaller.size > larger.size || (order !== undefined && order > 0))
    throw malformed('the checkpoints are not in order', 1);
  if (order !== undefined && hashes.length > 0)
    throw malformed('two checkpoints of one size need no hashes', 3);
  const roots =
    order === undefined
      ? rootsFromConsistency(smaller.size, larger.size, hashes)
      : { oldRoot: larger.root, root: larger.root };
  if (roots === undefined || !equalBytes(roots.root, larger.root))
    throw new LogError('hash-mismatch', 'the hashes do not lead to the root of the larger tree', {
      expected: formatHex(larger.root),
      got: roots === undefined ? 'no root' : formatHex(roots.root),
    });
  if (equalBytes(roots.oldRoot, smaller.root))
    throw malformed('both checkpoints can be true: the file shows no fork', 1);
  return roots.oldRoot;
}

function malformed(message: string, line: number): LogError {
  return new LogError('fork-proof-malformed', `line ${line}: ${message}`, { line });
}
