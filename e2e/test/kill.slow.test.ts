// kill -9 of the log and of its witnesses at random moments under load. What was promised is kept, and nothing that
// was signed contradicts anything else that was.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { utf8 } from '@writ/core/bytes';
import { parseVkey } from '@writ/core/formats/key';
import type { Child } from '@writ/e2e/harness/child';
import { Dice, throwDice } from '@writ/e2e/harness/dice';
import { duplicates, Load } from '@writ/e2e/harness/load';
import { createLog, launchLog, waitUntilReady } from '@writ/e2e/harness/log-process';
import { openSigned, read, readEntries } from '@writ/e2e/harness/log-reader';
import { freePort } from '@writ/e2e/harness/ports';
import { World } from '@writ/e2e/harness/world';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const KILLS = Number(process.env['WRIT_KILLS'] ?? 200);
/** Side by side, one a core. */
const WORLDS = 2;
const LANES = 8;
const INTERVAL_MS = 30;

const test = suite('kill -9 under load');

test(`${KILLS} kills of the log, and kills of its witnesses, lose and fork nothing`, async () => {
  const { seed } = throwDice('kill -9');
  const worlds = Array.from({ length: WORLDS }, (_, i) => new Dice(`${seed}/${i}`));
  const runs = worlds.map((dice) => inScratch((scratch) => killAgainAndAgain(scratch, dice)));
  // Both to their ends, so that a failure of one leaves nothing of the other behind.
  for (const run of await Promise.allSettled(runs)) if (run.status === 'rejected') throw run.reason;
});

async function killAgainAndAgain(scratch: string, dice: Dice): Promise<void> {
  const world = await World.create(scratch, dice, INTERVAL_MS);
  try {
    for (let kills = 0; kills < KILLS / WORLDS; kills++) {
      const isWitnessToo = kills % 5 === 2;
      if (!isWitnessToo && dice.oneIn(7)) {
        await world.killWhileStarting(dice.between(0, 300));
        continue;
      }
      await world.start();
      await world.checkPromises();
      const wait = dice.between(5, 150);
      // At times the first promises are not even made, mostly a few are.
      const load = { lanes: LANES, acknowledgements: dice.oneIn(4) ? 0 : dice.between(1, 40) };
      if (isWitnessToo) await world.killUnderLoad(load, wait, dice.between(0, wait));
      else await world.killUnderLoad(load, wait);
    }
    await world.start();
    await world.checkPromises();
    await world.checkEverything();
    const { load, heads, kills, witnessKills, exchanges } = world;
    process.stdout.write(
      `${dice.seed}: ${kills} kills of the log, ${witnessKills} of a witness, ` +
        `${load.acknowledged.size} entries acknowledged, ${load.resubmitted} submitted again, ` +
        `${load.unknown.size} without an answer, ${heads.count} signed heads, ` +
        `${exchanges} requests for cosignatures\n`,
    );
    assert.equal(load.violations, []);
    assert.ok(kills >= KILLS / WORLDS);
    // A run in which nothing happened would prove nothing.
    assert.ok(load.acknowledged.size > kills, 'entries were acknowledged between the kills');
    assert.ok(load.resubmitted > 0, 'entries were submitted again');
    assert.ok(heads.count > kills / 2, 'checkpoints were signed between the kills');
    assert.ok(witnessKills > 0, 'a witness was killed');
  } finally {
    await world.close();
  }
}

test('a second writer on the same store is refused and the first goes on', () =>
  withLog(async ({ setup, options, log }) => {
    const load = new Load(throwDice('two writers'));
    assert.is(await load.submit(log.url, 'before'), 'acknowledged');
    const second = launchLog(setup, { ...options, port: await freePort() });
    const exit = await second.child.exited;
    assert.is(exit.code, 10);
    assert.match(second.child.output, /another process uses/);
    assert.is(await load.submit(log.url, 'after'), 'acknowledged');
    assert.is(load.lastIndex, 1);
  }));

test('SIGTERM finishes the request under way, publishes the last entry and ends with 0', () =>
  withLog(async ({ setup, options, log, restart }) => {
    const load = new Load(throwDice('SIGTERM'));
    load.start(log.url, LANES);
    await sleep(100);
    const half = await sendHalf(options.port, 'sent in two parts');
    const ended = log.child.stop();
    await sleep(50);
    const answer = await half.finish();
    const exit = await ended.finally(() => load.stop());
    assert.is(exit.code, 0, log.child.output);
    assert.match(answer, /^HTTP\/1\.1 200 /);
    load.acknowledged.set(Number(answer.split('\r\n\r\n')[1]), 'sent in two parts');
    assert.equal(load.violations, []);

    const { url } = await restart();
    const { size } = openSigned(await read(`${url}/checkpoint`), parseVkey(setup.vkey));
    const entries = await readEntries(url, Number(size), 0, Number(size));
    assert.ok(Number(size) >= load.acknowledged.size);
    load.check(0, entries);
    assert.equal(load.violations, []);
    assert.is(duplicates(entries), 0);
  }));

interface Scene {
  readonly setup: Awaited<ReturnType<typeof createLog>>;
  readonly options: Parameters<typeof launchLog>[1];
  readonly log: ReturnType<typeof launchLog>;
  restart(): Promise<ReturnType<typeof launchLog>>;
}

/** A log without witnesses, stopped at the end whatever happened. */
async function withLog(work: (scene: Scene) => Promise<void>): Promise<void> {
  await inScratch(async (scratch) => {
    const setup = await createLog(join(scratch, 'log'), 'kill.example/log');
    const policy = join(scratch, 'trust.policy');
    await writeFile(policy, `log ${setup.vkey}\nquorum none\n`);
    const port = await freePort();
    const options = { port, policy, profile: 'raw', intervalMs: INTERVAL_MS } as const;
    const children: Child[] = [];
    const start = async (): Promise<ReturnType<typeof launchLog>> => {
      const log = launchLog(setup, options);
      children.push(log.child);
      await waitUntilReady(log);
      return log;
    };
    try {
      await work({ setup, options, log: await start(), restart: start });
    } finally {
      for (const child of children) await child.kill();
    }
  });
}

async function inScratch(work: (scratch: string) => Promise<void>): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), 'writ-kill-'));
  try {
    await work(scratch);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Sends a submission up to the middle of its body. */
async function sendHalf(port: number, entry: string): Promise<{ finish(): Promise<string> }> {
  const socket = connect(port, '127.0.0.1');
  const body = utf8(entry);
  const middle = Math.floor(body.length / 2);
  const head = `POST /add HTTP/1.1\r\nhost: x\r\ncontent-type: application/octet-stream\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n`;
  let answer = '';
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
  });
  socket.setEncoding('utf8').on('data', (text: string) => {
    answer += text;
  });
  socket.on('error', (error) => {
    answer += error.message;
  });
  socket.write(head);
  socket.write(body.subarray(0, middle));
  await sleep(30);
  return {
    async finish() {
      socket.write(body.subarray(middle));
      await closed;
      return answer;
    },
  };
}

test.run();
