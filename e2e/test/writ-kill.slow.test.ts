import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WritWorld } from './writ-world.ts';

const PROGRAM = fileURLToPath(new URL('../../../cli/bin/writ.mjs', import.meta.url));
const ROUNDS = 24;

/** Starts an applying pull as a process and kills it after a while; answers whether it was killed. */
async function pullAndKill(env: Record<string, string>, afterMs: number): Promise<boolean> {
  const child = spawn(process.execPath, [PROGRAM, 'policy', 'pull', '--apply'], {
    env,
    stdio: 'ignore',
  });
  const ended = once(child, 'exit');
  await Promise.race([sleep(afterMs), ended]);
  child.kill('SIGKILL');
  await ended;
  return child.signalCode === 'SIGKILL';
}

test('a pull that is killed at any moment leaves a node that goes on', async () => {
  const world = await WritWorld.start(['ada']);
  try {
    const env = {
      WRIT_KEY: world.path('ada.key'),
      WRIT_POLICY: world.path('trust.policy'),
      WRIT_LOG: await world.listen(),
      WRIT_DIR: world.path('state'),
      WRIT_VILLAGE: 'north-quay',
      HOME: world.dir,
    };
    await world.done('ada', 'village', 'create', 'north-quay');
    const startMs = performance.now();
    assert.is(await pullAndKill(env, 30_000), false);
    const wholeMs = performance.now() - startMs;
    let killed = 0;
    for (let round = 1; round <= ROUNDS; round++) {
      const file = await world.write('lab.json', { round });
      await world.done('ada', 'policy', 'propose', file);
      // From half of its time on: before that a process only loads its code.
      if (await pullAndKill(env, wholeMs * (0.5 + round / (2 * ROUNDS)))) killed++;
      const drift = await world.writ('ada', 'policy', 'drift');
      assert.ok(drift.exit === 0 || drift.exit === 1, drift.out);
      assert.equal(drift.json.report.edits, [], 'a crash is nobody’s edit');
      await world.done('ada', 'policy', 'pull', '--apply');
      const { policies } = await world.done('ada', 'village', 'show');
      const path = world.path(`state/villages/north-quay/current/${policies[0].policy}.json`);
      assert.is(await readFile(path, 'utf8'), `{"round":${round}}`);
      assert.is((await world.writ('ada', 'policy', 'drift')).exit, 0);
    }
    assert.ok(killed > ROUNDS / 3, `${killed} kills`);
  } finally {
    await world.close();
  }
});

test.run();
