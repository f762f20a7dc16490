// The log's side of one witness server: C2SP tlog-witness (https://c2sp.org/tlog-witness@v1.0.0),
// "add-checkpoint".
//
// Nothing that a witness answers is believed: a line counts when it is a cosignature by a key of the trust
// policy on exactly our text, with a sane time. The size that it answers with 409 only chooses the proof it
// is sent next, unless it is above everything we ever signed: then this log has lost its memory.

import { parseUtf8 } from '@writ/core/bytes';
import { bug, isLogError, LogError } from '@writ/core/errors';
import {
  formatAddCheckpoint,
  parseConflictSize,
  SIZE_CONTENT_TYPE,
} from '@writ/core/formats/add-checkpoint';
import { checkSignature, timestampOf } from '@writ/core/formats/cosignature';
import { type NoteSignature, parseSignatureLines, verifyNote } from '@writ/core/formats/note';
import type { PolicyWitness } from '@writ/core/formats/tlog-policy';
import type { Env } from '../env.ts';

/** Room for the cosignatures of 16 ML-DSA-44 keys. */
export const MAX_RESPONSE_BYTES: number = 64 * 1024;
/** How far a cosignature may be from our clock, in seconds: beyond it, either clock is wrong and proves nothing. */
export const MAX_CLOCK_SKEW_SECONDS = 300n;
/** Corrections of the old size within one request: a second one means that someone else moves the witness. */
const MAX_CONFLICTS = 2;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 15_000;

/** A checkpoint that the log has signed and made durable, ready for witnesses. */
export interface CosignRequest {
  readonly size: number;
  /** Text of the note, which cosignatures cover. */
  readonly text: string;
  readonly note: Uint8Array;
  /** Consistency proof from `oldSize` to `size`. */
  proveFrom(oldSize: number): Uint8Array[];
}

/** A cosignature that verified, under the name of its witness in the trust policy. */
export interface Cosignature {
  readonly witness: string;
  readonly signature: NoteSignature;
}

/** One witness server with the keys it cosigns with, and what we know of it. */
export class WitnessClient {
  readonly url: string;
  readonly members: readonly PolicyWitness[];
  /** The size that we believe it cosigned last; only ever a hint. */
  size = 0;
  /** Rounds in a row without a cosignature. */
  failures = 0;
  lastError: string | undefined;
  lastCosignedAtMs: number | undefined;
  /** On the monotonic clock. */
  #pauseUntilMs = 0;
  readonly #latest = new Map<string, bigint>();
  readonly #env: Env;

  /** `members`: the witnesses of the policy with this submission prefix, at least one. */
  constructor(env: Env, url: string, members: readonly PolicyWitness[]) {
    this.#env = env;
    this.url = url.replace(/\/+$/, '');
    this.members = members;
  }

  /** True while the witness is left alone after failures. */
  get isPausing(): boolean {
    return performance.now() < this.#pauseUntilMs;
  }

  /**
   * Asks for cosignatures. LogError network-failed, response-malformed or witness-conflict when there is
   * none, checkpoint-rolled-back when the witness holds a larger tree than we ever signed: the caller must
   * stop the log.
   */
  async cosign(request: CosignRequest, signal: AbortSignal): Promise<Cosignature[]> {
    try {
      const cosignatures = await this.#negotiate(request, signal);
      this.size = request.size;
      this.failures = 0;
      this.lastError = undefined;
      this.lastCosignedAtMs = this.#env.nowMs();
      return cosignatures;
    } catch (error) {
      this.#noteFailure(error);
      throw error;
    }
  }

