// Opening a follow page (spec/follow.md section 3): the statements of a stream with their verified leaf indexes and
// the time of the log before each. That is the context in which the rules of the stream judge them.

import { equalBytes } from '@writ/core/bytes';
import { bug, LogError } from '@writ/core/errors';
import type { VerifierKey } from '@writ/core/formats/key';
import type { TrustPolicy } from '@writ/core/formats/tlog-policy';
import { checkInclusion } from '@writ/core/merkle/inclusion';
import { decodePayload, openPayload, type Payload } from '@writ/core/statements/kinds';
import { decodeStatement, type Statement } from '@writ/core/statements/statement';
import { coseKeyThumbprint } from '@writ/core/statements/thumbprint';
import {
  type Anchor,
  decodeFollowPage,
  type FollowPage,
  type Span,
} from '@writ/core/streams/follow-page';
import { decodeStreamProof } from '@writ/core/streams/stream-proof';
import type { VerifiedCheckpoint } from '../checkpoint.ts';
import { openStreamProof, type StreamOptions, type VerifiedStream } from '../stream.ts';

/** A statement of the page in its place. */
export interface PlacedStatement {
  readonly statement: Statement;
  readonly payload: Payload;
  readonly leafIndex: number;
  /** Time of the newest state root before it; 0 before the first. */
  readonly timeSeconds: number;
}

export interface VerifiedPage {
  readonly stream: VerifiedStream;
  /** Size of the tree that `consistency` starts from; whether it holds is for `advance` to say. */
  readonly since: number;
  readonly consistency: readonly Uint8Array[];
  readonly statements: readonly PlacedStatement[];
}

/** A stretch of the log in which the time of the log does not change. */
interface Stretch {
  readonly from: number;
  readonly to: number;
  readonly timeSeconds: number;
}

/**
 * Verifies a page under `policy`. LogError as `openStreamProof`; stream-proof-malformed when places are missing;
 * inclusion-failed; state-root-invalid when the time before a statement is not shown; statement-malformed.
 */
export function openFollowPage(
  bytes: Uint8Array,
  policy: TrustPolicy,
  options: StreamOptions = {},
): VerifiedPage {
  const page = decodeFollowPage(bytes);
  const stream = openStreamProof(page.streamProof, policy, options);
  const { stateRoot } = decodeStreamProof(page.streamProof);
  const { length } = stream.statements;
  if (page.places.length !== length)
    throw malformed(`${length} statements have ${page.places.length} places`);
  const keys = policy.logs
    .map(({ key }) => key)
    .filter(({ name, type }) => name === stream.checkpoint.origin && type === 1);
  const last = decodeStatement(stateRoot);
  const stretches = page.spans.map((span) => openSpan(span, last, stream.checkpoint, keys));
  const statements = placeAll(page, stream, stretches);
  return { stream, since: page.since, consistency: page.consistency, statements };
}

function placeAll(
  page: FollowPage,
  stream: VerifiedStream,
  stretches: readonly Stretch[],
): PlacedStatement[] {
  let last = -1;
  return stream.statements.map((statement, i) => {
    const place = page.places[i] ?? bug('a statement without a place');
    const { leafIndex } = place;
    // The stream index also says where the head stands, but what it says is the log's word: only leaves are logged.
    requireIncluded(place, statement.id, stream.checkpoint);
    if (statement.seq === stream.head?.seq && leafIndex !== stream.head.leafIndex)
      throw new LogError(
        'state-root-invalid',
        'the stream index has the head of the stream at another leaf',
        { reason: 'head', expected: leafIndex, got: stream.head.leafIndex },
      );
    if (leafIndex <= last)
      throw incomplete('the statements of a stream stand in the log in their order', leafIndex);
    last = leafIndex;
    const { from, to, timeSeconds } = stretches[place.span] ?? NOWHERE;
    if (leafIndex <= from || leafIndex >= to)
      throw badRoot(`entry ${leafIndex} lies outside of the stretch that should give its time`);
    const payload = openPayload(statement, page.openings[i]);
    if (payload.kind === 'sealed') throw notOpened(stream.stream);
    return { statement, payload, leafIndex, timeSeconds };
  });
}

