// writ-driver-check FOLDER --connection FILE [--json]: tries a driver out (spec/drivers.md section 12).

import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { isLogError } from '@writ/core/errors';
import { packDriverFolder } from '../agent/driver-folder.ts';
import { type CheckResult, checkDriver } from './check-driver.ts';
import { parseScenario } from './scenario.ts';

const USAGE = `writ-driver-check FOLDER --connection FILE [--json]

Packs the driver in FOLDER (plugin.yaml and its files), and tries it with the scenario in FILE.
Exit code 0: it keeps the contract. 1: it does not. 2: it could not be tried.`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      connection: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const [folder] = positionals;
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  if (folder === undefined || positionals.length > 1 || values.connection === undefined) {
    console.error(USAGE);
    return 2;
  }
  const scenario = parseScenario(new Uint8Array(await readFile(values.connection)));
  const bytes = await packDriverFolder(folder);
  const results = await checkDriver(bytes, scenario, () => performance.now());
  if (values.json) console.log(JSON.stringify(results, null, 2));
  else for (const result of results) console.log(lineOf(result));
  const broken = results.filter(({ problem }) => problem !== null).length;
  if (!values.json) console.log(`${results.length - broken} of ${results.length} checks hold`);
  return broken === 0 ? 0 : 1;
}

function lineOf({ check, call, problem }: CheckResult): string {
  const what = call === null ? check : `${check} (${call})`;
  return problem === null ? `ok    ${what}` : `FAIL  ${what}: ${problem}`;
}

try {
  process.exitCode = await main();
} catch (error) {
  const isExpected = isLogError(error) || (error instanceof Error && 'code' in error);
  if (!isExpected) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
