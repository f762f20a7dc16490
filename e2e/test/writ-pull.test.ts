import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { StateStore } from '@writ/policy/agent/state-store';
import { Level } from 'level';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WritWorld } from './writ-world.ts';

interface State {
  world: WritWorld;
}

const pull = suite<State>('writ policy pull and drift');

pull.before.each(async (state) => {
  state.world = await WritWorld.start(['ada']);
});

pull.after.each(async ({ world }) => {
  await world.close();
});

pull('undoes an edit of a file, and keeps it aside', async ({ world }) => {
  await world.done('ada', 'village', 'create', 'north-quay');
  const file = await world.write('lab.json', { version: 1 });
  await world.done('ada', 'policy', 'propose', file);
  await world.done('ada', 'policy', 'pull', '--apply');
  const { policies } = await world.done('ada', 'village', 'show');
  const [{ policy }] = policies;
  await world.write(`state/villages/north-quay/current/${policy}.json`, { version: 'mine' });

  const drift = await world.writ('ada', 'policy', 'drift');
  assert.equal([drift.exit, drift.json.report.class], [1, 'local-drift']);
  const told = await world.writ('ada', 'policy', 'pull', '--apply', '--mode', 'observe');
  assert.equal([told.exit, told.json.isApplied], [11, false]);
  assert.is(
    await readFile(world.path(`state/villages/north-quay/current/${policy}.json`), 'utf8'),
    '{"version":"mine"}',
  );

  const restored = await world.done('ada', 'policy', 'pull', '--apply');
  assert.is(
    await readFile(world.path(`state/villages/north-quay/current/${policy}.json`), 'utf8'),
    '{"version":1}',
  );
  assert.is(await readFile(restored.artefacts[0], 'utf8'), '{"version":"mine"}');
  assert.is((await world.writ('ada', 'policy', 'drift')).exit, 0);
});

pull('says 2 to cron when the log does not answer or lies', async ({ world }) => {
  await world.done('ada', 'village', 'create', 'north-quay');
  await world.done('ada', 'policy', 'pull', '--apply');
  world.lie = async () => {
    throw new TypeError('fetch failed');
  };
  assert.is((await world.writ('ada', 'policy', 'drift')).exit, 2);
  assert.is((await world.writ('ada', 'policy', 'pull')).exit, 10);
  world.lie = async (_path, honest) => {
    const bytes = new Uint8Array(await (await honest()).arrayBuffer());
    const at = bytes.length - 40;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    return new Response(bytes);
  };
  const lied = await world.writ('ada', 'policy', 'drift');
  assert.equal([lied.exit, lied.json.report?.class], [2, 'lineage-fault']);
});

pull('keeps what it has when the log goes back', async ({ world }) => {
  await world.done('ada', 'village', 'create', 'north-quay');
  const old: Uint8Array[] = [];
  world.lie = async (path, honest) => {
    const response = await honest();
    if (!path.includes('/follow')) return response;
    old.push(new Uint8Array(await response.arrayBuffer()));
    return new Response(Uint8Array.from(old.at(-1) ?? []));
  };
  await world.done('ada', 'village', 'show');
  world.lie = undefined;
  const file = await world.write('lab.json', { version: 1 });
  await world.done('ada', 'policy', 'propose', file);
  await world.done('ada', 'policy', 'pull', '--apply');
  world.lie = async () => new Response(Uint8Array.from(old[0] ?? []));
  const { exit, json } = await world.writ('ada', 'policy', 'pull', '--apply');
  assert.equal([exit, json.report.class, json.isApplied], [5, 'rollback', false]);
  world.lie = undefined;
  assert.is((await world.writ('ada', 'policy', 'drift')).exit, 0);
});

