// Writes spec/errors.md from the error catalogue in core/src/errors.ts, so that the page never lags behind.
// `--check` compares instead of writing. Needs a build.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { repositoryRoot } from './repository-files.mjs';

const PAGE = 'spec/errors.md';

/** The page for a catalogue `codes`, with HTTP `statuses` and `exits` (code → number) where there are some. */
export function errorsPage(codes, statuses = {}, exits = {}) {
  const rows = Object.entries(codes).map(
    ([code, meaning]) =>
      `| <a id="${code}"></a>\`${code}\` | ${meaning} | ${statuses[code] ?? '–'} | ${exits[code] ?? '–'} |`,
  );
  return `# Errors

Every failure that input, evidence or surroundings can cause has one of these codes. A code never changes its
meaning and is never used again for another. It is the \`code\` of \`--json\` output, the last part of the \`type\` in an
HTTP problem document (RFC 9457), and what decides the HTTP status and the exit code of a verifying command.

This page is generated from \`core/src/errors.ts\` by \`tools/write-errors.mjs\`; \`npm run check\` compares them.

| Code | Meaning | HTTP status | Exit code |
|---|---|---|---|
${rows.join('\n')}
`;
}

/** The page that belongs to the build below `root`. Throws when core is not built. */
export async function currentErrorsPage(root) {
  const { ERROR_CODES } = await load(root, 'core/dist/errors.js');
  if (ERROR_CODES === undefined)
    throw new Error('core/dist/errors.js is missing: run npm run build first');
  const { ERROR_STATUS } = await load(root, 'log-server/dist/http/errors.js');
  const { ERROR_EXIT } = await load(root, 'verifier/dist/cli/exit-codes.js');
  return errorsPage(ERROR_CODES, ERROR_STATUS, ERROR_EXIT);
}

/** True when the committed page is the generated one. */
export async function errorsPageIsCurrent(root) {
  const path = join(root, PAGE);
  return existsSync(path) && readFileSync(path, 'utf8') === (await currentErrorsPage(root));
}

async function load(root, path) {
  return existsSync(join(root, path)) ? import(pathToFileURL(join(root, path)).href) : {};
}

if (import.meta.main ?? process.argv[1]?.endsWith('write-errors.mjs')) {
  if (!process.argv.includes('--check')) {
    writeFileSync(join(repositoryRoot, PAGE), await currentErrorsPage(repositoryRoot));
  } else if (!(await errorsPageIsCurrent(repositoryRoot))) {
    console.error(`errors: ${PAGE} is out of date: run node tools/write-errors.mjs`);
    process.exitCode = 1;
  }
}
