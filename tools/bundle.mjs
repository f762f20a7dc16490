// Bundles the command lines into one file each, so that they start fast and can be copied anywhere.
//
// node tools/bundle.mjs

import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { repositoryRoot } from './repository-files.mjs';

/** Compiled entry → bundle. */
const BUNDLES = [{ entry: 'verifier/dist/cli/main.js', bundle: 'verifier/dist/writ-verify.js' }];

/**
 * Loads ML-DSA-44 when the first such key shows up. Its tables take longer to build than everything else that
 * a proof without one needs.
 */
const lazyMldsa = {
  name: 'lazy-ml-dsa',
  setup({ onResolve, onLoad }) {
    const specifier = '@noble/post-quantum/ml-dsa.js';
    onResolve({ filter: /^@noble\/post-quantum\/ml-dsa\.js$/ }, ({ namespace, resolveDir }) =>
      namespace === 'lazy'
        ? undefined
        : { path: specifier, namespace: 'lazy', pluginData: resolveDir },
    );
    onLoad({ filter: /./, namespace: 'lazy' }, ({ pluginData: resolveDir }) => ({
      resolveDir,
      contents: `
        const real = () => require('${specifier}').ml_dsa44;
        export const ml_dsa44 = {
          keygen: (...args) => real().keygen(...args),
          sign: (...args) => real().sign(...args),
          verify: (...args) => real().verify(...args),
        };`,
    }));
  },
};

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
    plugins: [lazyMldsa],
  });
  chmodSync(outfile, 0o755);
}
