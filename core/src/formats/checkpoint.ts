// Checkpoints: C2SP tlog-checkpoint (https://c2sp.org/tlog-checkpoint@v1.0.0).
//
//   example.com/behind-the-sofa
//   20852163
//   CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

import { controlCharacterAt, formatBase64, parseBase64, parseDecimal } from '../bytes.ts';
import { LogError } from '../errors.ts';
import { isHash } from '../merkle/hash.ts';

/** A tree head as a log states it. */
export interface Checkpoint {
  /** Name of the log: non-empty, one line. */
  readonly origin: string;
  /** Leaves in the tree, at most 2^63-1. */
  readonly size: bigint;
  /** RFC 6962 root of that tree: 32 bytes. */
  readonly root: Uint8Array;
  /** Opaque extension lines; ours never has any, since the ML-DSA-44 cosignature does not cover them. */
  readonly extensions: readonly string[];
}

/** Parses the text of a checkpoint note. LogError checkpoint-malformed with line and field. */
export function parseCheckpoint(text: string): Checkpoint {
  if (!text.endsWith('\n')) throw malformed('the body does not end in a newline', 'body', 1);
  const [origin = '', sizeText = '', rootText = '', ...extensions] = text.slice(0, -1).split('\n');
  if (!isOrigin(origin)) throw malformed('the origin is empty or not valid text', 'origin', 1);
  const size = parseDecimal(sizeText);
  if (size === undefined)
    throw malformed('the tree size is not a canonical decimal below 2^63', 'size', 2);
  const root = parseBase64(rootText);
  if (!isHash(root)) throw malformed('the root is not canonical base64 of 32 bytes', 'root', 3);
  const bad = extensions.findIndex((line) => line === '' || controlCharacterAt(line) >= 0);
  if (bad >= 0)
    throw malformed('an extension line is empty or not valid text', 'extension', 4 + bad);
  return { origin, size, root, extensions };
}

/** The text of a checkpoint note, with its final newline. */
export function formatCheckpoint({ origin, size, root, extensions }: Checkpoint): string {
  return [origin, size, formatBase64(root), ...extensions, ''].join('\n');
}

/** True for a text that can be the first line of a checkpoint. */
function isOrigin(origin: string): boolean {
  const isLine = origin !== '' && !origin.includes('\n') && controlCharacterAt(origin) < 0;
  return isLine && origin.isWellFormed();
}

function malformed(message: string, field: string, line: number): LogError {
  return new LogError('checkpoint-malformed', `line ${line}: ${message}`, { field, line });
}
