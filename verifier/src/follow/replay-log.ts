// Every state of a log from its leaves alone (spec/follow.md section 6): what the log, its readers and its auditors
// have to agree on.

import { equalBytes, formatHex } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { decodeBundle } from '@writ/core/formats/entry-bundle';
import { leafHash } from '@writ/core/merkle/hash';
import { TILE_WIDTH } from '@writ/core/merkle/tile';
import { GrowingTree } from '@writ/core/merkle/tree';
import {
  indexValues,
  Replay,
  type ReplayedStep,
  type ReplayOptions,
  type ReplayState,
} from '@writ/core/streams/replay';
import { buildIndexRoot } from '@writ/core/streams/stream-index-root';
import type { VerifiedCheckpoint } from '../checkpoint.ts';
import { readResource, type TileSource, widthOf } from '../tiles.ts';

export interface ReplayLogOptions extends Pick<ReplayOptions, 'authorKey' | 'opening'> {
  /** The Ed25519 public key that signs the first statement of the log; by default that of the checkpoint. */
  readonly logKey?: Uint8Array;
  /** Compute the stream index again at every state root, not only at the last: O(streams) for each. */
  readonly everyStateRoot?: boolean;
  /** Hears of every entry, in order; the states are those behind it. */
  readonly onStep?: (step: ReplayedStep, state: ReplayState) => void;
}

/**
 * Replays all entries of the tree of `checkpoint`. Throws at the first that the log should not have admitted as
 * `Replay.add` does, hash-mismatch when the entries are not those of the checkpoint, state-root-invalid when the tree
 * does not end with its state root; entry-absent and bundle-malformed as the source has it. Nothing that `onStep`
 * hears is certain before this returns.
 */
export async function replayLog(
  source: TileSource,
  checkpoint: VerifiedCheckpoint,
  options: ReplayLogOptions = {},
): Promise<ReplayState> {
  const { size } = checkpoint;
  const { authorKey, opening, everyStateRoot = false, onStep } = options;
  const replay = new Replay({
    logKey: options.logKey ?? signingKey(checkpoint),
    ...(authorKey === undefined ? {} : { authorKey }),
    ...(opening === undefined ? {} : { opening }),
    checkIndex: (root, states) =>
      (!everyStateRoot && BigInt(root.size) !== size - 1n) ||
      equalBytes(root.index, buildIndexRoot(indexValues(states))),
  });
  const tree = new GrowingTree();
  let last: ReplayedStep | undefined;
  for (let bundle = 0n; bundle * BigInt(TILE_WIDTH) < size; bundle++) {
    const width = widthOf(bundle, size);
    const { bytes, isFull } = await readResource(source, {
      level: 'entries',
      index: bundle,
      width,
    });
    const entries = decodeBundle(bytes, isFull ? TILE_WIDTH : width).slice(0, width);
    for (const entry of entries) {
      tree.append(leafHash(entry));
      last = replay.add({ index: replay.size, bytes: entry });
      onStep?.(last, replay);
    }
  }
  requireRoot(tree, checkpoint);
  if (last !== undefined && last.payload.kind !== 'state-root')
    throw new LogError('state-root-invalid', 'the last entry of the tree is no state root');
  return replay;
}

function signingKey({ logKeys }: VerifiedCheckpoint): Uint8Array {
  const key = logKeys.find(({ type }) => type === 1);
  if (key !== undefined) return key.publicKey;
  throw new LogError('key-malformed', 'no key of the log can sign statements');
}

function requireRoot(tree: GrowingTree, { root }: VerifiedCheckpoint): void {
  const computed = tree.root();
  if (equalBytes(computed, root)) return;
  throw new LogError('hash-mismatch', 'the entries do not hash to the root of the checkpoint', {
    expected: formatHex(root),
    got: formatHex(computed),
  });
}
