// Whether a policy that is in force is enabled, from statements alone (spec/policy-api.md section 2). A function of
// what is on record, so that a log and a node that ask the same stream say the same.

import { MAX_TRANSCRIPT_AGE_MS } from '@writ/policy/engine/gates';

/** Dry runs that are looked at, newest first. */
export const MAX_DRY_RUNS = 16;

/** A dry run on record. */
export interface DryRunRow {
  /** Digest of the transcript. */
  readonly transcript: string;
  readonly severity: 'info' | 'warn' | 'error';
  /** null: of a draft. */
  readonly version: number | null;
  /** Semantic digest of that version; null for a draft. */
  readonly hash: string | null;
  readonly ir: string;
  readonly node: string;
  readonly statement_id: string;
  readonly leaf_index: number;
  readonly time: number;
}

/** A version at the moment of its activation. */
export interface Candidate {
  readonly hash: string;
  readonly time: number;
  /** Leaf index of the activation of the version before; -1 for the first. */
  readonly previousIndex: number;
  /** The version before was enabled and did the same: there is nothing new to try. */
  readonly wasEnabled: boolean;
}

/** The newest of `dryRuns`, of the node that serves its host and newest first, about what `candidate` does. */
export function dryRunOf(
  { hash, previousIndex }: Pick<Candidate, 'hash' | 'previousIndex'>,
  dryRuns: readonly DryRunRow[],
): DryRunRow | undefined {
  return dryRuns
    .slice(0, MAX_DRY_RUNS)
    .find((run) => (run.version === null ? run.leaf_index > previousIndex : run.hash === hash));
}

/** True when the dry runs on record allow that `candidate` is enabled. */
export function allowsEnabling(candidate: Candidate, dryRuns: readonly DryRunRow[]): boolean {
  const run = dryRunOf(candidate, dryRuns);
  if (run?.severity === 'error') return false;
  if (candidate.wasEnabled) return true;
  return run !== undefined && (candidate.time - run.time) * 1000 <= MAX_TRANSCRIPT_AGE_MS;
}
