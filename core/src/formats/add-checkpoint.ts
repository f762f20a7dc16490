// Requests to witnesses: C2SP tlog-witness (https://c2sp.org/tlog-witness@v1.0.0), "add-checkpoint".
//
//   old 20852014
//   PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
//
//   example.com/behind-the-sofa
//   ... the signed checkpoint

import { concatBytes, formatBase64, parseBase64, parseDecimal, parseUtf8, utf8 } from '../bytes.ts';
import { LogError } from '../errors.ts';
import { isHash } from '../merkle/hash.ts';
import { MAX_PROOF_HASHES } from '../merkle/inclusion.ts';
import { MAX_NOTE_BYTES } from './note.ts';

/** Room for a checkpoint and 63 hashes. */
export const MAX_ADD_CHECKPOINT_BYTES: number = MAX_NOTE_BYTES + 4096;
/** Content type of the size that a 409 answer carries. */
export const SIZE_CONTENT_TYPE = 'text/x.tlog.size';

/** An add-checkpoint request; the checkpoint is not even parsed yet. */
export interface AddCheckpoint {
  readonly oldSize: bigint;
  /** Consistency proof from oldSize to the checkpoint. */
  readonly proof: readonly Uint8Array[];
  /** The signed note, verbatim. */
  readonly checkpoint: Uint8Array;
}

/** Parses the body of a request. LogError request-malformed with the line. */
export function parseAddCheckpoint(body: Uint8Array): AddCheckpoint {
  const text = parseUtf8(body);
  if (text === undefined) throw malformed('the body is not valid UTF-8', 1);
  const split = text.indexOf('\n\n');
  if (split < 0) throw malformed('there is no empty line before the checkpoint', 1);
  const [first = '', ...lines] = text.slice(0, split).split('\n');
  const oldSize = first.startsWith('old ') ? parseDecimal(first.slice('old '.length)) : undefined;
  if (oldSize === undefined) throw malformed('expected "old " and a canonical decimal', 1);
  if (lines.length > MAX_PROOF_HASHES)
    throw malformed(`a proof has at most ${MAX_PROOF_HASHES} hashes`, 2);
  const proof = lines.map((line, i) => {
    const hash = parseBase64(line);
    if (!isHash(hash)) throw malformed('expected canonical base64 of a 32-byte hash', 2 + i);
    return hash;
  });
  return { oldSize, proof, checkpoint: utf8(text.slice(split + 2)) };
}

/** The body of a request. */
export function formatAddCheckpoint({ oldSize, proof, checkpoint }: AddCheckpoint): Uint8Array {
  const head = [`old ${oldSize}`, ...proof.map(formatBase64), '', ''].join('\n');
  return concatBytes(utf8(head), checkpoint);
}

/** The size in the body of a 409 answer, or undefined when it is not decimal and a newline. */
export function parseConflictSize(body: string): bigint | undefined {
  return body.endsWith('\n') ? parseDecimal(body.slice(0, -1)) : undefined;
}

function malformed(message: string, line: number): LogError {
  return new LogError('request-malformed', `line ${line}: ${message}`, { line });
}
