// A small repository in a folder of its own, for tests of the checks.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** Calls `use` with the root of a repository that holds `files` (path → content), and removes it afterwards. */
export function withRepository(files, use) {
  const root = mkdtempSync(join(tmpdir(), 'writ-tools-'));
  try {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), content);
    }
    return use(root);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
