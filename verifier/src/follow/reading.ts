// One pass of a reader that follows a village, without the network: it says which page it needs next, verifies what
// it is given, and in the end derives the state by the rules of the log itself (spec/follow.md section 4).
//
//   const reading = new VillageReading({ village, policy, saved });
//   for (let want = reading.want; want !== undefined; want = reading.want) reading.add(await fetch(want));
//   const { state, news, next } = reading.finish();

import { formatHex } from '@writ/core/bytes';
import { Ed25519Verifier } from '@writ/core/ed25519';
import { bug, LogError } from '@writ/core/errors';
import type { TrustPolicy } from '@writ/core/formats/tlog-policy';
import { checkStatementSignature } from '@writ/core/statements/statement';
import { formatStreamId } from '@writ/core/statements/stream-id';
import type { Context } from '@writ/core/streams/context';
import type { InboxState } from '@writ/core/streams/inbox-state';
import { reduce, type StreamState, signerKey } from '@writ/core/streams/reduce';
import { type Effect, refusalError } from '@writ/core/streams/refusal';
import { decodeStreamState, encodeStreamState } from '@writ/core/streams/state-codec';
import type { VillageState } from '@writ/core/streams/village-state';
import { advance } from '../advance.ts';
import { openCheckpoint, type VerifiedCheckpoint } from '../checkpoint.ts';
import type { VerifiedStream } from '../stream.ts';
import { step, type Trace } from '../trace.ts';
import { openFollowPage, type PlacedStatement, type VerifiedPage } from './page.ts';
import { SignatureChecks } from './signature-checks.ts';
import { StreamReading } from './stream-reading.ts';

/** What a reader remembers of a village between two passes. */
export interface SavedVillage {
  readonly village: string;
  /** The newest checkpoint that it accepted: a signed note. */
  readonly checkpoint: Uint8Array;
  /** Encoded states at that checkpoint; null where the stream was empty, or the inbox of no concern. */
  readonly state: Uint8Array | null;
  readonly inbox: Uint8Array | null;
}

export interface ReadingOptions {
  readonly village: string;
  readonly policy: TrustPolicy;
  readonly saved?: SavedVillage | undefined;
  /** The reader's clock, and how old the newest checkpoint may be by it: both or none. */
  readonly nowSeconds?: bigint | undefined;
  readonly maxAgeSeconds?: bigint | undefined;
  readonly trace?: Trace | undefined;
  /** Public keys of outsiders. Their proposals are counted as unchecked without: they do nothing by themselves. */
  readonly authorKey?: ((keyId: Uint8Array) => Uint8Array | undefined) | undefined;
}

/** The page that a reading needs next. */
export interface WantedPage {
  readonly stream: string;
  readonly from: number;
  /** Size of the tree from which the page has to prove its own to grow; 0: none. */
  readonly since: number;
}

/** A statement that is new to the reader, and what it did. */
export interface News extends PlacedStatement {
  readonly effect: Effect;
}

/** A statement that the rules admit, with the key that has to have signed it where one is known. */
interface Judged extends News {
  readonly signer: Ed25519Verifier | undefined;
}

const SEAL: unique symbol = Symbol('a verified village');

/** A village at a checkpoint that a trust policy accepts. Only a reading makes one, so what has it was verified. */
export class VerifiedVillage {
  readonly village: string;
  readonly checkpoint: VerifiedCheckpoint;
  /** null: it is proven that there is none. */
  readonly state: VillageState | null;
  // Set by the constructor alone: an object that only has the prototype lacks it.
  readonly #isSealed: boolean = true;

  /** Only `VillageReading` holds the seal. */
  constructor(
    seal: typeof SEAL,
    village: string,
    checkpoint: VerifiedCheckpoint,
    state: VillageState | null,
  ) {
    if (seal !== SEAL) throw new TypeError('a VerifiedVillage is made by a VillageReading alone');
    this.village = village;
    this.checkpoint = checkpoint;
    this.state = state;
    Object.freeze(this);
  }

  /** Whether a reading made `value`. What only looks like a verified village, prototype included, is none. */
  static is(value: unknown): value is VerifiedVillage {
    return typeof value === 'object' && value !== null && #isSealed in value && value.#isSealed;
  }

  /** When the last of the witnesses had signed, by their clocks, in seconds since 1970; 0: nobody says. */
  get witnessedSeconds(): number {
    const times = this.checkpoint.cosignatures.map((cosignature) => cosignature.timestampSeconds);
    return times.length === 0 ? 0 : Math.min(...times.map(Number));
  }
}

export interface Followed {
  readonly verified: VerifiedVillage;
  /** True when nothing was saved: the reader has no more than the quorum of the policy to go by. */
  readonly isFirst: boolean;
  readonly checkpoint: VerifiedCheckpoint;
  /** Time of the state root of that checkpoint. */
  readonly timeSeconds: number;
  /** The village at that checkpoint; null: it is proven that there is none. */
  readonly state: VillageState | null;
  readonly inbox: InboxState | null;
  /** In the order of the log. */
  readonly news: readonly News[];
  /** Statements of outsiders whose signatures nobody could check. */
  readonly unchecked: number;
  /** What to remember. */
  readonly next: SavedVillage;
}

