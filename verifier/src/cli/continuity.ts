// Whether one checkpoint continues another, and the evidence when it contradicts it.

import { formatHex, utf8 } from '@writ/core/bytes';
import { isLogError, LogError } from '@writ/core/errors';
import { sha256 } from '@writ/core/sha256';
import { advance, isPowerOfTwo } from '../advance.ts';
import type { VerifiedCheckpoint } from '../checkpoint.ts';
import { makeForkProof } from '../fork-proof.ts';
import { proveConsistency, proveFork, type TileSource } from '../tiles.ts';
import type { Trace } from '../trace.ts';
import type { Context } from './context.ts';
import { writeAtomically } from './inputs.ts';

/**
 * Verifies that `newer` continues `older` with a proof out of the tiles of the log. A contradiction is written
 * to the evidence file before fork-detected is thrown. LogError as `advance`, and those of the source. `trace`
 * is undefined for one of many checkpoints, which the caller records as one step.
 */
export async function requireContinues(
  context: Context,
  older: VerifiedCheckpoint,
  newer: VerifiedCheckpoint,
  source: TileSource,
  trace: Trace | undefined = context.trace,
): Promise<void> {
  const provable = older.size > 0n && older.size < newer.size;
  const proof = provable ? await proveConsistency(source, older.size, newer.size) : [];
  try {
    advance(older, newer, proof, trace);
  } catch (error) {
    throw await withEvidence(context, older, newer, error, () =>
      proveFork(source, smallerOf(older, newer), largerOf(older, newer)),
    );
  }
}

/** As `requireContinues`, with the proof at hand. */
export async function requireProof(
  context: Context,
  older: VerifiedCheckpoint,
  newer: VerifiedCheckpoint,
  proof: readonly Uint8Array[],
): Promise<void> {
  try {
    advance(older, newer, proof, context.trace);
  } catch (error) {
    // For a power of two a consistency proof leaves out the one hash that could contradict.
    const hashes = isPowerOfTwo(older.size) ? [] : [...proof];
    throw await withEvidence(context, older, newer, error, () => Promise.resolve(hashes));
  }
}

/** The error to throw: fork-detected with the evidence file, when the two checkpoints make one. */
async function withEvidence(
  context: Context,
  older: VerifiedCheckpoint,
  newer: VerifiedCheckpoint,
  error: unknown,
  hashes: () => Promise<Uint8Array[]>,
): Promise<unknown> {
  const codes = ['fork-detected', 'consistency-failed', 'checkpoint-rolled-back'] as const;
  if (!codes.some((code) => isLogError(error, code))) return error;
  let evidence: Uint8Array;
  try {
    evidence = makeForkProof(older, newer, older.size === newer.size ? [] : await hashes());
  } catch (reason) {
    if (!isLogError(reason)) throw reason;
    return error; // what is at hand does not prove a fork: the first error stands
  }
  const detail = error instanceof LogError ? error.detail : {};
  const message = `the log signed checkpoints of size ${older.size} and ${newer.size} that cannot both be true`;
  const path = context.value('evidence') ?? defaultPath(newer.origin);
  try {
    writeAtomically(path, evidence);
  } catch (reason) {
    // A full disk must not turn a fork into an error of the disk.
    if (!isLogError(reason)) throw reason;
    return new LogError(
      'fork-detected',
      `${message}; no proof was kept: ${reason.message}`,
      detail,
    );
  }
  const kept = { ...detail, evidence: path };
  return new LogError('fork-detected', `${message}; the proof is in ${path}`, kept);
}

function smallerOf(a: VerifiedCheckpoint, b: VerifiedCheckpoint): bigint {
  return a.size < b.size ? a.size : b.size;
}

function largerOf(a: VerifiedCheckpoint, b: VerifiedCheckpoint): bigint {
  return a.size < b.size ? b.size : a.size;
}

/** Named after the origin, so that the proofs of several logs can lie in one folder. */
function defaultPath(origin: string): string {
  return `./fork-${formatHex(sha256(utf8(origin))).slice(0, 8)}.fork-proof`;
}
