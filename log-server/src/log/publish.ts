// The publisher: signs the head when the log has grown, gathers cosignatures, publishes, keeps the history.
//
// Order, and what a crash at each point leaves: the head is durable (nothing is lost), the signed note is durable
// (the next start continues from it), witnesses cosign (the next start asks again), the row of the history is
// durable (it is what is served). So nothing is ever shown that a restart does not know of.

import { equalBytes } from '@writ/core/bytes';
import { bug, isLogError } from '@writ/core/errors';
import { parseCheckpoint } from '@writ/core/formats/checkpoint';
import { openNote } from '@writ/core/formats/cosignature';
import { type SignerKey, type VerifierKey, verifierOf } from '@writ/core/formats/key';
import { formatNote, type NoteSignature, parseNote } from '@writ/core/formats/note';
import { isQuorumMet, type TrustPolicy } from '@writ/core/formats/tlog-policy';
import type { Env } from '../env.ts';
import type { CheckpointCause, CheckpointRecord, TreeHead } from '../storage/port.ts';
import {
  type CosignOptions,
  type CosignRound,
  gatherCosignatures,
  witnessClients,
} from './cosign.ts';
import { type SignedHead, signHead, type TreeSource } from './sign.ts';
import { Waiters } from './waiters.ts';
import type { WitnessClient } from './witness-client.ts';

/** `require`: nothing is published without quorum. `mark`: it is, with `quorumMet` false in the history. */
export type QuorumRule = 'require' | 'mark';

export interface PublisherOptions extends Partial<CosignOptions> {
  /** First line of every checkpoint, and the name of the signing keys. */
  readonly origin: string;
  /** The log's keys, an Ed25519 note key (0x01) first. */
  readonly signers: readonly SignerKey[];
  readonly policy: TrustPolicy;
  readonly quorumRule: QuorumRule;
  /** Shortest time between two checkpoints. Default 1000. */
  readonly checkpointIntervalMs?: number;
  /** A checkpoint older than this is cosigned anew. Default 10 minutes. */
  readonly refreshIntervalMs?: number;
  /** Adds a random unknown signature and shuffles the lines, so that no reader gets used to less. */
  readonly grease?: boolean;
  readonly softwareVersion: string;
  /** Called after each row of the history, with the seconds from signing to publishing. */
  onPublished?(record: CheckpointRecord, seconds: number): void;
}

const DEFAULT_INTERVAL_MS = 1000;
const DEFAULT_REFRESH_MS = 600_000;
const DEFAULT_TIMEOUT_MS = 5000;
const DEFAULT_GRACE_MS = 200;
const LONGEST_RETRY_MS = 10_000;
/** Between two looks at an idle log that nobody wakes us for. */
const IDLE_LOOK_MS = 20;

/** Publishes checkpoints of one log. The only user of its keys. */
export class Publisher {
  readonly witnesses: readonly WitnessClient[];
  readonly options: PublisherOptions;
  readonly keys: readonly VerifierKey[];
  /** Rounds in a row that did not meet the quorum. */
  failures = 0;
  readonly #log: TreeSource;
  readonly #env: Env;
  /** A log that never signed anything cannot be an old copy. */
  #isConfirmed: boolean;
  readonly #waiters: Waiters;
  readonly #stopping = new AbortController();
  #idle: AbortController | undefined;
  /** On the monotonic clock. */
  #lastAttemptMs = Number.NEGATIVE_INFINITY;
  #loop: Promise<void> = Promise.resolve();
  #tail: Promise<unknown> = Promise.resolve();

  constructor(env: Env, log: TreeSource, options: PublisherOptions) {
    this.#env = env;
    this.#log = log;
    this.options = options;
    this.#isConfirmed = log.store.signed === undefined && log.head.size === 0;
    this.keys = options.signers.map(verifierOf);
    this.witnesses = witnessClients(env, options.policy);
    this.#waiters = new Waiters(env);
  }

  /** The newest row of the history: what `/checkpoint` serves. */
  get published(): CheckpointRecord | undefined {
    return this.#log.store.latestCheckpoint;
  }

  /**
   * Compares our state with what the witnesses hold, by a first checkpoint, then publishes in the background.
   * Resolves after that first round; the log is stopped then if a witness knows more than we do, so accept
   * entries only afterwards.
   */
  async start(): Promise<void> {
    await this.publishNow('start').catch(() => undefined); // the log is stopped and says why
    this.#loop = this.#run();
  }

