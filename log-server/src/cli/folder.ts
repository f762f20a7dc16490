// The folder of a log: ed25519.key and perhaps ml-dsa-44.key (mode 0600, one private key line each), and store/.

import { existsSync } from 'node:fs';
import { mkdir, open, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isLogError, LogError } from '@writ/core/errors';
import {
  createSigner,
  formatSignerKey,
  formatVkey,
  isKeyName,
  type KeyTypeByte,
  parseSignerKey,
  type SignerKey,
} from '@writ/core/formats/key';
import { openLevelStore } from '../storage/level.ts';
import type { LogStore } from '../storage/port.ts';

const SEED_SIZE = 32;
/** The Ed25519 key first: every reader knows its type. */
const KEY_FILES: readonly (readonly [file: string, type: KeyTypeByte])[] = [
  ['ed25519.key', 0x01],
  ['ml-dsa-44.key', 0x06],
];

/**
 * Makes the folder of a new log with fresh keys and an empty store; answers the vkeys. LogError usage for an
 * origin that cannot be one, config-invalid when there is something already: nothing is ever overwritten.
 */
export async function createLogFolder(
  dir: string,
  origin: string,
  withMldsa: boolean,
  random: (length: number) => Uint8Array,
): Promise<string[]> {
  if (!isKeyName(origin))
    throw new LogError('usage', '--origin has no white space and no plus, and at most 255 bytes');
  await mkdir(dir, { recursive: true, mode: 0o700 });
  if ((await readdir(dir)).length > 0)
    throw new LogError('config-invalid', `${dir} is not empty; choose a new folder`);
  const vkeys: string[] = [];
  for (const [file, type] of withMldsa ? KEY_FILES : KEY_FILES.slice(0, 1)) {
    const seed = random(SEED_SIZE);
    await writeSecret(join(dir, file), `${formatSignerKey(origin, type, seed)}\n`);
    vkeys.push(formatVkey(createSigner(origin, type, seed)));
  }
  // The empty store is made here and nowhere else, so that serve notices when it is gone.
  await (await openLevelStore(join(dir, 'store'))).close();
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

/** The keys in `dir`, all under one name. LogError config-invalid or key-malformed with the file. */
export async function loadSigners(dir: string): Promise<SignerKey[]> {
  const signers: SignerKey[] = [];
  for (const [file, type] of KEY_FILES) {
    const path = join(dir, file);
    if (!existsSync(path)) continue;
    const signer = await loadSigner(path);
    if (signer.type !== type) throw invalid(`${path} holds a key of another type`);
    signers.push(signer);
  }
  const [first] = signers;
  if (first?.type !== 0x01) throw invalid(`there is no log key in ${dir}; run writ-log init`);
  if (signers.some(({ name }) => name !== first.name))
    throw invalid(`the keys in ${dir} have different names`);
  return signers;
}

async function loadSigner(path: string): Promise<SignerKey> {
  if (((await stat(path)).mode & 0o077) !== 0)
    throw invalid(`others can read ${path}; run chmod 600 ${path}`);
  try {
    return parseSignerKey((await readFile(path, 'utf8')).replace(/\n$/, ''));
  } catch (error) {
    throw isLogError(error) ? new LogError(error.code, `${path}: ${error.message}`) : error;
  }
}

/** Opens the store in `dir`. LogError config-invalid when it is gone, storage-locked when it is in use. */
export async function openStore(dir: string): Promise<LogStore> {
  const path = join(dir, 'store');
  if (!existsSync(path)) {
    throw invalid(`the store ${path} is gone; restore it: a log that starts anew forks itself`);
  }
  return openLevelStore(path);
}

function invalid(message: string): LogError {
  return new LogError('config-invalid', message);
}
