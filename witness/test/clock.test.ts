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
  const clock = createSigningClock({ nowMs: () => nowMs }, 0n);
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
    assert.throws(() => createSigningClock({ nowMs: () => nowMs }, 0n)(), /before 2026/);
  assert.ok(createSigningClock({ nowMs: () => Date.UTC(2026, 0, 1) }, 0n)() > 0n);
});

test('a clock that is set forward by more than a day signs nothing until it is right again', () => {
  const DAY_MS = 86_400_000;
  const at = { wallMs: START_MS, monotonicMs: 5_000 };
  const clocks = { nowMs: () => at.wallMs, monotonicMs: () => at.monotonicMs };
  const clock = createSigningClock(clocks, 0n);
  assert.is(clock(), NOW);
  at.wallMs += 10 * 365 * DAY_MS;
  for (let tries = 0; tries < 3; tries++) assert.throws(() => clock(), /set forward/);
  at.wallMs = START_MS + 1_000;
  assert.is(clock(), NOW + 1n, 'the wrong time left nothing behind');
  at.wallMs += 30 * DAY_MS;
  at.monotonicMs += 30 * DAY_MS;
  assert.is(clock(), NOW + 1n + BigInt(30 * 86_400), 'a month without requests is no jump');
  at.wallMs += DAY_MS;
  assert.is(clock(), NOW + 1n + BigInt(31 * 86_400));
});

test('a trial finds what is wrong and moves nothing', () => {
  let nowMs = START_MS;
  const clock = createSigningClock({ nowMs: () => nowMs, monotonicMs: () => 0 }, 0n);
  assert.is(clock(), NOW);
  nowMs += 80_000_000;
  clock({ isTrial: true });
  nowMs = START_MS + 1_000;
  assert.is(clock(), NOW + 1n, 'the trial was not the last reading');
  nowMs = START_MS - 301_000;
  assert.throws(() => clock({ isTrial: true }), /behind the last cosignature/);
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
