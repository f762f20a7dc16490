import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { signAt } from '@writ/cli/author';
import { constitutionOf } from '@writ/cli/constitution-file';
import { concatBytes, formatBase64, utf8 } from '@writ/core/bytes';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Ran, WritWorld } from './writ-world.ts';

interface State {
  world: WritWorld;
  /** The random id of a village of ada and ben. */
  id: string;
}

const secret = suite<State>('writ in a private village');

secret.before.each(async (state) => {
  const world = await WritWorld.start(['ada', 'ben', 'eve']);
  const file = await world.constitution({ visibility: 'private' });
  const create = ['village', 'create', '--private', file, '--name', 'Moonbase'];
  const { village, visibility } = await world.done('ada', ...create);
  assert.match(village, /^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/);
  assert.is(visibility, 'private');
  Object.assign(state, { world, id: village });
});

secret.after.each(async ({ world }) => {
  await world.close();
});

/** Proposed by ada, approved by ben. */
async function decide({ world, id }: State, spec: object): Promise<void> {
  const file = await world.write('lab.json', spec);
  const { proposal } = await world.done('ada', 'policy', 'propose', file, '--village', id);
  const { status } = await world.done('ben', 'policy', 'approve', proposal, '--village', id);
  assert.is(status, 'activated');
}

secret('members take a policy from a file to the files of a node', async (state) => {
  const { world, id } = state;
  await decide(state, { lamp: 'crater' });
  const village = ['--village', id];
  assert.is((await world.writ('ben', 'policy', 'drift', ...village)).exit, 1);
  const pull = await world.done('ben', 'policy', 'pull', '--apply', ...village);
  assert.equal([pull.report.class, pull.isApplied], ['behind', true]);
  const drift = ['policy', 'drift', '--submit', '--node', 'ups-17', ...village];
  const ran = await world.writ('ben', ...drift);
  assert.equal(
    [ran.exit, ran.json.report.class, ran.json.submission.logged.seq],
    [0, 'aligned', 0],
  );
  const { statements } = await world.done('ben', 'policy', 'history', 'lab', ...village);
  assert.is(statements[0].kind, 'policy-change');
  const { name, policies } = await world.done('ada', 'village', 'show', ...village);
  assert.is(name, 'Moonbase');
  const path = world.path(`state/villages/${id}/current/${policies[0].policy}.json`);
  assert.is(await readFile(path, 'utf8'), '{"lamp":"crater"}');
});

secret('strangers learn nothing but that something is there', async (state) => {
  const { world, id } = state;
  await decide(state, { lamp: 'crater' });
  const stranger = await world.writ('eve', 'village', 'show', '--village', id);
  assert.is(stranger.json.error.code, 'opening-missing');
  // That a stranger cannot judge is no evidence against the log.
  const pulled = await world.writ('eve', 'policy', 'pull', '--village', id);
  assert.equal([pulled.json.error.code, pulled.json.report], ['opening-missing', undefined]);
  assert.is((await world.writ('eve', 'policy', 'drift', '--village', id)).exit, 2);
  for (const stream of [`village/${id}`, `village/${id}/follow`]) {
    const answer = await fetch(`${world.service.url}/streams/${stream}`);
    const text = await answer.text();
    for (const word of ['Moonbase', 'crater', 'ada', 'policy-change', 'author'])
      assert.not.match(text, word);
  }
});

secret('reads are signed where a village is private, and nowhere else', async ({ world, id }) => {
  let signed = 0;
  world.lie = async (_path, honest, init) => {
    if (new Headers(init?.headers).has('signature')) signed++;
    return honest();
  };
  await world.done('ada', 'village', 'create', 'north-quay');
  await world.done('ada', 'village', 'show');
  assert.is(signed, 0);
  await world.done('ada', 'village', 'show', '--village', id);
  assert.is(signed, 2, 'the village and its inbox');
});

secret('a public village that is shown sealed is a fault of the log', async ({ world }) => {
  await world.done('ada', 'village', 'create', 'north-quay');
  await world.done('ada', 'policy', 'pull', '--apply');
  const other = await WritWorld.start(['ada', 'ben']);
  try {
    // The log with its other face: the same keys of the log, the same name of the village, all of it sealed.
    await foundSealed(other, 'north-quay');
    world.lie = async (path) =>
      other.answer(
        `http://log.example${path.replace(/from=\d+/, 'from=0').replace(/since=\d+/, 'since=0')}`,
      );
    const { exit, json } = await world.writ('ada', 'policy', 'pull');
    assert.equal([exit, json.report?.reason], [1, 'opening-missing']);
  } finally {
    await other.close();
  }
});