pull('changes nothing here while it only looks', async ({ world }) => {
  await world.done('ada', 'village', 'create', 'north-quay');
  await world.done('ada', 'policy', 'pull');
  await world.done('ada', 'village', 'show');
  assert.is(existsSync(world.path('state')), false);

  await world.done('ada', 'policy', 'pull', '--apply');
  const look = async (): Promise<object> => {
    const store = await StateStore.open(world.path('state/store'), { create: false });
    const found = { saved: await store.load('north-quay'), audit: await store.audit('north-quay') };
    await store.close();
    return { ...found, files: await readdir(world.path('state/villages'), { recursive: true }) };
  };
  const before = await look();
  await world.done('ada', 'policy', 'propose', await world.write('lab.json', {}));
  await world.done('ada', 'policy', 'pull');
  await world.writ('ada', 'policy', 'drift');
  assert.equal(await look(), before);
});

pull('finishes the files of an apply that was cut off', async ({ world }) => {
  await world.done('ada', 'village', 'create', 'north-quay');
  await world.done('ada', 'policy', 'propose', await world.write('lab.json', { version: 1 }));
  await world.done('ada', 'policy', 'pull', '--apply');
  await rm(world.path('state/villages/north-quay/current'));
  const drift = await world.writ('ada', 'policy', 'drift');
  assert.equal([drift.exit, drift.json.report.reason], [1, 'unfinished']);
  const pulled = await world.done('ada', 'policy', 'pull', '--apply', '--mode', 'observe');
  assert.equal([pulled.isApplied, pulled.artefacts], [true, []]);
  assert.is((await world.writ('ada', 'policy', 'drift')).exit, 0);
});

pull('raises an alarm when the log shows another history', async ({ world }) => {
  await world.done('ada', 'village', 'create', 'north-quay');
  await world.done('ada', 'policy', 'pull', '--apply');
  const other = await WritWorld.start(['ada', 'ben', 'eve']);
  try {
    await other.done('ada', 'village', 'create', 'north-quay');
    for (const version of [1, 2]) {
      world.lie = async (path) => other.answer(`http://log.example${path}`);
      const { exit, json } = await world.writ('ada', 'policy', 'pull', '--apply');
      assert.equal([exit, json.report.class, json.isApplied], [6, 'split-view', false]);
      assert.is((await world.writ('ada', 'policy', 'drift')).exit, 2);
      const file = await other.write('lab.json', { version });
      await other.done('ada', 'policy', 'propose', file);
    }
  } finally {
    await other.close();
  }
  world.lie = undefined;
  assert.is((await world.done('ada', 'policy', 'pull')).report.class, 'aligned');
});

pull('reports the same facts in the same bytes', async ({ world }) => {
  await world.done('ada', 'village', 'create', 'north-quay');
  world.nowSeconds = Math.floor(Date.now() / 1000);
  const reports: string[] = [];
  for (const name of ['one', 'two']) {
    const folder = world.path(name);
    await world.done('ada', 'policy', 'pull', '--evidence', folder, '--report', world.path('r'));
    reports.push(await readFile(`${folder}/report.note`, 'utf8'));
  }
  assert.is(reports[0], reports[1]);
  assert.is(await readFile(world.path('r'), 'utf8'), reports[0]);
});

pull('reads a village again when its snapshot is damaged', async ({ world }) => {
  await world.done('ada', 'village', 'create', 'north-quay');
  const file = await world.write('lab.json', { version: 1 });
  await world.done('ada', 'policy', 'propose', file);
  await world.done('ada', 'policy', 'pull', '--apply');
  const db = new Level<string, Uint8Array>(world.path('state/store'), { valueEncoding: 'view' });
  await db.put('v/north-quay/state', new Uint8Array([1, 2, 3]));
  await db.close();
  assert.is((await world.done('ada', 'policy', 'pull')).report.class, 'aligned');
  assert.ok((await world.done('ada', 'policy', 'pull', '--apply')).isApplied);
  assert.is((await world.writ('ada', 'policy', 'drift')).exit, 0);
});

pull.run();
