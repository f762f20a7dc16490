// Walks the repository for the checks beside this file.

import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Absolute path of the repository. */
export const repositoryRoot = dirname(dirname(fileURLToPath(import.meta.url)));

const IGNORED_FOLDERS = new Set(['node_modules', 'dist', '.git']);
/** What running, measuring and trying out leave at the top of a checkout. */
const IGNORED_AT_TOP = new Set(['coverage', 'data']);

/** Paths below `root` of all files in `folder` that `wanted` accepts, with slashes, sorted. */
export function filesIn(root, folder, wanted = () => true) {
  if (!existsSync(join(root, folder))) return [];
  const found = [];
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) {
      if (IGNORED_FOLDERS.has(entry.name) || IGNORED_AT_TOP.has(path)) continue;
      found.push(...filesIn(root, path, wanted));
    } else if (wanted(path)) found.push(path);
  }
  return found.sort();
}

/** Prints `problems` and sets the exit code, or prints `success`. */
export function report(title, problems, success) {
  if (problems.length === 0) {
    console.log(`${title}: ${success}`);
    return;
  }
  for (const problem of problems) console.error(`${title}: ${problem}`);
  console.error(`${title}: ${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}`);
  process.exitCode = 1;
}

/** The folder that a check was called on: its first argument, else this repository. */
export function rootArgument() {
  return process.argv[2] ?? repositoryRoot;
}
