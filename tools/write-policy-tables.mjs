// Writes the tables of spec/policy-engine.md that come from the policy engine: severity rules and finding codes. The
// engine is the source, so that the page never lags behind. `--check` compares instead of writing. Needs a build.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { repositoryRoot } from './repository-files.mjs';

const PAGE = 'spec/policy-engine.md';

/** The rows of the severity rules, in order of precedence. */
export function severityTable(rules) {
  const rows = rules.map(
    ({ id, when, from, to, reason, isStructural }) =>
      `| \`${id}\` | ${when} | ${from.join(', ')} → ${to}${isStructural ? ' (422)' : ''} | ${reason} |`,
  );
  return ['| Rule | When | Change | What is said |', '|---|---|---|---|', ...rows].join('\n');
}

/** The rows of the finding codes, by stage in the order of `stages`, then as the catalogue has them. */
export function findingTable(codes, stages) {
  const rows = [...codes]
    .sort(([, a], [, b]) => stages.indexOf(a.stage) - stages.indexOf(b.stage))
    .map(
      ([code, { stage, severities, meaning }]) =>
        `| \`${code}\` | ${stage} | ${severities.join(' or ')} | ${meaning} |`,
    );
  return ['| Code | Stage | Severity | Meaning |', '|---|---|---|---|', ...rows].join('\n');
}

/** `page` with the text between the marks of `name` replaced. Throws where the marks are missing. */
export function replaceTable(page, name, table) {
  const [start, end] = [`<!-- table: ${name} -->`, `<!-- end: ${name} -->`];
  const [from, to] = [page.indexOf(start), page.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`${PAGE} has no marks for the table ${name}`);
  return `${page.slice(0, from + start.length)}\n\n${table}\n\n${page.slice(to)}`;
}

/** The page that belongs to the build below `root`. Throws when policy is not built. */
export async function currentPolicyPage(root) {
  const load = (name) => import(pathToFileURL(join(root, 'policy/dist/engine', name)).href);
  if (!existsSync(join(root, 'policy/dist/engine/severity-rules.js')))
    throw new Error('policy/dist is missing: run npm run build first');
  const { SEVERITY_RULES } = await load('severity-rules.js');
  const { FINDING_CODES } = await load('finding-codes.js');
  const { STAGES } = await load('finding.js');
  const page = readFileSync(join(root, PAGE), 'utf8');
  const withRules = replaceTable(page, 'severity-rules', severityTable(SEVERITY_RULES));
  return replaceTable(withRules, 'finding-codes', findingTable(FINDING_CODES, STAGES));
}

if (import.meta.main ?? process.argv[1]?.endsWith('write-policy-tables.mjs')) {
  const page = await currentPolicyPage(repositoryRoot);
  if (!process.argv.includes('--check')) writeFileSync(join(repositoryRoot, PAGE), page);
  else if (readFileSync(join(repositoryRoot, PAGE), 'utf8') !== page) {
    console.error(`policy tables: ${PAGE} is out of date: run node tools/write-policy-tables.mjs`);
    process.exitCode = 1;
  }
}
