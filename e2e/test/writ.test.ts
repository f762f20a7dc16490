import { existsSync } from 'node:fs';
import { appendFile, readFile } from 'node:fs/promises';
import { formatBase64, formatHex } from '@writ/core/bytes';
import { decodeStatement } from '@writ/core/statements/statement';
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
  const file = await world.constitution();
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
    assert.is(ran.json.error.code, 'author-unknown');
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

writ('waits with a policy until its time has come', async ({ world }) => {
  await world.done('ada', 'village', 'create', 'north-quay');
  const file = await world.write('lab.json', { version: 1 });
  const { checkpointSize } = await world.done('ada', 'village', 'show');
  const from = String(Number(checkpointSize) + 4);
  const { proposal, status } = await world.done(
    'ada',
    ...['policy', 'propose', file, '--not-before-entry', from],
  );
  assert.is(status, 'open');
  const early = await world.writ('ada', 'policy', 'activate', proposal);
  assert.equal(
    [early.json.error.code, early.json.error.detail.refusal],
    ['statement-refused', 'not-yet'],
  );
  const other = await world.write('other.json', {});
  for (const name of ['a', 'b'])
    await world.done('ada', 'policy', 'propose', other, '--name', name);
  assert.is((await world.done('ada', 'policy', 'activate', proposal)).status, 'activated');
});

writ('lets the village decide about what an outsider proposes', async ({ world }) => {
  const law = await world.constitution();
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
    await world.done('ada', 'village', 'create', 'north-quay', await world.constitution());
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

writ('signs into a file that reaches the log by an import, and not before', async ({ world }) => {
  await world.done('ada', 'village', 'create', 'north-quay');
  const file = await world.write('lab.json', { version: 1 });
  const out = world.path('lab.statement');
  const { id } = await world.done('ada', 'policy', 'sign', file, '--out', out);
  const bytes = Uint8Array.from(await readFile(out));
  assert.is(formatHex(decodeStatement(bytes).id), id);
  assert.is((await world.done('ada', 'village', 'show')).policies.length, 0);

  const line = { bytes: formatBase64(bytes), id, seq: 1, stream: 'village/north-quay' };
  const lines = await world.write('one.jsonl', line);
  await appendFile(lines, '\n');
  assert.equal(await imported(world, lines), [1, 0]);
  assert.equal(await imported(world, lines), [0, 1]);
  const forged = await world.write('forged.jsonl', { ...line, seq: 2 });
  await appendFile(forged, '\n');
  assert.is((await world.writ('ada', 'import', forged)).json.error.code, 'json-malformed');
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
