// Every file of test-vectors/, found by reading the folders, gives what it says it gives.

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { differenceOf, runVector } from '@writ/e2e/vectors/run-vector';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readVectors, repository } from './vector-files.ts';

const vectors = suite('vectors');
const all = readVectors();

vectors('each format has valid and invalid files', () => {
  const folders = readdirSync(join(repository, 'test-vectors'), { withFileTypes: true });
  const formats = folders.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  assert.ok(formats.length >= 13, 'formats are missing');
  for (const format of formats) {
    for (const verdict of ['valid', 'invalid']) {
      const files = all.filter((file) => file.path.startsWith(`${format}/${verdict}/`));
      assert.ok(files.length > 0, `${format}/${verdict} is empty`);
    }
  }
});

vectors('a file lies in the folder of its verdict and says what it is about', () => {
  for (const { path, vector } of all) {
    assert.is(vector.expect.valid, path.split('/')[1] === 'valid', path);
    assert.ok(vector.description.endsWith('.'), path);
  }
});

for (const format of new Set(all.map((file) => file.format))) {
  vectors(`${format}: every file gives what it expects`, () => {
    for (const { path, vector } of all.filter((file) => file.format === format)) {
      const outcome = runVector(format, vector.input);
      assert.is(differenceOf(vector.expect, outcome), undefined, path);
    }
  });
}

vectors('the files are those that tools/make-vectors.mjs makes', () => {
  const script = join(repository, 'tools/make-vectors.mjs');
  const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
  assert.is(status, 0, stderr);
});

vectors.run();
