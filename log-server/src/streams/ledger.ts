// What the log knows about its streams: the state of each, by the reducers that everybody uses, and the index over
// their heads. Derived from the entries and kept in memory; a batch is judged on it before it is durable, so every
// change can be taken back until then.

import { equalBytes } from '@writ/core/bytes';
import { bug, LogError } from '@writ/core/errors';
import { decodeBundle } from '@writ/core/formats/entry-bundle';
import type { SignerKey } from '@writ/core/formats/key';
import { TILE_WIDTH } from '@writ/core/merkle/tile';
import { decodePayload, encodePayload } from '@writ/core/statements/kinds';
import type { Denial, StateRoot } from '@writ/core/statements/kinds/log';
import { decodeStatement, signStatement } from '@writ/core/statements/statement';
import type { Head, Step } from '@writ/core/streams/position';
import { contextAt, reduce, type StreamState, type StreamStates } from '@writ/core/streams/reduce';
import { refusalError } from '@writ/core/streams/refusal';
import type { LogStore, StreamHead } from '../storage/port.ts';
import { Denials } from './denials.ts';
import { IndexTree, type ProvenStream } from './index-tree.ts';

/** No entry is sequenced under a state root older than this: it is what rules take for the time. */
export const MAX_ROOT_AGE_SECONDS = 60;

/** Published trees whose index can still be proved. */
const PROVABLE_ROOTS = 64;

/** The name and key under which the log writes its own statements. */
export interface LogAuthor {
  readonly origin: string;
  readonly signer: SignerKey;
  nowSeconds(): number;
}

/** A statement that the log has signed and not yet sequenced. */
export interface OwnStatement {
  readonly entry: Uint8Array;
  readonly step: Step;
}

/** From the state root at leaf index `start` to the next one. */
interface Interval {
  readonly start: number;
  /** Streams that moved, with the state that they had at the start. */
  readonly moved: Map<string, StreamState | undefined>;
}

export class Ledger {
  readonly #author: LogAuthor;
  readonly #states = new Map<string, StreamState>();
  /** What moved from each state root on, oldest first; the last one is still being written. */
  #intervals: Interval[] = [{ start: 0, moved: new Map() }];
  /** States before the batch that is being judged. */
  readonly #undo = new Map<string, StreamState | undefined>();
  #tree = new IndexTree({ versions: PROVABLE_ROOTS });
  /** Version of the index for the tree that ends with a state root, by the size of that tree. */
  readonly #versions = new Map<number, number>();
  #sealedSize = 0;
  readonly #denials = new Denials();

  constructor(author: LogAuthor) {
    this.#author = author;
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

  get streams(): number {
    return this.#states.size;
  }

  /** Time of the latest state root. */
  get timeSeconds(): number {
    const log = this.#states.get('log');
    return log?.family === 'log' ? log.timeSeconds : 0;
  }

  /** True when the next entry needs a fresh state root before it. */
  get isStale(): boolean {
    return (
      this.#sealedSize === 0 || this.#author.nowSeconds() - this.timeSeconds > MAX_ROOT_AGE_SECONDS
    );
  }

  /** Derives everything from the entries of a store. LogError storage-corrupt for entries that were never admitted. */
  load(store: LogStore): void {
    let latest: Uint8Array | undefined;
    for (let start = 0; start < store.head.size; start += TILE_WIDTH) {
      const end = Math.min(store.head.size, start + TILE_WIDTH);
      for (const [i, entry] of decodeBundle(store.readBundle(start, end), end - start).entries()) {
        latest = this.#replay(entry, start + i) ?? latest;
      }
    }
    this.keep();
    const root = this.#tree.load(this.#sealedHeads());
    if (latest !== undefined && !equalBytes(root, latest)) {
      throw new LogError(
        'storage-corrupt',
        'the streams do not give the index that the log signed: restore a backup',
      );
    }
    if (this.#sealedSize > 0) this.#versions.set(this.#sealedSize, this.#tree.version);
  }

  /** Takes a stored entry; returns the index root if it is a state root. */
  #replay(entry: Uint8Array, index: number): Uint8Array | undefined {
    const statement = decodeStatement(entry);
    const step = { statement, payload: decodePayload(statement) };
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
    if (step.payload.kind !== 'state-root') return undefined;
    this.keep();
    this.#intervals = [{ start: index, moved: new Map([['log', before]]) }];
    this.#sealedSize = index + 1;
    return step.payload.index;
  }

  *#sealedHeads(): Generator<readonly [string, StreamHead]> {
    const { moved } = this.#latest();
    for (const [stream, state] of this.#states) {
      const sealed = moved.has(stream) ? moved.get(stream) : state;
      if (sealed !== undefined) yield [stream, streamHead(sealed.head)];
    }
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
  }

  /** The state root over all entries before `index`, where it will stand. */
  stateRoot(index: number): OwnStatement {
    const heads = new Map<string, StreamHead>();
    for (const stream of this.#latest().moved.keys()) {
      heads.set(
        stream,
        streamHead(this.#states.get(stream)?.head ?? bug('a moved stream has a head')),
      );
    }
    const root = heads.size === 0 ? this.#tree.root() : this.#tree.commit(heads);
    this.#intervals.push({ start: index, moved: new Map() });
    const timeSeconds = Math.max(this.timeSeconds, Math.floor(this.#author.nowSeconds()));
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
    const nowSeconds = Math.floor(this.#author.nowSeconds());
    const planned = this.#denials.plan(step, error, this.#states, nowSeconds);
    return planned === undefined
      ? undefined
      : this.#sign(planned.stream, planned.payload, nowSeconds);
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
    this.#versions.set(size, this.#tree.version);
    for (const [old, version] of this.#versions) {
      if (version < this.#tree.oldestVersion) this.#versions.delete(old);
    }
    const oldest = Math.min(...this.#versions.keys());
    this.#intervals = this.#intervals.filter(({ start }) => start >= oldest - 1);
  }

  /** The state of a stream in the tree of `size`, which ends with a state root and is still provable. */
  stateAt(stream: string, size: number): StreamState | undefined {
    for (const { start, moved } of this.#intervals) {
      if (start >= size - 1 && moved.has(stream)) return moved.get(stream);
    }
    return this.#states.get(stream);
  }

  /**
   * Proof of a stream's head, or of its absence, in the index that the state root at the end of the tree of `size`
   * commits to. LogError not-published when that index is no longer kept.
   */
  prove(stream: string, size: number): ProvenStream {
    const version = this.#versions.get(size);
    if (version === undefined) {
      throw new LogError(
        'not-published',
        'the index of the published tree is not at hand: try again in a moment',
      );
    }
    return this.#tree.prove(stream, version);
  }
}

function streamHead({ seq, id, index }: Head): StreamHead {
  return { seq, statementId: id, index };
}
