// The audit of state roots: every published tree has one, and each is right. What is not becomes a file that others
// can check.

import { formatHex, utf8 } from '@writ/core/bytes';
import { type ErrorDetail, isLogError, LogError } from '@writ/core/errors';
import type { TrustPolicy } from '@writ/core/formats/tlog-policy';
import { sha256 } from '@writ/core/sha256';
import { decodeStatement } from '@writ/core/statements/statement';
import type { VerifiedCheckpoint } from '../checkpoint.ts';
import { readStateRoot } from '../state-root.ts';
import { proveInclusion, readEntry, type TileSource } from '../tiles.ts';
import type { Context } from './context.ts';
import { writeAtomically } from './inputs.ts';
import {
  type ComputedIndex,
  encodeStateRootFault,
  type FaultReason,
  isRight,
  openStateRootFault,
  type StateRootFault,
} from './state-root-fault.ts';
import { type ScannedEntry, scanStatements } from './statement-audit.ts';

const PROFILES = ['auto', 'statements', 'raw'] as const;
const PROGRESS_EVERY = 65_536;

/** A tree that the log published, and the policy by which its state root is judged. */
export interface PublishedTree {
  readonly checkpoint: VerifiedCheckpoint;
  readonly policy: TrustPolicy;
}

/** What is wrong with an entry that should be a state root, or is one. */
interface Fault {
  readonly index: number;
  readonly reason: FaultReason;
  readonly message: string;
  readonly bytes: Uint8Array;
  readonly computed: ComputedIndex | null;
}

/**
 * Recomputes the stream index from the entries and checks the state root of every tree in `published`, and every
 * other state root as well. Answers facts for the report. LogError state-root-invalid after the evidence has been
 * written, and those of `scanStatements`.
 */
export async function auditStateRoots(
  context: Context,
  source: TileSource,
  published: readonly PublishedTree[],
): Promise<Record<string, string>> {
  const trees = published
    .filter(({ checkpoint }) => checkpoint.size > 0n)
    .toSorted((a, b) => (a.checkpoint.size < b.checkpoint.size ? -1 : 1));
  if (!(await hasStatements(context, source, trees.at(-1)?.checkpoint))) return { profile: 'raw' };
  try {
    const checkpoints = trees.map(({ checkpoint }) => checkpoint);
    const result = await scanStatements(source, checkpoints, async (entry) => {
      showProgress(context, entry.index, checkpoints.at(-1)?.size);
      const fault = findFault(entry, trees);
      if (fault !== undefined) throw await withEvidence(context, source, trees, fault);
    });
    context.trace.pass('state roots', {
      why: `${result.stateRoots} state roots commit to the streams before them; all ${trees.length} trees at hand end with one`,
    });
    return {
      profile: 'statements',
      streams: String(result.streams),
      stateRoots: String(result.stateRoots),
    };
  } catch (error) {
    context.trace.fail('state roots', error);
    throw error;
  } finally {
    context.surroundings.progress('');
  }
}

/** What `--profile` says, or what the first entry is. LogError usage. */
async function hasStatements(
  context: Context,
  source: TileSource,
  newest: VerifiedCheckpoint | undefined,
): Promise<boolean> {
  const given = context.value('profile') ?? 'auto';
  const profile = PROFILES.find((known) => known === given);
  if (profile === undefined)
    throw new LogError('usage', `--profile must be ${PROFILES.join(', ')}, got ${given}`);
  if (profile !== 'auto') return profile === 'statements';
  if (newest === undefined) return false;
  const first = await readEntry(source, 0n, newest.size);
  try {
    decodeStatement(first);
    return true;
  } catch (error) {
    if (isLogError(error, 'statement-malformed')) return false;
    throw error;
  }
}

function showProgress(context: Context, index: number, size: bigint | undefined): void {
  if (index % PROGRESS_EVERY !== 0) return;
  context.surroundings.progress(`read ${index} of ${size} statements`);
}

function findFault(
  { index, bytes, root }: ScannedEntry,
  trees: readonly PublishedTree[],
): Fault | undefined {
  const of = { index, bytes, computed: null };
  for (const { checkpoint, policy } of trees) {
    if (checkpoint.size !== BigInt(index) + 1n) continue;
    try {
      readStateRoot(checkpoint, bytes, policy);
    } catch (error) {
      if (!isLogError(error, 'state-root-invalid')) throw error;
      const { message, detail } = error;
      if (detail['reason'] === 'age') continue; // late cosignatures, which say nothing about the log
      return { ...of, message, reason: reasonOf(detail) };
    }
  }
  if (root === null) return undefined;
  const { claimed, computed } = root;
  if (claimed.size !== index)
    return { ...of, reason: 'size', message: `it is for ${claimed.size} entries` };
  if (isRight(claimed, computed)) return undefined;
  const message = 'it commits to another stream index than the entries before it have';
  return { ...of, reason: 'index', message, computed };
}

/** The reason in the detail of a `state-root-invalid`. */
export function reasonOf({ reason }: ErrorDetail): FaultReason {
  const known = ['form', 'size', 'key', 'signature', 'time'] as const;
  return known.find((word) => word === reason) ?? 'form';
}

/** The error to throw, with the name of the file that was written. */
async function withEvidence(
  context: Context,
  source: TileSource,
  trees: readonly PublishedTree[],
  { index, bytes, reason, message, computed }: Fault,
): Promise<LogError> {
  const leafIndex = BigInt(index);
  const tree = trees.find(({ checkpoint }) => checkpoint.size > leafIndex);
  if (tree === undefined) throw new RangeError('the entry is in no published tree');
  const { checkpoint, policy } = tree;
  const about = `state root at entry ${index}: ${message}`;
  return await keepFault(context, checkpoint, policy, about, async () => {
    const proof = await proveInclusion(source, leafIndex, checkpoint.size);
    const { note } = checkpoint;
    return { checkpoint: note, leafIndex: index, entry: bytes, proof, reason, computed };
  });
}

/**
 * Writes the fault that `make` gives to the evidence file; answers the error to throw, which names the file. A fault
 * that does not hold, or cannot be kept, changes nothing about the verdict.
 */
export async function keepFault(
  context: Context,
  { origin }: VerifiedCheckpoint,
  policy: TrustPolicy,
  message: string,
  make: () => Promise<StateRootFault>,
): Promise<LogError> {
  let detail: ErrorDetail = {};
  try {
    const fault = await make();
    detail = { index: fault.leafIndex, reason: fault.reason };
    const file = encodeStateRootFault(fault);
    openStateRootFault(file, policy);
    const path = context.value('evidence') ?? defaultPath(origin, fault.leafIndex);
    writeAtomically(path, file);
    const kept = { ...detail, evidence: path };
    return new LogError('state-root-invalid', `${message}; the proof is in ${path}`, kept);
  } catch (reason) {
    if (!isLogError(reason)) throw reason;
    const text = `${message}; no proof was kept: ${reason.message}`;
    return new LogError('state-root-invalid', text, detail, reason);
  }
}

/** Named after the origin, so that the faults of several logs can lie in one folder. */
function defaultPath(origin: string, index: number): string {
  return `./log-${formatHex(sha256(utf8(origin))).slice(0, 8)}-${index}.state-root-fault`;
}
