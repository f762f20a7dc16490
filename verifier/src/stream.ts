// Opening a stream proof: which statements a stream has up to its head, or that there is no such stream, under
// the checkpoint in the same file (spec/stream-proof.md section 3).
//
// Who wrote the statements, and whether they were allowed to, is for the reducers of the stream to say.

import { equalBytes, formatHex } from '@writ/core/bytes';
import { isLogError, LogError } from '@writ/core/errors';
import type { TrustPolicy } from '@writ/core/formats/tlog-policy';
import type { StateRoot } from '@writ/core/statements/kinds/log';
import { decodeStatement, type Statement } from '@writ/core/statements/statement';
import { checkAbsence, checkPresence } from '@writ/core/streams/index-proof';
import {
  decodeStreamProof,
  type ProvenHead,
  type StreamProof,
} from '@writ/core/streams/stream-proof';
import { type OpenOptions, openCheckpoint, type VerifiedCheckpoint } from './checkpoint.ts';
import { openEntry } from './entry.ts';
import { openStateRoot } from './state-root.ts';
import { step, type Trace } from './trace.ts';

/** The stream that was asked for, as far as the caller knows it. */
export interface StreamOptions extends OpenOptions {
  readonly stream?: string | undefined;
}

const SEAL: unique symbol = Symbol('verified stream');

interface VerifiedParts {
  readonly checkpoint: VerifiedCheckpoint;
  readonly stateRoot: StateRoot;
  readonly stream: string;
  readonly head: ProvenHead | null;
  readonly from: number;
  readonly statements: readonly Statement[];
  readonly heads: readonly ProvenHead[];
}

/** Statements of one stream in a row, below a verified checkpoint. Immutable but for the bytes in it. */
export class VerifiedStream {
  readonly checkpoint: VerifiedCheckpoint;
  readonly stateRoot: StateRoot;
  readonly stream: string;
  /** The newest statement of the stream at this checkpoint; null: there is no such stream. */
  readonly head: ProvenHead | null;
  /** Sequence number of the first of `statements`. */
  readonly from: number;
  /** Their author signatures are not checked. */
  readonly statements: readonly Statement[];

  /** Heads that this and earlier pages showed, and that the statements have not passed yet. */
  readonly heads: readonly ProvenHead[];

  /** Only this file holds the seal. */
  constructor(seal: typeof SEAL, parts: VerifiedParts) {
    if (seal !== SEAL) throw new TypeError('a VerifiedStream is made by openStreamProof alone');
    this.checkpoint = parts.checkpoint;
    this.stateRoot = Object.freeze(parts.stateRoot);
    this.stream = parts.stream;
    this.head = parts.head === null ? null : Object.freeze(parts.head);
    this.from = parts.from;
    this.statements = Object.freeze([...parts.statements]);
    this.heads = Object.freeze(parts.heads.filter(({ seq }) => seq >= this.next));
    Object.freeze(this);
  }

  /** Sequence number of the statement that comes next. */
  get next(): number {
    return this.from + this.statements.length;
  }

  /** True when nothing follows: the last statement is the head, or there is no such stream. */
  get isComplete(): boolean {
    return this.next === (this.head === null ? 0 : this.head.seq + 1);
  }
}

/**
 * Verifies a stream proof under `policy`. LogError stream-proof-malformed, state-root-invalid,
 * index-proof-failed, stream-incomplete, inclusion-failed, and those of `openCheckpoint`.
 */
export function openStreamProof(
  bytes: Uint8Array,
  policy: TrustPolicy,
  options: StreamOptions = {},
): VerifiedStream {
  const { trace } = options;
  const proof = step(
    trace,
    'stream proof format',
    () => requireStream(decodeStreamProof(bytes), options.stream),
    ({ stream, from, entries }) => ({
      why: `a proof about ${stream}`,
      got: `${entries.length} statements from ${from}`,
    }),
  );
  const checkpoint = openCheckpoint(proof.checkpoint, policy, options);
  const { stateRoot: entry, stateRootProof } = proof;
  const stateRoot = openStateRoot(checkpoint, entry, stateRootProof, policy, trace);
  const { stream, from } = proof;
  const head = step(
    trace,
    'stream index',
    () => requireHead(proof, stateRoot),
    (found) => ({
      why:
        found === null
          ? `there is no stream ${stream}`
          : `the newest of ${stream} is number ${found.seq}`,
      expected: formatHex(stateRoot.index),
      got: found === null ? 'absent' : formatHex(found.statementId),
    }),
  );
  const statements = openStatements(proof, checkpoint, trace);
  const heads = head === null ? [] : [head];
  return new VerifiedStream(SEAL, { checkpoint, stateRoot, stream, head, from, statements, heads });
}

function requireStream(proof: StreamProof, stream: string | undefined): StreamProof {
  if (stream === undefined || stream === proof.stream) return proof;
  throw new LogError('index-proof-failed', 'the proof is about another stream', {
    expected: stream,
    got: proof.stream,
  });
}

