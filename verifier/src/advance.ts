// From one verified checkpoint of a log to a later one: RFC 6962 §2.1.2. Who keeps the last checkpoint and
// moves on through here alone cannot be rolled back or shown a second tree.

import { equalBytes, formatHex } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { isHash, nodeHash } from '@writ/core/merkle/hash';
import type { VerifiedCheckpoint } from './checkpoint.ts';
import { step, type Trace } from './trace.ts';

/** The roots of both trees as `rootsFromConsistency` computes them. */
export interface ImpliedRoots {
  readonly oldRoot: Uint8Array;
  readonly root: Uint8Array;
}

/** True for 1, 2, 4, …: the old tree is then one complete subtree of every later one. */
export function isPowerOfTwo(size: bigint): boolean {
  return size > 0n && size.toString(2).lastIndexOf('1') === 0;
}

/**
 * The two roots that a consistency proof leads to (RFC 9162 §2.1.4.2), or undefined when the hashes cannot
 * be a proof for these sizes. `hashes` always starts with a subtree of the old tree: for an old size that
 * is a power of two, where proofs leave it out, with the root of the old tree itself.
 */
export function rootsFromConsistency(
  oldSize: bigint,
  size: bigint,
  hashes: readonly Uint8Array[],
): ImpliedRoots | undefined {
  const [seed, ...rest] = hashes;
  if (oldSize < 1n || oldSize >= size || seed === undefined || !hashes.every(isHash))
    return undefined;
  let [fn, sn] = [oldSize - 1n, size - 1n];
  while (fn % 2n === 1n) [fn, sn] = [fn / 2n, sn / 2n];
  let [oldRoot, root] = [seed, seed];
  for (const hash of rest) {
    if (sn === 0n) return undefined;
    if (fn % 2n === 1n || fn === sn) {
      oldRoot = nodeHash(hash, oldRoot);
      root = nodeHash(hash, root);
      while (fn % 2n === 0n && fn !== 0n) [fn, sn] = [fn / 2n, sn / 2n];
    } else {
      root = nodeHash(root, hash);
    }
    [fn, sn] = [fn / 2n, sn / 2n];
  }
  return sn === 0n ? { oldRoot, root } : undefined;
}

/**
 * Verifies that `next` continues `previous` and answers `next`. Same size and root need no proof. LogError
 * origin-unknown for checkpoints of two logs, checkpoint-rolled-back, fork-detected when the two cannot
 * both be true, consistency-failed when the proof is false, which says nothing about the log.
 */
export function advance(
  previous: VerifiedCheckpoint,
  next: VerifiedCheckpoint,
  proof: readonly Uint8Array[],
  trace?: Trace,
): VerifiedCheckpoint {
  return step(
    trace,
    'consistency',
    () => requireGrowth(previous, next, proof),
    () => ({
      why:
        previous.size === next.size
          ? `both state the same tree of ${next.size} entries`
          : `the tree of ${next.size} entries starts with all ${previous.size} entries of the old one`,
      expected: formatHex(previous.root),
      got: formatHex(next.root),
    }),
  );
}

function requireGrowth(
  previous: VerifiedCheckpoint,
  next: VerifiedCheckpoint,
  proof: readonly Uint8Array[],
): VerifiedCheckpoint {
  if (previous.origin !== next.origin) {
    throw new LogError('origin-unknown', 'the two checkpoints are of different logs', {
      expected: previous.origin,
      got: next.origin,
    });
  }
  if (next.size < previous.size) {
    throw new LogError('checkpoint-rolled-back', 'the checkpoint is older than the one before', {
      expected: `size ${previous.size} or more`,
      got: `size ${next.size}`,
    });
  }
  if (next.size === previous.size) {
    if (equalBytes(previous.root, next.root)) return next;
    throw fork(previous, next.root);
  }
  // The root of a tree without leaves says nothing that a later tree could contradict.
  if (previous.size === 0n) return next;
  const hashes = isPowerOfTwo(previous.size) ? [previous.root, ...proof] : proof;
  const roots = rootsFromConsistency(previous.size, next.size, hashes);
  if (roots === undefined || !equalBytes(roots.root, next.root)) {
    throw new LogError('consistency-failed', 'the proof does not lead to the newer root', {
      expected: formatHex(next.root),
      got: roots === undefined ? 'no root' : formatHex(roots.root),
    });
  }
  if (!equalBytes(roots.oldRoot, previous.root)) throw fork(previous, roots.oldRoot);
  return next;
}

function fork({ size, root }: VerifiedCheckpoint, other: Uint8Array): LogError {
  const message = `the log signed two different trees of ${size} entries`;
  return new LogError('fork-detected', message, {
    expected: formatHex(root),
    got: formatHex(other),
    size,
  });
}
