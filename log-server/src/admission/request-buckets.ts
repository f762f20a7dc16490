// How many requests each village gets: token buckets that the constitution sizes (spec/private-villages.md section 7).
// One bucket for each kind of request, so that those who read, or write to the inbox, cannot keep members out.

import { LogError } from '@writ/core/errors';
import type { Statement } from '@writ/core/statements/statement';
import type { StreamId } from '@writ/core/statements/stream-id';
import { villageOfStream } from '@writ/core/streams/hidden';
import type { Step } from '@writ/core/streams/position';
import type { StreamStates } from '@writ/core/streams/reduce';
import { validKey } from '@writ/core/streams/village-state';

/** Buckets that are remembered; beyond it the one that was used longest ago is forgotten, and full again. */
export const MAX_BUCKETS = 16_384;
const MINUTE_MS = 60_000;

/** Reads of members, and of everybody else; submissions by stream family; those to a village by who is no member. */
export type RequestKind = 'member' | 'read' | 'stranger' | 'village' | 'inbox' | 'node' | 'audit';

interface Bucket {
  /** Requests that may come at once. */
  tokens: number;
  /** When that was counted. */
  atMs: number;
}

export class RequestBuckets {
  readonly #nowMs: () => number;
  /** In the order of their use. */
  readonly #buckets = new Map<string, Bucket>();

  /** `nowMs`: a clock that never jumps. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /**
   * Takes one request of a village whose constitution in `states` says how many it has; a village that is not there has
   * no limit. LogError rate-limited with retryAfterSeconds.
   */
  take(states: StreamStates, kind: RequestKind, village: string): void {
    const state = states.get(`village/${village}`);
    if (state?.family !== 'village') return;
    const { requestsPerMinute } = state.law.limits;
    const waitMs = this.#spend(`${kind}/${village}`, requestsPerMinute);
    if (waitMs === 0) return;
    const retryAfterSeconds = Math.ceil(waitMs / 1000);
    const message = `the village has ${requestsPerMinute} requests of this kind a minute: try again in ${retryAfterSeconds} s`;
    const detail = { limit: requestsPerMinute, rule: 'constitution.limits.requestsPerMinute' };
    throw new LogError('rate-limited', message, { ...detail, retryAfterSeconds });
  }

  /** Takes one token; 0, or the milliseconds until there is one. */
  #spend(name: string, perMinute: number): number {
    const nowMs = this.#nowMs();
    const bucket = this.#buckets.get(name);
    const grown =
      bucket === undefined ? perMinute : ((nowMs - bucket.atMs) * perMinute) / MINUTE_MS;
    const tokens = Math.min(perMinute, (bucket?.tokens ?? 0) + grown);
    // Behind all others: the first one is always that which was used longest ago.
    this.#buckets.delete(name);
    this.#buckets.set(name, { tokens: tokens < 1 ? tokens : tokens - 1, atMs: nowMs });
    if (this.#buckets.size > MAX_BUCKETS) this.#forgetOldest();
    return tokens < 1 ? Math.max(1, ((1 - tokens) * MINUTE_MS) / perMinute) : 0;
  }

  #forgetOldest(): void {
    const [oldest] = this.#buckets.keys();
    if (oldest !== undefined) this.#buckets.delete(oldest);
  }
}

/**
 * Takes a signed submission to a stream of a village. Revoking is never rationed: a stolen key must not be able to use up
 * what its owner needs to stop it. LogError rate-limited.
 */
export function takeSubmission(
  buckets: RequestBuckets,
  states: StreamStates,
  { statement, payload }: Step,
): void {
  if (payload.kind === 'key-revoke') return;
  const { streamId } = statement;
  const village = villageOfStream(statement);
  if (village === undefined) return;
  buckets.take(states, isStranger(states, statement) ? 'stranger' : kindOf(streamId), village);
}

/** Who writes to a village without a key of it is refused by its rules, and must not use up what its members have. */
function isStranger(states: StreamStates, { streamId, stream, keyId }: Statement): boolean {
  const state = states.get(stream);
  return (
    streamId.family === 'village' &&
    !(state?.family === 'village' && validKey(state, keyId) !== undefined)
  );
}

function kindOf({ family }: StreamId): RequestKind {
  return family === 'inbox' || family === 'node' || family === 'audit' ? family : 'village';
}
