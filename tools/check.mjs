// Runs every check that needs no running server and says at the end which failed. One failure does not hide the next.

import { spawnSync } from 'node:child_process';
import { repositoryRoot } from './repository-files.mjs';

const CHECKS = [
  ['types', 'npx', ['tsc', '-b']],
  ['format and lint', 'npx', ['biome', 'check', '--diagnostic-level=error', '.']],
  ['imports', process.execPath, ['tools/check-imports.mjs']],
  ['tests', process.execPath, ['tools/check-tests.mjs']],
  ['spec', process.execPath, ['tools/check-spec.mjs']],
  ['policy tables', process.execPath, ['tools/write-policy-tables.mjs', '--check']],
  ['trusted base', process.execPath, ['tools/check-trusted-base.mjs']],
  ['wasm', process.execPath, ['tools/build-wasm.mjs', '--check']],
  ['vectors', process.execPath, ['tools/make-vectors.mjs', '--check']],
];

const failed = [];
for (const [name, command, args] of CHECKS) {
  const { status, error } = spawnSync(command, args, { cwd: repositoryRoot, stdio: 'inherit' });
  if (error !== undefined) console.error(`${name}: ${error.message}`);
  if (status !== 0) failed.push(name);
}
const good = CHECKS.length - failed.length;
console.log(
  `check: ${good} of ${CHECKS.length} hold${failed.length > 0 ? `; failed: ${failed.join(', ')}` : ''}`,
);
if (failed.length > 0) process.exitCode = 1;
