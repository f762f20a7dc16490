// Keeps the documents true to the tree: links and anchors lead somewhere, files that are named exist,
// spec/errors.md is the error catalogue, spec/dependencies.md lists every dependency with its version, and the tests of
// spec/regressions.md are there.
// `node tools/check-spec.mjs [folder]`.

import { existsSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { filesIn, report, rootArgument } from './repository-files.mjs';
import { errorsPageIsCurrent } from './write-errors.mjs';

/** Folders of the house: a path in backticks that starts with one of them has to exist. */
const HOUSE =
  /^(?:\.ci|core|verifier|witness|policy|log-server|cli|console|e2e|deploy|spec|test-vectors|tools|examples)\//;
const PATH = /^[\w.-]+(?:\/[\w.-]+)*\/?$/;
const REGRESSION = /^\| \d+ \|[^|]*\| `([^`]+)` \| ([^|]+) \|$/;
const LINK = /\[(?:[^\]\\]|\\.)*\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g;
const CODE = /(`+)(.+?)\1/g;

/** Every link, anchor and file name in the documents below `root` that leads nowhere. */
export function checkDocuments(root) {
  const problems = [];
  for (const document of documentsOf(root)) {
    for (const { line, text } of proseLines(readFileSync(join(root, document), 'utf8'))) {
      for (const problem of brokenLinks(root, document, text.replace(CODE, ''))) {
        problems.push(`${document}:${line}: ${problem}`);
      }
      for (const [, , code] of text.matchAll(CODE)) {
        if (isRepositoryPath(code) && !existsSync(join(root, code))) {
          problems.push(`${document}:${line}: \`${code}\` does not exist`);
        }
      }
    }
  }
  return problems;
}

/** Every row of spec/regressions.md that can not be read, or whose test is not in its file under that name. */
export function checkRegressions(root) {
  const page = join(root, 'spec/regressions.md');
  if (!existsSync(page)) return ['spec/regressions.md is missing'];
  const rows = readFileSync(page, 'utf8')
    .split('\n')
    .filter((line) => /^\| \d/.test(line));
  return rows.flatMap((row) => {
    const [, file, title] = REGRESSION.exec(row) ?? [];
    if (file === undefined) return [`spec/regressions.md: cannot be read: ${row}`];
    if (!existsSync(join(root, file))) return [];
    const isThere = ["'", '`', '"'].some((quote) =>
      readFileSync(join(root, file), 'utf8').includes(`${quote}${title}`),
    );
    return isThere ? [] : [`spec/regressions.md: ${file} has no test "${title}"`];
  });
}

/** Every dependency of a workspace below `root` that spec/dependencies.md does not list with its version. */
export function checkDependencies(root) {
  const rows = readFileSync(join(root, 'spec/dependencies.md'), 'utf8').split('\n');
  const manifests = filesIn(root, '', (path) => /^(?:[\w-]+\/)?package\.json$/.test(path));
  const problems = [];
  for (const path of manifests) {
    const manifest = JSON.parse(readFileSync(join(root, path), 'utf8'));
    const listed = { ...manifest.dependencies, ...manifest.devDependencies };
    for (const [name, version] of Object.entries(listed)) {
      if (name.startsWith('@writ/')) continue;
      if (!rows.some((row) => row.startsWith(`| ${name} | ${version} |`))) {
        problems.push(`spec/dependencies.md has no row for ${name} ${version} of ${path}`);
      }
    }
  }
  return problems;
}

function documentsOf(root) {
  const isMarkdown = (path) => path.endsWith('.md');
  const top = filesIn(root, '', (path) => isMarkdown(path) && !path.includes('/'));
  const inside = ['spec', 'examples', 'test-vectors'].flatMap((folder) =>
    filesIn(root, folder, isMarkdown),
  );
  return [...top, ...inside];
}

/** The lines outside fenced code, with their numbers. */
function proseLines(markdown) {
  const lines = [];
  let fence;
  for (const [i, text] of markdown.split('\n').entries()) {
    const mark = /^\s*(```+|~~~+)/.exec(text)?.[1];
    if (fence === undefined && mark !== undefined) fence = mark;
    else if (fence !== undefined && mark?.startsWith(fence)) fence = undefined;
    else if (fence === undefined) lines.push({ line: i + 1, text });
  }
  return lines;
}

function brokenLinks(root, document, text) {
  const problems = [];
  for (const [, target] of text.matchAll(LINK)) {
    if (/^[a-z][a-z0-9+.-]*:/i.test(target)) continue;
    const [file, anchor] = target.split('#');
    const path = file === '' ? document : posix.join(posix.dirname(document), file);
    if (path.startsWith('..')) problems.push(`${target} leads out of the repository`);
    else if (!existsSync(join(root, path))) problems.push(`${target} does not exist`);
    else if (anchor !== undefined && path.endsWith('.md') && !anchorsOf(root, path).has(anchor)) {
      problems.push(`${path} has no heading for #${anchor}`);
    }
  }
  return problems;
}

/** The anchors that a Markdown page offers: its headings as GitHub writes them, and explicit ids. */
function anchorsOf(root, path) {
  const anchors = new Set();
  for (const { text } of proseLines(readFileSync(join(root, path), 'utf8'))) {
    for (const [, id] of text.matchAll(/<a (?:id|name)="([^"]+)"/g)) anchors.add(id);
    const heading = /^#{1,6}\s+(.+?)\s*#*$/.exec(text)?.[1];
    if (heading === undefined) continue;
    const slug = slugOf(heading);
    let unique = slug;
    for (let n = 1; anchors.has(unique); n++) unique = `${slug}-${n}`;
    anchors.add(unique);
  }
  return anchors;
}

function slugOf(heading) {
  return heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M}_\- ]/gu, '')
    .replaceAll(' ', '-');
}

function isRepositoryPath(code) {
  if (!HOUSE.test(code) || !PATH.test(code)) return false;
  const built = /\/(?:dist|node_modules)(?:\/|$)/.test(code);
  return !built && (code.endsWith('/') || /\.[a-z0-9]+$/.test(code) || code.startsWith('.ci/'));
}

if (import.meta.main ?? process.argv[1]?.endsWith('check-spec.mjs')) {
  const root = rootArgument();
  const problems = [...checkDocuments(root), ...checkDependencies(root), ...checkRegressions(root)];
  const current = await errorsPageIsCurrent(root).catch((error) => {
    problems.push(error.message);
    return true;
  });
  if (!current) problems.push('spec/errors.md is out of date: run node tools/write-errors.mjs');
  report(
    'spec',
    problems,
    'links, file names, regressions, the error page and the dependencies hold',
  );
}
