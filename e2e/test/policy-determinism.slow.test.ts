// The same policies give the same bytes on every supported version of Node, in any locale and time zone. Other
// versions are taken from WRIT_NODES, a list of executables with colons between; what is not there is named.

import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { generateSpecs } from '@writ/policy/test/arbitrary-spec';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const determinism = suite('policies compile to the same bytes everywhere');

const run = promisify(execFile);
const CHILD = fileURLToPath(new URL('compile-many.js', import.meta.url));
const COUNT = 10_000;
const VERSIONS = [20, 22, 24];
// Where i has two capitals, where numbers have other digits, where clocks change by half an hour.
const PLACES = [
  { TZ: 'UTC', LC_ALL: 'C' },
  { TZ: 'Asia/Kathmandu', LC_ALL: 'tr_TR.UTF-8' },
  { TZ: 'America/St_Johns', LC_ALL: 'ar_EG.UTF-8' },
  { TZ: 'Australia/Lord_Howe', LC_ALL: 'de_DE.UTF-8' },
];

interface Report {
  readonly node: string;
  readonly locale: string;
  readonly timeZone: string;
  readonly policies: number;
  readonly bytes: number;
  readonly digest: string;
}

/** Executables, this one first; each major version once. */
async function findNodes(): Promise<ReadonlyMap<number, string>> {
  const given = (process.env['WRIT_NODES'] ?? '').split(':').filter((path) => existsSync(path));
  const found = new Map<number, string>();
  for (const path of [process.execPath, ...given]) {
    const { stdout } = await run(path, ['-p', 'process.versions.node']);
    const major = Number(stdout.split('.')[0]);
    if (!found.has(major)) found.set(major, path);
  }
  return found;
}

async function compileOn(node: string, place: object, file: string): Promise<Report> {
  const { stdout } = await run(node, [CHILD, file], { env: { ...place } });
  const report: Report = JSON.parse(stdout);
  return report;
}

determinism('10,000 generated policies, each version of Node, several places', async () => {
  const nodes = await findNodes();
  for (const version of VERSIONS)
    if (!nodes.has(version)) console.log(`skipped: no Node ${version} in WRIT_NODES`);
  const seed = Math.floor(Math.random() * 2 ** 31);
  const folder = mkdtempSync(join(tmpdir(), 'writ-determinism-'));
  const file = join(folder, 'policies');
  const documents = generateSpecs(COUNT, seed).map((document) => JSON.stringify(document));
  writeFileSync(file, documents.join('\n'));
  const reports: Report[] = [];
  for (const [version, node] of nodes) {
    // Each version in a place of its own, and this one in all of them.
    const places = node === process.execPath ? PLACES : [PLACES[version % PLACES.length] ?? {}];
    for (const place of places) reports.push(await compileOn(node, place, file));
  }
  rmSync(folder, { recursive: true });
  const [first] = reports;
  assert.is(first?.policies, COUNT);
  assert.ok((first?.bytes ?? 0) > COUNT * 500);
  assert.ok(new Set(reports.map(({ timeZone }) => timeZone)).size >= PLACES.length);
  for (const report of reports)
    assert.is(report.digest, first?.digest, `seed ${seed}: ${JSON.stringify([first, report])}`);
});

determinism.run();
