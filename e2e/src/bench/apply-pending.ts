// A node that was away for a while: a thousand statements of its village wait for it, out of logs of 10^4 to 10^6 entries.
// The pages are at hand; what is measured is a pull that verifies them, applies them and is durable.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createSigner } from '@writ/core/formats/key';
import { MAX_PAGE_ENTRIES } from '@writ/core/streams/follow-page';
import { proveFollow } from '@writ/log-server/streams/prove-follow';
import { type Pulled, pull } from '@writ/policy/agent/pull';
import type { FetchPage } from '@writ/policy/agent/read-village';
import { StateStore } from '@writ/policy/agent/state-store';
import { WorkingCopy } from '@writ/policy/agent/working-copy';
import { BigLog, TRUST } from './big-log.ts';
import { growthSizes } from './growth.ts';
import { type Benchmark, lower, quantile, type Result } from './result.ts';
import { inScratch } from './scratch.ts';

const PENDING = 1000;
const NODES = 5;
const VILLAGE = 'north';
const SIGNER = createSigner('node.example', 0x01, new Uint8Array(32).fill(9));

export const applyPending: Benchmark = {
  name: 'apply-pending',
  run: async (say) => {
    const results: Result[] = [];
    for (const entries of growthSizes())
      results.push(await inScratch((dir) => measure(dir, entries, say)));
    return results;
  },
};

async function measure(dir: string, entries: number, say: (line: string) => void): Promise<Result> {
  const big = await BigLog.make(join(dir, 'log'), entries, 0);
  await big.add([big.author.found(VILLAGE)]);
  let record = await big.publish();
  const fetchPage: FetchPage = (want) =>
    proveFollow(big.log, record, { ...want, limit: MAX_PAGE_ENTRIES });
  const nodes: Node[] = [];
  for (let i = 0; i < NODES; i++) nodes.push(await Node.make(join(dir, `node-${i}`)));
  for (const node of nodes) await node.pull(fetchPage, true);
  await big.add(Array.from({ length: PENDING }, () => big.author.change(VILLAGE)));
  record = await big.publish();
  const { pages } = await (nodes[0] ?? (await Node.make(dir))).pull(fetchPage, false);
  const milliseconds: number[] = [];
  for (const node of nodes) {
    const kept = pages.map(({ bytes }) => bytes);
    const started = performance.now();
    const { isApplied, report } = await node.pull(
      () => Promise.resolve(kept.shift() ?? new Uint8Array(0)),
      true,
    );
    milliseconds.push(performance.now() - started);
    if (!isApplied || report.pending.count !== PENDING)
      throw new Error(`the node did not follow: ${report.message}`);
    await node.close();
  }
  await big.close();
  const bytes = pages.reduce((sum, page) => sum + page.bytes.length, 0);
  say(`log of ${entries}: ${pages.length} pages of together ${bytes} bytes`);
  const seconds = quantile(milliseconds, 0.5) / 1000;
  return lower(`${PENDING} pending statements applied, log of ${entries}`, seconds, 's', 0.4, 0.2);
}

class Node {
  readonly #store: StateStore;
  readonly #files: WorkingCopy;

  private constructor(store: StateStore, files: WorkingCopy) {
    this.#store = store;
    this.#files = files;
  }

  static async make(dir: string): Promise<Node> {
    mkdirSync(dir, { recursive: true });
    const store = await StateStore.open(join(dir, 'state'), { create: true });
    return new Node(store, new WorkingCopy(join(dir, 'files'), VILLAGE));
  }

  pull(fetchPage: FetchPage, apply: boolean): Promise<Pulled> {
    return pull(
      fetchPage,
      { store: this.#store, files: this.#files },
      {
        village: VILLAGE,
        policy: TRUST,
        nowSeconds: Math.floor(Date.now() / 1000),
        maxAgeSeconds: 3600,
        toolVersion: 'bench',
        mode: 'enforce',
        apply,
        signer: SIGNER,
      },
    );
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
