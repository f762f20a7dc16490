import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkDependencies, checkDocuments, checkRegressions } from '../check-spec.mjs';
import { errorsPage } from '../write-errors.mjs';
import { withRepository } from './scratch-repository.mjs';

const spec = suite('check-spec');

const FILES = {
  'README.md': '# The title\n',
  'core/src/a.ts': '',
  'spec/other.md':
    '# One\n## Two words, and `code`\n## Two words, and `code`\n<a id="named"></a>\n',
};

function problemsOf(text) {
  return withRepository({ ...FILES, 'spec/page.md': text }, checkDocuments);
}

const REFUSED = [
  ['a link to a missing file', 'see [this](gone.md)', /page\.md:1: gone\.md does not exist/],
  [
    'a link to a missing heading',
    '\nsee [this](other.md#three)',
    /page\.md:2: spec\/other\.md has no heading for #three/,
  ],
  ['a missing heading of its own page', '# A\n[b](#b)', /has no heading for #b/],
  ['a link out of the repository', '[x](../../x.md)', /leads out of the repository/],
  [
    'a file that does not exist',
    'the file `core/src/b.ts` does',
    /`core\/src\/b\.ts` does not exist/,
  ],
  ['a folder that does not exist', 'in `core/lib/` there is', /does not exist/],
];

for (const [what, text, expected] of REFUSED) {
  spec(`refuses ${what}`, () => {
    const problems = problemsOf(text);
    assert.is(problems.length, 1, problems.join('\n'));
    assert.match(problems[0], expected);
  });
}

const ACCEPTED = [
  [
    'files and anchors',
    '[a](other.md) [b](other.md#two-words-and-code-1) [c](../README.md#the-title) [d](other.md#named)',
  ],
  ['addresses', '[a](https://c2sp.org/tlog-tiles#x) and [b](mailto:a@example.org)'],
  ['files and folders that exist', '`core/src/a.ts` in `core/src/`'],
  [
    'paths that are not files of the house',
    '`/tile/0/000`, `core/src/*.ts`, `core/dist/a.js`, `@writ/core/a`',
  ],
  ['code', '```\n[a](gone.md) `core/src/b.ts`\n```\nand `[a](gone.md)`'],
];

for (const [what, text] of ACCEPTED) {
  spec(`accepts ${what}`, () => {
    assert.equal(problemsOf(text), []);
  });
}

spec('writes a row for each error with its status and exit code', () => {
  const page = errorsPage({ 'a-b': 'is wrong', c: 'is absent' }, { 'a-b': 400 }, { c: 4 });
  assert.match(page, '`a-b` | is wrong | 400 | – |');
  assert.match(page, '`c` | is absent | – | 4 |');
});

spec('refuses a dependency that is not listed with its exact version', () => {
  const files = {
    'package.json': JSON.stringify({ devDependencies: { tool: '1.0.0' } }),
    'core/package.json': JSON.stringify({ dependencies: { lib: '2.0.0', '@writ/x': '1' } }),
    'spec/dependencies.md': '| tool | 1.0.0 | what |\n| lib | 1.9.0 | what |\n',
  };
  const expected = ['spec/dependencies.md has no row for lib 2.0.0 of core/package.json'];
  assert.equal(withRepository(files, checkDependencies), expected);
});

spec('finds a regression whose test is gone, and a row that cannot be read', () => {
  const page = '| 1 | It breaks | `core/test/a.test.ts` | it holds |\n| 2 | It leaks | no file |\n';
  const problems = (test) =>
    withRepository(
      { ...FILES, 'spec/regressions.md': page, 'core/test/a.test.ts': test },
      checkRegressions,
    );
  assert.equal(problems("test('it holds, always', () => {});"), [
    'spec/regressions.md: cannot be read: | 2 | It leaks | no file |',
  ]);
  assert.match(problems("test('it held', () => {});")[0], 'has no test "it holds"');
  assert.equal(withRepository(FILES, checkRegressions), ['spec/regressions.md is missing']);
});

spec.run();
