// Runs third-party vectors against the real modules: node tools/exam.mjs [--vectors DIR] [--only NAME[,NAME]] …
//
// DIR holds run_exam.py, the runner that comes with the vectors, and is found by `--vectors`, else by the
// variable WRIT_VECTORS, else in the usual places beside a checkout. Other options go to the runner, whose last line,
// `N passed, N failed, N skipped`, is the result.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { repositoryRoot } from './repository-files.mjs';

const RUNNER = 'run_exam.py';
const USUAL_PLACES = ['../shared/vectors', '../vectors'];

/** The folder of the vectors; undefined when there is none. What was named explicitly is not second-guessed. */
export function findVectors(option, variable, root = repositoryRoot) {
  const named = option ?? variable;
  const places =
    named === undefined ? USUAL_PLACES.map((place) => join(root, place)) : [resolve(named)];
  return places.find((place) => existsSync(join(place, RUNNER)));
}

/** Splits the arguments into `--vectors` and what the runner gets. */
export function splitArguments(args) {
  const at = args.indexOf('--vectors');
  if (at < 0) return { vectors: undefined, rest: args };
  if (args[at + 1] === undefined) throw new TypeError('--vectors needs a folder');
  return { vectors: args[at + 1], rest: args.toSpliced(at, 2) };
}

function runExam(folder, rest) {
  const command = [join(folder, RUNNER), ...rest, '--', 'npm', 'run', '-s', 'exam-adapter'];
  const child = spawn('python3', command, {
    cwd: repositoryRoot,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  child.on('error', (error) => {
    console.error(`exam: python3 does not start (${error.message}): install Python 3`);
    process.exitCode = 1;
  });
  child.on('close', (exitCode) => {
    process.exitCode = exitCode ?? 1;
  });
}

if (import.meta.main ?? process.argv[1]?.endsWith('exam.mjs')) {
  const { vectors, rest } = splitArguments(process.argv.slice(2));
  const folder = findVectors(vectors, process.env['WRIT_VECTORS']);
  if (folder === undefined) {
    const where = vectors ?? process.env['WRIT_VECTORS'] ?? USUAL_PLACES.join(' or ');
    console.error(`exam: no ${RUNNER} in ${where}.`);
    console.error(
      'Set WRIT_VECTORS, or say npm run exam -- --vectors DIR, with the folder that holds it.',
    );
    process.exitCode = 1;
  } else {
    runExam(folder, rest);
  }
}