export class VillageReading {
  readonly #options: ReadingOptions;
  readonly #states = new Map<string, StreamState>();
  readonly #verifiers = new Map<string, Ed25519Verifier>();
  readonly #village: StreamReading;
  readonly #inbox: StreamReading;
  readonly #saved: VillageState | undefined;
  #checkpoint: VerifiedCheckpoint | undefined;
  /** The newest page of the village stream: its tree is that of the result. */
  #newest: VerifiedStream | undefined;

  /** Throws RangeError for what is no village id, and LogError when `saved` does not hold under the policy. */
  constructor(options: ReadingOptions) {
    const { village, saved } = options;
    if (saved !== undefined && saved.village !== village)
      throw new RangeError(`what was saved is about ${saved.village}`);
    this.#options = options;
    if (saved !== undefined) this.#checkpoint = openCheckpoint(saved.checkpoint, options.policy);
    const size = Number(this.#checkpoint?.size ?? 0n);
    const before = this.#restore('village', saved?.state ?? null);
    this.#saved = before?.family === 'village' ? before : undefined;
    const inbox = this.#restore('inbox', saved?.inbox ?? null);
    const wasRead = before?.family === 'village' && before.law.quarantine !== null;
    this.#village = new StreamReading(formatStreamId({ family: 'village', village }), before, size);
    const inboxId = formatStreamId({ family: 'inbox', village });
    this.#inbox = new StreamReading(inboxId, inbox, wasRead ? size : 0);
  }

  /** The village as it was saved; undefined: nothing was, or not its state. */
  get saved(): VerifiedVillage | undefined {
    const { village, saved } = this.#options;
    const state = this.#saved;
    if (saved === undefined || state === undefined) return undefined;
    const checkpoint = openCheckpoint(saved.checkpoint, this.#options.policy);
    return new VerifiedVillage(SEAL, village, checkpoint, state);
  }

  #restore(family: 'village' | 'inbox', bytes: Uint8Array | null): StreamState | undefined {
    if (bytes === null) return undefined;
    const state = decodeStreamState(bytes);
    if (state.family !== family || state.village !== this.#options.village)
      throw new LogError('storage-corrupt', `what was saved is no state of this ${family}`);
    this.#states.set(`${family}/${state.village}`, state);
    return state;
  }

  /** What to `add` next; undefined: the reading can be finished. */
  get want(): WantedPage | undefined {
    const since = Number(this.#checkpoint?.size ?? 0n);
    if (!this.#village.isComplete) return { ...this.#village.want, since };
    const isDone = this.#inbox.isComplete || this.#inbox.reaches(this.#size);
    return isDone || !this.#concernsInbox() ? undefined : { ...this.#inbox.want, since };
  }

  get #size(): number {
    return Number(this.#newest?.checkpoint.size ?? 0n);
  }

  // Nobody can write to an inbox while the constitution has no quarantine, and no proposal that is open gives it one.
  #concernsInbox(): boolean {
    const before = this.#states.get(this.#village.stream);
    if (before?.family === 'village') {
      const open = [...before.proposals.values()].map(({ change }) => change);
      const laws = open.flatMap((change) =>
        'constitution' in change ? [change.constitution] : [],
      );
      if ([before.law, ...laws].some(({ quarantine }) => quarantine !== null)) return true;
    }
    return this.#village.statements.some(
      ({ payload }) => 'constitution' in payload && payload.constitution.quarantine !== null,
    );
  }

  /** Verifies the page that `want` asks for. After an error the reading is of no more use. */
  add(bytes: Uint8Array): void {
    const want = this.want ?? bug('no page is wanted');
    const { policy } = this.#options;
    const options = { ...this.#freshness(), stream: want.stream, trace: this.#options.trace };
    const page = openFollowPage(bytes, policy, options);
    this.#checkFreshness(page);
    const { checkpoint } = page.stream;
    if (this.#checkpoint !== undefined)
      advance(this.#checkpoint, checkpoint, page.consistency, this.#options.trace);
    this.#checkpoint = checkpoint;
    const isVillage = want.stream === this.#village.stream;
    if (isVillage) this.#newest = page.stream;
    (isVillage ? this.#village : this.#inbox).add(page);
  }

  #freshness(): { nowSeconds?: bigint | undefined; maxAgeSeconds?: bigint | undefined } {
    const { nowSeconds, maxAgeSeconds, policy } = this.#options;
    return policy.quorum === undefined ? {} : { nowSeconds, maxAgeSeconds };
  }

  // A policy without witnesses has only the word of the log for how late it is.
  #checkFreshness({ stream: { stateRoot } }: VerifiedPage): void {
    const { nowSeconds, maxAgeSeconds, policy } = this.#options;
    if (policy.quorum !== undefined || nowSeconds === undefined || maxAgeSeconds === undefined)
      return;
    const oldest = nowSeconds - maxAgeSeconds;
    if (BigInt(stateRoot.timeSeconds) >= oldest) return;
    throw new LogError('checkpoint-stale', 'the newest state root is too old', {
      expected: `${oldest} or later`,
      got: stateRoot.timeSeconds,
    });
  }

  /**
   * Derives the state. LogError statement-refused, stream-conflict and statement-bad-signature for a statement
   * that the log should not have admitted.
   */
  finish(): Followed {
    const all = this.#inOrder();
    return this.#followed(() =>
      all.map((placed) => {
        const judged = this.#step(placed);
        if (judged.signer !== undefined) checkStatementSignature(judged.statement, judged.signer);
        return judged;
      }),
    );
  }

  /** As `finish`, with the signatures checked in the native thread pool where there is one. */
  async finishAsync(): Promise<Followed> {
    const all = this.#inOrder();
    const checks = new SignatureChecks();
    const news: Judged[] = [];
    let fault: unknown;
    try {
      for (const placed of all) {
        const judged = this.#step(placed);
        news.push(judged);
        if (judged.signer !== undefined) await checks.add(judged.statement, judged.signer);
      }
    } catch (error) {
      fault = error;
    }
    // A statement before the one that is refused is the first that is wrong.
    fault = (await checks.fault()) ?? fault;
    return this.#followed(() => {
      if (fault !== undefined) throw fault;
      return news;
    });
  }

  /** The statements of both streams up to the tree of the village, in the order of the log. */
  #inOrder(): PlacedStatement[] {
    if (this.#newest === undefined || this.want !== undefined)
      throw new RangeError('pages are missing');
    const inTree = this.#inbox.statements.filter(({ leafIndex }) => leafIndex < this.#size);
    const all = [...this.#village.statements, ...inTree];
    return all.sort((a, b) => a.leafIndex - b.leafIndex);
  }

  #followed(judge: () => readonly Judged[]): Followed {
    const { village } = this.#options;
    const { checkpoint, stateRoot } = this.#newest ?? bug('pages are missing');
    const news = step(this.#options.trace, 'rules', judge, ({ length }) => ({
      why: `the rules of the village admit all ${length} statements, in the order of the log`,
    }));
    const unchecked = news.filter(({ signer }) => signer === undefined).length;
    const reduced = this.#states.get(`village/${village}`);
    const state = reduced?.family === 'village' ? reduced : null;
    const inbox = this.#states.get(`inbox/${village}`);
    return {
      verified: new VerifiedVillage(SEAL, village, checkpoint, state),
      isFirst: this.#options.saved === undefined,
      checkpoint,
      timeSeconds: stateRoot.timeSeconds,
      state,
      inbox: inbox?.family === 'inbox' ? inbox : null,
      news,
      unchecked,
      next: {
        village,
        checkpoint: checkpoint.note,
        state: state === null ? null : encodeStreamState(state),
        inbox: inbox === undefined ? null : encodeStreamState(inbox),
      },
    };
  }

  #step(placed: PlacedStatement): Judged {
    const { statement, leafIndex } = placed;
    const context = this.#contextOf(placed);
    const place = {
      index: leafIndex,
      stream: statement.stream,
      statement: formatHex(statement.id),
    };
    const outcome = reduce(this.#states, placed, context);
    if (!outcome.admitted) throw refusalError(outcome.refusal, place);
    const key = signerKey(placed, context) ?? this.#options.authorKey?.(statement.keyId);
    if (key === undefined && statement.streamId.family === 'village')
      bug('nobody signed for a village');
    this.#states.set(statement.stream, outcome.state);
    const signer = key === undefined ? undefined : this.#verifierOf(key);
    return { ...placed, effect: outcome.effect, signer };
  }

  // To import a key takes longer than to verify with it.
  #verifierOf(key: Uint8Array): Ed25519Verifier {
    const name = formatHex(key);
    const verifier = this.#verifiers.get(name) ?? new Ed25519Verifier(key);
    this.#verifiers.set(name, verifier);
    return verifier;
  }

  #contextOf({ leafIndex, timeSeconds }: PlacedStatement): Context {
    const { village } = this.#options;
    const [own, inbox] = [`village/${village}`, `inbox/${village}`].map((id) =>
      this.#states.get(id),
    );
    return {
      index: leafIndex,
      timeSeconds,
      // Only streams of the log itself are judged by it, and none of them is read here.
      logKey: this.#checkpoint?.logKeys[0]?.publicKey ?? bug('a checkpoint without a key'),
      village: (name) => (name === village && own?.family === 'village' ? own : undefined),
      inbox: (name) => (name === village && inbox?.family === 'inbox' ? inbox : undefined),
    };
  }
}
