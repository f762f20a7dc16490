// A reader that follows one village of a log (spec/follow.md section 5): it remembers the newest checkpoint that it
// accepted, fetches what concerns it and nothing else, and goes forward only.

import { isLogError, LogError } from '@writ/core/errors';
import type { TrustPolicy } from '@writ/core/formats/tlog-policy';
import { formatStreamId } from '@writ/core/statements/stream-id';
import { MAX_PAGE_ENTRIES } from '@writ/core/streams/follow-page';
import { FollowError, withFaultEvidence } from './fault.ts';
import {
  type Followed,
  type ReadingOptions,
  type SavedVillage,
  VillageReading,
  type WantedPage,
} from './reading.ts';

/** The world of a reader. */
export interface FollowEnv {
  /** Bytes at `path` relative to the prefix of the log; undefined when there are none. */
  read(path: string): Promise<Uint8Array | undefined>;
  /** The clock in POSIX seconds. */
  nowSeconds(): bigint;
}

/** Where a reader keeps what it remembers. */
export interface FollowStore {
  load(): Promise<SavedVillage | undefined>;
  /**
   * Replaces what is saved, durably and whole, if and only if its checkpoint is still `expected` (undefined:
   * nothing is saved); false otherwise. That condition, checked in the write itself, is what makes a reader
   * impossible to roll back.
   */
  save(expected: Uint8Array | undefined, next: SavedVillage): Promise<boolean>;
}

export interface FollowOptions extends Pick<ReadingOptions, 'authorKey'> {
  /** How old the newest checkpoint may be. */
  readonly maxAgeSeconds?: bigint;
  /** Statements in one answer, at most 500. */
  readonly pageLimit?: number;
}

/** How old a checkpoint may be unless the caller says otherwise: logs make a new one every day at least. */
export const DEFAULT_MAX_AGE_SECONDS: bigint = 25n * 60n * 60n;
const DEFAULT_PAGE_LIMIT = 100;
/** Pages of one pass: a million statements a village, and an end for a server that has none. */
const MAX_PAGES = 10_000;

/**
 * One pass over `village`: from what the store holds to the newest checkpoint of the log. Nothing is saved unless
 * all of it holds. Throws FollowError: checkpoint-rolled-back (replay, rollback), checkpoint-stale (freeze),
 * fork-detected, consistency-failed, stream-rolled-back, stream-incomplete (omission, reordering), index-proof-failed,
 * state-root-invalid, inclusion-failed, statement-refused, stream-conflict, statement-bad-signature, those of the
 * formats, not-found, and head-conflict when another pass saved meanwhile. RangeError for what is no village id.
 */
export async function followVillage(
  env: FollowEnv,
  store: FollowStore,
  policy: TrustPolicy,
  village: string,
  options: FollowOptions = {},
): Promise<Followed> {
  // Before any path is built from it.
  formatStreamId({ family: 'village', village });
  const saved = await store.load();
  const { maxAgeSeconds = DEFAULT_MAX_AGE_SECONDS, authorKey } = options;
  const nowSeconds = env.nowSeconds();
  const setup = { village, policy, saved, nowSeconds, maxAgeSeconds, authorKey };
  const pages: Uint8Array[] = [];
  let followed: Followed;
  try {
    followed = await readAll(env, setup, pages, options.pageLimit ?? DEFAULT_PAGE_LIMIT);
  } catch (error) {
    if (!isLogError(error)) throw error;
    throw await withFaultEvidence(env, setup, pages, error);
  }
  if (await store.save(saved?.checkpoint, followed.next)) return followed;
  const message = 'another pass saved a checkpoint meanwhile: follow again from there';
  throw new FollowError(new LogError('head-conflict', message), undefined);
}

async function readAll(
  env: FollowEnv,
  setup: ReadingOptions,
  pages: Uint8Array[],
  limit: number,
): Promise<Followed> {
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > MAX_PAGE_ENTRIES)
    throw new RangeError(`pageLimit must be 1 to ${MAX_PAGE_ENTRIES}`);
  const reading = new VillageReading(setup);
  for (let want = reading.want; want !== undefined; want = reading.want) {
    const path = pagePath(want, limit);
    const bytes = await env.read(path);
    if (bytes === undefined)
      throw new LogError('not-found', `the log does not serve ${path}`, { path });
    if (pages.length === MAX_PAGES)
      throw new LogError('response-malformed', `the log has more than ${MAX_PAGES} pages`);
    pages.push(bytes);
    reading.add(bytes);
  }
  return reading.finishAsync();
}

/** Where the log serves a page. */
export function pagePath({ stream, from, since }: WantedPage, limit: number): string {
  return `streams/${stream}/follow?from=${from}&limit=${limit}&since=${since}`;
}
