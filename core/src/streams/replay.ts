// Every state from the leaves alone: what an auditor does with a whole log, and a server after a restart.
//
//   const replay = new Replay({ logKey });
//   for (const entry of entries) replay.add(entry);
//   replay.states.get('village/north-grid');

import { formatHex } from '../bytes.ts';
import { isEd25519PublicKey } from '../ed25519.ts';
import { bug, LogError } from '../errors.ts';
import type { StateRoot } from '../statements/kinds/log.ts';
import { findPayload } from '../statements/kinds.ts';
import {
  checkStatementSignature,
  decodeStatement,
  type Statement,
} from '../statements/statement.ts';
import type { Step } from './position.ts';
import { contextAt, reduce, type StreamState, type StreamStates, signerKey } from './reduce.ts';
import { type Effect, refusalError } from './refusal.ts';
import type { IndexValue } from './stream-index.ts';
import { Verifiers } from './verifiers.ts';

/** A leaf of the log. */
export interface LogEntry {
  readonly index: number;
  readonly bytes: Uint8Array;
}

export interface ReplayOptions {
  /** The Ed25519 public key that signs the first statement of the log stream. */
  readonly logKey: Uint8Array;
  /**
   * Public keys of authors whom the log does not name: outsiders, nodes, publishers. A statement of somebody
   * unknown is replayed and counted as unchecked; in villages and on the log stream there are none.
   */
  readonly authorKey?: (keyId: Uint8Array) => Uint8Array | undefined;
  /** States to go on from, and the index of the entry that comes next; both or none. */
  readonly from?: { readonly states: StreamStates; readonly index: number };
  /** Judges the index root of a state root over the streams before it; false refuses it. */
  readonly checkIndex?: (root: StateRoot, states: StreamStates) => boolean;
  /**
   * The opening with this digest: what members of private villages have. Villages without are
   * followed by position alone, and counted as not judged.
   */
  readonly opening?: (commitment: Uint8Array) => Uint8Array | undefined;
  /** False where the signatures were checked before, as by the log that admitted the entries. */
  readonly checkSignatures?: boolean;
}

/** What an entry was, and what it did. */
export interface ReplayedStep extends Step {
  readonly index: number;
  readonly effect: Effect;
}

/** What the leaves say. */
export interface ReplayState {
  readonly states: StreamStates;
  /** Entries replayed, counted from the start of the log. */
  readonly size: number;
  /** Statements whose authors nobody could name, so that their signatures were not checked. */
  readonly unchecked: number;
  /** Sealed statements without openings: `not judged: private`. Their signatures are not checked either. */
  readonly notJudged: number;
}

/** Replays entry after entry. After an error it is of no more use. */
export class Replay implements ReplayState {
  readonly #options: ReplayOptions;
  readonly #states: Map<string, StreamState>;
  readonly #verifiers = new Verifiers();
  #size: number;
  #unchecked = 0;
  #notJudged = 0;

  constructor(options: ReplayOptions) {
    if (!isEd25519PublicKey(options.logKey))
      throw new RangeError('the key of the log is not an acceptable Ed25519 public key');
    this.#options = options;
    this.#states = new Map(options.from?.states);
    this.#size = options.from?.index ?? 0;
  }

  get states(): StreamStates {
    return this.#states;
  }

  get size(): number {
    return this.#size;
  }

  get unchecked(): number {
    return this.#unchecked;
  }

  get notJudged(): number {
    return this.#notJudged;
  }

  /**
   * Takes the next entry. Throws at the first one that should not have been admitted, with its index and stream
   * in the detail: LogError statement-malformed, statement-bad-signature, stream-conflict, statement-refused, or
   * hash-mismatch for a state root with another index than the entries before it have. RangeError for an entry
   * out of turn.
   */
  add(entry: LogEntry): ReplayedStep {
    const { index } = entry;
    if (index !== this.#size) throw new RangeError(`entry ${this.#size} comes next, got ${index}`);
    const step = decodeEntry(entry, this.#options.opening);
    const context = contextAt(this.#states, index, this.#options.logKey);
    const outcome = reduce(this.#states, step, context);
    if (!outcome.admitted) throw refusalError(outcome.refusal, placeOf(step.statement, index));
    if (outcome.state.family === 'hidden') this.#notJudged++;
    else this.#checkSignature(step, signerKey(step, context), index);
    this.#checkIndex(step, index);
    this.#states.set(step.statement.stream, outcome.state);
    this.#size = index + 1;
    return { ...step, index, effect: outcome.effect };
  }

  #checkSignature({ statement }: Step, named: Uint8Array | undefined, index: number): void {
    if (this.#options.checkSignatures === false) return;
    const key = named ?? this.#options.authorKey?.(statement.keyId);
    if (key === undefined) {
      const { family } = statement.streamId;
      if (family === 'village' || family === 'log') bug(`nobody signed for ${statement.stream}`);
      this.#unchecked++;
      return;
    }
    try {
      checkStatementSignature(statement, this.#verifiers.of(key));
    } catch (error) {
      throw withPlace(error, placeOf(statement, index));
    }
  }

  #checkIndex({ statement, payload }: Step, index: number): void {
    const { checkIndex } = this.#options;
    if (payload.kind !== 'state-root' || checkIndex === undefined) return;
    if (checkIndex(payload, this.#states)) return;
    throw new LogError(
      'hash-mismatch',
      'the state root commits to another stream index than the entries before it have',
      { ...placeOf(statement, index), got: formatHex(payload.index) },
    );
  }
}

/** Replays all of `entries`; `Replay` for one at a time, and for what `add` throws. */
export function replay(entries: Iterable<LogEntry>, options: ReplayOptions): ReplayState {
  const whole = new Replay(options);
  for (const entry of entries) whole.add(entry);
  return whole;
}

/** What the stream index holds when `states` are the states of all streams: input of the index root. */
export function* indexValues(states: StreamStates): Generator<IndexValue> {
  for (const [stream, { head }] of states)
    yield { stream, seq: head.seq, leafIndex: head.index, statementId: head.id };
}

function decodeEntry(
  { index, bytes }: LogEntry,
  open: NonNullable<ReplayOptions['opening']> = () => undefined,
): Step {
  try {
    const statement = decodeStatement(bytes);
    return { statement, payload: findPayload(statement, open) };
  } catch (error) {
    throw withPlace(error, { index });
  }
}

function placeOf({ stream, id }: Statement, index: number): Record<string, string | number> {
  return { index, stream, statement: formatHex(id) };
}

function withPlace(error: unknown, place: Record<string, string | number>): unknown {
  if (!(error instanceof LogError)) return error;
  return new LogError(error.code, error.message, { ...error.detail, ...place }, error);
}
