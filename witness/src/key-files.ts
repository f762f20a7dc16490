// The folder of a witness: <type>.key files of mode 0600, one private key line each, and heads/, the state.

import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseUtf8 } from '@writ/core/bytes';
import { isLogError, LogError } from '@writ/core/errors';
import * as keys from '@writ/core/formats/key';
import { openLevelHeads } from './heads-level.ts';

const SEED_SIZE = 32;
/** What `--type` takes. */
export const KEY_CHOICES: Readonly<Record<string, readonly keys.KeyTypeByte[]>> = {
  'ed25519-cosignature': [0x04],
  'ml-dsa-44': [0x06],
  both: [0x04, 0x06],
};

/**
 * Makes the folder with fresh keys and an empty state; answers the vkeys. The state is made here and
 * nowhere else: `serve` must notice when it is gone. LogError config-invalid for a folder in use.
 */
export async function createWitnessFolder(
  dir: string,
  name: string,
  types: readonly keys.KeyTypeByte[],
  random: (length: number) => Uint8Array,
): Promise<string[]> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  if ((await readdir(dir)).length > 0)
    throw new LogError('config-invalid', `${dir} is not empty; choose a new folder`);
  const vkeys: string[] = [];
  for (const type of types) {
    const seed = random(SEED_SIZE);
    const path = join(dir, `${keys.KEY_TYPES[type].label}.key`);
    const line = `${keys.formatSignerKey(name, type, seed)}\n`;
    await writeFile(path, line, { flag: 'wx', mode: 0o600, flush: true });
    vkeys.push(keys.formatVkey(keys.createSigner(name, type, seed)));
  }
  await (await openLevelHeads(join(dir, 'heads'), { create: true })).close();
  return vkeys;
}

/** The signers in `dir`. LogError config-invalid or key-malformed with the file. */
export async function loadKeyFiles(dir: string): Promise<keys.SignerKey[]> {
  const names = await readdir(dir).catch(() => []);
  const files = names.filter((name) => name.endsWith('.key')).sort();
  if (files.length === 0)
    throw new LogError('config-invalid', `there are no keys in ${dir}; run writ-witness init`);
  return Promise.all(files.map((name) => loadKeyFile(join(dir, name))));
}

async function loadKeyFile(path: string): Promise<keys.SignerKey> {
  if (((await stat(path)).mode & 0o077) !== 0)
    throw new LogError('config-invalid', `others can read ${path}; run chmod 600 ${path}`);
  return parseFile(path, (b) => keys.parseSignerKey((parseUtf8(b) ?? '').replace(/\n$/, '')));
}

/** What `parse` makes of a file; its LogErrors name the file. */
export async function parseFile<T>(path: string, parse: (bytes: Uint8Array) => T): Promise<T> {
  const bytes = await readFile(path);
  try {
    return parse(bytes);
  } catch (error) {
    throw isLogError(error) ? new LogError(error.code, `${path}: ${error.message}`) : error;
  }
}
