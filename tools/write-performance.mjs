// Writes the tables of spec/performance.md and README.md from what `npm run -s bench -- --json` printed:
//
//   node tools/write-performance.mjs NODE24.json NODE20.json

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
/** Rows that the README shows. */
const README_ROWS = [
  'POST /add raw, 256 connections',
  'POST /add-batch raw, 100 entries a request',
  'submit to published, three cosignatures, p50',
  'full audit of 1,000,000 entries from a folder',
  'proof with three cosignatures, verify in Node',
];

const runs = process.argv.slice(2).map((path) => JSON.parse(readFileSync(path, 'utf8')));
if (runs.length === 0) {
  console.error('name the JSON files of bench runs, the one to quote first');
  process.exit(2);
}

const format = (value) =>
  value >= 1000
    ? Math.round(value).toLocaleString('en-US')
    : Number(value.toPrecision(3)).toString();

function verdict({ value, goal, stretch, better }) {
  const reaches = (limit) => (better === 'higher' ? value >= limit : value <= limit);
  return reaches(stretch) ? 'stretch' : reaches(goal) ? 'yes' : 'no';
}

function table(names) {
  const [first] = runs;
  const head = runs.map(({ node }) => `Node ${node.slice(1)}`);
  const lines = [
    `| What | ${head.join(' | ')} | unit | at least | stretch | reached |`,
    `|---|${head.map(() => '---:|').join('')}---|---:|---:|---|`,
  ];
  for (const row of first.results.filter(
    ({ name }) => names === undefined || names.includes(name),
  )) {
    const cells = runs.map(({ results }) => {
      const found = results.find(({ name }) => name === row.name);
      return found === undefined ? '' : format(found.value);
    });
    lines.push(
      `| ${row.name} | ${cells.join(' | ')} | ${row.unit} | ${format(row.goal)} | ${format(row.stretch)} | ${verdict(row)} |`,
    );
  }
  return lines.join('\n');
}

function replaceBetween(path, text) {
  const file = join(ROOT, path);
  const before = readFileSync(file, 'utf8');
  const after = before.replace(
    /(<!-- speed: begin -->\n)[\s\S]*?(<!-- speed: end -->)/,
    (_, begin, end) => `${begin}\n${text}\n\n${end}`,
  );
  if (after === before) console.error(`${path}: nothing changed`);
  writeFileSync(file, after);
}

const machine = `Measured on ${runs[0].cpu}, two cores that the load generator shares.`;
replaceBetween('spec/performance.md', `${machine}\n\n${table()}`);
replaceBetween('README.md', `${machine}\n\n${table(README_ROWS)}`);
