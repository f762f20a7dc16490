import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { formatHex } from '@writ/core/bytes';
import { decodeStatement } from '@writ/core/statements/statement';
import { Level } from 'level';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WritWorld } from './writ-world.ts';

interface State {
  world: WritWorld;
}

// The world is there before every test; the type cannot say so.
const writ = suite<State>('writ against a log');

writ.before.each(async (state) => {
  state.world = await WritWorld.start(['ada', 'ben', 'eve']);
});

writ.after.each(async ({ world }) => {
  await world.close();
});

async function constitution(world: WritWorld, more: object = {}): Promise<string> {
  const keys = async (name: string): Promise<string[]> => {
    const { vkey } = await world.done(name, 'key', 'show', world.path(`${name}.key`));
    return [vkey];
  };
  const rule = (k: number): object => ({
    authors: ['author'],
    approvers: ['author'],
    quorum: { kind: 'count', k },
    expiresAfterSeconds: null,
    notBefore: false,
  });
  return world.write('constitution.json', {
    members: [
      { name: 'ada', roles: ['author'], weight: 1, keys: await keys('ada') },
      { name: 'ben', roles: ['author'], weight: 1, keys: await keys('ben') },
    ],
    rules: { policy: rule(2), constitution: rule(2), members: rule(2) },
    limits: { statementsPerDay: 100, proposalsOpen: 4, specBytes: 1000 },
    quarantine: {
      approvers: ['author'],
      quorum: { kind: 'count', k: 1 },
      expiresAfterSeconds: 3600,
      proposalsOpen: 4,
      statementsPerDay: 10,
    },
    staleness: { mode: 'keep-last-good', maxSeconds: 3600 },
    visibility: 'public',
    recordDenials: false,
    ...more,
  });
}

async function forcedSpec(world: WritWorld, policy: string): Promise<string> {
  return readFile(world.path(`state/villages/north-quay/current/${policy}.json`), 'utf8');
}

writ('takes a policy from a file to the files of a node', async ({ world }) => {
  await world.done('ada', 'village', 'create', 'north-quay', '--name', 'North Quay');
  const file = await world.write('lab.json', { b: 1, a: [true] });
  const proposed = await world.done('ada', 'policy', 'propose', file);
  assert.is(proposed.status, 'activated');

  const looked = await world.done('ben', 'policy', 'pull');
  assert.equal([looked.report.class, looked.isApplied], ['behind', false]);
  assert.is((await world.writ('ben', 'policy', 'drift')).exit, 1);

  const pulled = await world.done('ben', 'policy', 'pull', '--apply');
  assert.equal([pulled.report.class, pulled.isApplied], ['behind', true]);
  const { policies } = await world.done('ben', 'village', 'show');
  assert.is(await forcedSpec(world, policies[0].policy), '{"a":[true],"b":1}');
  assert.is((await world.writ('ben', 'policy', 'drift')).exit, 0);
  assert.is((await world.done('ben', 'policy', 'pull')).report.class, 'aligned');
});

writ('needs the approvals that the constitution asks for', async ({ world }) => {
  const file = await constitution(world);
  await world.done('ada', 'village', 'create', 'north-quay', file);
  const spec = await world.write('lab.json', { version: 1 });
  const { proposal, status } = await world.done('ada', 'policy', 'propose', spec);
  assert.is(status, 'open');
  assert.is((await world.done('eve', 'policy', 'pull', '--apply')).report.class, 'not-applicable');

  const again = await world.writ('ada', 'policy', 'approve', proposal);
  assert.equal([again.exit, again.json.error.code], [1, 'statement-refused']);
  const stranger = await world.writ('eve', 'policy', 'approve', proposal);
  assert.is(stranger.json.error.code, 'statement-refused');

  const approved = await world.done('ben', 'policy', 'approve', proposal);
  assert.is(approved.status, 'activated');
  const late = await world.writ('ben', 'policy', 'approve', proposal);
  assert.is(late.json.error.code, 'statement-refused');
});

