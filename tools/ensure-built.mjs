// Builds when the file that is about to be started is missing, as after a fresh clone. Standard output stays
// empty and standard input unread: both belong to the program that follows.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from './repository-files.mjs';

const wanted = process.argv[2];
if (wanted === undefined) throw new TypeError('usage: node tools/ensure-built.mjs FILE');

if (!existsSync(join(repositoryRoot, wanted))) {
  const { status } = spawnSync('npm', ['run', '-s', 'build'], {
    cwd: repositoryRoot,
    stdio: ['ignore', process.stderr, process.stderr],
  });
  process.exitCode = status ?? 1;
}
