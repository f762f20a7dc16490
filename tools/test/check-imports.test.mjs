import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkImports } from '../check-imports.mjs';
import { withRepository } from './scratch-repository.mjs';

const imports = suite('check-imports');

const DEPENDENCIES = { '@noble/hashes': '1', 'cbor-x': '1', cac: '1', hono: '1' };

/** Problems of a repository in which `path` holds `source`. */
function problemsOf(path, source) {
  const workspaces = ['core', 'verifier', 'witness', 'log-server', 'e2e'];
  const files = { 'package.json': JSON.stringify({ workspaces, devDependencies: { uvu: '1' } }) };
  for (const name of workspaces) {
    files[`${name}/package.json`] = JSON.stringify({ dependencies: DEPENDENCIES });
  }
  return withRepository({ ...files, [path]: source }, checkImports);
}

const REFUSED = [
  [
    'core importing a workspace',
    'core/src/a.ts',
    "import { x } from '@writ/verifier/x';",
    /core must not import/,
  ],
  [
    'the witness importing the verifier',
    'witness/src/a.ts',
    "import type { X } from '@writ/verifier/x';",
    /witness must not/,
  ],
  [
    'the verifier importing the log server',
    'verifier/src/cli/a.ts',
    "export { x } from '@writ/log-server/x';",
    /must not import/,
  ],
  [
    'a test importing against the direction',
    'witness/test/a.test.ts',
    "import '@writ/log-server/x';",
    /must not import/,
  ],
  [
    'a lazy import against the direction',
    'log-server/src/a.ts',
    "await import('@writ/witness/x');",
    /must not import/,
  ],
  [
    'node in core',
    'core/src/a.ts',
    "import { x } from 'node:fs';",
    /a\.ts:1: core runs in a browser/,
  ],
  [
    'node in the verifier library',
    'verifier/src/a.ts',
    "\n\nimport { x } from 'node:fs';",
    /a\.ts:3: the verifier library/,
  ],
  [
    'a foreign package in core',
    'core/src/a.ts',
    "import { x } from 'hono';",
    /core may import @noble\/, cbor-x only/,
  ],
  [
    'an undeclared package',
    'witness/src/a.ts',
    "import { x } from 'pino';",
    /not among the dependencies/,
  ],
  [
    'a development package in sources',
    'witness/src/a.ts',
    "import { x } from 'uvu';",
    /not among the dependencies/,
  ],
  [
    'the library importing its command line',
    'verifier/src/a.ts',
    "import { x } from './cli/x.ts';",
    /its command line/,
  ],
  [
    'a way round the package name',
    'witness/src/a.ts',
    "import { x } from '../../core/src/x.ts';",
    /leaves witness\/src/,
  ],
  [
    'a relative import without .ts',
    'core/src/a.ts',
    "import { x } from './x.js';",
    /must end in \.ts/,
  ],
  ['Buffer in core', 'core/src/a.ts', 'const x = Buffer.from(y);', /Buffer is lenient/],
  [
    'parseInt as a member',
    'verifier/src/a.ts',
    'const x = Number.parseInt(y, 10);',
    /parseInt is lenient/,
  ],
  [
    'atob inside a template',
    'core/src/a.ts',
    `const x = \`\${ { a: atob(y) }.a }\`;`,
    /atob is lenient/,
  ],
  ['the clock', 'log-server/src/a.ts', 'const now = Date.now();', /Date\.now/],
  ['the clock as a new date', 'witness/src/a.ts', 'const now = new Date();', /new Date\(\)/],
  ['chance', 'verifier/src/a.ts', 'const x = Math.random();', /Math\.random/],
  ['a timer', 'log-server/src/a.ts', 'setTimeout(go, 5);', /setTimeout/],
  ['a default export', 'e2e/src/a.ts', 'export default 1;', /no default exports/],
  [
    'a shift of a number in merkle',
    'core/src/merkle/a.ts',
    'const x = size >> 8;',
    />> on numbers/,
  ],
  [
    'a mask of a number in merkle',
    'core/src/merkle/a.ts',
    'const x = size & mask;',
    /& on numbers/,
  ],
];

for (const [what, path, source, expected] of REFUSED) {
  imports(`refuses ${what}`, () => {
    const problems = problemsOf(path, source);
    assert.is(problems.length, 1, problems.join('\n'));
    assert.match(problems[0], expected);
  });
}

const ACCEPTED = [
  [
    'the directions of the design',
    'log-server/src/a.ts',
    "import '@writ/core/a'; import '@writ/verifier/a';",
  ],
  [
    'a test importing its own package',
    'core/test/a.test.ts',
    "import '@writ/core/a'; import 'uvu'; import 'node:fs';",
  ],
  [
    'everything in e2e',
    'e2e/src/a.ts',
    "import '@writ/witness/a'; import '@writ/log-server/a'; Date.now();",
  ],
  ['node in the command line', 'verifier/src/cli/a.ts', "import 'node:fs'; import 'cac';"],
  ['a banned import in a comment', 'core/src/a.ts', "// import 'node:fs'\n/* Buffer */"],
  [
    'banned words in strings and expressions',
    'core/src/a.ts',
    "const x = 'Date.now()'; const y = /Buffer'/; const z = `atob`;",
  ],
  ['lenient conversions where they are wrapped', 'core/src/bytes.ts', 'const x = atob(y);'],
  ['the clock in main.ts', 'witness/src/main.ts', 'const now = Date.now();'],
  [
    'the clock in an environment file',
    'log-server/src/node-env.ts',
    'const now = () => new Date();',
  ],
  ['a date from a number', 'witness/src/a.ts', 'const text = new Date(ms).toISOString();'],
  [
    'types that look like bit operators',
    'core/src/merkle/a.ts',
    "let x: Map<string, Array<A | undefined>> = f<'a' | 'b'>(1);",
  ],
  [
    'bit operators on bigint',
    'core/src/merkle/a.ts',
    'const x = ((size >> BigInt(level)) & 1n) === 1n;',
  ],
];

for (const [what, path, source] of ACCEPTED) {
  imports(`accepts ${what}`, () => {
    assert.equal(problemsOf(path, source), []);
  });
}

imports('refuses a workspace that has no row', () => {
  const files = { 'package.json': JSON.stringify({ workspaces: ['console'] }) };
  assert.match(withRepository(files, checkImports).join(), /console: no row/);
});

imports.run();