  #noteFailure(error: unknown): void {
    this.failures++;
    this.lastError = error instanceof Error ? error.message : 'unknown';
    // One lost round is common; only a row of them makes a witness dead.
    const pause = this.failures < 3 ? 0 : FIRST_PAUSE_MS * 2 ** Math.min(this.failures - 3, 10);
    this.#pauseUntilMs = performance.now() + Math.min(pause, LONGEST_PAUSE_MS);
  }

  async #negotiate(request: CosignRequest, signal: AbortSignal): Promise<Cosignature[]> {
    for (let conflicts = 0; conflicts <= MAX_CONFLICTS; conflicts++) {
      const oldSize = Math.min(this.size, request.size);
      const response = await this.#post(request, oldSize, signal);
      const body = await readLimited(response);
      if (response.status === 200) return this.#open(body, request.text);
      if (response.status !== 409) throw refusal(response.status);
      this.#learnSize(response, body, request, oldSize);
    }
    throw new LogError('witness-conflict', 'the witness answers 409 again and again');
  }

  async #post(request: CosignRequest, oldSize: number, signal: AbortSignal): Promise<Response> {
    const proof = oldSize === 0 ? [] : request.proveFrom(oldSize);
    const body = formatAddCheckpoint({ oldSize: BigInt(oldSize), proof, checkpoint: request.note });
    try {
      return await this.#env.fetch(`${this.url}/add-checkpoint`, {
        method: 'POST',
        headers: { 'content-type': 'text/plain; charset=utf-8' },
        body: new Uint8Array(body),
        redirect: 'manual',
        signal,
      });
    } catch (error) {
      throw new LogError('network-failed', 'the witness could not be reached', {}, error);
    }
  }

  #learnSize(
    response: Response,
    body: Uint8Array,
    { size }: CosignRequest,
    triedSize: number,
  ): void {
    const held = parseConflictSize(parseUtf8(body) ?? '');
    const isSize = response.headers.get('content-type') === SIZE_CONTENT_TYPE;
    if (!isSize || held === undefined) {
      throw new LogError('response-malformed', 'the 409 answer of the witness carries no size');
    }
    if (held > BigInt(size)) {
      throw new LogError(
        'checkpoint-rolled-back',
        `witness ${this.members[0]?.name} has cosigned ${held} entries of this log, which has signed ${size}: ` +
          'restore the newest copy of the data, never continue from this one',
        { witness: this.members[0]?.name ?? '', expected: size, got: held },
      );
    }
    if (held === BigInt(triedSize)) {
      throw new LogError('response-malformed', 'the witness answers 409 with the size it was sent');
    }
    this.size = Number(held);
  }

  #open(body: Uint8Array, text: string): Cosignature[] {
    const lines = parseLines(body);
    const cosignatures: Cosignature[] = [];
    let firstError: LogError | undefined;
    for (const member of this.members) {
      try {
        const signature = this.#openMember(member, lines, text);
        if (signature !== undefined) cosignatures.push({ witness: member.name, signature });
      } catch (error) {
        if (!isLogError(error)) throw error;
        firstError ??= error;
      }
    }
    if (cosignatures.length > 0) return cosignatures;
    throw (
      firstError ??
      new LogError('response-malformed', 'the answer has no line of a key of the trust policy')
    );
  }

  /** The cosignature of one key, counted once however often its line is repeated. */
  #openMember(
    { key }: PolicyWitness,
    lines: readonly NoteSignature[],
    text: string,
  ): NoteSignature | undefined {
    const signatures = lines.filter((line) => line.name === key.name && line.id === key.id);
    const [verified] = verifyNote({ text, signatures }, [key], checkSignature);
    if (verified === undefined) return undefined;
    const timestamp = timestampOf(verified);
    const latest = this.#latest.get(key.id) ?? 1n;
    const nowSeconds = BigInt(Math.floor(this.#env.nowMs() / 1000));
    const isFar =
      timestamp > nowSeconds + MAX_CLOCK_SKEW_SECONDS ||
      timestamp < nowSeconds - MAX_CLOCK_SKEW_SECONDS;
    if (timestamp < latest || isFar) {
      throw new LogError(
        'response-malformed',
        'the time of the cosignature goes back, or is far from the clock of the log: one of the two is wrong',
        { field: 'timestamp', got: timestamp },
      );
    }
    this.#latest.set(key.id, timestamp);
    return verified.signature;
  }
}

function parseLines(body: Uint8Array): NoteSignature[] {
  try {
    return parseSignatureLines(parseUtf8(body) ?? '');
  } catch (error) {
    if (!isLogError(error)) throw error;
    throw new LogError(
      'response-malformed',
      'the answer of the witness is not signature lines',
      {},
      error,
    );
  }
}

function refusal(status: number): LogError {
  return new LogError('response-malformed', `the witness answers with status ${status}`, {
    got: status,
  });
}

/** The body of an answer; LogError response-malformed beyond the limit, network-failed when it breaks off. */
async function readLimited(response: Response): Promise<Uint8Array> {
  const body = new Uint8Array(MAX_RESPONSE_BYTES);
  let length = 0;
  try {
    for await (const chunk of response.body ?? []) {
      if (!(chunk instanceof Uint8Array)) bug('fetch gives bytes');
      if (length + chunk.length > body.length) {
        // Leaving the loop cancels the rest.
        throw new LogError('response-malformed', `the answer is over ${body.length} bytes`);
      }
      body.set(chunk, length);
      length += chunk.length;
    }
  } catch (error) {
    if (isLogError(error)) throw error;
    throw new LogError('network-failed', 'the answer of the witness breaks off', {}, error);
  }
  return body.subarray(0, length);
}
