import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { COMMANDS } from '@writ/cli/commands';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Folder, makeFolder } from './command.ts';

interface State {
  folder: Folder;
}

const writ = suite<State>('writ');

writ.before.each(async (state) => {
  state.folder = await makeFolder();
});

writ.after.each(({ folder }) => folder.remove());

writ('prints help with examples first, and its version', async ({ folder }) => {
  const all = await folder.writ('--help');
  assert.is(all.exit, 0);
  assert.match(all.out, /^Examples:\n {2}writ /);
  for (const { words } of COMMANDS) {
    assert.match(all.out, `writ ${words}`);
    const one = await folder.writ(...words.split(' '), '--help');
    assert.match(one.out, /^Examples:\n {2}writ /);
    assert.is(one.exit, 0);
  }
  assert.is((await folder.writ('--version')).out, 'writ 1.2.3\n');
});

writ('ends with 2 and talk for a command that it does not know', async ({ folder }) => {
  for (const argv of [['fly'], ['policy', 'fly'], ['policy'], [], ['policy', 'pull', '--fly']]) {
    const { exit, out, err } = await folder.writ(...argv);
    assert.equal([exit, out], [2, ''], argv.join(' '));
    assert.match(err, /^writ: .*\nnext: writ --help\n$/);
  }
});

writ('answers wrong use as JSON to those who ask for JSON', async ({ folder }) => {
  const { exit, out, err } = await folder.writ('policy', 'pull', '--json');
  assert.equal([exit, err], [2, '']);
  const { command, error } = JSON.parse(out);
  assert.equal([command, error.code], ['policy pull', 'usage']);
});

writ('makes a key that nobody else can read, and never writes over one', async ({ folder }) => {
  const path = folder.path('ada.key');
  const made = await folder.writ('key', 'new', 'ada', '--out', path);
  assert.is(made.exit, 0);
  assert.match(made.out, /^ada\+[0-9a-f]{8}\+/);
  assert.is((await stat(path)).mode % 0o1000, 0o600);
  const text = await readFile(path, 'utf8');
  const again = await folder.writ('key', 'new', 'ada', '--out', path);
  assert.is(again.exit, 2);
  assert.is(await readFile(path, 'utf8'), text);
  assert.is((await folder.writ('key', 'show', path)).out, made.out);
});

writ('does not use a key that others can read, and does not show one', async ({ folder }) => {
  const path = folder.path('ada.key');
  await folder.writ('key', 'new', 'ada', '--out', path);
  await chmod(path, 0o644);
  const { exit, err } = await folder.writ('key', 'show', path);
  assert.is(exit, 2);
  assert.match(err, 'chmod 600');
  await writeFile(path, 'PRIVATE+KEY+ada+00000000+secretsecret\n');
  await chmod(path, 0o600);
  const broken = await folder.writ('key', 'show', path);
  assert.is(broken.exit, 8);
  assert.not.match(broken.err, 'secretsecret');
});

writ('refuses key names that cannot be one', async ({ folder }) => {
  for (const name of ['a b', 'a+b', '', 'a\n'])
    assert.is((await folder.writ('key', 'new', '--out', folder.path('k'), '--', name)).exit, 2);
});

writ('asks nothing of anybody for a village id that is none', async ({ folder }) => {
  await folder.writ('key', 'new', 'ada', '--out', folder.path('ada.key'));
  await writeFile(folder.path('p'), 'quorum none\n');
  Object.assign(folder.env, { WRIT_KEY: folder.path('ada.key'), WRIT_POLICY: folder.path('p') });
  Object.assign(folder.env, { WRIT_LOG: 'http://log.example/' });
  for (const id of ['..', '../../etc', 'a/b', 'a%2fb', 'é', '\u202e', 'a.b', 'x'.repeat(65)]) {
    for (const words of [['policy', 'pull'], ['policy', 'drift'], ['export'], ['village', 'show']])
      assert.is((await folder.writ(...words, '--village', id)).exit, 2, id);
    assert.is((await folder.writ('village', 'create', id)).exit, 2, id);
  }
  assert.equal(folder.asked, []);
});

