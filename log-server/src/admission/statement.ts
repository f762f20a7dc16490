// Admission of statements: size → strict decode and canonical form → shape → author → permission → signature.
// What is left, duplicate, stream position and the rules of the stream, the log decides when it sequences, in one
// place. Whose key it is, the village says for its members, and the authors file for everybody else.

import { equalBytes, formatHex } from '@writ/core/bytes';
import type { Ed25519Verifier } from '@writ/core/ed25519';
import { LogError } from '@writ/core/errors';
import { MAX_ENTRY_SIZE } from '@writ/core/formats/entry-bundle';
import { openPayload } from '@writ/core/statements/kinds';
import { commitmentOf } from '@writ/core/statements/sealed';
import {
  checkStatementSignatureAsync,
  decodeStatement,
  type Statement,
} from '@writ/core/statements/statement';
import { villageOfStream } from '@writ/core/streams/hidden';
import type { Step } from '@writ/core/streams/position';
import { contextAt, type StreamStates, signerKey } from '@writ/core/streams/reduce';
import type { Verifiers } from '@writ/core/streams/verifiers';
import type { HeldOpenings, Release } from '../blobs/held-openings.ts';
import type { StreamMove } from '../log/batch.ts';
import { type Author, type Authors, keyIdText, mayWrite } from './authors.ts';
import { type RequestBuckets, takeSubmission } from './request-buckets.ts';

/** A statement that the log may sequence. */
export interface Admitted {
  readonly entry: Uint8Array;
  readonly leafHash: Uint8Array;
  readonly move: StreamMove;
  /** Where an opening is kept for it: to be called when the log has decided. */
  readonly release?: Release;
}

/** Who may write: the authors file, and the states of the streams as they are now. */
export interface Authorities {
  readonly authors: Authors;
  readonly states: StreamStates;
  /** The Ed25519 public key of the log, with which only the log itself writes. */
  readonly logKey: Uint8Array;
  /** Keys of members, ready from one statement to the next. */
  readonly verifiers: Verifiers;
  /** What is left of the requests of each village; undefined: nothing is rationed. */
  readonly requests: RequestBuckets | undefined;
  /** undefined: this log takes nothing sealed. */
  readonly openings: HeldOpenings | undefined;
}

/**
 * Admits the statement in `bytes`, which must not change afterwards, and makes the opening of a sealed one durable.
 * LogError entry-empty, entry-too-large, statement-malformed, opening-missing, opening-failed, opening-malformed,
 * author-unknown, author-not-permitted, statement-bad-signature, rate-limited, and those of the blob store.
 */
export async function admitStatement(
  bytes: Uint8Array,
  authorities: Authorities,
  opening?: Uint8Array,
): Promise<Admitted> {
  checkEntrySize(bytes);
  const statement = decodeStatement(bytes);
  // A leaf that no reader can make sense of is never logged.
  const step: Step = { statement, payload: openPayload(statement, opening) };
  if (step.payload.kind === 'sealed') throw openingMissing();
  await requireSigner(step, authorities);
  // Behind the signature, or anybody could use up what members have.
  const { requests, states } = authorities;
  if (requests !== undefined) takeSubmission(requests, states, step);
  const { id: leafHash, stream, seq, previous } = statement;
  const admitted = { entry: bytes, leafHash, move: { stream, seq, previous, step } };
  if (opening === undefined) return admitted;
  return { ...admitted, release: await keepOpening(opening, authorities) };
}

function openingMissing(): LogError {
  const message = 'a sealed statement comes with its opening: send both as application/cbor-seq';
  return new LogError('opening-missing', message, { field: 'opening' });
}

async function keepOpening(opening: Uint8Array, { openings }: Authorities): Promise<Release> {
  if (openings === undefined)
    throw new LogError(
      'media-type-unsupported',
      'this log keeps no openings: it takes nothing sealed',
    );
  return openings.hold(commitmentOf(opening), opening);
}

function isOfPrivateVillage({ statement }: Step, { states }: Authorities): boolean {
  const name = villageOfStream(statement);
  const village = name === undefined ? undefined : states.get(`village/${name}`);
  return village?.family === 'village' && village.law.visibility === 'private';
}

/**
 * What a private village says of a key, it says to the holder alone: without its signature the key of a member, that
 * of an author and one that nobody knows get the same answer behind the same work.
 */
async function requireSigner(step: Step, authorities: Authorities): Promise<void> {
  const { statement } = step;
  if (!isOfPrivateVillage(step, authorities))
    return checkStatementSignatureAsync(statement, verifierOf(step, authorities));
  const { authors, states, logKey, verifiers } = authorities;
  const named = signerKey(step, contextAt(states, 0, logKey));
  const author = authors.get(keyIdText(statement.keyId));
  const isKnown = named !== undefined || author !== undefined;
  const verifier = author?.verifier ?? verifiers.of(named ?? logKey);
  const { toBeSigned, signature } = statement;
  const holds = await verifier.verifyAsync(toBeSigned, signature);
  if (!isKnown || !holds) throw authorUnknown(statement);
  verifierOf(step, authorities); // says whether the holder may write here
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
  const { stream } = statement;
  if (author === undefined) throw authorUnknown(statement);
  if (!mayWrite(author, stream)) {
    throw new LogError('author-not-permitted', `${author.name} may not write to ${stream}`, {
      field: 'stream',
      author: author.name,
      stream,
    });
  }
  return author;
}

function authorUnknown({ keyId }: Statement): LogError {
  const message = 'key id: neither the village nor the authors file knows the key that signed';
  return new LogError('author-unknown', message, { field: 'key id', got: formatHex(keyId) });
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
