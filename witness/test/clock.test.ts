// Timestamps of cosignatures never decrease, and a clock that is plainly wrong signs nothing.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startWitness } from '@writ/witness/server';
import { createSigningClock } from '@writ/witness/signing-clock';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openCosignatures, post, START_MS, TestLog, testEnv, testSigner } from './world.ts';

const test = suite('clock');
const NOW = BigInt(START_MS / 1000);

test('time stands still while the clock is up to five minutes behind, and further back is an error', () => {
  let nowMs = START_MS;
  const clock = createSigningClock(() => nowMs, 0n);
  assert.is(clock(), NOW);
  nowMs -= 300_000;
  assert.is(clock(), NOW);
  nowMs -= 1_000;
  assert.throws(() => clock(), /behind the last cosignature/);
  nowMs = START_MS + 1_999;
  assert.is(clock(), NOW + 1n);
});

test('a clock before 2026 signs nothing', () => {
  for (const nowMs of [0, Date.UTC(2026, 0, 1) - 1])
    assert.throws(() => createSigningClock(() => nowMs, 0n)(), /before 2026/);
  assert.ok(createSigningClock(() => Date.UTC(2026, 0, 1), 0n)() > 0n);
});

test('the last time survives a restart, and is the same for all logs', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'witness-'));
  const [a, b] = [new TestLog('log.example/a'), new TestLog('log.example/b', { fill: 2 })];
  const env = testEnv();
  const config = {
    keys: [testSigner('w.example/1', 0x04, 7), testSigner('w.example/1', 0x06, 7)],
    logs: [a.key, b.key],
    storePath: join(folder, 'heads'),
    port: 0,
    env,
  };
  const first = await startWitness(config);
  await post(first.url, a.body(0n, 5n));
  await first.close();

  const second = await startWitness(config);
  env.ms = START_MS - 100_000;
  const body = b.body(0n, 3n);
  const reply = await post(second.url, body);
  assert.is(openCosignatures(second.vkeys, body, reply.body), NOW);

  env.ms = START_MS - 400_000;
  const refused = await post(second.url, b.body(3n, 4n));
  assert.is(refused.status, 503);
  assert.ok(Number(refused.headers.get('retry-after')) > 0);
  assert.is((await fetch(`${second.url}/readyz`)).status, 503);
  assert.is((await fetch(`${second.url}/livez`)).status, 200);

  env.ms = START_MS + 1_000;
  assert.is((await post(second.url, b.body(3n, 4n))).status, 200);
  assert.is((await fetch(`${second.url}/readyz`)).status, 200);
  await second.close();
  await rm(folder, { recursive: true });
});

test.run();
