// One look at a village in the log: pages in, verified facts out. Nothing is written here.

import { equalBytes, formatHex } from '@writ/core/bytes';
import { isLogError, type LogError } from '@writ/core/errors';
import type { TrustPolicy } from '@writ/core/formats/tlog-policy';
import { sha256 } from '@writ/core/sha256';
import type {
  CheckpointRef,
  HeadRef,
  OpenProposal,
  PendingEntry,
  ProofDigest,
} from '@writ/core/streams/reconciliation-report';
import type { EffectResult } from '@writ/core/streams/refusal';
import { isExpired, type Proposal, type VillageState } from '@writ/core/streams/village-state';
import { advance } from '@writ/verifier/advance';
import { openCheckpoint, type VerifiedCheckpoint } from '@writ/verifier/checkpoint';
import { openFollowPage } from '@writ/verifier/follow/page';
import {
  type Followed,
  type News,
  VillageReading,
  type WantedPage,
} from '@writ/verifier/follow/reading';
import type { RemoteFacts } from '../engine/reconcile.ts';
import type { Saved } from './state-store.ts';

/** Fetches a page. Rejects with LogError network-failed when there is no answer. */
export type FetchPage = (want: WantedPage) => Promise<Uint8Array>;

export interface ReadOptions {
  readonly village: string;
  readonly policy: TrustPolicy;
  readonly saved: Saved | undefined;
  readonly nowSeconds: number;
  /** How old the newest checkpoint may be. */
  readonly maxAgeSeconds?: number | undefined;
}

