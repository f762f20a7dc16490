// Builds follow pages (spec/follow.md section 2) from what a log has.

import { bug, LogError } from '@writ/core/errors';
import { nodeHash } from '@writ/core/merkle/hash';
import { inclusionNodes } from '@writ/core/merkle/inclusion';
import { TILE_HEIGHT } from '@writ/core/merkle/tile';
import { buildProof, type NodeSource } from '@writ/core/merkle/tree';
import { decodeStatement } from '@writ/core/statements/statement';
import { proveFollowPage } from '@writ/core/streams/follow-page-proof';
import { decodeStreamProof } from '@writ/core/streams/stream-proof';
import type { Log } from '../log/log.ts';
import type { CheckpointRecord } from '../storage/port.ts';
import { provePage, requireLedger } from './prove.ts';

/** What a reader asks for. */
export interface FollowRequest {
  readonly stream: string;
  readonly from: number;
  readonly limit: number;
  /** Size of the tree that the reader knows; 0: none. */
  readonly since: number;
}

/**
 * The page under a published checkpoint. `open`, for a member of a private village, gives the openings of the first of
 * the statements on it, and the page has no more than that. LogError request-invalid for a page behind the head or a tree that is not
 * published yet, and as `proveStream`.
 */
export async function proveFollow(
  log: Log,
  record: CheckpointRecord,
  { stream, from, limit, since }: FollowRequest,
  open?: (entries: readonly Uint8Array[]) => Promise<readonly Uint8Array[]>,
): Promise<Uint8Array> {
  const { size } = record;
  if (since > size) {
    const detail = { field: 'since', expected: `0 to ${size}`, got: since };
    throw new LogError('request-invalid', `since: the published tree has ${size} entries`, detail);
  }
  const proven = await provePage(log, record, stream, { from, limit });
  const openings = (await open?.(proven.entries)) ?? [];
  const isCut = open !== undefined && openings.length < proven.entries.length;
  const { proof: streamProof } = isCut
    ? await provePage(log, record, stream, { from, limit: openings.length })
    : proven;
  const { entries, from: start } = decodeStreamProof(streamProof);
  const leaves = await log.store.readPositions(stream, start, entries.length);
  const { head } = requireLedger(log).prove('log', size);
  // The state root that ends the tree commits to the heads before it, so it is itself one further.
  const logSeq = head === undefined ? 0 : head.seq + 1;
  const nodes = sharedNodes(log);
  const logLeaves = await findLogLeaves(log, leaves, logSeq);
  return proveFollowPage(
    {
      size,
      entry: (index) => log.readEntry(index),
      proveInclusion: (index) => buildProof(inclusionNodes(BigInt(index), BigInt(size)), nodes),
      proveConsistency: (old) => log.proveConsistency(old, size),
      logSeq,
      logLeaf: (seq) => logLeaves.get(seq) ?? bug(`statement ${seq} of the log was not looked up`),
    },
    { streamProof, leaves, since, openings },
  );
}

// The proofs of one page share most of their nodes; each is hashed once.
function sharedNodes({ store }: Log): NodeSource {
  const known = new Map<string, Uint8Array>();
  const source: NodeSource = ({ level, index }) => {
    const key = `${level}/${index}`;
    const found =
      known.get(key) ??
      (level % TILE_HEIGHT === 0
        ? store.readHashes(level / TILE_HEIGHT, Number(index), 1)
        : nodeHash(
            source({ level: level - 1, index: 2n * index }),
            source({ level: level - 1, index: 2n * index + 1n }),
          ));
    known.set(key, found);
    return found;
  };
  return source;
}

// The store answers later, the builder asks at once: whatever its bisection will ask is looked up here first, the same
// way. That is O(log n) for each statement, where reading the stream of the log would be O(n).
async function findLogLeaves(
  log: Log,
  leaves: readonly number[],
  logSeq: number,
): Promise<ReadonlyMap<number, number>> {
  const found = new Map<number, number>();
  const at = async (seq: number): Promise<number> => {
    const known = found.get(seq);
    if (known !== undefined) return known;
    const [leaf = bug('the log stream has a gap')] = await log.store.readPositions('log', seq, 1);
    found.set(seq, leaf);
    return leaf;
  };
  for (const leaf of leaves) {
    let [low, high] = [0, logSeq];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((await at(middle)) > leaf) high = middle;
      else low = middle + 1;
    }
    await at(low);
    for (let seq = low - 1; seq >= 0; seq--)
      if (decodeStatement(log.readEntry(await at(seq))).kind === 'state-root') break;
  }
  return found;
}
