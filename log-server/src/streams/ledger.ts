// What the log knows about its streams: the state of each, by the reducers that everybody uses, and the index over
// their heads. Derived from the entries and kept in memory; a batch is judged on it before it is durable, so every
// change can be taken back until then.

import { equalBytes, formatHex } from '@writ/core/bytes';
import { bug, LogError } from '@writ/core/errors';
import { decodeBundle } from '@writ/core/formats/entry-bundle';
import type { SignerKey } from '@writ/core/formats/key';
import { TILE_WIDTH } from '@writ/core/merkle/tile';
import { encodePayload, findPayload, type Payload } from '@writ/core/statements/kinds';
import type { Denial, StateRoot } from '@writ/core/statements/kinds/log';
import { SALT_SIZE, signSealed } from '@writ/core/statements/sealed';
import { decodeStatement, type Statement, signStatement } from '@writ/core/statements/statement';
import type { Head, Step } from '@writ/core/streams/position';
import { contextAt, reduce, type StreamState, type StreamStates } from '@writ/core/streams/reduce';
import { refusalError } from '@writ/core/streams/refusal';
import { Verifiers } from '@writ/core/streams/verifiers';
import { RequestBuckets } from '../admission/request-buckets.ts';
import { HeldOpenings } from '../blobs/held-openings.ts';
import type { BlobStore } from '../blobs/store.ts';
import { DigestSet, sweepOpenings } from '../blobs/sweep.ts';
import type { LogStore, StreamHead } from '../storage/port.ts';
import { Denials } from './denials.ts';
import { IndexTree, type ProvenStream } from './index-tree.ts';
import type { LogClock } from './log-clock.ts';
import { TreeAnswers } from './tree-answers.ts';

/** No entry is sequenced under a state root older than this: it is what rules take for the time. */
export const MAX_ROOT_AGE_SECONDS = 60;

/** A state root of this age is renewed although nothing happened: readers refuse one of a day. */
export const RENEW_ROOT_SECONDS = 21_600;

/** State roots whose index can still be proved, beside those since the published one. */
const PROVABLE_ROOTS = 64;

/** The name and key under which the log writes its own statements. */
export interface LogAuthor {
  readonly origin: string;
  readonly signer: SignerKey;
  readonly clock: LogClock;
  /** Where openings are kept, and fresh random bytes for salts; without them there are no private villages. */
  readonly veil?: { readonly openings: BlobStore; random(length: number): Uint8Array };
}

/** A statement that the log has signed and not yet sequenced. */
export interface OwnStatement {
  readonly entry: Uint8Array;
  readonly step: Step;
  /** To be made durable before the statement, where it is sealed. */
  readonly opening?: Uint8Array;
}

/** From the state root at leaf index `start` to the next one. */
interface Interval {
  readonly start: number;
  /** The index root that it states; undefined before the first. */
  readonly root: Uint8Array | undefined;
  /** Streams that moved, with the state that they had at the start. */
  readonly moved: Map<string, StreamState | undefined>;
}

export class Ledger {
  readonly #author: LogAuthor;
  readonly #states = new Map<string, StreamState>();
  /** What moved from each state root on, oldest first; the last one is still being written. */
  #intervals: Interval[] = [{ start: 0, root: undefined, moved: new Map() }];
  /** States before the batch that is being judged. */
  readonly #undo = new Map<string, StreamState | undefined>();
  readonly #tree = new IndexTree({ versions: PROVABLE_ROOTS });
  /** Version of the index for the tree that ends with a state root, by the size of that tree. */
  readonly #versions = new Map<number, number>();
  #sealedSize = 0;
  /** A state root was made and is not durable yet. */
  #isSealing = false;
  readonly #denials = new Denials();
  /** Keys of members and authors, ready from one statement to the next. */
  readonly verifiers: Verifiers = new Verifiers();
  /** What readers are told again and again. */
  readonly answers: TreeAnswers = new TreeAnswers();
  /** What is left of the requests of each village. */
  readonly requests: RequestBuckets;
  /** Openings of sealed statements; undefined: this log takes none. */
  readonly openings: HeldOpenings | undefined;
  /** Commitments of the entries that were loaded. */
  #commitments = new DigestSet();

  constructor(author: LogAuthor) {
    this.#author = author;
    this.requests = new RequestBuckets(() => author.clock.steadyMs());
    this.openings = author.veil === undefined ? undefined : new HeldOpenings(author.veil.openings);
  }

  get states(): StreamStates {
    return this.#states;
  }

  /** Size of the tree that ends with the latest state root; 0 before the first. */
  get sealedSize(): number {
    return this.#sealedSize;
  }

  /** The head of a stream, the batch that is being judged included. */
  headOf(stream: string): StreamHead | undefined {
    const state = this.#states.get(stream);
    return state === undefined ? undefined : streamHead(state.head);
  }

  /** Time of the latest state root. */
  get timeSeconds(): number {
    const log = this.#states.get('log');
    return log?.family === 'log' ? log.timeSeconds : 0;
  }

