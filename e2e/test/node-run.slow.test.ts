// What the real program writ-node does when the world is against it: old state, liars, damage, rivals, stops.

import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { COMMANDS, runProgram } from '@writ/e2e/processes';
import { Level } from 'level';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NodeRunWorld } from './node-run-world.ts';
import type { Liar } from './writ-world.ts';

interface State {
  world: NodeRunWorld;
}

const old = suite<State>('writ-node with an old state');

old.after.each(async ({ world }) => {
  await world.close();
});

const AWAY = { log: 'http://127.0.0.1:9' };

old(
  'fails closed, says so at readyz, and lets an operator break the glass on record',
  async (state) => {
    const { world } = state;
    await world.propose();
    const first = await world.ready();
    assert.is(await first.stop(), 0);
    await world.configure(AWAY);
    await sleep(3500);
    // It starts although the log is away, and says that it is not ready.
    const node = await world.run();
    await world.until(async () => (await world.status()).state !== null, node.said);
    const readyz = await world.get('/readyz');
    assert.is(readyz.status, 503);
    assert.match(readyz.body, /fresh: the verified state is \d+ s old, more than 3 s/);
    assert.is((await world.node('status')).exit, 5);
    const held = await world.loseMains();
    assert.equal(held.runs[0].actions[0], {
      ...{ action: 0, target: 'command:light', result: 'held', reason: 'state-stale' },
    });
    assert.equal(await world.journal(), []);

    const glass = ['--scope', 'state-staleness', '--operator', 'ada', '--minutes', '5'];
    const short = await world.node('override', ...glass, '--reason', 'fire');
    assert.is(short.exit, 2, short.err);
    const broken = await world.node('override', ...glass, '--reason', 'the shed is on fire');
    assert.is(broken.exit, 0, broken.err);
    assert.is((await world.loseMains()).runs[0].actions[0].result, 'succeeded');
    // It holds until its end, also over a restart.
    assert.is(await node.stop(), 0);
    const again = await world.run();
    await world.until(async () => (await world.status()).state !== null, again.said);
    assert.match(again.said(), 'override still holds');
    await sleep(1100);
    assert.is((await world.loseMains()).runs[0].actions[0].result, 'succeeded', again.said());
    assert.is(await again.stop(), 0);

    await world.configure();
    const back = await world.ready();
    const kinds = await world.logged('execution-outcome', 2);
    const override = kinds.indexOf('policy-override');
    assert.ok(
      override > kinds.indexOf('state-applied') && override < kinds.indexOf('execution-intent'),
    );
    await back.stop();
  },
);
old.before.each(async (state) => {
  const staleness = { mode: 'fail-closed', maxSeconds: 3 };
  state.world = await NodeRunWorld.start({ staleness });
});
old.run();

const modes = suite('writ-node and the staleness mode of its village');

for (const [mode, result] of [
  ['freeze', 'state-frozen'],
  ['keep-last-good', null],
] as const)
  modes(`${mode} is kept when the state is old`, async () => {
    const world = await NodeRunWorld.start({ staleness: { mode, maxSeconds: 3 } });
    try {
      await world.propose();
      await (await world.ready()).stop();
      await world.configure(AWAY);
      await sleep(3500);
      const node = await world.run();
      await world.until(async () => (await world.status()).state !== null, node.said);
      assert.is((await world.get('/readyz')).status, 503);
      const [action] = (await world.loseMains()).runs[0].actions;
      assert.equal(
        [action.result, action.reason],
        result === null ? ['succeeded', null] : ['held', result],
      );
      await node.stop();
    } finally {
      await world.close();
    }
  });

modes.run();

const harm = suite<State>('writ-node and what is wrong around it');

harm.before.each(async (state) => {
  state.world = await NodeRunWorld.start();
});

harm.after.each(async ({ world }) => {
  await world.close();
});

/** Changes the rows of the node's store whose key ends so. */
async function damage(world: NodeRunWorld, end: string): Promise<number> {
  const db = new Level<string, Uint8Array>(world.log.path('node/store'), { valueEncoding: 'view' });
  let changed = 0;
  for await (const [key, value] of db.iterator()) {
    if (!key.endsWith(end) && !key.startsWith(end)) continue;
    const bytes = Uint8Array.from(value);
    const at = bytes.length - 1;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    await db.put(key, bytes);
    changed++;
  }
  await db.close();
  return changed;
}

for (const [what, end] of [
  ['snapshot', '/state'],
  ['spec', 'spec/'],
] as const)
  harm(
    `a damaged ${what} is never used, does not keep it from starting, and is read anew`,
    async ({ world }) => {
      await world.propose();
      await (await world.ready()).stop();
      assert.ok((await damage(world, end)) > 0);
      await world.configure(AWAY);
      const alone = await world.run();
      await world.until(async () => (await world.status()).pull !== null, alone.said);
      assert.is((await world.status()).state, null);
      const event = {
        ...{ type: 'ups', kind: 'ups.state', attrs: { state: 'mains-lost' } },
        subject: { kind: 'ups', id: 'main' },
      };
      const refused = await world.node('event', await world.log.write('event.json', event));
      assert.is(refused.exit, 10, refused.err);
      await alone.stop();
      await world.configure();
      const node = await world.ready();
      assert.is((await world.loseMains()).runs[0].actions[0].result, 'succeeded', node.said());
      await node.stop();
    },
  );

