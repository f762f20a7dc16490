// Files that commands read and write. Whole or not at all, and nothing is ever overwritten unasked.

import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LogError } from '@writ/core/errors';
import { parseSignerKey, type SignerKey } from '@writ/core/formats/key';
import type { JsonValue } from '@writ/core/statements/jcs';
import type { Constitution } from '@writ/core/statements/kinds/constitution';

/** Far above any policy, constitution or export of a village. */
export const MAX_INPUT_BYTES: number = 64 * 1024 * 1024;

/** The bytes of a file that was named on the command line. LogError usage when it cannot be read. */
export async function readInput(path: string, title: string): Promise<Uint8Array> {
  try {
    if ((await stat(path)).size > MAX_INPUT_BYTES) throw new Error('it is too large');
    return Uint8Array.from(await readFile(path));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new LogError('usage', `cannot read ${title} ${path}: ${reason}`, { field: title }, error);
  }
}

/** A JSON file. LogError usage, json-malformed. */
export async function readJson(path: string, title: string): Promise<JsonValue> {
  const text = new TextDecoder('utf-8', { fatal: true });
  const bytes = await readInput(path, title);
  try {
    const value: JsonValue = JSON.parse(text.decode(bytes));
    return value;
  } catch (error) {
    throw new LogError('json-malformed', `${path} is not JSON`, { path }, error);
  }
}

/** The private key in a file that nobody else can read. LogError usage, config-invalid, key-malformed. */
export async function readKey(path: string): Promise<SignerKey> {
  const bytes = await readInput(path, 'key');
  if (((await stat(path)).mode & 0o077) !== 0)
    throw new LogError('config-invalid', `others can read ${path}; run chmod 600 ${path}`);
  const key = parseSignerKey(new TextDecoder().decode(bytes).trimEnd());
  if (key.type === 0x01) return key;
  throw new LogError('config-invalid', `${path} is no Ed25519 key for statements`);
}

/** Makes a file that only its owner can read. LogError config-invalid when there is one already. */
export async function writeSecret(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600).catch((error: unknown) => {
    const exists = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    if (exists) throw new LogError('config-invalid', `${path} exists; choose another file`);
    throw new LogError('storage-failed', `cannot write ${path}`, { path }, error);
  });
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Writes a file whole or not at all; with what only members of a village may know, nobody else on the machine can read it.
 * LogError storage-failed.
 */
export async function writeWhole(
  path: string,
  bytes: Uint8Array,
  visibility: Constitution['visibility'] = 'public',
): Promise<void> {
  const temporary = join(dirname(path), `.writ-${process.pid}.tmp`);
  try {
    await rm(temporary, { force: true }); // of a run that was killed, or somebody's link
    const file = await open(temporary, 'wx', visibility === 'private' ? 0o600 : 0o666);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw new LogError('storage-failed', `cannot write ${path}`, { path }, error);
  }
}