const NOWHERE: Stretch = { from: 0, to: 0, timeSeconds: 0 };

function requireIncluded(
  { leafIndex, proof }: Anchor,
  id: Uint8Array,
  { size, root }: VerifiedCheckpoint,
): void {
  const index = BigInt(leafIndex);
  if (checkInclusion({ index, size, root, leafHash: id, proof })) return;
  const message = 'the proof does not lead from the statement to the root';
  throw new LogError('inclusion-failed', message, { index: leafIndex });
}

/**
 * Between the first and the last statement of its chain a span has no state root: the time is that of the first,
 * or 0 when that is the first statement of the log at all.
 */
function openSpan(
  span: Span,
  stateRoot: Statement,
  checkpoint: VerifiedCheckpoint,
  keys: readonly VerifierKey[],
): Stretch {
  const { before, after } = span;
  const statements = span.chain.map((bytes) => openOwnStatement(bytes, keys));
  if (after === null) statements.push(stateRoot);
  const [first, last] = [statements[0], statements.at(-1)];
  if (first === undefined || last === undefined || (before !== null && first === last))
    throw malformed('a span has too few statements of the log');
  requireChain(statements);
  const lastIndex = after === null ? Number(checkpoint.size) - 1 : after.leafIndex;
  // Without an anchor it is the state root of the tree, which the stream proof has shown to be its last entry.
  if (after !== null) requireIncluded(after, last.id, checkpoint);
  const quiet = statements.slice(before === null ? 0 : 1, -1);
  if (quiet.some(({ kind }) => kind === 'state-root'))
    throw badRoot('another state root lies between the statement and the one that gives its time');
  if (before === null) {
    if (first.seq !== 0) throw badRoot('statements of the log before the span are left out');
    return { from: -1, to: lastIndex, timeSeconds: 0 };
  }
  requireIncluded(before, first.id, checkpoint);
  const payload = decodePayload(first);
  if (payload.kind !== 'state-root' || payload.size !== before.leafIndex)
    throw badRoot('the first statement of a span is not the state root of its place');
  return { from: before.leafIndex, to: lastIndex, timeSeconds: payload.timeSeconds };
}

/** A statement that the log itself made. Keys it has retired have to stay in the trust policy for that. */
function openOwnStatement(bytes: Uint8Array, keys: readonly VerifierKey[]): Statement {
  const statement = decodeStatement(bytes);
  if (statement.stream !== 'log') throw badRoot('a statement of another stream gives no time');
  const key = keys.find(({ publicKey }) =>
    equalBytes(coseKeyThumbprint(publicKey), statement.keyId),
  );
  if (key?.verifyRaw(statement.toBeSigned, statement.signature) !== true)
    throw badRoot('no key of the log in the trust policy signed a statement of the span');
  return statement;
}

function requireChain(statements: readonly Statement[]): void {
  for (const [i, statement] of statements.entries()) {
    const previous = statements[i - 1];
    if (previous === undefined) continue;
    const follows = statement.seq === previous.seq + 1 && statement.previous !== null;
    if (!follows || !equalBytes(statement.previous ?? new Uint8Array(0), previous.id))
      throw badRoot('the statements of the log in a span do not follow each other');
  }
}

function notOpened(stream: string): LogError {
  const message = `${stream} is not judged: private; ask for it with the signature of a member`;
  return new LogError('opening-missing', message, { stream });
}

function malformed(message: string): LogError {
  return new LogError('stream-proof-malformed', `follow page: ${message}`, { field: 'page' });
}

function badRoot(message: string): LogError {
  return new LogError('state-root-invalid', message, { field: 'span' });
}

function incomplete(message: string, index: number): LogError {
  return new LogError('stream-incomplete', message, { index });
}
