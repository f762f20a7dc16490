// What an audit of a log of statements looks at beside the hashes: that every stream is without a gap, and that every
// state root commits to the stream index of the entries before it (spec/verifier.md).
//
// The entries are read on their own: that they are those of the log follows from the root of every published tree,
// which is computed here once more.

import { equalBytes, formatHex } from '@writ/core/bytes';
import { isLogError, LogError } from '@writ/core/errors';
import { decodeBundle } from '@writ/core/formats/entry-bundle';
import { leafHash } from '@writ/core/merkle/hash';
import { TILE_WIDTH } from '@writ/core/merkle/tile';
import { GrowingTree } from '@writ/core/merkle/tree';
import { decodePayload } from '@writ/core/statements/kinds';
import type { StateRoot } from '@writ/core/statements/kinds/log';
import { decodeStatement, type Statement } from '@writ/core/statements/statement';
import type { VerifiedCheckpoint } from '../checkpoint.ts';
import { readResource, type TileSource, widthOf } from '../tiles.ts';
import { GrowingIndex } from './growing-index.ts';
import type { ComputedIndex } from './state-root-fault.ts';

/** Bundles that are read at the same time. */
const READ_AHEAD = 8n;

/** An entry of the log at its place. */
export interface ScannedEntry {
  readonly index: number;
  readonly bytes: Uint8Array;
  /** For a state root: what it says, and what it should say. */
  readonly root: { readonly claimed: StateRoot; readonly computed: ComputedIndex } | null;
}

/** What a whole scan counts. */
export interface ScanResult {
  readonly streams: number;
  readonly stateRoots: number;
}

/**
 * Reads the first entries of the log, up to the size of the last of `trees`, which are in ascending order, and
 * shows each to `look`, the first that is no statement too. LogError statement-malformed, stream-incomplete, and hash-mismatch when the entries are not
 * those of one of the trees; each with the index.
 */
export async function scanStatements(
  source: TileSource,
  trees: readonly VerifiedCheckpoint[],
  look: (entry: ScannedEntry) => Promise<void> | void,
): Promise<ScanResult> {
  const size = trees.at(-1)?.size ?? 0n;
  const waiting = [...trees];
  const heads = new GrowingIndex();
  const tree = new GrowingTree();
  let stateRoots = 0;
  for await (const bytes of entriesOf(source, size)) {
    const index = Number(tree.size);
    let root: ScannedEntry['root'] = null;
    try {
      root = scanEntry(bytes, index, heads);
    } catch (error) {
      if (isLogError(error)) await look({ index, bytes, root });
      throw error;
    }
    if (root !== null) stateRoots++;
    tree.append(leafHash(bytes));
    while (waiting[0] !== undefined && waiting[0].size <= tree.size)
      requireTree(waiting.shift(), tree);
    await look({ index, bytes, root });
  }
  return { streams: heads.size, stateRoots };
}

function scanEntry(bytes: Uint8Array, index: number, heads: GrowingIndex): ScannedEntry['root'] {
  const { statement, claimed } = decodeAt(bytes, index);
  const { stream, seq, previous, id } = statement;
  const computed = claimed === null ? null : { root: heads.root(), streams: heads.size };
  const head = heads.head(stream);
  const expected = head === undefined ? 0 : head.seq + 1;
  const follows =
    head === undefined || (previous !== null && equalBytes(previous, head.statementId));
  if (seq !== expected || !follows) {
    const message = `entry ${index} does not follow on the last one of ${stream}`;
    throw new LogError('stream-incomplete', message, { index, stream, expected, got: seq });
  }
  heads.set({ stream, seq, leafIndex: index, statementId: id });
  return claimed === null || computed === null ? null : { claimed, computed };
}

function decodeAt(
  bytes: Uint8Array,
  index: number,
): { readonly statement: Statement; readonly claimed: StateRoot | null } {
  try {
    const statement = decodeStatement(bytes);
    if (statement.kind !== 'state-root') return { statement, claimed: null };
    const payload = decodePayload(statement);
    return { statement, claimed: payload.kind === 'state-root' ? payload : null };
  } catch (error) {
    if (!isLogError(error)) throw error;
    const detail = { ...error.detail, index };
    throw new LogError(error.code, `entry ${index}: ${error.message}`, detail, error);
  }
}

function requireTree(checkpoint: VerifiedCheckpoint | undefined, tree: GrowingTree): void {
  if (checkpoint === undefined || checkpoint.size === 0n) return;
  const root = tree.root();
  if (equalBytes(root, checkpoint.root)) return;
  const message = `the first ${tree.size} entries do not hash to the root of their checkpoint`;
  throw new LogError('hash-mismatch', message, {
    expected: formatHex(checkpoint.root),
    got: formatHex(root),
  });
}

/** The first `size` entries in order. LogError entry-absent, bundle-malformed. */
async function* entriesOf(source: TileSource, size: bigint): AsyncGenerator<Uint8Array> {
  const bundles = (size + BigInt(TILE_WIDTH) - 1n) / BigInt(TILE_WIDTH);
  const ahead: Promise<Uint8Array[]>[] = [];
  for (let next = 0n, done = 0n; done < bundles; done++) {
    for (; next < bundles && next < done + READ_AHEAD; next++) {
      const bundle = readBundle(source, next, size);
      bundle.catch(() => undefined); // awaited below, unless an earlier one fails first
      ahead.push(bundle);
    }
    yield* (await ahead.shift()) ?? [];
  }
}

async function readBundle(source: TileSource, index: bigint, size: bigint): Promise<Uint8Array[]> {
  const width = widthOf(index, size);
  const { bytes, isFull } = await readResource(source, { level: 'entries', index, width });
  return decodeBundle(bytes, isFull ? TILE_WIDTH : width).slice(0, width);
}