writ('goes back to an earlier version as a new one', async ({ world }) => {
  await world.done('ada', 'village', 'create', 'north-quay');
  for (const version of [1, 2]) {
    const file = await world.write('lab.json', { version });
    await world.done('ada', 'policy', 'propose', file, '--name', 'lab');
  }
  const bare = await world.writ('ada', 'policy', 'rollback', 'lab', '--to', '1');
  assert.is(bare.json.error.code, 'usage');
  await world.done('ada', 'policy', 'rollback', 'lab', '--to', '1', '--reason', 'load test');
  const { policies } = await world.done('ada', 'village', 'show');
  assert.is(policies[0].version, 3);
  await world.done('ada', 'policy', 'pull', '--apply');
  assert.is(await forcedSpec(world, policies[0].policy), '{"version":1}');

  const file = await world.write('new.json', { version: 2, more: true });
  const diff = await world.writ('ada', 'policy', 'diff', 'lab', file, '--village', 'north-quay');
  assert.is(diff.exit, 1);
  assert.equal(
    diff.json.changes.map(({ pointer, kind }: { pointer: string; kind: string }) => [
      kind,
      pointer,
    ]),
    [
      ['added', '/more'],
      ['changed', '/version'],
    ],
  );
  const { statements } = await world.done('ada', 'policy', 'history', 'lab');
  assert.equal(
    statements.map(({ kind, result }: { kind: string; result: string }) => `${kind} ${result}`),
    ['policy-change activated', 'policy-change activated', 'policy-rollback activated'],
  );
});

writ('undoes an edit of a file, and keeps it aside', async ({ world }) => {
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
  assert.is(await forcedSpec(world, policy), '{"version":"mine"}');

  const restored = await world.done('ada', 'policy', 'pull', '--apply');
  assert.is(await forcedSpec(world, policy), '{"version":1}');
  assert.is(await readFile(restored.artefacts[0], 'utf8'), '{"version":"mine"}');
  assert.is((await world.writ('ada', 'policy', 'drift')).exit, 0);
});

writ('rotates a key, and can be run again', async ({ world }) => {
  await world.done('ada', 'village', 'create', 'north-quay');
  const rotate = ['key', 'rotate', '--out', world.path('ada-2.key'), '--revoke'];
  const { statements } = await world.done('ada', ...rotate);
  assert.is(statements.length, 2);
  const again = await world.done('ada', ...rotate);
  assert.is(again.statements.length, 0);
  const file = await world.write('lab.json', { version: 1 });
  const old = await world.writ('ada', 'policy', 'propose', file);
  assert.is(old.json.error.code, 'statement-refused');
  const { members, former } = await world.done('ada', 'village', 'members');
  assert.equal([members[0].keys.length, former.length], [1, 1]);
});

writ('carries a village into an export and finds all of it again', async ({ world }) => {
  await world.done('ada', 'village', 'create', 'north-quay');
  const file = await world.write('lab.json', { version: 1 });
  await world.done('ada', 'policy', 'propose', file);
  const out = world.path('north-quay.jsonl');
  assert.is((await world.done('ada', 'export', '--out', out)).count, 2);
  assert.equal(await imported(world, out), [0, 2]);

  const other = await WritWorld.start(['zoe']);
  try {
    const ran = await other.writ('zoe', 'import', out);
    assert.is(ran.exit === 0 || ran.json.error.code === 'author-unknown', true);
  } finally {
    await other.close();
  }
});

async function imported(world: WritWorld, file: string): Promise<number[]> {
  const { added, known } = await world.done('ada', 'import', file);
  return [added, known];
}

writ('refuses a village id that is none before anything is asked', async ({ world }) => {
  let asked = 0;
  world.lie = async (_path, honest) => {
    asked++;
    return honest();
  };
  for (const id of ['..', '../x', 'a/b', 'ä', 'a b', 'x'.repeat(65), 'a%2fb', 'a\u0000', '．．']) {
    const { exit } = await world.writ('ada', 'village', 'show', '--village', id);
    assert.is(exit, 2, id);
  }
  assert.is(asked, 0);
});

