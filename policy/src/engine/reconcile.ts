// Reconciliation: what a node has, what the log proves, and what follows (spec/reconciliation.md). One pure
// function of its arguments, time included; everything remote was verified before it comes here.

import {
  type CheckpointRef,
  digestJson,
  type HeadRef,
  type LocalEdit,
  MAX_REPORT_ROWS,
  type OpenProposal,
  type PendingEntry,
  type ProofDigest,
  type ReconciliationClass,
  type ReconciliationReport,
} from '@writ/core/streams/reconciliation-report';

/** What the node holds. */
export interface LocalFacts {
  /** The newest checkpoint that it ever accepted. */
  readonly checkpoint: CheckpointRef | null;
  /** The last statement that it applied. */
  readonly head: HeadRef | null;
  /** The last one up to there that changed what is in force. */
  readonly active: HeadRef | null;
  readonly edits: readonly LocalEdit[];
  /** True when an apply ended before the files were those of the head. */
  readonly isUnfinished: boolean;
}

/** What the log shows and proves. */
export interface RemoteVerified {
  readonly kind: 'verified';
  readonly checkpoint: CheckpointRef;
  /** null: the log proves that there is no such village. */
  readonly head: HeadRef | null;
  /** The statement that the log has where the local head is; null when the log has none there. */
  readonly atLocalHead: HeadRef | null;
  /** Everything behind the local head, in order. */
  readonly pending: readonly PendingEntry[];
  readonly proposals: readonly OpenProposal[];
  readonly proofs: readonly ProofDigest[];
}

/** What the log shows does not hold. */
export interface RemoteRefused {
  readonly kind: 'refused';
  /** Code of the error (spec/errors.md), or `history-differs`: another statement stands where the local head is. */
  readonly code: string;
  readonly message: string;
  /** As far as they were verified. */
  readonly checkpoint: CheckpointRef | null;
  readonly head: HeadRef | null;
  readonly proofs: readonly ProofDigest[];
}

export type RemoteFacts = RemoteVerified | RemoteRefused;

export interface ReconcileOptions {
  readonly village: string;
  readonly timeSeconds: number;
  readonly toolVersion: string;
  /** Whether a local edit is undone or only told. */
  readonly mode: 'enforce' | 'observe';
  /** What the constitution says for the time when the log cannot be believed. */
  readonly staleness: 'keep-last-good' | 'fail-closed' | 'freeze';
}

/** Exit codes of `writ policy pull`; spec/writ-command.md lists them. */
export const PULL_EXIT: Readonly<Record<ReconciliationClass, number>> = {
  aligned: 0,
  behind: 0,
  'not-applicable': 0,
  'competing-proposals': 0,
  'lineage-fault': 1,
  rollback: 5,
  'split-view': 6,
  'local-drift': 11,
};

const DRIFTED = 1;
const FAULT = 2;

interface Verdict {
  readonly class: ReconciliationClass;
  readonly reason: string;
  readonly message: string;
}

/** Compares, and says what a plain pull, an applying pull and a drift check have to do. */
export function reconcile(
  local: LocalFacts,
  remote: RemoteFacts,
  options: ReconcileOptions,
): ReconciliationReport {
  const verdict = judge(local, remote);
  const pending = remote.kind === 'verified' ? remote.pending : [];
  const isHeldBack = verdict.reason === 'local-edit' && options.mode === 'observe';
  const mayApply = isBelievable(verdict.class) && !isHeldBack;
  const selectedHead = mayApply ? (refOf(pending.at(-1)) ?? local.head) : local.head;
  const effective = mayApply ? pending.findLast(({ isEffective }) => isEffective) : undefined;
  const { village, timeSeconds, toolVersion, mode } = options;
  return {
    village,
    timeSeconds,
    toolVersion,
    mode,
    ...verdict,
    local: { checkpoint: local.checkpoint, head: local.head },
    remote: { checkpoint: remote.checkpoint, head: remote.head },
    selectedHead,
    active: refOf(effective) ?? local.active,
    pending: {
      count: pending.length,
      digest: digestJson(pending),
      entries: pending.slice(0, MAX_REPORT_ROWS),
    },
    proposals: remote.kind === 'verified' ? remote.proposals.slice(0, MAX_REPORT_ROWS) : [],
    edits: local.edits.slice(0, MAX_REPORT_ROWS),
    proofs: remote.proofs.slice(0, MAX_REPORT_ROWS),
    action: actionOf(verdict.class, pending.length > 0, isHeldBack, options.staleness),
    exit: exitOf(verdict.class, pending.length > 0, isHeldBack),
  };
}

/** True when what the log shows may be built on. */
export function isBelievable(verdict: ReconciliationClass): boolean {
  return verdict !== 'split-view' && verdict !== 'rollback' && verdict !== 'lineage-fault';
}

// The order is the point: what was signed twice outweighs what cannot be read, and both outweigh what is merely late.
function judge(local: LocalFacts, remote: RemoteFacts): Verdict {
  if (remote.kind === 'refused') return judgeRefusal(remote);
  return (
    judgeCheckpoint(local, remote) ??
    judgeHead(local, remote) ??
    judgeLineage(local, remote) ??
    judgeContent(local, remote)
  );
}

function judgeRefusal({ code, message }: RemoteRefused): Verdict {
  switch (code) {
    case 'fork-detected':
    case 'history-differs':
      return { class: 'split-view', reason: code, message };
    case 'checkpoint-rolled-back':
    case 'checkpoint-stale':
    case 'stream-rolled-back':
      return { class: 'rollback', reason: code, message };
    default:
      return { class: 'lineage-fault', reason: code, message };
  }
}

