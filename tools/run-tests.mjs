// Runs every test of the repository, one process a package, and adds up what passed.
//
// node tools/run-tests.mjs [--fast] [PACKAGE...] [--match TEXT]
//   --fast        leaves out *.slow.test.ts
//   --match TEXT  only test files whose path holds TEXT
// The last line is `N passed, N failed`. A package without tests, a file whose suites never ran and a process
// that ends early are failures. The files come from the sources, so compiled leftovers of deleted tests do not run.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { filesIn, repositoryRoot } from './repository-files.mjs';

/** A package that takes longer hangs: a server or timer was left open. */
const PACKAGE_TIMEOUT_MS = 20 * 60 * 1000;
const DRAIN_MS = 2000;
const SUMMARY = /Total: +(\d+)\s+Passed: +(\d+)\s+Skipped: +(\d+)/g;

/** The compiled test files of one package, relative to `root`; throws when one was not built. */
export function testFiles(root, name, { fast = false, match = '' } = {}) {
  return filesIn(root, `${name}/test`, (path) => /\.test\.(?:ts|mjs)$/.test(path))
    .filter((path) => !(fast && /\.slow\.test\./.test(path)) && path.includes(match))
    .map((path) => {
      if (path.endsWith('.mjs')) return path;
      const compiled = `${name}/dist/${path.slice(name.length + 1, -'.ts'.length)}.js`;
      if (!existsSync(join(root, compiled)))
        throw new Error(`${compiled} is missing: run npm run build first`);
      return compiled;
    });
}

/** What uvu's summary in `output` and the exit code say, as `{ passed, failed }`. */
export function countResults(output, exitCode) {
  const summary = [...output.matchAll(SUMMARY)].at(-1);
  if (summary === undefined) return { passed: 0, failed: 1 };
  const [total, passed, skipped] = summary.slice(1).map(Number);
  // A suite whose `before` hook throws reports fewer passed than total, and exit code 0.
  const failed = total - passed + skipped;
  return { passed, failed: failed === 0 && (exitCode !== 0 || total === 0) ? 1 : failed };
}

/** Runs compiled test `files` in one process; resolves to its counts. */
function runFiles(files) {
  return new Promise((resolve) => {
    const child = spawn(
      process.execPath,
      [join(repositoryRoot, 'tools/run-suites.mjs'), ...files],
      {
        cwd: repositoryRoot,
        env: { ...process.env, FORCE_COLOR: '0' },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const timer = setTimeout(() => {
      console.error(`no end after ${PACKAGE_TIMEOUT_MS / 60_000} minutes: stopped`);
      child.kill('SIGKILL');
    }, PACKAGE_TIMEOUT_MS);
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      process.stdout.write(text);
      output += text;
    });
    child.on('exit', async (exitCode) => {
      clearTimeout(timer);
      // A server that a test left behind may hold the pipe open: what has arrived by then is all there is.
      await Promise.race([once(child, 'close'), sleep(DRAIN_MS, undefined, { ref: false })]);
      child.stdout.destroy();
      resolve(countResults(output, exitCode));
    });
  });
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { fast: { type: 'boolean', default: false }, match: { type: 'string', default: '' } },
  });
  const manifest = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8'));
  const known = [...manifest.workspaces, 'tools'];
  const unknown = positionals.filter((name) => !known.includes(name));
  if (unknown.length > 0)
    throw new Error(`no package ${unknown.join(', ')}: choose from ${known.join(', ')}`);

  const lines = [];
  const sum = { passed: 0, failed: 0 };
  for (const name of positionals.length > 0 ? positionals : known) {
    const files = testFiles(repositoryRoot, name, values);
    if (files.length === 0 && values.match !== '') continue;
    const result = files.length === 0 ? { passed: 0, failed: 1 } : await runFiles(files);
    lines.push(
      `${name.padEnd(12)} ${files.length} files, ${result.passed} passed, ${result.failed} failed`,
    );
    sum.passed += result.passed;
    sum.failed += result.failed;
  }
  for (const line of lines) console.log(line);
  console.log(`${sum.passed} passed, ${sum.failed} failed`);
  if (sum.failed > 0 || sum.passed === 0) process.exitCode = 1;
}

if (import.meta.main ?? process.argv[1]?.endsWith('run-tests.mjs')) {
  await main().catch((error) => {
    console.error(error.message);
    console.log('0 passed, 1 failed');
    process.exitCode = 1;
  });
}
