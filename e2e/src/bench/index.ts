// The stream index alone: a commit that touches 1,000 streams, and what the tree takes, with 10^4 to 10^6 streams.
//
// The memory is what a process grows by that holds a tree and nothing else: this file run as a program.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { hashPairs } from '@writ/core/merkle/interior';
import { HASH_SIZE, sha256Into } from '@writ/core/sha256';
import { buildIndexRoot } from '@writ/core/streams/stream-index-root';
import type { StreamHead } from '@writ/log-server/storage/port';
import { DEFAULT_VERSIONS, IndexTree } from '@writ/log-server/streams/index-tree';
import { runProgram } from '../harness/child.ts';
import { type Benchmark, lower, quantile, type Result } from './result.ts';

const SIZES = [10_000, 100_000, 1_000_000] as const;
const TOUCHED = 1000;
const COMMITS = 50;
const PROOFS = 5000;

export const streamIndex: Benchmark = {
  name: 'stream-index',
  run: async (say) => SIZES.flatMap((streams) => measure(streams, say)),
};

export const streamIndexMemory: Benchmark = {
  name: 'stream-index-memory',
  run: async (say) => {
    const results: Result[] = [];
    for (const streams of SIZES) {
      const program = ['--expose-gc', fileURLToPath(import.meta.url), String(streams)];
      const output = await runProgram(process.execPath, program);
      const [loaded = Number.NaN, full = Number.NaN] = output.trim().split(' ').map(Number);
      const what = `${streams} streams`;
      say(`${what}: ${loaded} MB loaded, ${full} MB with ${DEFAULT_VERSIONS} versions`);
      results.push(lower(`index memory with ${what}`, full, 'MB', 300, 120));
    }
    return results;
  },
};

function measure(streams: number, say: (line: string) => void): Result[] {
  const tree = new IndexTree();
  const loadMs = timed(() => tree.load(headsOf(streams)));
  const milliseconds: number[] = [];
  let inner = 0;
  for (let i = 0; i < COMMITS; i++) {
    const batch = batchOf(streams, i);
    const before = tree.nodeCount;
    milliseconds.push(timed(() => tree.commit(batch)));
    inner += tree.nodeCount - before - TOUCHED;
  }
  const proveMs = timed(() => {
    for (let i = 0; i < PROOFS; i++) tree.prove(nameOf((i * 7919) % streams));
  });
  const commitMs = quantile(milliseconds, 0.5);
  // Key, value and leaf of each stream, and every inner node that was made, hashed and nothing else.
  const nodes = inner / COMMITS;
  const bareMs = 3 * TOUCHED * bareHashMs() + nodes * barePairMs();
  const what = `${streams} streams`;
  say(`${what}: loaded in ${Math.round(loadMs)} ms, a proof takes ${us(proveMs / PROOFS)}`);
  say(
    `${what}: ${Math.round(nodes)} nodes a commit, ${(commitMs / bareMs).toFixed(1)} times the bare hashes ` +
      `(one ${us(bareHashMs())}, a pair in bulk ${us(barePairMs())})`,
  );
  return [
    lower(`index update, ${TOUCHED} of ${what}`, commitMs, 'ms', 30, 10),
    lower(`index load, ${what}`, loadMs / 1000, 's', 3, 1.5),
    lower(`index root from scratch, ${what}`, rootSeconds(streams), 's', 10, 5),
  ];
}

function rootSeconds(streams: number): number {
  return timed(() => buildIndexRoot(valuesOf(streams))) / 1000;
}

function* valuesOf(streams: number) {
  for (const [stream, { seq, index, statementId }] of headsOf(streams))
    yield { stream, seq, leafIndex: index, statementId };
}

function nameOf(number: number): string {
  return `node/village-${number % 1000}/node-${number}`;
}

function headOf(number: number, seq: number): StreamHead {
  const statementId = new Uint8Array(HASH_SIZE).fill(seq);
  new DataView(statementId.buffer).setUint32(0, number);
  return { seq, index: number, statementId };
}

function* headsOf(streams: number): Generator<readonly [string, StreamHead]> {
  for (let i = 0; i < streams; i++) yield [nameOf(i), headOf(i, 3)];
}

/** New heads for streams all over the index. */
function batchOf(streams: number, round: number): Map<string, StreamHead> {
  const batch = new Map<string, StreamHead>();
  for (let i = 0; batch.size < TOUCHED; i++) {
    const number = (round * 7919 + i * 104_729) % streams;
    batch.set(nameOf(number), headOf(number, 4 + round));
  }
  return batch;
}

function timed(work: () => void): number {
  const started = performance.now();
  work();
  return performance.now() - started;
}

function bareHashMs(): number {
  const message = new Uint8Array(1 + 2 * HASH_SIZE);
  const rounds = 50_000;
  return (
    timed(() => {
      for (let i = 0; i < rounds; i++) sha256Into(message, message, 1);
    }) / rounds
  );
}

function barePairMs(): number {
  const pairs = 512;
  const rounds = 200;
  const hashes = new Uint8Array(2 * pairs * HASH_SIZE);
  return (
    timed(() => {
      for (let i = 0; i < rounds; i++) hashPairs(hashes, pairs, hashes);
    }) /
    (rounds * pairs)
  );
}

function us(milliseconds: number): string {
  return `${(milliseconds * 1000).toFixed(2)} us`;
}

/** What the process keeps: garbage that nobody has collected yet is not the index. */
function residentMegabytes(): number {
  globalThis.gc?.();
  const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return Math.round(Number(kilobytes) / 1000);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const streams = Number(process.argv[2]);
  const empty = residentMegabytes();
  const tree = new IndexTree();
  tree.load(headsOf(streams));
  const loaded = residentMegabytes() - empty;
  for (let i = 0; i < DEFAULT_VERSIONS; i++) tree.commit(batchOf(streams, i));
  console.log(loaded, residentMegabytes() - empty);
}