function judgeCheckpoint(local: LocalFacts, remote: RemoteVerified): Verdict | undefined {
  const [before, now] = [local.checkpoint, remote.checkpoint];
  if (before === null) return undefined;
  if (before.origin !== now.origin)
    return fault('other-log', `the local state is of ${before.origin}, this is ${now.origin}`);
  const [oldSize, size] = [BigInt(before.size), BigInt(now.size)];
  if (size < oldSize)
    return rollback('checkpoint-older', `the checkpoint has ${size} entries, not ${oldSize}`);
  if (size === oldSize && before.root !== now.root)
    return split('checkpoint-fork', `the log signed two trees of ${size} entries`);
  return undefined;
}

function judgeHead(local: LocalFacts, remote: RemoteVerified): Verdict | undefined {
  const { head } = local;
  if (head === null) return undefined;
  if (remote.head === null)
    return rollback('village-gone', 'the log shows no village where there was one');
  if (remote.head.seq < head.seq)
    return rollback('head-older', `the log shows seq ${remote.head.seq}, not ${head.seq}`);
  const there = remote.head.seq === head.seq ? remote.head : remote.atLocalHead;
  if (there === null || there.seq !== head.seq)
    return fault('ancestor-missing', `the log does not show seq ${head.seq}`);
  if (there.id !== head.id || there.index !== head.index)
    return split('history-differs', `the log shows another statement with seq ${head.seq}`);
  return undefined;
}

function judgeLineage(local: LocalFacts, remote: RemoteVerified): Verdict | undefined {
  let before = local.head;
  for (const entry of remote.pending) {
    const seq = before === null ? 0 : before.seq + 1;
    if (entry.seq !== seq) return fault('gap', `seq ${entry.seq} stands where ${seq} belongs`);
    if (entry.previous !== (before?.id ?? null))
      return fault('chain-broken', `seq ${seq} names another predecessor`);
    if (before !== null && entry.index <= before.index)
      return fault('order-broken', `seq ${seq} stands before its predecessor in the log`);
    if (BigInt(entry.index) >= BigInt(remote.checkpoint.size))
      return fault('beyond-checkpoint', `seq ${seq} is not below the checkpoint`);
    before = entry;
  }
  const { head } = remote;
  if (before?.id !== head?.id || before?.seq !== head?.seq)
    return fault('head-unreached', 'the statements do not lead to the head');
  return undefined;
}

function judgeContent(local: LocalFacts, { pending, proposals }: RemoteVerified): Verdict {
  if (local.edits.length > 0)
    return {
      class: 'local-drift',
      reason: 'local-edit',
      message: `${local.edits.length} local copies are not what the log says`,
    };
  if (local.isUnfinished)
    return {
      class: 'local-drift',
      reason: 'unfinished',
      message: 'an apply ended before the files were written',
    };
  const rivals = competingSubject(proposals);
  if (rivals !== undefined)
    return {
      class: 'competing-proposals',
      reason: 'competing',
      message: `more than one open proposal is for ${rivals}`,
    };
  const last = pending.at(-1);
  const expired = proposals.some(({ isExpired }) => isExpired);
  if (last !== undefined && !last.isEffective)
    return {
      class: 'not-applicable',
      reason: expired ? 'expired' : last.result,
      message: `seq ${last.seq} is in the log, but puts nothing in force`,
    };
  if (last !== undefined)
    return { class: 'behind', reason: 'pending', message: `${pending.length} statements to apply` };
  return { class: 'aligned', reason: 'same-head', message: 'nothing to do' };
}

/** What two open proposals want to be the next version of; undefined where there are no such two. */
function competingSubject(proposals: readonly OpenProposal[]): string | undefined {
  const seen = new Set<string>();
  for (const { subject, version, isExpired } of proposals) {
    if (isExpired || version === 0) continue;
    const key = `${subject} version ${version}`;
    if (seen.has(key)) return key;
    seen.add(key);
  }
  return undefined;
}

function actionOf(
  verdict: ReconciliationClass,
  hasPending: boolean,
  isHeldBack: boolean,
  staleness: ReconcileOptions['staleness'],
): ReconciliationReport['action'] {
  const apply = hasPending ? 'apply' : 'none';
  const keep = staleness === 'keep-last-good' ? 'keep-local' : staleness;
  switch (verdict) {
    case 'aligned':
      return { pull: 'none', apply: 'none' };
    case 'behind':
    case 'not-applicable':
    case 'competing-proposals':
      return { pull: 'list', apply };
    case 'local-drift':
      if (isHeldBack) return { pull: 'report', apply: 'report' };
      return { pull: 'report', apply: hasPending ? 'restore-and-apply' : 'restore' };
    case 'rollback':
    case 'lineage-fault':
      return { pull: 'report', apply: keep };
    case 'split-view':
      return { pull: 'alarm', apply: keep };
  }
}

function exitOf(
  verdict: ReconciliationClass,
  hasPending: boolean,
  isHeldBack: boolean,
): ReconciliationReport['exit'] {
  const pull = PULL_EXIT[verdict];
  const isRestored = verdict === 'local-drift' && !isHeldBack;
  const isInStep =
    verdict === 'aligned' || (!hasPending && isBelievable(verdict) && verdict !== 'local-drift');
  const drift = !isBelievable(verdict) ? FAULT : isInStep ? 0 : DRIFTED;
  return { pull, apply: isRestored ? 0 : pull, drift };
}

function refOf(entry: PendingEntry | undefined): HeadRef | null {
  return entry === undefined ? null : { seq: entry.seq, id: entry.id, index: entry.index };
}

function split(reason: string, message: string): Verdict {
  return { class: 'split-view', reason, message };
}

function rollback(reason: string, message: string): Verdict {
  return { class: 'rollback', reason, message };
}

function fault(reason: string, message: string): Verdict {
  return { class: 'lineage-fault', reason, message };
}
