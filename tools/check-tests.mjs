// Makes sure that every test that is written also runs.
//
// uvu passes over a suite whose `.run()` is forgotten, and over tests that follow it, with exit code 0; `.only`
// and `.skip` hide others. `node tools/check-tests.mjs [folder]` reads every file that uses uvu;
// tools/run-tests.mjs checks the same while the tests run.

import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { filesIn, report, rootArgument } from './repository-files.mjs';
import { importsOf, tokensOf } from './source-tokens.mjs';

const SOURCE = /\.(?:ts|mjs)$/;
const TEST_FILE = /\.test\.(?:ts|mjs)$/;

/** Every test below `root` that would not run, each as `file:line: what`. */
export function checkTests(root) {
  const files = new Map();
  for (const path of filesIn(
    root,
    '',
    (file) => SOURCE.test(file) && /(?:^|\/)test\//.test(file),
  )) {
    files.set(path, tokensOf(readFileSync(join(root, path), 'utf8')));
  }
  const problems = [];
  for (const [path, tokens] of files) problems.push(...checkFile(path, tokens, files));
  if (![...files.keys()].some((path) => TEST_FILE.test(path)))
    problems.push('there is no test file');
  return problems;
}

function checkFile(path, tokens, files) {
  const problems = [];
  const say = (line, text) => problems.push(`${path}:${line}: ${text}`);
  if (!usesUvu(tokens)) {
    if (TEST_FILE.test(path) && !importsTestHelper(path, tokens, files))
      say(1, 'no suite: the file tests nothing');
    return problems;
  }
  if (!TEST_FILE.test(path) && !tokens.some((token) => isWord(token, 'export'))) {
    say(1, 'has tests, but only files named *.test.ts (tools: *.test.mjs) are run');
  }
  const suites = suitesOf(tokens, say);
  if (suites.size === 0 && problems.length === 0 && TEST_FILE.test(path))
    say(1, 'no suite: the file tests nothing');
  for (const [name, line] of suites) checkSuite(name, line, tokens, say);
  return problems;
}

/** Name → line of each suite: those made with `suite(…)`, and the ready-made `test` where it is used. */
function suitesOf(tokens, say) {
  const suites = new Map();
  const local = localNames(tokens);
  for (const [i, token] of tokens.entries()) {
    if (token.kind !== 'word' || tokens[i - 1]?.text === '.') continue;
    const makesSuite = token.text === local.suite && /^[(<]$/.test(tokens[i + 1]?.text ?? '');
    if (makesSuite) {
      const name = assignedName(tokens, i);
      if (name === undefined)
        say(token.line, 'keep the suite in a const of its own, so that its run() can be checked');
      else if (suites.has(name))
        say(token.line, `a second suite is called ${name}: give it its own name`);
      else suites.set(name, token.line);
    } else if (
      token.text === local.test &&
      /^[(.]$/.test(tokens[i + 1]?.text ?? '') &&
      !suites.has(token.text)
    ) {
      suites.set(token.text, token.line);
    }
  }
  return suites;
}

/** What the file calls the `suite` and `test` that it imports from uvu. */
function localNames(tokens) {
  const names = {};
  const end = tokens.findIndex(
    (token, i) => token.kind === 'string' && token.text === 'uvu' && isWord(tokens[i - 1], 'from'),
  );
  for (let i = end; i >= 0 && !isWord(tokens[i], 'import'); i--) {
    if (!isWord(tokens[i], 'suite') && !isWord(tokens[i], 'test')) continue;
    if (isWord(tokens[i - 1], 'as')) continue;
    names[tokens[i].text] = isWord(tokens[i + 1], 'as') ? tokens[i + 2]?.text : tokens[i].text;
  }
  return names;
}

/** The name in `const name = suite(…)` or `const name: Type = suite(…)`, where `at` is the place of `suite`. */
function assignedName(tokens, at) {
  if (tokens[at - 1]?.text !== '=') return undefined;
  for (let i = at - 2; i >= 0 && tokens[i].text !== ';'; i--) {
    if (isWord(tokens[i], 'const') || isWord(tokens[i], 'let')) return tokens[i + 1]?.text;
  }
  return undefined;
}

function checkSuite(name, line, tokens, say) {
  let lastTest;
  let lastRun;
  for (const [i, token] of tokens.entries()) {
    if (!isWord(token, name) || tokens[i - 1]?.text === '.') continue;
    const next = tokens[i + 1]?.text;
    const member = next === '.' ? tokens[i + 2]?.text : undefined;
    if (next === '(') lastTest = i;
    if (member === 'run') lastRun = i;
    if (member === 'only' || member === 'skip') {
      say(token.line, `${name}.${member} hides other tests: remove it before the change goes in`);
    }
  }
  if (lastTest === undefined) say(line, `suite ${name} has no tests`);
  if (lastRun === undefined) say(line, `suite ${name} never runs: end the file with ${name}.run()`);
  else if (lastTest !== undefined && lastTest > lastRun) {
    say(tokens[lastTest].line, `this test comes after ${name}.run() and never runs`);
  }
}

function usesUvu(tokens) {
  return importsOf(tokens).some(({ specifier }) => specifier === 'uvu');
}

/** True when the file imports a helper beside it that makes suites, such as a contract suite. */
function importsTestHelper(path, tokens, files) {
  return importsOf(tokens).some(({ specifier }) => {
    const helper = files.get(posix.join(posix.dirname(path), specifier));
    return specifier.startsWith('.') && helper !== undefined && usesUvu(helper);
  });
}

function isWord(token, text) {
  return token?.kind === 'word' && token.text === text;
}

if (import.meta.main ?? process.argv[1]?.endsWith('check-tests.mjs')) {
  report('tests', checkTests(rootArgument()), 'every suite runs');
}