  /** Ends the loop and the waiting; a round under way is finished first. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#idle?.abort();
    await this.#loop;
    await this.#tail;
    this.#waiters.release();
  }

  /** Tells an idle publisher that the log has grown. Cheap; may be called after every commit. */
  noteGrowth(): void {
    this.#idle?.abort();
  }

  /** The first record with quorum that covers `size` entries; undefined after `timeoutMs` or when stopped. */
  waitFor(size: number, timeoutMs: number): Promise<CheckpointRecord | undefined> {
    const { published } = this;
    if (published?.quorumMet === true && published.size >= size) return Promise.resolve(published);
    if (this.#stopping.signal.aborted || this.#log.stoppedBecause !== undefined)
      return Promise.resolve(undefined);
    return this.#waiters.wait(size, timeoutMs);
  }

  /** One round, after any that is under way: undefined when the quorum was not met. Stops the log on failure. */
  publishNow(cause: CheckpointCause = 'growth'): Promise<CheckpointRecord | undefined> {
    const attempt = this.#tail.then(() => this.#attempt(cause));
    this.#tail = attempt.catch(() => undefined);
    return attempt;
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted && this.#log.stoppedBecause === undefined) {
      const waitMs = this.#pauseLeftMs();
      if (waitMs > 0) {
        await this.#env.sleep(waitMs, this.#stopping.signal);
        continue;
      }
      const cause = this.#due();
      if (cause === undefined) await this.#idleUntilGrowth();
      else await this.publishNow(cause).catch(() => undefined);
    }
    this.#waiters.release();
  }