  /** True when the latest state root should be renewed although nothing happened. */
  get isAging(): boolean {
    return (
      this.#sealedSize > 0 &&
      this.#author.clock.nowSeconds() - this.timeSeconds > RENEW_ROOT_SECONDS
    );
  }

  /** True when the next entry needs a fresh state root before it. */
  get isStale(): boolean {
    return (
      this.#sealedSize === 0 ||
      this.#author.clock.nowSeconds() - this.timeSeconds > MAX_ROOT_AGE_SECONDS
    );
  }

  /**
   * Derives everything from the entries of a store, with the index of the published tree of `publishedSize` and of
   * every one since. LogError storage-corrupt for entries that were never admitted.
   */
  load(store: LogStore, publishedSize: number): void {
    for (let start = 0; start < store.head.size; start += TILE_WIDTH) {
      const end = Math.min(store.head.size, start + TILE_WIDTH);
      for (const [i, entry] of decodeBundle(store.readBundle(start, end), end - start).entries())
        this.#replay(entry, start + i, publishedSize);
    }
    this.keep();
    this.#tree.load(this.#headsAt(0, this.#states.keys()));
    for (const [i, { start, root }] of this.#intervals.entries()) {
      if (root === undefined) continue;
      const before = this.#intervals[i - 1];
      if (before !== undefined) this.#tree.commit(new Map(this.#headsAt(i, before.moved.keys())));
      if (!equalBytes(this.#tree.root(), root)) {
        throw new LogError(
          'storage-corrupt',
          'the streams do not give the index that the log signed: restore a backup',
          { index: start },
        );
      }
      this.#versions.set(start + 1, this.#tree.version);
    }
    this.published(publishedSize);
  }

  /**
   * Removes openings that a crash left behind, and gives their number. Once, behind `load` and before anything is added.
   * LogError storage-failed.
   */
  async sweep(publishedAtMs: number): Promise<number> {
    const known = this.#commitments;
    this.#commitments = new DigestSet();
    if (this.openings === undefined) return 0;
    return sweepOpenings(this.openings.store, known, publishedAtMs);
  }

  /** Takes a stored entry. Of the time before the published tree nothing but the states is kept. */
  #replay(entry: Uint8Array, index: number, publishedSize: number): void {
    const statement = decodeStatement(entry);
    const step = { statement, payload: this.#payloadOf(statement, index) };
    const isRoot = step.payload.kind === 'state-root';
    if (isRoot) this.keep();
    const before = this.#states.get('log');
    const refused = this.judge(step, index);
    if (refused !== undefined) {
      throw new LogError(
        'storage-corrupt',
        `entry ${index} cannot have been admitted: ${refused.message}`,
        { index },
        refused,
      );
    }
    if (step.payload.kind !== 'state-root') return;
    // The index of a state root is that before it, so the root itself belongs to the next interval.
    this.#undo.clear();
    const interval = { start: index, root: step.payload.index, moved: new Map([['log', before]]) };
    if (index < publishedSize) this.#intervals = [interval];
    else this.#intervals.push(interval);
    this.#sealedSize = index + 1;
  }

  /** LogError storage-corrupt when a sealed statement has lost its opening, which was durable before it. */
  #payloadOf(statement: Statement, index: number): Payload {
    const payload = findPayload(statement, (commitment) => {
      this.#commitments.add(commitment);
      return this.openings?.store.readSync(commitment);
    });
    if (payload.kind !== 'sealed') return payload;
    throw new LogError(
      'storage-corrupt',
      `the opening ${formatHex(payload.commitment)} of entry ${index} is gone: restore a backup`,
      { index },
    );
  }

