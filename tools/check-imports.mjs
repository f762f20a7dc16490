// Who may import whom, and which globals belong where.
//
// npm hoists every workspace, so neither npm nor tsc stops the witness from importing the log server. This
// does. It reads the specifiers of every source file: `node tools/check-imports.mjs [folder]`.

import { readFileSync } from 'node:fs';
import { basename, dirname, join, posix } from 'node:path';
import { filesIn, report, rootArgument } from './repository-files.mjs';
import { importsOf, tokensOf } from './source-tokens.mjs';

/** Workspace → the workspaces its sources may import. One row a workspace; a folder without one fails. */
const ALLOWED = {
  core: [],
  verifier: ['core'],
  policy: ['core', 'verifier'],
  witness: ['core'],
  'log-server': ['core', 'verifier', 'policy'],
  cli: ['core', 'verifier', 'policy'],
  e2e: ['core', 'verifier', 'policy', 'witness', 'log-server', 'cli'],
};

/** Workspace → another one of which it may import this part alone. */
const PARTS = [{ workspace: 'log-server', target: 'policy', part: '@writ/policy/engine/' }];

/** Packages that the browser-safe folders may import beside the workspaces above. */
const BROWSER_SAFE = [
  { name: 'core', holds: (path) => path.startsWith('core/src/'), packages: ['@noble/', 'cbor-x'] },
  {
    name: 'the verifier library',
    holds: (path) => path.startsWith('verifier/src/') && !path.startsWith('verifier/src/cli/'),
    packages: ['@noble/'],
  },
  {
    name: 'the policy engine',
    holds: (path) => path.startsWith('policy/src/engine/'),
    packages: ['zod'],
  },
];

const CLOCK_FILE = /^(?:main|(?:[a-z0-9-]+-)?(?:clock|env))\.ts$/;
const TIMERS = new Set(['setTimeout', 'setInterval']);
const LENIENT_GLOBALS = new Set(['Buffer', 'atob', 'btoa', 'parseInt']);
const BITWISE = new Set('& | ^ ~ << >> >>> &= |= ^= <<= >>= >>>='.split(' '));
const TYPE_WORD =
  /^(?:undefined|null|void|string|number|bigint|boolean|symbol|object|unknown|never|readonly|typeof|keyof|true|false|[A-Z]\w*[a-z]\w*)$/;

/** Every breach in the sources and tests below `root`, each as `file:line: what and what to do`. */
export function checkImports(root) {
  const problems = [];
  const workspaces = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).workspaces;
  for (const workspace of workspaces) {
    if (!Object.hasOwn(ALLOWED, workspace)) {
      problems.push(`${workspace}: no row in tools/check-imports.mjs says what it may import`);
      continue;
    }
    for (const folder of [`${workspace}/src`, `${workspace}/test`]) {
      for (const path of filesIn(root, folder, (file) => file.endsWith('.ts'))) {
        const tokens = tokensOf(readFileSync(join(root, path), 'utf8'));
        const say = (line, text) => problems.push(`${path}:${line}: ${text}`);
        checkSpecifiers(root, workspace, path, tokens, say);
        if (folder.endsWith('/src')) checkGlobals(workspace, path, tokens, say);
      }
    }
  }
  return problems;
}

function checkSpecifiers(root, workspace, path, tokens, say) {
  const folder = path.split('/').slice(0, 2).join('/');
  const inSource = folder.endsWith('/src');
  const safe = BROWSER_SAFE.find((row) => row.holds(path));
  for (const { specifier, line } of importsOf(tokens)) {
    if (specifier.startsWith('.'))
      checkRelative(folder, path, specifier, (text) => say(line, text));
    else if (specifier.startsWith('@writ/')) {
      const target = specifier.split('/')[1] ?? '';
      const own = target === workspace && !inSource;
      if (!own && !ALLOWED[workspace].includes(target)) {
        say(line, `${workspace} must not import ${specifier}`);
      }
      const parts = PARTS.find((row) => row.workspace === workspace && row.target === target);
      if (parts !== undefined && inSource && !specifier.startsWith(parts.part))
        say(line, `${workspace} may import ${parts.part} alone of ${target}, not ${specifier}`);
    } else if (specifier.startsWith('node:')) {
      if (safe !== undefined)
        say(line, `${safe.name} runs in a browser and must not import ${specifier}`);
    } else {
      if (safe !== undefined && !safe.packages.some((name) => isPackage(specifier, name))) {
        say(line, `${safe.name} may import ${safe.packages.join(', ')} only, not ${specifier}`);
      }
      if (!isDeclared(root, workspace, specifier, inSource)) {
        say(line, `${specifier} is not among the dependencies in ${workspace}/package.json`);
      }
    }
  }
}

