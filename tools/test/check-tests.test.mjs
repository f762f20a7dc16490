import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkTests } from '../check-tests.mjs';
import { withRepository } from './scratch-repository.mjs';

const guard = suite('check-tests');

const UVU = "import { suite, test } from 'uvu';\n";

function problemsOf(source, path = 'core/test/a.test.ts') {
  return withRepository({ [path]: source }, checkTests);
}

const REFUSED = [
  ['a suite that never runs', `${UVU}const a = suite('a'); a('x', f);`, /suite a never runs/],
  [
    'the second of two suites not run',
    `${UVU}const a = suite('a'); a('x', f); a.run();\nconst b = suite('b'); b('x', f);`,
    /:3: suite b never runs/,
  ],
  ['a run that is commented out', `${UVU}test('x', f);\n// test.run();`, /suite test never runs/],
  ['the ready-made test not run', `${UVU}test('x', f);`, /suite test never runs/],
  [
    'a renamed test not run',
    "import { test as check } from 'uvu';\ncheck('x', f);",
    /suite check never runs/,
  ],
  [
    'a typed suite not run',
    `${UVU}const a: uvu.Test<C> = suite<C>('a');\na('x', f);`,
    /suite a never runs/,
  ],
  [
    'a test after the run',
    `${UVU}test('x', f);\ntest.run();\ntest('y', f);`,
    /:4: this test comes after/,
  ],
  ['an exclusive test', `${UVU}test('x', f);\ntest.only('y', f); test.run();`, /test\.only hides/],
  [
    'a skipped test',
    `${UVU}const a = suite('a'); a('x', f); a.skip('y', f); a.run();`,
    /a\.skip hides/,
  ],
  ['a suite without tests', `${UVU}const a = suite('a'); a.run();`, /suite a has no tests/],
  ['a suite without a name', `${UVU}suite('a')('x', f);`, /in a const of its own/],
  ['a test file without a suite', 'const x = 1;', /tests nothing/],
];

for (const [what, source, expected] of REFUSED) {
  guard(`refuses ${what}`, () => {
    const problems = problemsOf(source);
    assert.is(problems.length, 1, problems.join('\n'));
    assert.match(problems[0], expected);
  });
}

guard('refuses tests in a file that is not named as a test', () => {
  const problems = problemsOf(`${UVU}test('x', f); test.run();`, 'core/test/a.ts');
  assert.match(problems.join(), /only files named/);
});

guard('refuses a repository without tests', () => {
  assert.equal(problemsOf('export const x = 1;', 'core/src/a.ts'), ['there is no test file']);
});

guard('accepts suites that run', () => {
  assert.equal(
    problemsOf(
      `${UVU}const a = suite('a'); for (const x of y) a(x, f); a.run();\ntest('x', f); test.run();`,
    ),
    [],
  );
});

guard('accepts a file whose suites come from a helper', () => {
  const files = {
    'core/test/contract.ts': `${UVU}export function check(x) { const a = suite(x); a('x', f); a.run(); }`,
    'core/test/a.test.ts': "import { check } from './contract.ts';\ncheck('memory');",
  };
  assert.equal(withRepository(files, checkTests), []);
});

guard('refuses a helper whose suite never runs', () => {
  const files = {
    'core/test/contract.ts': `${UVU}export function check(x) { const a = suite(x); a('x', f); }`,
    'core/test/a.test.ts': "import { check } from './contract.ts';\ncheck('memory');",
  };
  assert.match(withRepository(files, checkTests).join(), /contract\.ts:2: suite a never runs/);
});

guard.run();
