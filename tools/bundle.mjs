// Bundles the command lines into one file each, so that they start fast and can be copied anywhere.
//
// node tools/bundle.mjs

import { chmodSync, cpSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { repositoryRoot } from './repository-files.mjs';

/** Compiled entry → bundle. */
const BUNDLES = [{ entry: 'verifier/dist/cli/main.js', bundle: 'verifier/dist/writ-verify.js' }];

/** Drivers: each a module that needs nothing beside it, next to its manifest, as a package is made of it. */
const DRIVERS = ['exec', 'http', 'ssh'];

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

/**
 * Takes Node's own modules without an import: that would read every property of a module, and node:fs loads its
 * streams for it, which takes longer than a proof.
 */
const builtinsByName = {
  name: 'builtins-by-name',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: 'builtin' }));
    onLoad({ filter: /./, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule('${path}');`,
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
    // Names stay, so that a stack trace says something; the rest is only read by the parser.
    minifyWhitespace: true,
    minifySyntax: true,
    plugins: [lazyMldsa, builtinsByName],
  });
  chmodSync(outfile, 0o755);
}

for (const name of DRIVERS) {
  const folder = join(repositoryRoot, 'policy/dist/driver-packages', name);
  await build({
    entryPoints: [join(repositoryRoot, `policy/dist/drivers/${name}.js`)],
    outfile: join(folder, 'driver.mjs'),
    // Names of files are in the bundle: the digest must not depend on where it is built.
    absWorkingDir: repositoryRoot,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    // Native parts of packages are optional, and a driver process loads none.
    external: ['*.node', 'cpu-features'],
    banner: {
      js: [
        "import { createRequire } from 'node:module';",
        'const require = createRequire(import.meta.url);',
        "const __dirname = '.';",
      ].join('\n'),
    },
    legalComments: 'eof',
    logLevel: 'warning',
  });
  cpSync(join(repositoryRoot, `policy/drivers/${name}/plugin.yaml`), join(folder, 'plugin.yaml'));
}
