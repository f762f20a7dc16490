// The files of a node, read and checked before anything starts: configuration, key, trust policy, secrets.

import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parseUtf8 } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { parseSignerKey } from '@writ/core/formats/key';
import { parsePolicy } from '@writ/core/formats/tlog-policy';
import { readNodeConfig, type SecretSources, withSecrets } from './node-config.ts';
import type { ServiceSettings } from './node-service.ts';
import { parseWebhookSecret } from './sources/webhook-signature.ts';

/** Largest file of a configuration in bytes. */
const MAX_FILE = 1024 * 1024;

/** Reads everything that `path` names. LogError config-invalid with the file that is wrong. */
export async function readNodeFiles(
  path: string,
  variables: Readonly<Record<string, string | undefined>>,
  version: string,
): Promise<ServiceSettings> {
  const config = readNodeConfig(await read(path, 'configuration'));
  const folder = dirname(resolve(path));
  const at = (name: string): string => resolve(folder, name);
  const sources: SecretSources = {
    file: async (name) => textOf(await read(at(name), 'secret'), name),
    env: (name) => variables[name],
  };
  const hosts = [];
  for (const { id, driver, connection } of config.hosts)
    hosts.push({ id, driver, connection: await withSecrets(connection, sources) });
  const senders = [];
  for (const { name, secret, may } of config.senders) {
    const text = await withSecrets(secret, sources);
    const bytes = typeof text === 'string' ? parseWebhookSecret(text) : undefined;
    if (bytes === undefined)
      invalid(`the secret of sender ${name} is not whsec_ and 24 to 64 bytes in base64`);
    senders.push({ name, secret: bytes, may: new Set(may) });
  }
  const nutPasswords = [];
  for (const { password } of config.nut) {
    const text = password === undefined ? undefined : await withSecrets(password, sources);
    if (text !== undefined && typeof text !== 'string') invalid('nut.password is not a text');
    nutPasswords.push(text);
  }
  return {
    config,
    policy: parsePolicy(await read(at(config.trust_policy), 'trust policy')),
    key: parseSignerKey(textOf(await read(at(config.key), 'key'), config.key).trimEnd()),
    hosts,
    senders,
    nutPasswords,
    data: at(config.data),
    version,
  };
}

async function read(path: string, what: string): Promise<Uint8Array> {
  try {
    const bytes = await readFile(path);
    if (bytes.length > MAX_FILE) invalid(`the ${what} ${path} is larger than ${MAX_FILE} bytes`);
    return bytes;
  } catch (error) {
    if (error instanceof LogError) throw error;
    const reason = error instanceof Error && 'code' in error ? error.code : error;
    return invalid(`cannot read the ${what} ${path}: ${reason}`);
  }
}

function textOf(bytes: Uint8Array, name: string): string {
  return parseUtf8(bytes) ?? invalid(`${name} is not UTF-8`);
}

function invalid(message: string): never {
  throw new LogError('config-invalid', message);
}
