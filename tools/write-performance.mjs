// Writes the tables of spec/performance.md and README.md from what `npm run -s bench -- --json` printed:
//
//   node tools/write-performance.mjs NODE24.json NODE20.json
//
// Rows that differ in a size alone, such as "log of 10000" and "log of 100000", go to the table of growth, from the first run. Runs
// with `--only` that hold nothing else leave the other tables as they are.

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

/** The size in the name of a row that shows growth: how it reads without, and what it counts. */
const GROWTH = /^(.*?),? (log of|with|up to|of)? ?(\d+)( streams| entries)?(, [a-z ]+)?$/;
const SIZED = ['log of', ' streams', ' entries'];

/** Rows of growth by their name without the size: sizes and rows. */
function growthRows() {
  const groups = new Map();
  for (const row of runs[0].results) {
    const match = GROWTH.exec(row.name);
    if (match === null || !SIZED.some((word) => word === match[2] || word === match[4])) continue;
    const counted = match[4]?.trim() ?? 'entries';
    const name = `${match[1]}, by ${counted}`;
    const group = groups.get(name) ?? new Map();
    groups.set(name, group.set(Number(match[3]), row));
  }
  return new Map([...groups].filter(([, group]) => group.size > 0));
}

function growthTable() {
  const groups = growthRows();
  const sizes = [...new Set([...groups.values()].flatMap((group) => [...group.keys()]))];
  sizes.sort((a, b) => a - b);
  const lines = [
    `| What | ${sizes.map(format).join(' | ')} | unit | at least | stretch |`,
    `|---|${sizes.map(() => '---:|').join('')}---|---:|---:|`,
  ];
  for (const [name, group] of groups) {
    const cells = sizes.map((size) => (group.has(size) ? format(group.get(size).value) : ''));
    const [{ unit, goal, stretch }] = group.values();
    lines.push(
      `| ${name} | ${cells.join(' | ')} | ${unit} | ${format(goal)} | ${format(stretch)} |`,
    );
  }
  return lines.join('\n');
}

function table(names) {
  const [first] = runs;
  const grown = new Set([...growthRows().values()].flatMap((group) => [...group.values()]));
  const head = runs.map(({ node }) => `Node ${node.slice(1)}`);
  const lines = [
    `| What | ${head.join(' | ')} | unit | at least | stretch | reached |`,
    `|---|${head.map(() => '---:|').join('')}---|---:|---:|---|`,
  ];
  const wanted = (row) => (names === undefined ? !grown.has(row) : names.includes(row.name));
  for (const row of first.results.filter(wanted)) {
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

function replaceBetween(path, marker, text) {
  const file = join(ROOT, path);
  const before = readFileSync(file, 'utf8');
  const after = before.replace(
    new RegExp(`(<!-- ${marker}: begin -->\\n)[\\s\\S]*?(<!-- ${marker}: end -->)`),
    (_, begin, end) => `${begin}\n${text}\n\n${end}`,
  );
  if (after === before) console.error(`${path}: nothing changed`);
  writeFileSync(file, after);
}

const machine = `Measured on ${runs[0].cpu}, two cores that the load generator shares.`;
const grown = [...growthRows().values()].reduce((sum, group) => sum + group.size, 0);
if (grown > 0) replaceBetween('spec/performance.md', 'growth', `${machine}\n\n${growthTable()}`);
if (grown < runs[0].results.length) {
  replaceBetween('spec/performance.md', 'speed', `${machine}\n\n${table()}`);
  replaceBetween('README.md', 'speed', `${machine}\n\n${table(README_ROWS)}`);
}
