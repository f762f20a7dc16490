import { mkdtemp, readdir, readFile, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatHex, utf8 } from '@writ/core/bytes';
import { sha256 } from '@writ/core/sha256';
import { WorkingCopy } from '@writ/policy/agent/working-copy';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { statement } from './facts.ts';

const P1 = '00000000-0000-4000-8000-000000000001';
const P2 = '00000000-0000-4000-8000-000000000002';
const digest = (text: string): string => formatHex(sha256(utf8(text)));

interface State {
  dir: string;
  copy: WorkingCopy;
}

const files = suite<State>('working copy');

files.before.each(async (state) => {
  state.dir = await mkdtemp(join(tmpdir(), 'writ-copy-'));
  state.copy = new WorkingCopy(state.dir, 'north-quay');
  await state.copy.write(statement(1), new Map([[P1, utf8('{}')]]));
});

files.after.each(({ dir }) => rm(dir, { recursive: true }));

files('holds the policies of a head, and moves to the next in one step', async ({ dir, copy }) => {
  assert.ok(await copy.isAt(statement(1)));
  await copy.write(statement(2), new Map([[P2, utf8('[]')]]));
  assert.ok(await copy.isAt(statement(2)));
  assert.equal(await readdir(join(dir, 'north-quay/current')), [`${P2}.json`]);
  const left = (await readdir(join(dir, 'north-quay'))).filter((name) => name !== 'current');
  assert.is(left.length, 1);
});

files('tells edited, missing and added policies from one another', async ({ dir, copy }) => {
  const expected = new Map([[P1, digest('{}')]]);
  assert.equal(await copy.edits(statement(1), expected), []);
  const current = join(dir, 'north-quay/current');
  await writeFile(join(current, `${P1}.json`), '{"mine":1}');
  await writeFile(join(current, `${P2}.json`), '[]');
  await writeFile(join(current, 'README'), 'of no concern');
  assert.equal(await copy.edits(statement(1), expected), [
    { policy: P1, expected: digest('{}'), found: digest('{"mine":1}') },
    { policy: P2, expected: null, found: digest('[]') },
  ]);
  await unlink(join(current, `${P1}.json`));
  const [gone] = await copy.edits(statement(1), expected);
  assert.is(gone?.found, null);
});

files('calls a copy of another head unfinished, not edited', async ({ copy }) => {
  assert.equal(await copy.edits(statement(2), new Map()), []);
  assert.is(await copy.isAt(statement(2)), false);
});

files('keeps what it undoes', async ({ dir, copy }) => {
  await writeFile(join(dir, 'north-quay/current', `${P1}.json`), 'mine');
  const edits = await copy.edits(statement(1), new Map([[P1, digest('{}')]]));
  const [path = ''] = await copy.keepArtefacts(edits);
  await copy.write(statement(1), new Map([[P1, utf8('{}')]]));
  assert.is(await readFile(path, 'utf8'), 'mine');
  assert.equal(await copy.edits(statement(1), new Map([[P1, digest('{}')]])), []);
});

files('does not follow a link that somebody pointed elsewhere', async ({ dir, copy }) => {
  await unlink(join(dir, 'north-quay/current'));
  await symlink('/etc', join(dir, 'north-quay/current'));
  assert.is(await copy.isAt(statement(1)), false);
  assert.equal(await copy.edits(statement(1), new Map()), []);
  await copy.write(statement(1), new Map());
  assert.ok(await copy.isAt(statement(1)));
});

files('builds no path from what is no village id', () => {
  for (const id of ['..', 'a/b', '', 'ä'])
    assert.throws(() => new WorkingCopy('/tmp', id), RangeError);
});

files.run();