  /** Counted from the last attempt, so that a lone entry on an idle log is published at once. */
  #pauseLeftMs(): number {
    const interval = this.options.checkpointIntervalMs ?? DEFAULT_INTERVAL_MS;
    const pause = Math.max(
      interval,
      Math.min(interval * 2 ** Math.min(this.failures, 10), LONGEST_RETRY_MS),
    );
    return this.#lastAttemptMs + pause - performance.now();
  }

  #due(): CheckpointCause | undefined {
    const { published } = this;
    if (published === undefined || this.#log.head.size > published.size) return 'growth';
    if (this.#log.isAging) return 'refresh';
    const age = Math.abs(this.#env.nowMs() - published.publishedAtMs); // the clock may have gone back
    const isStale = age >= (this.options.refreshIntervalMs ?? DEFAULT_REFRESH_MS);
    return isStale || !published.quorumMet || this.failures > 0 ? 'refresh' : undefined;
  }

  async #idleUntilGrowth(): Promise<void> {
    this.#idle = new AbortController();
    await this.#env.sleep(IDLE_LOOK_MS, this.#idle.signal);
    this.#idle = undefined;
  }

  async #attempt(cause: CheckpointCause): Promise<CheckpointRecord | undefined> {
    if (this.#log.stoppedBecause !== undefined) return undefined;
    this.#lastAttemptMs = performance.now();
    try {
      return await this.#publish(cause);
    } catch (error) {
      if (isLogError(error, 'storage-full')) {
        this.#env.log.warn({ err: error }, 'no room to seal the log');
        return undefined;
      }
      const reason = error instanceof Error ? error.message : 'unknown';
      const code = isLogError(error) ? error.code : 'bug';
      this.#env.log.error({ err: error, code }, 'the log stops: its state cannot be signed');
      this.#log.stop(reason);
      this.#waiters.release();
      throw error;
    }
  }

  async #publish(cause: CheckpointCause): Promise<CheckpointRecord | undefined> {
    const started = performance.now();
    const { origin, signers } = this.options;
    const nowSeconds = BigInt(Math.floor(this.#env.nowMs() / 1000));
    const head = await this.#headFor(cause);
    const signed = await signHead(
      this.#log,
      head,
      { origin, signers, keys: this.keys },
      nowSeconds,
    );
    const round = await this.#cosign(signed);
    this.failures = round.quorumMet ? 0 : this.failures + 1;
    this.#isConfirmed ||= round.quorumMet;
    if (!round.quorumMet && (this.needsConfirmation || this.#isOldNews(signed))) {
      this.#env.log.warn({ size: signed.size, failures: this.failures }, 'the quorum is not met');
      return undefined;
    }
    // A tree whose state root is old is not worth showing: its successor needs but a new root.
    if (cause === 'start' && this.#log.isAging && !this.needsConfirmation)
      return this.#publish('growth');
    const record = this.#record(signed, round, cause);
    await this.#log.store.putCheckpoint(record);
    this.#waiters.settle(record);
    this.options.onPublished?.(record, (performance.now() - started) / 1000);
    const { number, size, quorumMet, witnesses } = record;
    this.#env.log.debug({ number, size, quorumMet, witnesses, cause }, 'checkpoint published');
    return record;
  }

  /**
   * Sealing adds to the log, so it waits until the witnesses have confirmed what is there: at a start, and after a
   * round without quorum, the head that was sealed before is offered again.
   */
  async #headFor(cause: CheckpointCause): Promise<TreeHead> {
    if (cause === 'start' || this.needsConfirmation) return this.#log.sealed;
    try {
      return await this.#log.seal();
    } catch (error) {
      if (!isLogError(error, 'clock-implausible')) throw error;
      // Cosignatures on what is there tell whose clock is wrong.
      this.#env.log.error({ err: error }, 'the log cannot be sealed');
      return this.#log.sealed;
    }
  }

  /** Without quorum, the same size need not be marked twice, and never hides a row that had the quorum. */
  #isOldNews(signed: SignedHead): boolean {
    return this.published?.size === signed.size;
  }

  #cosign(signed: SignedHead): Promise<CosignRound> {
    const { policy, timeoutMs = DEFAULT_TIMEOUT_MS, graceMs = DEFAULT_GRACE_MS } = this.options;
    const { size, text, note } = signed;
    const proveFrom = (oldSize: number): Uint8Array[] => this.#log.proveConsistency(oldSize, size);
    const request = { size, text, note, proveFrom };
    const onWitness: NonNullable<CosignOptions['onWitness']> = (...report) =>
      this.options.onWitness?.(...report);
    return gatherCosignatures(this.#env, policy, this.witnesses, request, {
      timeoutMs,
      graceMs,
      onWitness,
    });
  }

  #record(signed: SignedHead, round: CosignRound, cause: CheckpointCause): CheckpointRecord {
    const lines = [...signed.signatures, ...round.cosignatures.map(({ signature }) => signature)];
    const signatures = this.options.grease === true ? grease(this.#env, lines) : lines;
    const note = formatNote({ text: signed.text, signatures });
    const witnesses = round.cosignatures.map(({ witness }) => witness);
    this.#checkServable(note, signed, witnesses);
    return {
      number: (this.published?.number ?? -1) + 1,
      size: signed.size,
      root: signed.root,
      note,
      publishedAtMs: this.#env.nowMs(),
      cause,
      quorumMet: round.quorumMet,
      logKeyIds: this.keys.map((key) => key.id),
      witnesses,
      softwareVersion: this.options.softwareVersion,
    };
  }

  /** Reads the note as a client will, before any client can. */
  #checkServable(bytes: Uint8Array, signed: SignedHead, witnesses: readonly string[]): void {
    const { policy, origin } = this.options;
    const cosigners = [...policy.witnesses.values()].filter(({ name }) => witnesses.includes(name));
    const keys = [...this.keys, ...cosigners.map(({ key }) => key)];
    const note = parseNote(bytes);
    const checkpoint = parseCheckpoint(note.text);
    if (openNote(note, keys).length !== keys.length) bug('the note to serve lacks a signature');
    if (checkpoint.origin !== origin || checkpoint.size !== BigInt(signed.size))
      bug('the note to serve states another tree');
    if (!equalBytes(checkpoint.root, signed.root)) bug('the note to serve states another root');
  }

  /**
   * True while nobody knows whether what is here is the newest: no quorum of witnesses has confirmed it since the
   * start, or, where the rule asks for a quorum each time, in the last round.
   */
  get needsConfirmation(): boolean {
    return this.failures > 0 && (this.options.quorumRule === 'require' || !this.#isConfirmed);
  }

  /** True when the newest checkpoint has its quorum and the last round met it. */
  get isQuorumMet(): boolean {
    const { published } = this;
    if (published === undefined || this.failures > 0) return false;
    return isQuorumMet(this.options.policy, new Set(published.witnesses));
  }
}

/** One signature that nobody knows, and an order that nobody can rely on. */
function grease(env: Env, lines: readonly NoteSignature[]): NoteSignature[] {
  const name = `grease.invalid/${env.random(1)[0]}`;
  const id = [...env.random(4)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  const shuffled: NoteSignature[] = [{ name, id, bytes: env.random(72) }];
  for (const line of lines) {
    const at = (env.random(1)[0] ?? 0) % (shuffled.length + 1);
    shuffled.splice(at, 0, line);
  }
  return shuffled;
}
