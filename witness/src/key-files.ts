// The folder of a witness: <type>.key files of mode 0600, one private key line each, and heads/, the state.

import { mkdir, open, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isLogError, LogError } from '@writ/core/errors';
import {
  createSigner,
  formatSignerKey,
  formatVkey,
  type KeyTypeByte,
  parseSignerKey,
  type SignerKey,
} from '@writ/core/formats/key';
import { openLevelHeads } from './heads-level.ts';

const SEED_SIZE = 32;
const FILES: Readonly<Record<string, KeyTypeByte>> = {
  'ed25519-cosignature': 0x04,
  'ml-dsa-44': 0x06,
};

/** Where the state of the witness in `dir` is. */
export function statePath(dir: string): string {
  return join(dir, 'heads');
}

/** The key types that `--type` stands for. LogError usage. */
export function keyTypes(type: string): string[] {
  if (type === 'both') return Object.keys(FILES);
  if (Object.hasOwn(FILES, type)) return [type];
  throw new LogError('usage', `--type is ${Object.keys(FILES).join(', ')} or both`);
}

/**
 * Makes the folder with fresh keys and an empty state; answers the vkeys.
 * LogError config-invalid when there is a witness already: nothing is ever overwritten.
 */
export async function createWitnessFolder(
  dir: string,
  name: string,
  types: readonly string[],
  random: (length: number) => Uint8Array,
): Promise<string[]> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  if ((await readdir(dir)).length > 0)
    throw new LogError('config-invalid', `${dir} is not empty; choose a new folder`);
  const vkeys: string[] = [];
  for (const label of types) {
    const type = FILES[label] ?? 0x04;
    const seed = random(SEED_SIZE);
    await writeSecret(join(dir, `${label}.key`), `${formatSignerKey(name, type, seed)}\n`);
    vkeys.push(formatVkey(createSigner(name, type, seed)));
  }
  // The empty state is made here and nowhere else: serve must notice when it is gone.
  await (await openLevelHeads(statePath(dir), { create: true })).close();
  return vkeys;
}

async function writeSecret(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The signers in `dir`. LogError config-invalid or key-malformed with the file. */
export async function loadKeyFiles(dir: string): Promise<SignerKey[]> {
  const names = await readdir(dir).catch(() => []);
  const files = names.filter((name) => name.endsWith('.key')).sort();
  if (files.length === 0)
    throw new LogError('config-invalid', `there are no keys in ${dir}; run writ-witness init`);
  return Promise.all(files.map((name) => loadKeyFile(join(dir, name))));
}

async function loadKeyFile(path: string): Promise<SignerKey> {
  if (((await stat(path)).mode & 0o077) !== 0)
    throw new LogError('config-invalid', `others can read ${path}; run chmod 600 ${path}`);
  try {
    return parseSignerKey((await readFile(path, 'utf8')).replace(/\n$/, ''));
  } catch (error) {
    throw isLogError(error) ? new LogError(error.code, `${path}: ${error.message}`) : error;
  }
}
