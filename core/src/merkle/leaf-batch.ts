// Leaf hashes of a whole entry bundle: SHA-256(0x00 || entry) (RFC 6962 §2.1) for each entry of the
// C2SP tlog-tiles bundle format, a big-endian uint16 length and that many bytes, repeated.
//
//   00 03 61 62 63  00 01 64        the entries "abc" and "d"
//
// The byte in front of an entry is the low byte of its length. In a private copy it is overwritten with
// 0x00 once the length has been read, so that prefix and entry are contiguous without moving either.

import { assertBytes, assertSafeSize } from '../bytes.ts';
import { LogError } from '../errors.ts';
import { HASH_SIZE, sha256Into } from '../sha256.ts';
import { interiorKernel, type Kernel, MAX_KERNEL_LEAVES } from './interior-kernel.ts';

const LENGTH_SIZE = 2;

/**
 * Writes the leaf hashes of the first `count` entries of `bundle` to `target`, from byte
 * `targetOffset` on, and answers how many bytes of the bundle they take; that the bundle ends there is
 * the caller's check. Throws LogError `bundle-malformed` when the bundle ends before the last entry
 * does (`target` is then partly written), RangeError when `target` is too small.
 */
export function hashBundleEntries(
  bundle: Uint8Array,
  count: number,
  target: Uint8Array,
  targetOffset: number,
): number {
  const kernel = interiorKernel();
  if (kernel === undefined) return hashBundleEntriesPortable(bundle, count, target, targetOffset);
  assertTarget(bundle, count, target, targetOffset);
  let at = 0;
  for (let done = 0; done < count; ) {
    const run = measureRun(bundle, at, Math.min(count - done, MAX_KERNEL_LEAVES), kernel);
    kernel.input.set(bundle.subarray(at, run.end));
    kernel.leaves(run.entries);
    const hashes = kernel.output.subarray(0, run.entries * HASH_SIZE);
    target.set(hashes, targetOffset + done * HASH_SIZE);
    done += run.entries;
    at = run.end;
  }
  return at;
}

/** As hashBundleEntries, without WebAssembly. */
export function hashBundleEntriesPortable(
  bundle: Uint8Array,
  count: number,
  target: Uint8Array,
  targetOffset: number,
): number {
  assertTarget(bundle, count, target, targetOffset);
  const copy = bundle.slice();
  let at = 0;
  for (let i = 0; i < count; i++) {
    const end = entryEnd(bundle, at);
    copy[at + 1] = 0;
    sha256Into(copy.subarray(at + 1, end), target, targetOffset + i * HASH_SIZE);
    at = end;
  }
  return at;
}

/** The entries from `at` on, at most `most`, that fit into the kernel: always at least one. */
function measureRun(
  bundle: Uint8Array,
  at: number,
  most: number,
  kernel: Kernel,
): { entries: number; end: number } {
  const limit = at + kernel.input.length;
  let entries = 0;
  let end = at;
  while (entries < most) {
    const next = entryEnd(bundle, end);
    if (next > limit) break;
    end = next;
    entries++;
  }
  return { entries, end };
}

/** Where the entry whose length stands at `at` ends. */
function entryEnd(bundle: Uint8Array, at: number): number {
  const high = bundle[at];
  const low = bundle[at + 1];
  if (high === undefined || low === undefined) {
    throw new LogError('bundle-malformed', 'the bundle ends before the length of an entry', {
      offset: at,
    });
  }
  const end = at + LENGTH_SIZE + high * 256 + low;
  if (end > bundle.length) {
    throw new LogError('bundle-malformed', 'the bundle ends inside of an entry', {
      offset: at,
      expected: end,
      got: bundle.length,
    });
  }
  return end;
}

/** Our caller's mistakes. */
function assertTarget(
  bundle: Uint8Array,
  count: number,
  target: Uint8Array,
  targetOffset: number,
): void {
  assertBytes(bundle, 'bundle');
  assertBytes(target, 'target');
  assertSafeSize(count, 'count');
  assertSafeSize(targetOffset, 'targetOffset');
  const end = targetOffset + count * HASH_SIZE;
  if (end > target.length)
    throw new RangeError(`target holds ${target.length} bytes, ${end} are needed`);
}
