// What a node did, on its way into a real log over a network that fails: all of it, in order, once.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { utf8 } from '@writ/core/bytes';
import { createSigner } from '@writ/core/formats/key';
import { sha256 } from '@writ/core/sha256';
import { Courier } from '@writ/policy/agent/courier';
import { Journal } from '@writ/policy/agent/journal';
import { Ledger } from '@writ/policy/agent/ledger';
import type { BeginRequest } from '@writ/policy/agent/ledger-intent';
import { NodeLog } from '@writ/policy/agent/node-log';
import { Outbox } from '@writ/policy/agent/outbox';
import { Level } from 'level';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LAW, POLICY_ID, policy, STREAM, VILLAGE, Watched } from './watched-log.ts';

const NODE_STREAM = `node/${VILLAGE}/ups-17`;
// The authors file of the log knows this key under the name of the outsider.
const KEY = createSigner('ups-17', 0x01, sha256(utf8('outsider')));
const random = (size: number): Uint8Array => crypto.getRandomValues(new Uint8Array(size));

const test = suite<{ dir: string; log: Watched }>('outbox and log');

test.before.each(async (world) => {
  world.dir = await mkdtemp(join(tmpdir(), 'writ-node-'));
  world.log = await Watched.start();
  const found = { kind: 'village-create', name: 'North', constitution: LAW } as const;
  assert.ok(await world.log.submit('ada', STREAM, found));
});

test.after.each(async ({ dir, log }) => {
  await log.service.close();
  await rm(dir, { recursive: true });
});

interface Running {
  readonly ledger: Ledger;
  readonly outbox: Outbox;
  readonly courier: Courier;
  close(): Promise<void>;
}

/** Starts the node of the folder; `weather` may throw before a request leaves or behind its answer. */
async function start(
  dir: string,
  log: Watched,
  weather: (when: 'before' | 'behind') => void,
): Promise<Running> {
  const db = new Level<string, Uint8Array>(dir, { valueEncoding: 'view' });
  await db.open();
  const journal = new Journal(db);
  const outbox = new Outbox(journal, {
    ...{ village: VILLAGE, node: 'ups-17', issuer: 'ups-17', isPrivate: false, random },
    signer: { publicKey: KEY.publicKey, sign: (message) => KEY.signRaw(message) },
  });
  const now = { wallMs: log.clock.nowMs, steadyMs: 0 };
  const { ledger } = await Ledger.open(journal, outbox, { random, now, hidesTargets: true });
  const world = {
    nowSeconds: () => Math.floor(log.clock.nowMs / 1000),
    timeout: (ms: number) => AbortSignal.timeout(ms),
    fetch: async (...request: Parameters<typeof fetch>) => {
      weather('before');
      const response = await fetch(...request);
      weather('behind');
      return response;
    },
  };
  const url = log.service.url;
  const options = { url, policy, key: KEY, stream: NODE_STREAM, maxAgeSeconds: 3600 };
  const courier = new Courier(journal, outbox, new NodeLog(world, options));
  return { ledger, outbox, courier, close: () => db.close() };
}

function call(i: number): BeginRequest {
  const digest = sha256(utf8(`${i}`));
  return {
    ...{ policy: POLICY_ID, version: 1, ir: digest, driver: digest, event: digest, subject: 'ups' },
    ...{ checkpoint: { size: 1, root: digest }, villageSeq: 0, host: POLICY_ID, key: `${i}` },
    ...{ capability: 'vm.lifecycle', verb: 'shutdown', targets: [`vm:${i}`], isDestructive: true },
    ...{ params: {}, paramsSchema: null, preconditions: null, transcript: null, correlation: null },
    ...{ idempotencyWindowMs: 1000, suppressionWindowMs: 0 },
  };
}

async function work({ ledger }: Running, from: number, count: number): Promise<void> {
  const now = { wallMs: 1_800_000_000_000, steadyMs: from };
  const run = async (i: number): Promise<void> => {
    const begun = await ledger.begin(call(from + i), now);
    assert.is(begun.kind, 'begun');
    if (begun.kind !== 'begun') return;
    const outcome = { result: 'succeeded', severity: 'info', effects: [], reason: null } as const;
    await ledger.finish(begun.id, outcome, now);
  };
  await Promise.all(Array.from({ length: count }, (_, i) => run(i)));
}

test('nothing is lost, doubled or out of order, whatever the network and the process do', async ({
  dir,
  log,
}) => {
  let requests = 0;
  // Every third request does not leave, every other third loses its answer.
  const weather = (when: 'before' | 'behind'): void => {
    if (when === 'before') requests++;
    if (requests % 3 === (when === 'before' ? 1 : 2)) throw new TypeError('fetch failed');
  };
  let node = await start(dir, log, weather);
  for (let round = 0; round < 6; round++) {
    await work(node, 100 * round, 40);
    await node.courier.submit();
    if (round % 2 === 0) continue;
    await node.close();
    node = await start(dir, log, weather);
  }
  for (let kind = ''; kind !== 'done'; ) kind = (await node.courier.submit()).kind;
  const state = log.states.get(NODE_STREAM);
  if (state?.family !== 'node') throw new Error('the log has no such node');
  assert.is(state.head.seq, node.outbox.status.next - 1);
  assert.equal([state.counts.intents, state.counts.succeeded, state.open.size], [240, 240, 0]);
  await node.close();
});

test('what a published checkpoint proves is let go, and only that', async ({ dir, log }) => {
  const node = await start(dir, log, () => {});
  await work(node, 0, 20);
  assert.is((await node.courier.submit()).kind, 'done');
  assert.is(node.outbox.status.rows, 40);
  for (let i = 0; node.outbox.status.rows > 0 && i < 200; i++) {
    await node.courier.settle();
    await sleep(20);
  }
  assert.is(node.outbox.status.rows, 0);
  await work(node, 100, 1);
  assert.is((await node.courier.submit()).kind, 'done');
  await node.close();
});

test('a second holder of the key is found out by whoever comes second', async ({ dir, log }) => {
  const node = await start(join(dir, 'first'), log, () => {});
  const copy = await start(join(dir, 'copy'), log, () => {});
  await work(node, 0, 1);
  await work(copy, 50, 1);
  assert.is((await node.courier.submit()).kind, 'done');
  assert.equal(await copy.courier.submit(), { kind: 'stopped', code: 'stream-taken' });
  const now = { wallMs: 1_800_000_000_000, steadyMs: 99 };
  assert.equal(await copy.ledger.begin(call(60), now), { kind: 'refused', code: 'stream-taken' });
  await Promise.all([node.close(), copy.close()]);
});

test.run();
