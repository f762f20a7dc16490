// One reconciliation of a node with the log: look, compare, report, and with `apply` follow (spec/reconciliation.md).

import { formatHex } from '@writ/core/bytes';
import { isLogError, LogError } from '@writ/core/errors';
import type { SignerKey } from '@writ/core/formats/key';
import type { TrustPolicy } from '@writ/core/formats/tlog-policy';
import { sha256 } from '@writ/core/sha256';
import {
  type HeadRef,
  type ReconciliationReport,
  signReport,
} from '@writ/core/streams/reconciliation-report';
import { decodeStreamState } from '@writ/core/streams/state-codec';
import type { VillageState } from '@writ/core/streams/village-state';
import { openCheckpoint } from '@writ/verifier/checkpoint';
import type { Followed } from '@writ/verifier/follow/reading';
import { type LocalFacts, reconcile } from '../engine/reconcile.ts';
import {
  checkpointRef,
  type FetchPage,
  isSameNote,
  type KeptPage,
  readVillage,
} from './read-village.ts';
import type { NextState, Saved, StateStore } from './state-store.ts';
import { inForce, type WorkingCopy } from './working-copy.ts';

export interface PullOptions {
  readonly village: string;
  readonly policy: TrustPolicy;
  readonly nowSeconds: number;
  readonly maxAgeSeconds?: number | undefined;
  readonly toolVersion: string;
  readonly mode: 'enforce' | 'observe';
  /** Without it nothing changes. */
  readonly apply: boolean;
  /** Signs the report. */
  readonly signer: SignerKey;
}

export interface Pulled {
  readonly report: ReconciliationReport;
  /** The report as a signed note. */
  readonly signed: Uint8Array;
  /** True when local state changed. */
  readonly isApplied: boolean;
  /** Paths of local edits that were undone. */
  readonly artefacts: readonly string[];
  /** What the log answered. */
  readonly pages: readonly KeptPage[];
}

/** A node: its store, undefined before the first apply, and its files. */
export interface Node {
  readonly store: StateStore | undefined;
  readonly files: WorkingCopy;
}

/**
 * Reconciles once. LogError network-failed and its like when the log does not answer; storage errors;
 * head-conflict when another process applied meanwhile. Everything else about the log is in the report.
 */
export async function pull(
  fetchPage: FetchPage,
  { store, files }: Node,
  options: PullOptions,
): Promise<Pulled> {
  const { village, policy, nowSeconds, maxAgeSeconds, apply, signer } = options;
  const saved = await store?.load(village);
  const before = stateOf(saved);
  const local = await localFacts(saved, before, files, policy);
  const look = { village, policy, saved, nowSeconds, maxAgeSeconds };
  const { remote, followed, pages } = await readVillage(fetchPage, look);
  const law = (before ?? followed?.state)?.law;
  const report = reconcile(local, remote, {
    village,
    timeSeconds: nowSeconds,
    toolVersion: options.toolVersion,
    mode: options.mode,
    staleness: law?.staleness.mode ?? 'keep-last-good',
  });
  // Signed before anything changes: without a report there is no apply.
  const signed = signReport(report, signer);
  const found = { report, signed, pages };
  const isAllowed = report.action.apply !== 'report' && followed !== undefined;
  if (!apply || !isAllowed || report.exit.apply !== 0)
    return { ...found, isApplied: false, artefacts: [] };
  if (store === undefined) throw new RangeError('an apply needs a store');
  const artefacts = report.edits.length > 0 ? await files.keepArtefacts(report.edits) : [];
  const isMoved = await save(store, saved, followed, found, options);
  const isWritten = await project(
    store,
    files,
    followed.state,
    artefacts.length > 0 || report.edits.length > 0,
  );
  return { ...found, isApplied: isMoved || isWritten, artefacts };
}

function stateOf(saved: Saved | undefined): VillageState | null {
  const bytes = saved?.snapshot?.state ?? null;
  const state = bytes === null ? undefined : decodeStreamState(bytes);
  return state?.family === 'village' ? state : null;
}

async function localFacts(
  saved: Saved | undefined,
  state: VillageState | null,
  files: WorkingCopy,
  policy: TrustPolicy,
): Promise<LocalFacts> {
  if (saved === undefined)
    return { checkpoint: null, head: null, active: null, edits: [], isUnfinished: false };
  const { head, active } = saved;
  // Without the snapshot nobody knows what the files should be; the rebuilt ones replace them.
  const edits = state === null ? [] : await files.edits(head, inForce(state));
  const checkpoint = checkpointRef(openCheckpoint(saved.checkpoint, policy));
  const isUnfinished = state !== null && head !== null && !(await files.isAt(head));
  return { checkpoint, head, active, edits, isUnfinished };
}

async function save(
  store: StateStore,
  saved: Saved | undefined,
  followed: Followed,
  { report, signed }: Pick<Pulled, 'report' | 'signed'>,
  { village, nowSeconds }: PullOptions,
): Promise<boolean> {
  const { next, checkpoint } = followed;
  const isSame = isSameNote(saved?.checkpoint, checkpoint.note) && saved?.snapshot !== undefined;
  if (isSame && report.edits.length === 0) return false;
  const state: NextState = {
    checkpoint: checkpoint.note,
    head: report.selectedHead,
    active: report.active,
    snapshot: { state: next.state, inbox: next.inbox },
    specs: specsOf(followed),
    audit: {
      timeSeconds: nowSeconds,
      class: report.class,
      to: report.selectedHead,
      report: formatHex(sha256(signed)),
    },
  };
  if (await store.apply(village, saved, state)) return true;
  throw new LogError('head-conflict', `another process applied ${village} meanwhile; pull again`);
}

/** Every spec that the new statements bring: also those of proposals, which may be activated later. */
function specsOf({ news }: Followed): Map<string, Uint8Array> {
  const specs = new Map<string, Uint8Array>();
  for (const { payload } of news)
    if (payload.kind === 'policy-change') specs.set(formatHex(sha256(payload.spec)), payload.spec);
  return specs;
}

/** Brings the files to the state; true when there was something to write. */
async function project(
  store: StateStore,
  files: WorkingCopy,
  state: VillageState | null,
  mustWrite: boolean,
): Promise<boolean> {
  if (state === null) return false;
  const head: HeadRef = {
    seq: state.head.seq,
    id: formatHex(state.head.id),
    index: state.head.index,
  };
  if (!mustWrite && (await files.isAt(head))) return false;
  const specs = new Map<string, Uint8Array>();
  for (const [policy, digest] of inForce(state)) {
    const spec = await store.spec(digest);
    if (spec === undefined)
      throw new LogError('storage-corrupt', `the spec of policy ${policy} is gone or damaged`, {
        policy,
      });
    specs.set(policy, spec);
  }
  await files.write(head, specs);
  return true;
}

/** True for errors that a pull meets before it can say anything about the log. */
export function isNoAnswer(error: unknown): boolean {
  return isLogError(error, 'network-failed') || isLogError(error, 'response-malformed');
}