writ('says 2 to cron when the log does not answer or lies', async ({ world }) => {
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

writ('keeps what it has when the log goes back', async ({ world }) => {
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

writ('raises an alarm when the log shows another history', async ({ world }) => {
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

writ('reports the same facts in the same bytes', async ({ world }) => {
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

writ('reads a village again when its snapshot is damaged', async ({ world }) => {
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

writ('lets the village decide about what an outsider proposes', async ({ world }) => {
  const law = await constitution(world);
  await world.done('ada', 'village', 'create', 'north-quay', law);
  const file = await world.write('lab.json', { version: 1 });
  const first = await world.done('eve', 'policy', 'propose', file, '--inbox');
  assert.is(first.status, 'quarantined');
  const { proposals } = await world.done('ada', 'quarantine', 'list');
  assert.equal([proposals.length, proposals[0].id], [1, first.proposal]);
  assert.is((await world.writ('eve', 'quarantine', 'approve', first.proposal)).exit, 1);

  await world.done('ada', 'quarantine', 'approve', first.proposal);
  assert.is((await world.done('ada', 'quarantine', 'list')).proposals.length, 0);
  await world.done('ada', 'policy', 'approve', first.proposal);
  const voted = await world.done('ben', 'policy', 'approve', first.proposal);
  assert.is(voted.status, 'activated');
  await world.done('ben', 'policy', 'pull', '--apply');
  const { policies } = await world.done('ada', 'village', 'show');
  assert.is(await forcedSpec(world, policies[0].policy), '{"version":1}');

  const second = await world.done('eve', 'policy', 'propose', file, '--inbox');
  await world.done('ben', 'quarantine', 'reject', second.proposal);
  const late = await world.writ('ada', 'quarantine', 'approve', second.proposal);
  assert.is(late.json.error.code, 'not-found');
});

writ(
  'tells two proposals for one version, and lets the first that is approved win',
  async ({ world }) => {
    await world.done('ada', 'village', 'create', 'north-quay', await constitution(world));
    const file = await world.write('lab.json', { version: 1 });
    const one = await world.done('ada', 'policy', 'propose', file);
    const other = await world.done('ben', 'policy', 'propose', await world.write('lab.json', {}));
    const { report } = await world.done('eve', 'policy', 'pull', '--apply');
    assert.equal([report.class, report.proposals.length], ['competing-proposals', 2]);
    await world.done('ben', 'policy', 'approve', one.proposal);
    assert.is((await world.done('eve', 'policy', 'pull', '--apply')).report.class, 'behind');
    const late = await world.writ('ada', 'policy', 'approve', other.proposal);
    assert.match(late.json.error.message, 'superseded');
  },
);

writ('signs into a file that an import can bring to the log', async ({ world }) => {
  await world.done('ada', 'village', 'create', 'north-quay');
  const file = await world.write('lab.json', { version: 1 });
  const out = world.path('lab.statement');
  const { id } = await world.done('ada', 'policy', 'sign', file, '--out', out);
  const bytes = Uint8Array.from(await readFile(out));
  assert.is(formatHex(decodeStatement(bytes).id), id);
  assert.is((await world.done('ada', 'village', 'show')).policies.length, 0);
});

writ('answers with neither statement nor file when it cannot sign', async ({ world }) => {
  await world.done('ada', 'village', 'create', 'north-quay');
  const file = await world.write('lab.json', { version: 1 });
  const out = world.path('lab.statement');
  const long = 'x'.repeat(70_000);
  const large = await world.write('large.json', { long });
  assert.is.not((await world.writ('ada', 'policy', 'sign', large, '--out', out)).exit, 0);
  assert.is.not((await world.writ('none', 'policy', 'sign', file, '--out', out)).exit, 0);
  assert.is(existsSync(out), false);
});

writ.run();
