// writ-verify log: the whole log again, entry by entry.

import { isLogError, LogError } from '@writ/core/errors';
import type { TrustPolicy } from '@writ/core/formats/tlog-policy';
import { type AuditOptions, audit } from '../../audit.ts';
import { auditSegment, SEGMENT_ENTRIES } from '../../audit-segment.ts';
import { openCheckpoint, type VerifiedCheckpoint } from '../../checkpoint.ts';
import { loadState, type SavedAudit, saveState } from '../audit-file.ts';
import { type AuditPool, createAuditPool } from '../audit-pool.ts';
import { checkpointFacts, signersOf } from '../claims.ts';
import type { Context } from '../context.ts';
import { requireContinues } from '../continuity.ts';
import { type OpenLog, openLog } from '../open-log.ts';
import type { Claim } from '../report.ts';
import { auditStateRoots } from '../state-root-audit.ts';

const DEFAULT_JOBS = 2;
const MAX_JOBS = 64;
/** Below this the threads cost more than they save. */
const MIN_SEGMENTS_FOR_THREADS = 3n;
/** Bundles of a web server that are fetched at the same time. */
const WEB_READ_AHEAD = 16;
const SAVE_EVERY_SECONDS = 5;

/** Re-hashes every entry and tile, and checks every checkpoint that the log keeps. */
export async function log(context: Context): Promise<Claim> {
  const policy = context.policy();
  const opened = openLog(context.operand(0), context);
  // The history first: a checkpoint published meanwhile is then newer than all of it.
  const history = await readHistory(context, opened, policy);
  const head = openCheckpoint(await opened.checkpoint(), policy, context.openOptions());
  const stateFile = context.value('state');
  const saved = stateFile === undefined ? undefined : loadState(stateFile, head.origin);
  if (saved !== undefined) {
    const before = openCheckpoint(saved.checkpoint, withoutQuorum(policy));
    await requireContinues(context, before, head, opened.source);
  }
  await auditEntries(context, opened, head, saved);
  await requireHistory(context, opened, history, head);
  const older = history.map(({ checkpoint }) => ({ checkpoint, policy: withoutQuorum(policy) }));
  const trees = [...older, { checkpoint: head, policy }];
  const statements = await auditStateRoots(context, opened.fresh ?? opened.source, trees);
  return {
    text: `all ${head.size} entries of ${head.origin} are in the tree, ${signersOf(head)}`,
    facts: {
      ...checkpointFacts(head),
      auditedBefore: saved?.state.size ?? '0',
      historyChecked: String(history.length),
      ...statements,
    },
  };
}

/** An old checkpoint counts by the log's signature: the witnesses of its day need not be those of today. */
function withoutQuorum(policy: TrustPolicy): TrustPolicy {
  return { ...policy, quorum: undefined };
}

interface NamedCheckpoint {
  readonly name: string;
  readonly checkpoint: VerifiedCheckpoint;
}

async function readHistory(
  context: Context,
  opened: OpenLog,
  policy: TrustPolicy,
): Promise<NamedCheckpoint[]> {
  const history: NamedCheckpoint[] = [];
  for await (const { name, note } of opened.history()) {
    try {
      history.push({ name, checkpoint: openCheckpoint(note, withoutQuorum(policy)) });
    } catch (error) {
      throw failedAt(context, name, error);
    }
  }
  return history;
}

async function requireHistory(
  context: Context,
  opened: OpenLog,
  history: readonly NamedCheckpoint[],
  head: VerifiedCheckpoint,
): Promise<void> {
  for (const { name, checkpoint } of history) {
    try {
      await requireContinues(context, checkpoint, head, opened.source, undefined);
    } catch (error) {
      throw failedAt(context, name, error);
    }
  }
  if (history.length === 0) return;
  context.trace.pass('history', {
    why: `the tree continues all ${history.length} older checkpoints`,
  });
}

function failedAt(context: Context, name: string, error: unknown): unknown {
  if (!(error instanceof LogError)) return error;
  const named = new LogError(error.code, `${name}: ${error.message}`, error.detail, error);
  context.trace.fail('history', named);
  return named;
}

async function auditEntries(
  context: Context,
  opened: OpenLog,
  head: VerifiedCheckpoint,
  saved: SavedAudit | undefined,
): Promise<void> {
  const jobs = context.number('jobs', 1, MAX_JOBS) ?? DEFAULT_JOBS;
  let pool: AuditPool | undefined;
  const keeper = stateKeeper(context, head);
  const options: AuditOptions = {
    trace: context.trace,
    resumeFrom: saved?.state,
    auditSegment: (segment, size) => {
      pool ??= openPool(context, opened, { first: segment, size }, jobs);
      return pool?.auditSegment(segment) ?? auditHere(opened, segment, size);
    },
    onProgress: (progress) => {
      const percent = head.size === 0n ? 100n : (progress.entries * 100n) / head.size;
      context.surroundings.progress(
        `audited ${progress.entries} of ${head.size} entries (${percent} %)`,
      );
      keeper(progress.state(), false);
    },
  };
  try {
    const { state } = await audit(opened.source, head, options);
    keeper(state(), true);
  } finally {
    context.surroundings.progress('');
    await pool?.close();
  }
}

/** A cache may hold what the log never served, so what does not verify is asked for once more. */
async function auditHere(
  { source, fresh }: OpenLog,
  segment: bigint,
  size: bigint,
): Promise<Uint8Array[]> {
  if (fresh === undefined) return await auditSegment(source, segment, size);
  try {
    return await auditSegment(source, segment, size, WEB_READ_AHEAD);
  } catch (error) {
    if (!isLogError(error, 'hash-mismatch') && !isLogError(error, 'bundle-malformed')) throw error;
    return await auditSegment(fresh, segment, size, WEB_READ_AHEAD);
  }
}

/** Threads pay for a folder of some size; a web server is waited for, not computed. */
function openPool(
  context: Context,
  { folder }: OpenLog,
  tree: { readonly first: bigint; readonly size: bigint },
  jobs: number,
): AuditPool | undefined {
  const isLarge = tree.size >= (tree.first + MIN_SEGMENTS_FOR_THREADS) * BigInt(SEGMENT_ENTRIES);
  if (folder === undefined || jobs < 2 || !isLarge) return undefined;
  return createAuditPool(context.surroundings.entryUrl, folder, tree, jobs);
}

type Keeper = (state: SavedAudit['state'], now: boolean) => void;

/** Saves now and then, so that an audit that is stopped goes on where it was. */
function stateKeeper(context: Context, head: VerifiedCheckpoint): Keeper {
  const file = context.value('state');
  if (file === undefined) return () => undefined;
  let savedAt = context.surroundings.nowSeconds();
  return (state, now) => {
    const seconds = context.surroundings.nowSeconds();
    if (!now && seconds - savedAt < SAVE_EVERY_SECONDS) return;
    savedAt = seconds;
    saveState(file, { state, checkpoint: head.note });
  };
}
