import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WritWorld } from './writ-world.ts';

const VERIFY = fileURLToPath(new URL('../../../verifier/dist/cli/main.js', import.meta.url));

interface State {
  world: WritWorld;
  folder: string;
  vkey: string;
}

const report = suite<State>('report and auditor');

report.before.each(async (state) => {
  const world = await WritWorld.start(['ada']);
  const folder = world.path('evidence');
  await world.done('ada', 'village', 'create', 'north-quay');
  await world.done('ada', 'policy', 'pull', '--evidence', folder);
  const { vkey } = await world.done('ada', 'key', 'show', world.path('ada.key'));
  Object.assign(state, { world, folder, vkey });
});

report.after.each(async ({ world }) => {
  await world.close();
});

function verify(...args: string[]): Promise<{ exit: number; code: string; text: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [VERIFY, 'report', ...args, '--json'],
      (_error, out) => {
        const { claim, error } = JSON.parse(out);
        resolve({ exit: child.exitCode ?? -1, code: error?.code ?? '', text: claim?.text ?? '' });
      },
    );
  });
}

report('an auditor verifies a report and its files offline', async ({ folder, vkey }) => {
  const { exit, text } = await verify(`${folder}/report.note`, '--key', vkey, '--pages', folder);
  assert.is(exit, 0);
  assert.match(text, 'ada found north-quay behind');
});

report('a report is nobody else’s, and a changed one nobody’s', async ({ folder, vkey, world }) => {
  const other = await world.done('ada', 'key', 'new', 'ada', '--out', world.path('b.key'));
  const file = `${folder}/report.note`;
  assert.is((await verify(file, '--key', other.vkey)).code, 'note-unverified');
  assert.is((await verify(file)).code, 'nothing-to-verify');
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace('"class":"behind"', '"class":"aligned"'));
  assert.is((await verify(file, '--key', vkey)).code, 'note-bad-signature');
});

report('a page that is not the one of the report does not pass', async ({ folder, vkey }) => {
  const page = `${folder}/village-north-quay-0.follow-page`;
  await writeFile(page, 'something else');
  const file = `${folder}/report.note`;
  assert.is((await verify(file, '--key', vkey, '--pages', folder)).code, 'hash-mismatch');
});

report.run();
