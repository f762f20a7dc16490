// A real `writ-witness serve` in a child process.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Child, runProgram } from './child.ts';

const MAIN = fileURLToPath(import.meta.resolve('@writ/witness/main'));

/** A witness that was set up in a folder; it may run or not. */
export interface WitnessSetup {
  readonly dir: string;
  readonly vkeys: readonly string[];
}

/** `writ-witness init`: makes keys and an empty state in `dir`, which must not exist or be empty. */
export async function createWitness(
  dir: string,
  name: string,
  type = 'ed25519-cosignature',
): Promise<WitnessSetup> {
  const args = [MAIN, 'init', '--name', name, '--dir', dir, '--type', type];
  const output = await runProgram(process.execPath, args);
  return { dir, vkeys: output.trim().split('\n') };
}

/** A running witness. */
export interface WitnessProcess {
  readonly url: string;
  readonly child: Child;
}

/** Starts the witness of `setup` for `logVkeys` and waits until it answers. */
export async function startWitnessProcess(
  { dir }: WitnessSetup,
  logVkeys: readonly string[],
  port = 0,
): Promise<WitnessProcess> {
  const logs = `${dir}.logs`;
  await writeFile(logs, logVkeys.map((vkey) => `log ${vkey}\n`).join(''));
  const args = [MAIN, 'serve', '--dir', dir, '--logs', logs, '--port', String(port)];
  const child = new Child(process.execPath, args, { cwd: join(dir, '..') });
  let url: string | undefined;
  // It says where it listens once it does.
  await child.waitUntil(() => {
    url = /"url":"(http:[^"]+)"/.exec(child.output)?.[1];
    return url !== undefined;
  });
  return { url: url ?? '', child };
}
