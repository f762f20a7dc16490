// Proof files: C2SP tlog-proof (https://c2sp.org/tlog-proof), extension .tlog-proof.
//
//   c2sp.org/tlog-proof@v1
//   index 73894
//   gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
//
//   example.com/fancylog
//   ... the checkpoint, verbatim

import { concatBytes, formatBase64, parseBase64, parseDecimal, parseUtf8, utf8 } from '../bytes.ts';
import { LogError } from '../errors.ts';
import { isHash } from '../merkle/hash.ts';
import { MAX_PROOF_HASHES } from '../merkle/inclusion.ts';
import { MAX_NOTE_BYTES } from './note.ts';

const VERSION_LINE = 'c2sp.org/tlog-proof@v1';
/** Room for the checkpoint, the hashes and 64 KiB of extra data. */
export const MAX_PROOF_BYTES: number = MAX_NOTE_BYTES + 128 * 1024;

/** A proof as read: nothing in it is verified, and `extra` never is. */
export interface TlogProof {
  readonly extra?: Uint8Array;
  readonly index: bigint;
  /** Inclusion proof, leaf's sibling first. */
  readonly hashes: readonly Uint8Array[];
  /** The signed note, verbatim. */
  readonly checkpoint: Uint8Array;
}

/** Parses a proof file. LogError proof-malformed with the line; the checkpoint is left as bytes. */
export function parseTlogProof(bytes: Uint8Array): TlogProof {
  if (bytes.length > MAX_PROOF_BYTES)
    throw malformed(`a proof has at most ${MAX_PROOF_BYTES} bytes`, 1);
  const text = parseUtf8(bytes);
  if (text === undefined) throw malformed('the proof is not valid UTF-8', 1);
  const split = text.indexOf('\n\n');
  if (split < 0)
    throw malformed('there is no empty line before the checkpoint', text.split('\n').length);
  const lines = text.slice(0, split).split('\n');
  if (lines.shift() !== VERSION_LINE) throw malformed(`the first line is not ${VERSION_LINE}`, 1);
  let number = 2;
  const extra = lines[0]?.startsWith('extra ')
    ? parseExtra(lines.shift() ?? '', number++)
    : undefined;
  const index = parseIndex(lines.shift() ?? '', number++);
  if (lines.length > MAX_PROOF_HASHES)
    throw malformed(`a proof has at most ${MAX_PROOF_HASHES} hashes`, number);
  const hashes = lines.map((line, i) => parseHash(line, number + i));
  // The head is ASCII, every line of it was matched: so many characters, so many bytes.
  const checkpoint = bytes.slice(split + 2);
  return extra === undefined ? { index, hashes, checkpoint } : { extra, index, hashes, checkpoint };
}

function parseExtra(line: string, number: number): Uint8Array {
  const extra = parseBase64(line.slice('extra '.length));
  if (extra === undefined) throw malformed('the extra data is not canonical base64', number);
  return extra;
}

function parseIndex(line: string, number: number): bigint {
  const index = line.startsWith('index ') ? parseDecimal(line.slice('index '.length)) : undefined;
  if (index === undefined) throw malformed('expected "index " and a canonical decimal', number);
  return index;
}

function parseHash(line: string, number: number): Uint8Array {
  const hash = parseBase64(line);
  if (!isHash(hash)) throw malformed('expected canonical base64 of a 32-byte hash', number);
  return hash;
}

/** The bytes of a proof file. */
export function formatTlogProof({ extra, index, hashes, checkpoint }: TlogProof): Uint8Array {
  const head = [VERSION_LINE];
  if (extra !== undefined) head.push(`extra ${formatBase64(extra)}`);
  head.push(`index ${index}`, ...hashes.map(formatBase64), '', '');
  return concatBytes(utf8(head.join('\n')), checkpoint);
}

function malformed(message: string, line: number): LogError {
  return new LogError('proof-malformed', `line ${line}: ${message}`, { line });
}