/** A page as it came, for the evidence. */
export interface KeptPage {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface Reading {
  readonly remote: RemoteFacts;
  /** undefined when what the log shows does not hold. */
  readonly followed: Followed | undefined;
  /** Why it does not. */
  readonly error: LogError | undefined;
  readonly pages: readonly KeptPage[];
}

/** What an error says that is no evidence against the log: the network, the disk, the caller. */
const NO_VERDICT: ReadonlySet<string> = new Set([
  'network-failed',
  'response-malformed',
  'usage',
  'config-invalid',
  'storage-failed',
  'storage-locked',
  'not-found',
  'not-published',
  'request-invalid',
]);

/** What became effective by a statement with this result. */
const EFFECTIVE: ReadonlySet<EffectResult> = new Set([
  'created',
  'activated',
  'key-added',
  'key-revoked',
]);

/**
 * Reads and verifies the village behind `saved`. An answer that does not verify is a fact about the log and comes
 * back as one. LogError network-failed and its like when there is no answer at all.
 */
export async function readVillage(fetchPage: FetchPage, options: ReadOptions): Promise<Reading> {
  const pages: KeptPage[] = [];
  try {
    const followed = await follow(fetchPage, options, pages);
    return { remote: factsOf(followed, options, pages), followed, error: undefined, pages };
  } catch (error) {
    if (!isLogError(error) || NO_VERDICT.has(error.code)) throw error;
    return { remote: refusedFacts(error, options, pages), followed: undefined, error, pages };
  }
}

async function follow(
  fetchPage: FetchPage,
  options: ReadOptions,
  pages: KeptPage[],
): Promise<Followed> {
  const { village, policy, saved, nowSeconds, maxAgeSeconds } = options;
  const clock =
    maxAgeSeconds === undefined
      ? {}
      : { nowSeconds: BigInt(nowSeconds), maxAgeSeconds: BigInt(maxAgeSeconds) };
  const snapshot = saved?.snapshot;
  const known =
    saved === undefined || snapshot === undefined
      ? undefined
      : { village, checkpoint: saved.checkpoint, ...snapshot };
  const reading = new VillageReading({ village, policy, saved: known, ...clock });
  // Without its snapshot a village is read from the start, but the checkpoint still has to grow.
  let last =
    saved !== undefined && known === undefined
      ? openCheckpoint(saved.checkpoint, policy)
      : undefined;
  for (let want = reading.want; want !== undefined; want = reading.want) {
    const since = last === undefined ? want.since : Number(last.size);
    const bytes = await fetchPage({ ...want, since });
    pages.push({ name: `${want.stream.replaceAll('/', '-')}-${want.from}.follow-page`, bytes });
    last = last === undefined ? undefined : advanceTo(last, bytes, policy);
    reading.add(bytes);
  }
  return reading.finishAsync();
}

function advanceTo(
  last: VerifiedCheckpoint,
  bytes: Uint8Array,
  policy: TrustPolicy,
): VerifiedCheckpoint {
  const { stream, consistency } = openFollowPage(bytes, policy);
  return advance(last, stream.checkpoint, consistency);
}

function factsOf(
  { checkpoint, timeSeconds, state, news }: Followed,
  { saved, village }: ReadOptions,
  pages: readonly KeptPage[],
): RemoteFacts {
  const own = news.filter(({ statement }) => statement.stream === `village/${village}`);
  const localSeq = saved?.head?.seq ?? -1;
  const there = own.find(({ statement }) => statement.seq === localSeq);
  // A reading that went on from a snapshot has proved that its head is still in its place.
  const isContinued = saved?.snapshot !== undefined;
  return {
    kind: 'verified',
    checkpoint: checkpointRef(checkpoint),
    head: state === null ? null : headRef(state),
    atLocalHead: there !== undefined ? entryRef(there) : isContinued ? saved.head : null,
    pending: own.filter(({ statement }) => statement.seq > localSeq).map(pendingEntry),
    proposals: state === null ? [] : [...state.proposals.values()].map(describe(timeSeconds)),
    proofs: proofDigests(pages),
  };
}

function refusedFacts(
  error: LogError,
  { saved, policy }: ReadOptions,
  pages: readonly KeptPage[],
): RemoteFacts {
  const seen = lastVerified(pages, policy);
  const facts = {
    kind: 'refused',
    message: error.message,
    checkpoint: seen === undefined ? null : checkpointRef(seen.checkpoint),
    head: seen?.head ?? null,
    proofs: proofDigests(pages),
  } as const;
  const head = saved?.head ?? null;
  const differs = head !== null && seen?.contradicts(head) === true;
  return { ...facts, code: differs ? 'history-differs' : error.code };
}

interface Seen {
  readonly checkpoint: VerifiedCheckpoint;
  readonly head: HeadRef | null;
  contradicts(head: HeadRef): boolean;
}

/** What the last page proves by itself, whatever it was refused for. */
function lastVerified(pages: readonly KeptPage[], policy: TrustPolicy): Seen | undefined {
  const page = pages.at(-1);
  if (page === undefined) return undefined;
  try {
    const { stream, statements } = openFollowPage(page.bytes, policy);
    const { checkpoint, head } = stream;
    const proven =
      head === null
        ? null
        : { seq: head.seq, id: formatHex(head.statementId), index: head.leafIndex };
    const refs = [...statements.map(entryRef), ...(proven === null ? [] : [proven])];
    const isInbox = stream.stream.startsWith('inbox/');
    return {
      checkpoint,
      head: isInbox ? null : proven,
      contradicts: ({ seq, id }) =>
        !isInbox &&
        (refs.some((ref) => ref.seq === seq && ref.id !== id) ||
          statements.some(
            ({ statement }) =>
              statement.seq === seq + 1 && formatHex(statement.previous ?? statement.id) !== id,
          )),
    };
  } catch (error) {
    if (isLogError(error)) return undefined;
    throw error;
  }
}

/** How a report names a checkpoint. */
export function checkpointRef({ origin, size, root, note }: VerifiedCheckpoint): CheckpointRef {
  return { origin, size: String(size), root: formatHex(root), digest: formatHex(sha256(note)) };
}

/** How a report names the head of a village. */
export function headRef({ head }: VillageState): HeadRef {
  return { seq: head.seq, id: formatHex(head.id), index: head.index };
}

function entryRef({ statement, leafIndex }: Pick<News, 'statement' | 'leafIndex'>): HeadRef {
  return { seq: statement.seq, id: formatHex(statement.id), index: leafIndex };
}

function pendingEntry(news: News): PendingEntry {
  const { statement, effect } = news;
  return {
    ...entryRef(news),
    previous: statement.previous === null ? null : formatHex(statement.previous),
    kind: statement.kind,
    result: effect.result,
    isEffective: EFFECTIVE.has(effect.result),
  };
}

/** How a report names an open proposal at the time of the newest state root. */
export function describe(timeSeconds: number): (proposal: Proposal) => OpenProposal {
  return ({ id, change, expiresAtSeconds }) => ({
    id,
    subject: subjectOf(change),
    version: change.kind === 'revocation' ? 0 : change.version,
    isExpired: isExpired(expiresAtSeconds, timeSeconds),
  });
}

function subjectOf(change: Proposal['change']): string {
  switch (change.kind) {
    case 'policy':
      return `policy ${change.policy}`;
    case 'constitution':
      return 'constitution';
    case 'revocation':
      return `revocation ${change.member}`;
  }
}

function proofDigests(pages: readonly KeptPage[]): ProofDigest[] {
  return pages.map(({ name, bytes }) => ({ name, sha256: formatHex(sha256(bytes)) }));
}

/** True when both are the same note. */
export function isSameNote(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && equalBytes(a, b);
}
