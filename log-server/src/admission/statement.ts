// Admission of statements: size → strict decode and canonical form → shape → author → permission → signature.
// What is left, duplicate, stream position and the rules of the stream, the log decides when it sequences, in one
// place. Whose key it is, the village says for its members, and the authors file for everybody else.

import { equalBytes, formatHex } from '@writ/core/bytes';
import type { Ed25519Verifier } from '@writ/core/ed25519';
import { LogError } from '@writ/core/errors';
import { MAX_ENTRY_SIZE } from '@writ/core/formats/entry-bundle';
import { decodePayload } from '@writ/core/statements/kinds';
import { checkStatementSignatureAsync, decodeStatement } from '@writ/core/statements/statement';
import type { Step } from '@writ/core/streams/position';
import { contextAt, type StreamStates, signerKey } from '@writ/core/streams/reduce';
import type { Verifiers } from '@writ/core/streams/verifiers';
import type { StreamMove } from '../log/batch.ts';
import { type Author, type Authors, keyIdText, mayWrite } from './authors.ts';

/** A statement that the log may sequence. */
export interface Admitted {
  readonly entry: Uint8Array;
  readonly leafHash: Uint8Array;
  readonly move: StreamMove;
}

/** Who may write: the authors file, and the states of the streams as they are now. */
export interface Authorities {
  readonly authors: Authors;
  readonly states: StreamStates;
  /** The Ed25519 public key of the log, with which only the log itself writes. */
  readonly logKey: Uint8Array;
  /** Keys of members, ready from one statement to the next. */
  readonly verifiers: Verifiers;
}

/**
 * Admits the statement in `bytes`, which must not change afterwards. LogError entry-empty, entry-too-large,
 * statement-malformed, author-unknown, author-not-permitted or statement-bad-signature.
 */
export async function admitStatement(
  bytes: Uint8Array,
  authorities: Authorities,
): Promise<Admitted> {
  checkEntrySize(bytes);
  const statement = decodeStatement(bytes);
  // A leaf that no reader can make sense of is never logged.
  const step: Step = { statement, payload: decodePayload(statement) };
  const verifier = verifierOf(step, authorities);
  await checkStatementSignatureAsync(statement, verifier);
  const { id: leafHash, stream, seq, previous } = statement;
  return { entry: bytes, leafHash, move: { stream, seq, previous, step } };
}

/** The key that must have signed. A village that is there speaks for its members; the reducer has the last word. */
function verifierOf(
  step: Step,
  { authors, states, logKey, verifiers }: Authorities,
): Ed25519Verifier {
  const { stream, keyId } = step.statement;
  const author = authors.get(keyIdText(keyId));
  const named = signerKey(step, contextAt(states, 0, logKey));
  if (named !== undefined && equalBytes(named, logKey)) {
    throw new LogError('author-not-permitted', 'only the log itself writes with its key', {
      stream,
    });
  }
  if (named === undefined || step.payload.kind === 'village-create') {
    return requirePermission(author, step).verifier;
  }
  return author?.verifier ?? verifiers.of(named);
}

function requirePermission(author: Author | undefined, { statement }: Step): Author {
  const { stream, keyId } = statement;
  if (author === undefined) {
    throw new LogError(
      'author-unknown',
      'key id: neither the village nor the authors file knows this key',
      {
        field: 'key id',
        got: formatHex(keyId),
      },
    );
  }
  if (!mayWrite(author, stream)) {
    throw new LogError('author-not-permitted', `${author.name} may not write to ${stream}`, {
      field: 'stream',
      author: author.name,
      stream,
    });
  }
  return author;
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
