// Bundles the command lines into one file each, so that they start fast and can be copied anywhere.
//
// node tools/bundle.mjs

import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { repositoryRoot } from './repository-files.mjs';

/** Compiled entry → bundle. */
const BUNDLES = [{ entry: 'verifier/dist/cli/main.js', bundle: 'verifier/dist/writ-verify.js' }];

for (const { entry, bundle } of BUNDLES) {
  const outfile = join(repositoryRoot, bundle);
  await build({
    entryPoints: [join(repositoryRoot, entry)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    banner: { js: '#!/usr/bin/env node' },
    legalComments: 'eof',
    logLevel: 'warning',
  });
  chmodSync(outfile, 0o755);
}