harm(
  'a fault of the program is said and ends it, so that it is started again',
  async ({ world }) => {
    await world.propose();
    const fault = "setTimeout(() => Promise.reject(new Error('a bug')), 1500)";
    const env = { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(fault)}` };
    const { exit, err } = await world.nodeIn(env, 'run');
    assert.is(exit, 70, err);
    assert.match(err, 'fault: the node ends');
    const node = await world.ready();
    await node.stop();
  },
);

harm('without room for records it does not start, and says where', async ({ world }) => {
  await world.propose();
  await mkdir(world.log.path('node'));
  await writeFile(world.log.path('node/records'), 'in the way');
  const { exit, err } = await world.node('run');
  assert.is(exit, 10, err);
  assert.match(err, /cannot open .*node\/records.* see that there is room/s);
});

harm(
  'a log that takes calls and never answers keeps it neither from acting nor from stopping',
  async ({ world }) => {
    await world.propose();
    await (await world.ready()).stop();
    const hole = createServer(() => {});
    await once(hole.listen(0, '127.0.0.1'), 'listening');
    const address = hole.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await world.configure({ log: `http://127.0.0.1:${port}` });
    const node = await world.run();
    await world.until(async () => (await world.status()).state !== null, node.said);
    assert.is((await world.loseMains()).runs[0].actions[0].result, 'succeeded', node.said());
    const before = Date.now();
    assert.is(await node.stop(), 0, node.said());
    assert.ok(Date.now() - before < 10_000);
    assert.not.match(node.said(), 'failed');
    hole.close();
  },
);

harm('one folder has one node', async ({ world }) => {
  await world.propose();
  const node = await world.ready();
  const rival = await world.configure({ listen: undefined }, 'rival.yaml');
  const second = await world.node('run', '--config', rival);
  assert.is(second.exit, 10, second.err);
  assert.match(second.err, 'another process uses');
  // The one that was there goes on, and its control socket is its own.
  assert.is((await world.loseMains()).runs[0].actions[0].result, 'succeeded');
  await node.stop();
});

harm(
  'a stop ends in time, kills what runs, and nobody claims to know how that ended',
  async ({ world }) => {
    const policy = await world.propose({}, { selector: { mode: 'list', value: 'slow, light' } });
    const node = await world.ready();
    const event = world.loseMains().catch(() => undefined);
    await world.until(async () => (await world.status()).records.openIntents === 1, node.said);
    const before = Date.now();
    assert.is(await node.stop(), 0, node.said());
    assert.ok(Date.now() - before < 25_000);
    await event;
    const back = await world.ready();
    const { out } = await world.node('executions', policy, '--json');
    const states = JSON.parse(out).result.rows.map(
      ({ targets, state }: { targets: string[]; state: string }) => `${targets[0]} ${state}`,
    );
    assert.ok(states.includes('command:slow unknown'), out);
    assert.not.ok(states.includes('command:light succeeded'), out);
    assert.equal(await world.journal(), []);
    await back.stop();
  },
);

/** A liar that flips a bit near the end of every page. */
const tamper: Liar = async (path, honest) => {
  const response = await honest();
  if (!path.includes('/follow')) return response;
  const bytes = new Uint8Array(await response.arrayBuffer());
  const at = bytes.length - 40;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return new Response(bytes);
};

harm(
  'pull and drift end with codes that cron can use, and keep evidence of lies',
  async ({ world }) => {
    await world.propose();
    await world.configure({ log: await world.log.listen() });
    assert.is((await world.node('drift')).exit, 1);
    const pages: Uint8Array[] = [];
    const remember: Liar = async (path, honest) => {
      const response = await honest();
      if (!path.includes('/follow')) return response;
      const bytes = new Uint8Array(await response.arrayBuffer());
      pages.push(bytes);
      return new Response(Uint8Array.from(bytes));
    };
    world.log.lie = remember;
    const first = await world.node('pull');
    assert.is(first.exit, 0, first.out + first.err);
    assert.is((await world.node('drift')).exit, 0);
    await world.propose({ name: 'Another' });

    world.log.lie = tamper;
    const tampered = await world.node('pull', '--json');
    assert.ok(tampered.exit !== 0, tampered.out);
    assert.is(JSON.parse(tampered.out).result.class, 'lineage-fault');
    assert.is((await world.node('drift')).exit, 2);

    world.log.lie = undefined;
    await world.configure(AWAY);
    assert.is((await world.node('drift')).exit, 2);
    assert.is((await world.node('pull')).exit, 10);

    await world.configure({ log: await world.log.listen() });
    assert.is((await world.node('pull')).exit, 0);
    // The log goes back to what it showed before.
    world.log.lie = async (path, honest) =>
      path.includes('/follow') ? new Response(Uint8Array.from(pages[0] ?? [])) : honest();
    const back = await world.node('pull', '--json');
    assert.ok(back.exit !== 0, back.out);
    assert.is((await world.node('drift')).exit, 2);

    const folder = world.log.path('node/evidence');
    const kept = await readdir(folder);
    assert.ok(kept.length >= 2, kept.join(' '));
    for (const name of kept) {
      const report = `${folder}/${name}/report.note`;
      assert.ok(existsSync(report));
      const vkey = world.log.vkey('quay-1');
      const words = ['report', report, '--key', vkey, '--pages', `${folder}/${name}`];
      const checked = await runProgram(process.execPath, [COMMANDS.verify, ...words]);
      assert.is(checked.exitCode, 0, `${checked.stdout}${checked.stderr}`);
      JSON.parse(await readFile(`${folder}/${name}/report.json`, 'utf8'));
    }
  },
);

harm.run();