writ('tells a log that does not answer from one that is wrong', async ({ folder }) => {
  await folder.writ('key', 'new', 'ada', '--out', folder.path('ada.key'));
  await writeFile(folder.path('p'), 'quorum none\n');
  Object.assign(folder.env, {
    WRIT_KEY: folder.path('ada.key'),
    WRIT_POLICY: folder.path('p'),
    WRIT_LOG: 'http://log.example/',
    WRIT_VILLAGE: 'north-quay',
  });
  const problem = (status: number, code: string): Response =>
    new Response(JSON.stringify({ type: `urn:writ:error:${code}`, detail: 'because' }), { status });
  const cases = [
    [async () => Promise.reject(new TypeError('fetch failed')), 10],
    [async () => problem(503, 'overloaded'), 10],
    [async () => problem(404, 'not-published'), 9],
    [async () => problem(404, 'constructor'), 8],
    [async () => new Response('gone', { status: 500 }), 10],
    [async () => new Response('<html>'), 8],
  ] as const;
  for (const [answers, exit] of cases) {
    folder.answers = answers;
    assert.is((await folder.writ('village', 'show')).exit, exit);
    assert.is((await folder.writ('policy', 'drift')).exit, 2);
  }
});

writ('keeps control characters of strangers from the terminal', async ({ folder }) => {
  await writeFile(folder.path('p'), 'quorum none\n');
  Object.assign(folder.env, { WRIT_POLICY: folder.path('p'), WRIT_LOG: 'http://log.example/' });
  const detail = '\u001b[2Jall is well\u202e';
  folder.answers = async () =>
    new Response(JSON.stringify({ type: 'urn:writ:error:not-found', detail }), { status: 404 });
  const { err } = await folder.writ('village', 'show', '--village', 'a');
  assert.not.match(err, '\u001b');
  assert.not.match(err, '\u202e');
  assert.match(err, 'all is well');
});

writ('compares two policies by meaning', async ({ folder }) => {
  const [a, b] = [folder.path('a.json'), folder.path('b.json')];
  await writeFile(a, '{"a": 1, "list": [1, 2], "x/y": {"~": 0}}');
  await writeFile(b, '{"list":[1,2],"a":1.0,"x/y":{"~":0}}');
  assert.equal(await folder.writ('policy', 'diff', a, b), {
    exit: 0,
    out: 'no difference\n',
    err: '',
  });
  await writeFile(b, '{"list":[1,3,4],"x/y":{"~":1},"new":null}');
  const { exit, out } = await folder.writ('policy', 'diff', a, b, '--json');
  assert.is(exit, 1);
  assert.equal(JSON.parse(out).changes, [
    { pointer: '/a', kind: 'removed', before: 1 },
    { pointer: '/list/1', kind: 'changed', before: 2, after: 3 },
    { pointer: '/list/2', kind: 'added', after: 4 },
    { pointer: '/new', kind: 'added', after: null },
    { pointer: '/x~1y/~0', kind: 'changed', before: 0, after: 1 },
  ]);
  await writeFile(b, '{"list":');
  assert.is((await folder.writ('policy', 'diff', a, b)).exit, 8);
});

writ('says which line of an export is wrong, before it sends any', async ({ folder }) => {
  Object.assign(folder.env, { WRIT_LOG: 'http://log.example/' });
  const cases = [
    ['{}', 'line 1'],
    ['not json\n', 'line 1'],
    ['{}\n', 'line 1'],
    ['{"bytes":"%%%%"}\n', 'line 1'],
    ['[]\n', 'line 1'],
  ] as const;
  for (const [text, where] of cases) {
    await writeFile(folder.path('x.jsonl'), text);
    const { exit, err } = await folder.writ('import', folder.path('x.jsonl'));
    assert.is(exit, 8, text);
    assert.match(err, where);
  }
  assert.equal(folder.asked, []);
});

writ('names the field of a constitution that is wrong', async ({ folder }) => {
  await folder.writ('key', 'new', 'ada', '--out', folder.path('ada.key'));
  Object.assign(folder.env, { WRIT_KEY: folder.path('ada.key'), WRIT_LOG: 'http://log.example/' });
  const file = folder.path('constitution.json');
  for (const [text, field] of [
    ['{}', 'constitution'],
    ['[]', 'constitution'],
    ['{"members": 1.5}', '1.5'],
    ['{"members": [{"name": "ada", "keys": ["x"]}]}', 'vkey'],
  ] as const) {
    await writeFile(file, text);
    const { exit, err } = await folder.writ('village', 'create', 'north-quay', file);
    assert.is(exit, 8, text);
    assert.match(err, field);
  }
  assert.equal(folder.asked, []);
});

writ.run();
