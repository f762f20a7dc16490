// `npm run bench`: measures what the project promises and prints it against the goals.
//
//   npm run bench                      all of it, as a table
//   npm run -s bench -- --json         {node, cpu, results: [{name, value, unit, goal, stretch, better}]}
//   npm run bench -- --only NAME       benchmarks or results whose name contains NAME
//   npm run bench -- --grow            and logs of 10^7 entries where growth is shown

import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { applyPending } from './apply-pending.ts';
import { audit } from './audit.ts';
import { browserProof } from './browser.ts';
import { engine } from './engine.ts';
import { enginePolicy } from './engine-policy.ts';
import { engineStart } from './engine-start.ts';
import { streamIndex, streamIndexMemory } from './index.ts';
import { batch, ingest, publish, read32, statements } from './ingest.ts';
import { policyCompile } from './policy-compile.ts';
import { policyInventory } from './policy-inventory.ts';
import { proof } from './proof.ts';
import type { Benchmark, Result } from './result.ts';
import { coldStart, memory } from './start.ts';
import { streamProofs } from './stream-proofs.ts';
import { followVillages, policyLatest, villageStatements } from './villages.ts';
import { witness } from './witness.ts';

const BENCHMARKS: readonly Benchmark[] = [
  engine,
  ingest,
  statements,
  batch,
  publish,
  read32,
  witness,
  proof,
  browserProof,
  audit,
  coldStart,
  streamIndex,
  streamIndexMemory,
  villageStatements,
  streamProofs,
  policyLatest,
  followVillages,
  applyPending,
  memory,
  policyCompile,
  policyInventory,
  enginePolicy,
  engineStart,
];

const { values } = parseArgs({
  options: { json: { type: 'boolean' }, only: { type: 'string' }, grow: { type: 'boolean' } },
});
const chosen = BENCHMARKS.filter(
  ({ name }) => values.only === undefined || name.includes(values.only),
);
if (chosen.length === 0) {
  console.error(
    `no benchmark is called ${values.only}; there are: ${BENCHMARKS.map(({ name }) => name).join(', ')}`,
  );
  process.exit(2);
}
const say = (line: string): void => console.error(`  ${line}`);
const results: Result[] = [];
for (const benchmark of chosen) {
  console.error(`${benchmark.name} ...`);
  results.push(...(await benchmark.run(say)));
}
if (values.json)
  console.log(JSON.stringify({ node: process.version, cpu: cpus()[0]?.model ?? '', results }));
else printTable(results);

function printTable(rows: readonly Result[]): void {
  console.log(`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model ?? ''}\n`);
  console.log(
    `${'what'.padEnd(52)} ${'value'.padStart(10)} ${'unit'.padEnd(10)} ${'goal'.padStart(9)} ${'stretch'.padStart(9)}`,
  );
  for (const row of rows) {
    const reached = (limit: number): boolean =>
      row.better === 'higher' ? row.value >= limit : row.value <= limit;
    const verdict = reached(row.stretch) ? 'stretch' : reached(row.goal) ? 'goal' : 'below goal';
    const cells = [row.value, row.goal, row.stretch].map((value) =>
      value >= 100 ? value.toFixed(0) : value.toFixed(2),
    );
    console.log(
      `${row.name.padEnd(52)} ${cells[0]?.padStart(10)} ${row.unit.padEnd(10)} ${cells[1]?.padStart(9)} ${cells[2]?.padStart(9)}  ${verdict}`,
    );
  }
}