function requireHead(
  { stream, head, indexProof }: StreamProof,
  root: StateRoot,
): ProvenHead | null {
  const claim = { root: root.index, proof: indexProof };
  const holds =
    head === null
      ? checkAbsence({ ...claim, stream })
      : // The index is over the entries before the state root.
        head.leafIndex < root.size && checkPresence({ ...claim, value: { stream, ...head } });
  if (holds) return head === null ? null : { ...head, statementId: head.statementId.slice() };
  throw new LogError(
    'index-proof-failed',
    `the index proof does not show that ${stream} ${head === null ? 'is absent' : `ends with number ${head.seq}`}`,
    { expected: formatHex(root.index) },
  );
}

function openStatements(
  proof: StreamProof,
  checkpoint: VerifiedCheckpoint,
  trace: Trace | undefined,
): Statement[] {
  const { stream, from, entries, head, tail } = proof;
  const statements = step(
    trace,
    'statements',
    () => chain(proof),
    (all) => ({
      why:
        all.length === 0
          ? 'none was asked for'
          : `numbers ${from} to ${from + all.length - 1} of ${stream}, each naming the one before`,
    }),
  );
  const last = entries.at(-1);
  if (last === undefined || head === null) return statements;
  if (tail === null)
    step(
      trace,
      'head',
      () => requireHeadId(statements.at(-1)?.id, head),
      () => ({ why: 'the last is the head', got: formatHex(head.statementId) }),
    );
  else openEntry(checkpoint, BigInt(tail.leafIndex), last, tail.proof, trace);
  return statements;
}

/** The statements in order: nothing but their ids holds them together. */
function chain({ stream, from, entries }: StreamProof): Statement[] {
  const statements: Statement[] = [];
  for (const [i, bytes] of entries.entries()) {
    const statement = decodeAt(bytes, from + i);
    if (statement.stream !== stream || statement.seq !== from + i)
      throw incomplete(from + i, 'it is another one', `${statement.stream} ${statement.seq}`);
    requireLink(statements.at(-1)?.id, statement);
    statements.push(statement);
  }
  return statements;
}

function decodeAt(bytes: Uint8Array, seq: number): Statement {
  try {
    return decodeStatement(bytes);
  } catch (error) {
    if (!isLogError(error, 'statement-malformed')) throw error;
    throw new LogError(
      error.code,
      `number ${seq}: ${error.message}`,
      { ...error.detail, seq },
      error,
    );
  }
}

function requireLink(before: Uint8Array | undefined, { previous, seq }: Statement): void {
  if (before === undefined || (previous !== null && equalBytes(previous, before))) return;
  const got = previous === null ? 'none' : formatHex(previous);
  throw incomplete(seq, 'it names another predecessor', got);
}

function requireHeadId(last: Uint8Array | undefined, { seq, statementId }: ProvenHead): void {
  if (last === undefined || equalBytes(last, statementId)) return;
  throw incomplete(seq, 'it is not the head of the stream', formatHex(last));
}

function incomplete(seq: number, message: string, got: string): LogError {
  return new LogError('stream-incomplete', `number ${seq}: ${message}`, { seq, got });
}

/**
 * Joins a page and the one behind it, which may be of a later tree; answers both, up to the head of the later
 * one. The statements of `previous` are those of the later tree too, since each names the one before. LogError
 * origin-unknown, checkpoint-rolled-back, fork-detected, stream-incomplete.
 */
export function continueStream(previous: VerifiedStream, next: VerifiedStream): VerifiedStream {
  requireLater(previous.checkpoint, next.checkpoint);
  if (previous.stream !== next.stream)
    throw incomplete(next.from, 'it is of another stream', next.stream);
  if (previous.next !== next.from)
    throw incomplete(previous.next, 'it is missing between the pages', String(next.from));
  const [first] = next.statements;
  const last = previous.statements.at(-1)?.id ?? previous.head?.statementId;
  if (first !== undefined) requireLink(last, first);
  else if (next.head !== null) requireHeadId(last, next.head);
  const heads = [...previous.heads, ...next.heads];
  for (const head of heads) requireKept(head, next);
  const statements = [...previous.statements, ...next.statements];
  return new VerifiedStream(SEAL, { ...next, heads, from: previous.from, statements });
}

function requireLater(older: VerifiedCheckpoint, newer: VerifiedCheckpoint): void {
  if (older.origin !== newer.origin)
    throw new LogError('origin-unknown', 'the two pages are of different logs', {
      expected: older.origin,
      got: newer.origin,
    });
  if (newer.size < older.size)
    throw new LogError('checkpoint-rolled-back', 'the second page is older than the first', {
      expected: `size ${older.size} or more`,
      got: `size ${newer.size}`,
    });
  if (newer.size > older.size || equalBytes(older.root, newer.root)) return;
  const message = `the log signed two different trees of ${older.size} entries`;
  throw new LogError('fork-detected', message, { size: older.size });
}

/** A stream never gets shorter, and has one statement for each number. */
function requireKept(before: ProvenHead, { head, statements }: VerifiedStream): void {
  if (head !== null && head.seq >= before.seq) {
    const shown = [...statements.map(({ seq, id }) => ({ seq, statementId: id })), head];
    const same = shown.filter(({ seq }) => seq === before.seq);
    if (same.every(({ statementId }) => equalBytes(statementId, before.statementId))) return;
  }
  throw incomplete(before.seq, 'the later tree has lost it', formatHex(before.statementId));
}
