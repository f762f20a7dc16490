// The full audit of a log: every entry is hashed again, every tile compared, and the whole folded to the root
// of a verified checkpoint. Memory stays bounded, and an audit can go on where an earlier one ended.

import {
  concatBytes,
  equalBytes,
  formatBase64,
  formatHex,
  parseBase64,
  parseDecimal,
} from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { tileRoots } from '@writ/core/merkle/interior';
import { coveringNodes } from '@writ/core/merkle/range';
import { nodeFromTile, TILE_HEIGHT, TILE_WIDTH } from '@writ/core/merkle/tile';
import { foldNodes } from '@writ/core/merkle/tree';
import { HASH_SIZE } from '@writ/core/sha256';
import { auditSegment, compareTile, SEGMENT_ENTRIES } from './audit-segment.ts';
import type { VerifiedCheckpoint } from './checkpoint.ts';
import type { TileSource } from './tiles.ts';
import type { Trace } from './trace.ts';

/** Level of the tiles whose hashes each stand for a whole segment. */
const SEGMENT_LEVEL = 2;
const MAX_LEVELS = 6;

/**
 * Where an audit stands: JSON as it is. Trusted for having looked at the entries, nothing else: the hashes
 * must still fold to the root of the checkpoint in the end.
 */
export interface AuditState {
  readonly version: 1;
  readonly origin: string;
  /** Entries audited, a multiple of 65,536, as canonical decimal. */
  readonly size: string;
  /** Base64 of the hashes that the unfinished tile of each level holds, from level 2 on. */
  readonly unfinished: readonly string[];
}

export interface AuditProgress {
  /** Entries audited so far. */
  readonly entries: bigint;
  readonly size: bigint;
  /** What a later audit needs to go on from here. */
  state(): AuditState;
}

export interface AuditOptions {
  readonly trace?: Trace | undefined;
  /** Where an earlier audit of the same log ended. */
  readonly resumeFrom?: AuditState | undefined;
  /** Does the work of `auditSegment`, for example in another thread. */
  readonly auditSegment?: (segment: bigint, size: bigint) => Promise<Uint8Array[]>;
  /** Segments under way at the same time. */
  readonly concurrency?: number;
  readonly onProgress?: (progress: AuditProgress) => void;
}

/**
 * Audits the tree of `checkpoint`. Answers the last progress: its `state` lets the next audit start at the
 * last full segment. LogError hash-mismatch, bundle-malformed, entry-absent, not-found, and json-malformed
 * for a state that cannot be one.
 */
export async function audit(
  source: TileSource,
  checkpoint: VerifiedCheckpoint,
  options: AuditOptions = {},
): Promise<AuditProgress> {
  const { trace, resumeFrom } = options;
  try {
    const progress = await auditTree(source, checkpoint, options);
    const root = formatHex(checkpoint.root);
    const earlier = resumeFrom === undefined ? '' : `, ${resumeFrom.size} of them audited earlier`;
    const why = `all ${progress.size} entries${earlier} hash to the tiles, and the tiles to the root`;
    trace?.pass('audit', { why, expected: root, got: root });
    return progress;
  } catch (error) {
    trace?.fail('audit', error);
    throw error;
  }
}

async function auditTree(
  source: TileSource,
  checkpoint: VerifiedCheckpoint,
  options: AuditOptions,
): Promise<AuditProgress> {
  const { origin, size, root } = checkpoint;
  const upper = new UpperTiles(source, origin, options.resumeFrom);
  if (upper.size > size)
    throw new LogError('checkpoint-rolled-back', 'the checkpoint is older than the audit so far', {
      expected: `size ${upper.size} or more`,
      got: `size ${size}`,
    });
  const run = options.auditSegment ?? ((segment, of) => auditSegment(source, segment, of));
  const progress = (): AuditProgress => ({ entries: upper.size, size, state: () => upper.state() });
  let edge: Uint8Array[] = [];
  for await (const { segment, hashes } of inOrder(
    upper.size,
    size,
    run,
    options.concurrency ?? 1,
  )) {
    const [only] = hashes;
    const isFull = (segment + 1n) * BigInt(SEGMENT_ENTRIES) <= size;
    if (isFull && only !== undefined) await upper.append(only);
    else edge = hashes;
    options.onProgress?.(progress());
  }
  await upper.compareUnfinished();
  const hashes = [...upper.edge(), ...edge];
  const computed = foldNodes(coveringNodes(0n, size), () => hashes.pop() ?? new Uint8Array(0));
  if (!equalBytes(computed, root)) {
    throw new LogError('hash-mismatch', 'the entries do not hash to the root of the checkpoint', {
      expected: formatHex(root),
      got: formatHex(computed),
    });
  }
  return { ...progress(), entries: size };
}