  /** Heads of `streams` at the start of interval number `first`. */
  *#headsAt(first: number, streams: Iterable<string>): Generator<readonly [string, StreamHead]> {
    for (const stream of streams) {
      const state = this.#stateSince(first, stream);
      if (state !== undefined) yield [stream, streamHead(state.head)];
    }
  }

  /** The state of a stream at the start of interval number `first`. */
  #stateSince(first: number, stream: string): StreamState | undefined {
    for (let i = first; i < this.#intervals.length; i++) {
      const { moved } = this.#intervals[i] ?? bug('intervals have no holes');
      if (moved.has(stream)) return moved.get(stream);
    }
    // What is being judged is not durable yet.
    return this.#undo.has(stream) ? this.#undo.get(stream) : this.#states.get(stream);
  }

  /**
   * Applies a statement that stands at `index`, or says why it may not. What was applied holds for the statements
   * judged after it, and is taken back by `undo` unless `keep` comes first.
   */
  judge(step: Step, index: number): LogError | undefined {
    const { stream } = step.statement;
    const before = this.#states.get(stream);
    const outcome = reduce(
      this.#states,
      step,
      contextAt(this.#states, index, this.#author.signer.publicKey),
    );
    if (!outcome.admitted) return refusalError(outcome.refusal);
    if (!this.#undo.has(stream)) this.#undo.set(stream, before);
    this.#states.set(stream, outcome.state);
    return undefined;
  }

  /** What was judged is durable. */
  keep(): void {
    const { moved } = this.#latest();
    for (const [stream, before] of this.#undo) {
      if (!moved.has(stream)) moved.set(stream, before);
    }
    this.#undo.clear();
  }

  #latest(): Interval {
    return this.#intervals.at(-1) ?? bug('there is always an interval');
  }

  /** What was judged never happened. */
  undo(): void {
    for (const [stream, before] of this.#undo) {
      if (before === undefined) this.#states.delete(stream);
      else this.#states.set(stream, before);
    }
    this.#undo.clear();
    if (this.#isSealing) this.#intervals.pop();
    this.#isSealing = false;
  }

  /** The state root over all entries before `index`, where it will stand. LogError clock-implausible. */
  stateRoot(index: number): OwnStatement {
    const timeSeconds = this.#author.clock.timeForRoot(this.timeSeconds);
    const heads = new Map<string, StreamHead>();
    for (const stream of this.#latest().moved.keys()) {
      heads.set(
        stream,
        streamHead(this.#states.get(stream)?.head ?? bug('a moved stream has a head')),
      );
    }
    const root = heads.size === 0 ? this.#tree.root() : this.#tree.commit(heads);
    this.#intervals.push({ start: index, root, moved: new Map() });
    this.#isSealing = true;
    const payload = {
      kind: 'state-root',
      index: root,
      streams: this.#tree.size,
      size: index,
      timeSeconds,
    } as const;
    return this.#sign('log', payload, timeSeconds);
  }

  /** The denial of a refused statement, where it will stand; undefined when none is to be recorded. */
  denial(step: Step, error: LogError): OwnStatement | undefined {
    const nowSeconds = this.#author.clock.nowSeconds();
    const planned = this.#denials.plan(step, error, this.#states, nowSeconds);
    if (planned === undefined) return undefined;
    return planned.isPrivate
      ? this.#seal(planned.stream, planned.payload)
      : this.#sign(planned.stream, planned.payload, nowSeconds);
  }

  /** A sealed statement of the log itself behind the head of `stream`. */
  #seal(stream: string, payload: Denial): OwnStatement {
    const head = this.#states.get(stream)?.head;
    const { signer, veil } = this.#author;
    const salt = veil?.random(SALT_SIZE) ?? bug('a private village has come without its openings');
    const { bytes: entry, opening } = signSealed(
      {
        kind: payload.kind,
        stream,
        seq: head === undefined ? 0 : head.seq + 1,
        previous: head?.id ?? null,
        payload: encodePayload(payload),
      },
      salt,
      { publicKey: signer.publicKey, sign: (message) => signer.signRaw(message) },
    );
    return { entry, opening, step: { statement: decodeStatement(entry), payload } };
  }

  /** A statement of the log itself behind the head of `stream`. */
  #sign(stream: string, payload: StateRoot | Denial, issuedAtSeconds: number): OwnStatement {
    const head = this.#states.get(stream)?.head;
    const { signer, origin } = this.#author;
    const entry = signStatement(
      {
        kind: payload.kind,
        issuer: origin,
        stream,
        issuedAtSeconds,
        seq: head === undefined ? 0 : head.seq + 1,
        previous: head?.id ?? null,
        payload: encodePayload(payload),
      },
      { publicKey: signer.publicKey, sign: (message) => signer.signRaw(message) },
    );
    return { entry, step: { statement: decodeStatement(entry), payload } };
  }

  /** The latest state root is durable and ends a tree of `size`. */
  sealed(size: number): void {
    this.#sealedSize = size;
    this.#isSealing = false;
    this.#versions.set(size, this.#tree.version);
    for (const [old, version] of this.#versions) {
      if (version < this.#tree.oldestVersion) this.#versions.delete(old);
    }
    const oldest = Math.min(...this.#versions.keys());
    this.#intervals = this.#intervals.filter(({ start }) => start >= oldest - 1);
  }

  /** Witnesses have cosigned with times that agree with the clock. */
  confirmClock(): void {
    this.#author.clock.confirm();
  }

  /** The tree of `size` is published: its index stays provable until a later one is. */
  published(size: number): void {
    const version = this.#versions.get(size);
    if (version !== undefined) this.#tree.pin(version);
  }

  /**
   * The state of a stream in the tree of `size`, which ends with a state root. LogError not-published when that tree
   * is no longer at hand.
   */
  stateAt(stream: string, size: number): StreamState | undefined {
    const first = this.#intervals.findIndex(({ start }) => start + 1 === size);
    if (first < 0) throw notAtHand();
    return this.#stateSince(first, stream);
  }

  /**
   * Proof of a stream's head, or of its absence, in the index that the state root at the end of the tree of `size`
   * commits to. LogError not-published when that index is no longer kept.
   */
  prove(stream: string, size: number): ProvenStream {
    const version = this.#versions.get(size);
    if (version === undefined) throw notAtHand();
    return this.#tree.prove(stream, version);
  }
}

function notAtHand(): LogError {
  return new LogError('overloaded', 'the published tree is not at hand: try again in a moment');
}

function streamHead({ seq, id, index }: Head): StreamHead {
  return { seq, statementId: id, index };
}