function checkRelative(folder, path, specifier, say) {
  const target = posix.normalize(posix.join(dirname(path), specifier));
  if (!target.startsWith(`${folder}/`))
    say(`${specifier} leaves ${folder}: import the package by name`);
  if (!specifier.endsWith('.ts')) say(`${specifier} must end in .ts`);
  if (!path.startsWith('verifier/src/cli/') && target.startsWith('verifier/src/cli/')) {
    say(`the verifier library must not import its command line: ${specifier}`);
  }
}

function checkGlobals(workspace, path, tokens, say) {
  const strictBytes = BROWSER_SAFE.some((row) => row.holds(path)) && path !== 'core/src/bytes.ts';
  // e2e measures and waits for real time: that is what it is for.
  const injectedClock = workspace !== 'e2e' && !CLOCK_FILE.test(basename(path));
  const exactBits = path.startsWith('core/src/merkle/') && basename(path) !== 'interior-wasm.ts';
  for (const [i, token] of tokens.entries()) {
    if (token.kind === 'word') {
      if (token.text === 'export' && tokens[i + 1]?.text === 'default') {
        say(token.line, 'no default exports: export by name');
      }
      if (strictBytes && LENIENT_GLOBALS.has(token.text) && !isMemberOfOther(tokens, i)) {
        say(token.line, `${token.text} is lenient: use core/src/bytes.ts`);
      }
      if (injectedClock) checkClock(tokens, i, say);
    } else if (exactBits && isBitwise(tokens, i) && !isOnBigInt(tokens, i)) {
      say(
        token.line,
        `${token.text} on numbers cuts to 32 bits: use bigint with a visible bigint operand`,
      );
    }
  }
}

/** True for `thing.Buffer`, which is not the global; false for `globalThis.Buffer`, `Number.parseInt`. */
function isMemberOfOther(tokens, i) {
  if (tokens[i - 1]?.text !== '.' && tokens[i - 1]?.text !== '?.') return false;
  return !/^(?:globalThis|window|self|Number)$/.test(tokens[i - 2]?.text ?? '');
}

function checkClock(tokens, i, say) {
  const { text, line } = tokens[i];
  const member = tokens[i + 1]?.text === '.' ? tokens[i + 2]?.text : undefined;
  const called = tokens[i + 1]?.text === '(';
  const advice = 'take it from the injected environment, or move it to main.ts';
  if (text === 'Date' && member === 'now') say(line, `Date.now: ${advice}`);
  if (text === 'Math' && member === 'random') say(line, `Math.random: ${advice}`);
  if (TIMERS.has(text) && called && !isMemberOfOther(tokens, i)) say(line, `${text}: ${advice}`);
  if (text === 'Date' && tokens[i - 1]?.text === 'new' && called && tokens[i + 2]?.text === ')') {
    say(line, `new Date(): ${advice}`);
  }
}

/** Tells a bitwise operator from the `|`, `&` and `>>` of types; the formatter spaces only operators. */
function isBitwise(tokens, i) {
  const { text, spaced, kind } = tokens[i];
  if (kind !== 'punctuation' || !BITWISE.has(text)) return false;
  if (text.startsWith('>>')) return spaced;
  if (text !== '|' && text !== '&') return true;
  const next = tokens[i + 1];
  return !(
    next?.kind === 'string' ||
    /^[{[]$/.test(next?.text ?? '') ||
    TYPE_WORD.test(next?.text ?? '')
  );
}

/** JavaScript refuses to mix bigint and number, so one visible bigint operand proves the operation exact. */
function isOnBigInt(tokens, i) {
  const isBigInt = (token) =>
    token?.text === 'BigInt' || (token?.kind === 'number' && token.text.endsWith('n'));
  return isBigInt(tokens[i + 1]) || isBigInt(tokens[i - 1]);
}

function isPackage(specifier, name) {
  return name.endsWith('/')
    ? specifier.startsWith(name)
    : specifier === name || specifier.startsWith(`${name}/`);
}

const manifests = new Map();

function isDeclared(root, workspace, specifier, inSource) {
  const parts = specifier.split('/');
  const name = specifier.startsWith('@') ? parts.slice(0, 2).join('/') : parts[0];
  const own = manifestAt(join(root, workspace, 'package.json'));
  const fields = [own.dependencies, own.optionalDependencies];
  // Tests, and the measuring and driving in e2e, never ship: the development dependencies serve them.
  if (!inSource || workspace === 'e2e') {
    fields.push(own.devDependencies, manifestAt(join(root, 'package.json')).devDependencies);
  }
  return fields.some((field) => field !== undefined && Object.hasOwn(field, name));
}

function manifestAt(path) {
  if (!manifests.has(path)) manifests.set(path, JSON.parse(readFileSync(path, 'utf8')));
  return manifests.get(path);
}

if (import.meta.main ?? process.argv[1]?.endsWith('check-imports.mjs')) {
  report('imports', checkImports(rootArgument()), 'every import points the way it may');
}
