// The file that a reader leaves behind when a pass fails: a fork proof where the log signed two trees, else an
// evidence file with the pages as they came.

import { formatHex } from '@writ/core/bytes';
import { isLogError, LogError } from '@writ/core/errors';
import { sha256 } from '@writ/core/sha256';
import { decodeFollowPage } from '@writ/core/streams/follow-page';
import { decodeStreamProof } from '@writ/core/streams/stream-proof';
import { openCheckpoint, type VerifiedCheckpoint } from '../checkpoint.ts';
import { makeForkProof } from '../fork-proof.ts';
import { proveFork, type TileSource } from '../tiles.ts';
import { encodeEvidence, formatPolicy, MAX_EVIDENCE_BYTES } from './evidence.ts';
import type { ReadingOptions } from './reading.ts';

/** Room for a trust policy and saved states. */
const MAX_BESIDE_PAGES = 16 * 1024 * 1024;

export interface EvidenceFile {
  /** Made of the code and the digest of the bytes: the same fault gives the same file. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Why a pass ended, with the file to show to others where there is something to show. */
export class FollowError extends LogError {
  readonly evidence: EvidenceFile | undefined;

  constructor(error: LogError, evidence: EvidenceFile | undefined) {
    super(error.code, error.message, error.detail, error);
    this.evidence = evidence;
  }
}

/** `error`, which the last of `pages` ended with, and its evidence; fork-detected where there is a fork proof. */
export async function withFaultEvidence(
  source: TileSource,
  setup: ReadingOptions,
  pages: readonly Uint8Array[],
  error: LogError,
): Promise<FollowError> {
  const fork = await forkProof(source, setup, pages, error);
  if (fork !== undefined) {
    const message = 'the log signed two checkpoints that cannot both be true';
    const forked = new LogError('fork-detected', message, error.detail, error);
    return new FollowError(forked, fileOf(forked.code, 'fork-proof', fork));
  }
  const isAnswer = error.code !== 'not-found' && error.code !== 'network-failed';
  // What is larger than any honest answer shows nothing but that.
  const total = pages.reduce((sum, page) => sum + page.length, 0);
  const isKept = isAnswer && total > 0 && total <= MAX_EVIDENCE_BYTES - MAX_BESIDE_PAGES;
  return new FollowError(error, isKept ? evidenceOf(setup, pages, error) : undefined);
}

function evidenceOf(
  setup: ReadingOptions,
  pages: readonly Uint8Array[],
  error: LogError,
): EvidenceFile {
  const { village, policy, saved, nowSeconds, maxAgeSeconds } = setup;
  const clock =
    nowSeconds === undefined || maxAgeSeconds === undefined
      ? null
      : { nowSeconds: Number(nowSeconds), maxAgeSeconds: Number(maxAgeSeconds) };
  const bytes = encodeEvidence({
    village,
    about: null,
    policy: formatPolicy(policy),
    clock,
    saved: saved ?? null,
    pages,
    fault: error.code,
  });
  return fileOf(error.code, 'evidence', bytes);
}

function fileOf(code: string, extension: string, bytes: Uint8Array): EvidenceFile {
  return { name: `${code}-${formatHex(sha256(bytes)).slice(0, 8)}.${extension}`, bytes };
}

/** Two checkpoints that cannot both be true are worth more than any page. */
async function forkProof(
  source: TileSource,
  { saved, policy }: ReadingOptions,
  pages: readonly Uint8Array[],
  error: LogError,
): Promise<Uint8Array | undefined> {
  const codes = ['fork-detected', 'consistency-failed', 'checkpoint-rolled-back'];
  const notes = [saved?.checkpoint, ...pages.map(noteOf)].slice(-2);
  const [older, newer] = notes.map((note) => note && openOr(() => openCheckpoint(note, policy)));
  if (older === undefined || newer === undefined || !codes.includes(error.code)) return undefined;
  const [smaller, larger] = older.size <= newer.size ? [older, newer] : [newer, older];
  const hashes = await forkHashes(source, smaller, larger);
  return openOr(() => makeForkProof(smaller, larger, hashes));
}

async function forkHashes(
  source: TileSource,
  smaller: VerifiedCheckpoint,
  larger: VerifiedCheckpoint,
): Promise<Uint8Array[]> {
  if (smaller.size === larger.size || smaller.size === 0n) return [];
  try {
    return await proveFork(source, smaller.size, larger.size);
  } catch (error) {
    if (!isLogError(error)) throw error;
    return []; // it keeps its tiles to itself: the evidence file has to do
  }
}

function noteOf(page: Uint8Array): Uint8Array | undefined {
  return openOr(() => decodeStreamProof(decodeFollowPage(page).streamProof).checkpoint);
}

/** undefined for what cannot be opened: evidence is made of what there is. */
function openOr<T>(open: () => T): T | undefined {
  try {
    return open();
  } catch (error) {
    if (isLogError(error)) return undefined;
    throw error;
  }
}