async function foundSealed(world: WritWorld, village: string): Promise<void> {
  const file = await world.constitution({ visibility: 'private' });
  const constitution = constitutionOf(JSON.parse(await readFile(file, 'utf8')));
  const key = world.keys.get('ada');
  assert.ok(key);
  const position = { stream: `village/${village}`, seq: 0, previous: null };
  const { bytes, opening } = signAt(
    position,
    { kind: 'village-create', name: 'Moonbase', constitution },
    key,
    {
      world: { random: (length) => new Uint8Array(length).fill(7), nowSeconds: () => 0 },
      visibility: 'private',
    },
  );
  const answer = await fetch(`${world.service.url}/add?wait=20`, {
    method: 'POST',
    headers: { 'content-type': 'application/cbor-seq' },
    body: concatBytes(bytes, opening ?? new Uint8Array()).slice(),
  });
  assert.is(answer.status, 200);
}

secret('an export carries the openings, and an import checks them', async (state) => {
  const { world, id } = state;
  await decide(state, { lamp: 'crater' });
  const out = world.path('moon.jsonl');
  await world.done('ada', 'export', '--out', out, '--village', id);
  const text = await readFile(out, 'utf8');
  const lines = text.trimEnd().split('\n');
  assert.equal(
    lines.map((line) => JSON.parse(line).kind),
    ['village-create', 'policy-change', 'approve'],
  );
  const { added, known } = await world.done('ada', 'import', out);
  assert.equal([added, known], [0, 3]);

  const [first = '', second = ''] = lines;
  const forge = async (opening: unknown): Promise<Ran> => {
    const file = world.path('forged.jsonl');
    await writeFile(file, `${JSON.stringify({ ...JSON.parse(first), opening })}\n`);
    return world.writ('ada', 'import', file);
  };
  assert.is((await forge(JSON.parse(second).opening)).json.error.code, 'opening-failed');
  assert.is((await forge(7)).json.error.code, 'json-malformed');
  assert.is((await forge(formatBase64(utf8('no opening')))).json.error.code, 'opening-failed');
});

secret(
  'what is written to files is for their owner alone, and in the open where the village is',
  async (state) => {
    const { world, id } = state;
    const [spec, folder] = [await world.write('lab.json', { lamp: 'crater' }), world.path('kept')];
    const modes = async (...village: string[]): Promise<string[]> => {
      const path = (name: string): string => world.path(`${village.length}-${name}`);
      await world.done('ada', 'policy', 'sign', spec, '--out', path('signed'), ...village);
      await world.done('ada', 'village', 'show', '--out', path('law.json'), ...village);
      await world.done('ada', 'export', '--out', path('all.jsonl'), ...village);
      const kept = join(folder, String(village.length));
      const to = ['--report', path('report'), '--evidence', kept];
      await world.writ('ada', 'policy', 'pull', '--apply', ...to, ...village);
      // Applied already: the pages hold nothing new, and the report says no less.
      await world.writ('ada', 'policy', 'drift', '--report', path('again'), ...village);
      const files = ['signed', 'law.json', 'all.jsonl', 'report', 'again'].map(path);
      for (const name of await readdir(kept)) files.push(join(kept, name));
      assert.ok(files.length >= 8);
      const found = await Promise.all(files.map(async (file) => (await stat(file)).mode & 0o077));
      return found.map((mode) => mode.toString(8));
    };
    const before = process.umask(0o022);
    try {
      await world.done('ada', 'village', 'create', 'north-quay');
      assert.equal(new Set(await modes()), new Set(['44']));
      assert.equal(new Set(await modes('--village', id)), new Set(['0']));
    } finally {
      process.umask(before);
    }
  },
);

secret('a village that the log has and did not prove is not lost', async ({ world }) => {
  world.lie = async (path, honest) => {
    const answer = await honest();
    return path.startsWith('/add') ? new Response(null, { status: 202 }) : answer;
  };
  const file = await world.constitution({ visibility: 'private' });
  const { json } = await world.writ('ada', 'village', 'create', '--private', file);
  assert.is(json.error.code, 'not-published');
  const { village } = json.error.detail;
  assert.match(json.error.message, village);
  world.lie = undefined;
  const shown = await world.done('ben', 'village', 'show', '--village', village);
  assert.is(shown.village, village);
});

secret('what is private, and what is not, is said once', async ({ world }) => {
  const open = await world.constitution();
  const hidden = await world.write('hidden.json', {
    ...JSON.parse(await readFile(open, 'utf8')),
    visibility: 'private',
  });
  for (const words of [
    ['--private', open],
    ['north-quay', hidden],
    ['--private', 'north-quay', hidden],
    [],
  ]) {
    const { exit, json } = await world.writ('ada', 'village', 'create', ...words);
    assert.equal([exit, json.error.code], [2, 'usage'], words.join(' '));
  }
});

secret.run();
