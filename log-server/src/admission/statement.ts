// Admission of statements: size → strict decode and canonical form → shape → author → permission → signature.
// What is left, duplicate and stream position, the log decides when it sequences, in one place.

import { formatHex } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { MAX_ENTRY_SIZE } from '@writ/core/formats/entry-bundle';
import { decodePayload } from '@writ/core/statements/kinds';
import { checkStatementSignatureAsync, decodeStatement } from '@writ/core/statements/statement';
import type { StreamMove } from '../log/batch.ts';
import { type Author, type Authors, keyIdText, mayWrite } from './authors.ts';

/** A statement that the log may sequence. */
export interface Admitted {
  readonly entry: Uint8Array;
  readonly leafHash: Uint8Array;
  readonly move: StreamMove;
  readonly author: Author;
}

/**
 * Admits the statement in `bytes`, which must not change afterwards. LogError entry-empty, entry-too-large,
 * statement-malformed, author-unknown, author-not-permitted or statement-bad-signature.
 */
export async function admitStatement(bytes: Uint8Array, authors: Authors): Promise<Admitted> {
  checkEntrySize(bytes);
  const statement = decodeStatement(bytes);
  decodePayload(statement); // a leaf that no reader can make sense of is never logged
  const { id: leafHash, stream, seq, previous, keyId } = statement;
  const author = authors.get(keyIdText(keyId));
  if (author === undefined) {
    throw new LogError('author-unknown', 'key id: the authors file lists no such key', {
      field: 'key id',
      got: formatHex(keyId),
    });
  }
  if (!mayWrite(author, stream)) {
    throw new LogError('author-not-permitted', `${author.name} may not write to ${stream}`, {
      field: 'stream',
      author: author.name,
      stream,
    });
  }
  await checkStatementSignatureAsync(statement, author.verifier);
  return { entry: bytes, leafHash, move: { stream, seq, previous }, author };
}

/** LogError entry-empty or entry-too-large. */
export function checkEntrySize(entry: Uint8Array): void {
  if (entry.length === 0) throw new LogError('entry-empty', 'the entry has no bytes');
  if (entry.length > MAX_ENTRY_SIZE) {
    throw new LogError('entry-too-large', `an entry has at most ${MAX_ENTRY_SIZE} bytes`, {
      expected: MAX_ENTRY_SIZE,
      got: entry.length,
    });
  }
}
