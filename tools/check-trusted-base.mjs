// Keeps what an auditor has to trust small enough to read in an afternoon: lines of each part against its budget.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesIn, report, rootArgument } from './repository-files.mjs';

/** Parts of the trusted base, and how many lines of code each may have; blank lines and comments are free. */
export const BUDGETS = [
  {
    // Statements, their CBOR and their streams are counted by nobody here: a log can do without them.
    part: 'core without statements',
    folder: 'core/src',
    budget: 2000,
    without: [
      'core/src/statements/',
      'core/src/cbor/',
      'core/src/streams/',
      'core/src/merkle/interior-wasm.ts',
    ],
  },
  {
    part: 'verifier library',
    folder: 'verifier/src',
    // The audit and the light reader have budgets of their own: who checks a proof needs neither.
    budget: 1200,
    without: ['verifier/src/cli/', 'verifier/src/follow/', 'verifier/src/audit'],
  },
  { part: 'light reader', folder: 'verifier/src/follow', budget: 950, without: [] },
  { part: 'witness', folder: 'witness/src', budget: 700, without: [] },
];

/** One row for each part of `budgets` below `root`: its files, lines, and the lines that are neither blank nor comment. */
export function measure(root, budgets = BUDGETS) {
  return budgets.map(({ part, folder, budget, without }) => {
    const files = filesIn(
      root,
      folder,
      (path) => path.endsWith('.ts') && !without.some((prefix) => path.startsWith(prefix)),
    );
    const lines = files.flatMap((path) =>
      readFileSync(join(root, path), 'utf8').trimEnd().split('\n'),
    );
    const code = lines.filter((line) => !/^\s*(?:$|\/\/|\/\*|\*)/.test(line)).length;
    return { part, files: files.length, lines: lines.length, code, budget };
  });
}

if (import.meta.main ?? process.argv[1]?.endsWith('check-trusted-base.mjs')) {
  const rows = measure(rootArgument());
  console.log(`${'part'.padEnd(26)} files  lines   code  budget`);
  for (const { part, files, lines, code, budget } of rows) {
    const cells = [
      [files, 5],
      [lines, 6],
      [code, 6],
      [budget, 7],
    ].map(([n, width]) => String(n).padStart(width));
    console.log(`${part.padEnd(26)} ${cells.join(' ')}`);
  }
  const over = rows.filter(({ code, budget }) => code > budget);
  const empty = rows.filter(({ files }) => files === 0);
  const problems = [
    ...over.map(
      (row) =>
        `${row.part} has ${row.code} lines of code, budget ${row.budget}: simplify it, or move out what decides nothing`,
    ),
    ...empty.map(
      (row) => `${row.part} has no files: the folder in tools/check-trusted-base.mjs is wrong`,
    ),
  ];
  report('trusted base', problems, 'within its budgets');
}
