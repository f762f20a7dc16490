import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { repositoryRoot } from '../repository-files.mjs';
import { countResults, testFiles } from '../run-tests.mjs';
import { withRepository } from './scratch-repository.mjs';

const runner = suite('run-tests');

/** Counts of a process that runs one test file with `source`. */
function resultOf(source) {
  // Inside tools/, so that the file finds uvu.
  const uvu = join(repositoryRoot, 'node_modules/uvu/dist/index.mjs');
  return withRepository({ 'a.test.mjs': source.replace('uvu', uvu) }, (root) => {
    const { stdout, status } = spawnSync(
      process.execPath,
      [join(repositoryRoot, 'tools/run-suites.mjs'), join(root, 'a.test.mjs')],
      { cwd: repositoryRoot, encoding: 'utf8', env: { ...process.env, FORCE_COLOR: '0' } },
    );
    return countResults(stdout, status);
  });
}

const HEAD = "import { test } from 'uvu';\n";

const CASES = [
  [
    'counts tests that pass',
    "test('x', () => {}); test('y', () => {}); test.run();",
    { passed: 2, failed: 0 },
  ],
  [
    'counts tests that fail',
    "test('x', () => {}); test('y', () => { throw new Error('no'); }); test.run();",
    { passed: 1, failed: 1 },
  ],
  ['fails when run() was forgotten', "test('x', () => {});", { passed: 0, failed: 1 }],
  ['fails when there are no tests', 'test.run();', { passed: 0, failed: 1 }],
  ['fails when the file does not load', "throw new Error('no');", { passed: 0, failed: 1 }],
  [
    'fails when a before hook throws, which uvu passes over',
    "test.before(() => { throw new Error('no'); }); test('x', () => {}); test.run();",
    { passed: 0, failed: 1 },
  ],
  [
    'fails when a test ends the process',
    "test('x', () => process.exit(0)); test.run();",
    { passed: 0, failed: 1 },
  ],
  [
    'counts a skipped test as failed',
    "test('x', () => {}); test.skip('y', () => {}); test.run();",
    { passed: 1, failed: 1 },
  ],
];

for (const [title, source, expected] of CASES) {
  runner(title, () => {
    assert.equal(resultOf(HEAD + source), expected);
  });
}

runner('takes the files from the sources, so that leftovers in dist do not run', () => {
  const files = {
    'core/test/a.test.ts': '',
    'core/test/merkle/b.slow.test.ts': '',
    'core/dist/test/a.test.js': '',
    'core/dist/test/gone.test.js': '',
    'core/dist/test/merkle/b.slow.test.js': '',
  };
  withRepository(files, (root) => {
    const all = ['core/dist/test/a.test.js', 'core/dist/test/merkle/b.slow.test.js'];
    assert.equal(testFiles(root, 'core'), all);
    assert.equal(testFiles(root, 'core', { fast: true }), all.slice(0, 1));
  });
});

runner('refuses a test that was not built', () => {
  withRepository({ 'core/test/a.test.ts': '' }, (root) => {
    assert.throws(() => testFiles(root, 'core'), /a\.test\.js is missing: run npm run build/);
  });
});

runner.run();