/** Runs the segments from `start` on with `concurrency` under way, and yields their hashes in order. */
async function* inOrder(
  start: bigint,
  size: bigint,
  run: (segment: bigint, size: bigint) => Promise<Uint8Array[]>,
  concurrency: number,
): AsyncGenerator<{ readonly segment: bigint; readonly hashes: Uint8Array[] }> {
  const running: Promise<Uint8Array[]>[] = [];
  const step = BigInt(SEGMENT_ENTRIES);
  let done = start / step;
  for (let next = done; next * step < size || running.length > 0; ) {
    while (running.length < concurrency && next * step < size) {
      const segment = run(next++, size);
      segment.catch(() => undefined); // awaited below, unless an earlier one fails first
      running.push(segment);
    }
    yield { segment: done++, hashes: (await running.shift()) ?? [] };
  }
}

/** The tiles above the segments: level 2 and higher. Each is compared as soon as it is complete. */
class UpperTiles {
  readonly #source: TileSource;
  readonly #origin: string;
  /** Hashes of the unfinished tile of each level from SEGMENT_LEVEL on. */
  readonly #levels: Uint8Array[][];
  #segments: bigint;

  constructor(source: TileSource, origin: string, state: AuditState | undefined) {
    this.#source = source;
    this.#origin = origin;
    this.#levels = state === undefined ? [] : parseLevels(state, origin);
    this.#segments =
      state === undefined ? 0n : (parseDecimal(state.size) ?? 0n) / BigInt(SEGMENT_ENTRIES);
  }

  /** Entries below. */
  get size(): bigint {
    return this.#segments * BigInt(SEGMENT_ENTRIES);
  }

  async append(hash: Uint8Array): Promise<void> {
    this.#segments += 1n;
    let carry: Uint8Array | undefined = hash;
    let count = this.#segments;
    for (let i = 0; carry !== undefined; i++) {
      const level = this.#levels[i] ?? [];
      this.#levels[i] = level;
      level.push(carry);
      carry = undefined;
      if (level.length < TILE_WIDTH) break;
      count /= BigInt(TILE_WIDTH);
      const tile = concatBytes(...level);
      const index = count - 1n;
      await compareTile(this.#source, { level: SEGMENT_LEVEL + i, index, width: TILE_WIDTH }, tile);
      carry = new Uint8Array(HASH_SIZE);
      tileRoots(tile, 1, carry);
      level.length = 0;
    }
  }

  /** Compares the partial tiles at the right edge. */
  async compareUnfinished(): Promise<void> {
    for (const [i, hashes] of this.#levels.entries()) {
      if (hashes.length === 0) continue;
      const index = this.#segments / BigInt(TILE_WIDTH) ** BigInt(i + 1);
      const tile = { level: SEGMENT_LEVEL + i, index, width: hashes.length };
      await compareTile(this.#source, tile, concatBytes(...hashes));
    }
  }

  /** Hashes of the complete subtrees that cover the entries below, left to right. */
  edge(): Uint8Array[] {
    return coveringNodes(0n, this.#segments).map(({ level, index }) => {
      const i = Math.floor(level / TILE_HEIGHT);
      const height = level - i * TILE_HEIGHT;
      const at = (index * 2n ** BigInt(height)) % BigInt(TILE_WIDTH);
      return nodeFromTile(concatBytes(...(this.#levels[i] ?? [])), Number(at), 2 ** height);
    });
  }

  state(): AuditState {
    const unfinished = this.#levels.map((hashes) => formatBase64(concatBytes(...hashes)));
    return { version: 1, origin: this.#origin, size: String(this.size), unfinished };
  }
}

/** The hashes of a state, one array for each level. LogError json-malformed, origin-unknown. */
function parseLevels(state: AuditState, origin: string): Uint8Array[][] {
  if (state.origin !== origin)
    throw new LogError('origin-unknown', 'the saved state is of another log', {
      expected: origin,
      got: state.origin,
    });
  const size = parseDecimal(state.size);
  if (state.version !== 1 || size === undefined || size % BigInt(SEGMENT_ENTRIES) !== 0n)
    throw malformed('size');
  let segments = size / BigInt(SEGMENT_ENTRIES);
  if (state.unfinished.length > MAX_LEVELS) throw malformed('unfinished');
  const levels = state.unfinished.map((text) => {
    const bytes = parseBase64(text);
    const count = Number(segments % BigInt(TILE_WIDTH));
    segments /= BigInt(TILE_WIDTH);
    if (bytes?.length !== count * HASH_SIZE) throw malformed('unfinished');
    return Array.from({ length: count }, (_, i) => bytes.slice(i * HASH_SIZE, (i + 1) * HASH_SIZE));
  });
  if (segments !== 0n) throw malformed('unfinished');
  return levels;
}

function malformed(field: string): LogError {
  return new LogError('json-malformed', `the saved state has no valid ${field}`, { field });
}
