// Interior nodes of RFC 6962 §2.1 in bulk: SHA-256(0x01 || left || right).
//
// Four nodes at a time in WebAssembly SIMD where there is one, else one by one with noble. Both give
// the same bytes.

import { sha256 } from '@noble/hashes/sha2.js';
import { assertBytes, assertSafeSize } from '../bytes.ts';
import { HASH_SIZE } from '../sha256.ts';
import { interiorKernel, type Kernel } from './interior-kernel.ts';
import { TILE_HEIGHT, TILE_WIDTH } from './tile.ts';

const NODE_PREFIX = 1;

/**
 * Hashes of one round trip into the kernel: four tiles, which fill the four lanes up to the last level
 * and stay in the first-level cache.
 */
const CHUNK = 4 * TILE_WIDTH;

/**
 * Writes to `target`, from byte `targetOffset` on, the `count` nodes above the `2 * count` hashes in
 * `nodes`. `target` may be `nodes` itself or begin before it; a target that begins inside of the
 * hashes still to be read is refused. Throws TypeError or RangeError for wrong arguments.
 */
export function hashPairs(
  nodes: Uint8Array,
  count: number,
  target: Uint8Array,
  targetOffset = 0,
): void {
  assertRegions(nodes, count, 2, target, targetOffset);
  const kernel = interiorKernel();
  if (kernel === undefined) {
    hashPairsUnchecked(nodes, count, target, targetOffset);
    return;
  }
  const step = CHUNK / 2;
  for (let done = 0; done < count; done += step) {
    const pairs = Math.min(step, count - done);
    climb(kernel, nodes, 2 * done, pairs, 1, target, targetOffset + done * HASH_SIZE);
  }
}

/** As hashPairs, without WebAssembly. */
export function hashPairsPortable(
  nodes: Uint8Array,
  count: number,
  target: Uint8Array,
  targetOffset = 0,
): void {
  assertRegions(nodes, count, 2, target, targetOffset);
  hashPairsUnchecked(nodes, count, target, targetOffset);
}

/**
 * The root over the first `count` hashes of `leafHashes`: a new array of 32 bytes. `count` is a power
 * of two (1, 2, 4, …); RangeError otherwise.
 */
export function subtreeRoot(leafHashes: Uint8Array, count: number): Uint8Array {
  assertSafeSize(count, 'count');
  const levels = Math.log2(count);
  if (!Number.isInteger(levels)) throw new RangeError(`count must be a power of two, got ${count}`);
  const root = new Uint8Array(HASH_SIZE);
  assertRegions(leafHashes, 1, count, root, 0);
  const kernel = interiorKernel();
  if (kernel !== undefined && count > 1 && count <= CHUNK) {
    climb(kernel, leafHashes, 0, count / 2, levels, root, 0);
    return root;
  }
  const level = leafHashes.slice(0, count * HASH_SIZE);
  for (let pairs = count / 2; pairs >= 1; pairs /= 2) hashPairs(level, pairs, level);
  root.set(level.subarray(0, HASH_SIZE));
  return root;
}

/**
 * Writes to `target` the root of each full tile: one hash for each run of 256 in `hashes`. `target`
 * may be `hashes` itself. Throws TypeError or RangeError for wrong arguments.
 */
export function tileRoots(hashes: Uint8Array, tileCount: number, target: Uint8Array): void {
  assertRegions(hashes, tileCount, TILE_WIDTH, target, 0);
  const kernel = interiorKernel();
  if (kernel === undefined) {
    tileRootsUnchecked(hashes, tileCount, target);
    return;
  }
  const step = CHUNK / TILE_WIDTH;
  for (let done = 0; done < tileCount; done += step) {
    const pairs = (Math.min(step, tileCount - done) * TILE_WIDTH) / 2;
    climb(kernel, hashes, done * TILE_WIDTH, pairs, TILE_HEIGHT, target, done * HASH_SIZE);
  }
}

/** As tileRoots, without WebAssembly. */
export function tileRootsPortable(hashes: Uint8Array, tileCount: number, target: Uint8Array): void {
  assertRegions(hashes, tileCount, TILE_WIDTH, target, 0);
  tileRootsUnchecked(hashes, tileCount, target);
}

/** Takes `2 * pairs` hashes from hash number `from` on up by `levels` levels. */
function climb(
  kernel: Kernel,
  hashes: Uint8Array,
  from: number,
  pairs: number,
  levels: number,
  target: Uint8Array,
  targetOffset: number,
): void {
  kernel.input.set(hashes.subarray(from * HASH_SIZE, (from + 2 * pairs) * HASH_SIZE));
  kernel.climb(pairs, levels);
  const results = (2 * pairs) / 2 ** levels;
  target.set(kernel.input.subarray(0, results * HASH_SIZE), targetOffset);
}

function hashPairsUnchecked(
  nodes: Uint8Array,
  count: number,
  target: Uint8Array,
  targetOffset: number,
): void {
  const message = new Uint8Array(1 + 2 * HASH_SIZE);
  message[0] = NODE_PREFIX;
  for (let i = 0; i < count; i++) {
    const at = 2 * i * HASH_SIZE;
    message.set(nodes.subarray(at, at + 2 * HASH_SIZE), 1);
    target.set(sha256(message), targetOffset + i * HASH_SIZE);
  }
}

function tileRootsUnchecked(hashes: Uint8Array, tileCount: number, target: Uint8Array): void {
  const tileSize = TILE_WIDTH * HASH_SIZE;
  for (let i = 0; i < tileCount; i++) {
    const level = hashes.slice(i * tileSize, (i + 1) * tileSize);
    for (let pairs = TILE_WIDTH / 2; pairs >= 1; pairs /= 2)
      hashPairsUnchecked(level, pairs, level, 0);
    target.set(level.subarray(0, HASH_SIZE), i * HASH_SIZE);
  }
}

/** Our caller's mistakes: `count` results, each of `width` hashes of `source`, must fit without harm. */
function assertRegions(
  source: Uint8Array,
  count: number,
  width: number,
  target: Uint8Array,
  targetOffset: number,
): void {
  assertBytes(source, 'source');
  assertBytes(target, 'target');
  assertSafeSize(count, 'count');
  assertSafeSize(targetOffset, 'targetOffset');
  const sourceSize = count * width * HASH_SIZE;
  if (sourceSize > source.length) {
    throw new RangeError(`source holds ${source.length} bytes, ${sourceSize} are needed`);
  }
  const end = targetOffset + count * HASH_SIZE;
  if (end > target.length)
    throw new RangeError(`target holds ${target.length} bytes, ${end} are needed`);
  const ahead = target.byteOffset + targetOffset - source.byteOffset;
  if (target.buffer === source.buffer && ahead > 0 && ahead < sourceSize) {
    throw new RangeError('target begins inside of the hashes to be read');
  }
}
