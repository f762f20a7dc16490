// Opening an entry: it is in the tree of a verified checkpoint, at the index that is claimed.
// Proof files are C2SP tlog-proof (https://c2sp.org/tlog-proof), proofs RFC 6962 §2.1.1.

import { formatHex } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import type { TrustPolicy } from '@writ/core/formats/tlog-policy';
import { parseTlogProof } from '@writ/core/formats/tlog-proof';
import { leafHash, nodeHash } from '@writ/core/merkle/hash';
import { checkInclusion, type InclusionClaim } from '@writ/core/merkle/inclusion';
import { type OpenOptions, openCheckpoint, type VerifiedCheckpoint } from './checkpoint.ts';
import { step, type Trace } from './trace.ts';

const SEAL: unique symbol = Symbol('verified entry');

/** An entry that a verified checkpoint commits to. Immutable. */
export class VerifiedEntry {
  readonly index: bigint;
  readonly checkpoint: VerifiedCheckpoint;
  readonly #bytes: Uint8Array;
  readonly #leafHash: Uint8Array;

  /** Only `openEntry` holds the seal. */
  constructor(
    seal: typeof SEAL,
    checkpoint: VerifiedCheckpoint,
    index: bigint,
    bytes: Uint8Array,
    hash: Uint8Array,
  ) {
    if (seal !== SEAL) throw new TypeError('a VerifiedEntry is made by openEntry alone');
    this.index = index;
    this.checkpoint = checkpoint;
    this.#bytes = bytes;
    this.#leafHash = hash;
    Object.freeze(this);
  }

  /** The entry as logged: a copy. */
  get bytes(): Uint8Array {
    return this.#bytes.slice();
  }

  /** SHA-256(0x00 || entry), a copy. */
  get leafHash(): Uint8Array {
    return this.#leafHash.slice();
  }
}

/**
 * Verifies a proof file for `entry` under `policy`. The extra data of the file is never looked at: nothing
 * signs it. LogError proof-malformed, entry-absent, inclusion-failed, and those of `openCheckpoint`.
 */
export function openProof(
  proofBytes: Uint8Array,
  entry: Uint8Array,
  policy: TrustPolicy,
  options: OpenOptions = {},
): VerifiedEntry {
  const { trace } = options;
  const { index, hashes, checkpoint } = step(
    trace,
    'proof format',
    () => parseTlogProof(proofBytes),
    (proof) => ({ why: `a proof of ${proof.hashes.length} hashes`, got: `index ${proof.index}` }),
  );
  return openEntry(openCheckpoint(checkpoint, policy, options), index, entry, hashes, trace);
}

/** Verifies that `entry` is at `index` below `checkpoint`. LogError entry-absent, inclusion-failed. */
export function openEntry(
  checkpoint: VerifiedCheckpoint,
  index: bigint,
  entry: Uint8Array,
  proof: readonly Uint8Array[],
  trace?: Trace,
): VerifiedEntry {
  const bytes = entry.slice();
  const hash = leafHash(bytes);
  const { size, root } = checkpoint;
  const claim = { index, size, leafHash: hash, root, proof };
  trace?.pass('leaf hash', {
    why: `SHA-256 of 0x00 and the ${bytes.length} bytes`,
    got: formatHex(hash),
  });
  if (index < size && trace !== undefined) tracePath(trace, claim);
  step(
    trace,
    'inclusion',
    () => requireIncluded(claim),
    () => ({
      why: `${proof.length} hashes lead from entry ${index} to the root`,
      expected: formatHex(root),
      got: formatHex(root),
    }),
  );
  return new VerifiedEntry(SEAL, checkpoint, index, bytes, hash);
}

function requireIncluded(claim: InclusionClaim): void {
  const { index, size, root } = claim;
  if (index >= size) {
    throw new LogError('entry-absent', `the log has ${size} entries, so none with index ${index}`, {
      expected: `an index below ${size}`,
      got: index,
    });
  }
  if (checkInclusion(claim)) return;
  throw new LogError('inclusion-failed', 'the proof does not lead from the entry to the root', {
    expected: formatHex(root),
  });
}

/** Records every hash on the way up, also of a proof that turns out to be false. RFC 9162 §2.1.3.2. */
function tracePath(trace: Trace, { index, size, leafHash: leaf, proof }: InclusionClaim): void {
  let [fn, sn, hash] = [index, size - 1n, leaf];
  for (const [i, sibling] of proof.entries()) {
    if (sn === 0n) return;
    const onLeft = fn % 2n === 1n || fn === sn;
    hash = onLeft ? nodeHash(sibling, hash) : nodeHash(hash, sibling);
    const name = `path ${i + 1} of ${proof.length}`;
    trace.pass(name, {
      why: `with the ${onLeft ? 'left' : 'right'} sibling ${formatHex(sibling)}`,
      got: formatHex(hash),
    });
    while (onLeft && fn % 2n === 0n && fn !== 0n) [fn, sn] = [fn / 2n, sn / 2n];
    [fn, sn] = [fn / 2n, sn / 2n];
  }
}
