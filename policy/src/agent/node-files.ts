// The files of a node, read and checked before anything starts: configuration, key, trust policy, secrets.

import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { parseUtf8, utf8 } from '@writ/core/bytes';
import { isLogError, LogError } from '@writ/core/errors';
import { parseSignerKey } from '@writ/core/formats/key';
import { parsePolicy } from '@writ/core/formats/tlog-policy';
import { type NodeConfig, readNodeConfig, type SecretSources, withSecrets } from './node-config.ts';
import type { ServiceSettings } from './node-service.ts';
import { parseWebhookSecret } from './sources/webhook-signature.ts';

/** Largest file of a configuration in bytes. */
const MAX_FILE = 1024 * 1024;

/** Longest path of a Unix socket that all systems take. */
const MAX_SOCKET_PATH = 103;
export const CONTROL_SOCKET = 'control.sock';

/** Reads everything that `path` names. LogError config-invalid that names the file, the member and what is wrong. */
export async function readNodeFiles(
  path: string,
  variables: Readonly<Record<string, string | undefined>>,
  version: string,
): Promise<ServiceSettings> {
  try {
    return await readAll(path, variables, version);
  } catch (error) {
    // A key or a trust policy that cannot be read is as wrong a configuration as an unknown member.
    if (!isLogError(error)) throw error;
    throw new LogError('config-invalid', `${path}: ${error.message}`, error.detail, error);
  }
}

async function readAll(
  path: string,
  variables: Readonly<Record<string, string | undefined>>,
  version: string,
): Promise<ServiceSettings> {
  const config = readNodeConfig(await read(path, 'configuration'));
  const folder = dirname(resolve(path));
  const at = (name: string): string => resolve(folder, name);
  const sources: SecretSources = {
    file: async (name) => textOf(await read(at(name), 'secret')),
    env: (name) => variables[name],
  };
  const data = at(config.data);
  if (utf8(join(data, CONTROL_SOCKET)).length > MAX_SOCKET_PATH)
    invalid(`data: the path is too long for a socket in it (${MAX_SOCKET_PATH} bytes at most)`);
  const policy = await member('trust_policy', async () =>
    parsePolicy(await read(at(config.trust_policy), 'file')),
  );
  const key = await member('key', async () =>
    parseSignerKey(textOf(await read(at(config.key), 'file')).trimEnd()),
  );
  const parts = await secretsOf(config, sources);
  return { config, policy, key, ...parts, data, version };
}

async function secretsOf(
  { hosts, senders, nut }: NodeConfig,
  sources: SecretSources,
): Promise<Pick<ServiceSettings, 'hosts' | 'senders' | 'nutPasswords'>> {
  const opened = [];
  for (const [i, { id, driver, packages, connection }] of hosts.entries()) {
    const found = await member(`hosts.${i}.connection`, () => withSecrets(connection, sources));
    opened.push({ id, driver, packages, connection: found });
  }
  const known = [];
  for (const [i, { name, secret, may }] of senders.entries()) {
    const at = `senders.${i}.secret`;
    const text = await member(at, () => withSecrets({ ...secret }, sources));
    const bytes = typeof text === 'string' ? parseWebhookSecret(text) : undefined;
    if (bytes === undefined) invalid(`${at}: must be whsec_ and 24 to 64 bytes in base64`);
    known.push({ name, secret: bytes, may: new Set(may) });
  }
  const nutPasswords = [];
  for (const [i, { password }] of nut.entries()) {
    const at = `nut.${i}.password`;
    const text =
      password === undefined
        ? undefined
        : await member(at, () => withSecrets({ ...password }, sources));
    nutPasswords.push(typeof text === 'string' ? text : undefined);
  }
  return { hosts: opened, senders: known, nutPasswords };
}

/** What is wrong with a file is wrong with the member that names it. */
async function member<Value>(name: string, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    if (!isLogError(error)) throw error;
    throw new LogError('config-invalid', `${name}: ${error.message}`, error.detail, error);
  }
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

function textOf(bytes: Uint8Array): string {
  return parseUtf8(bytes) ?? invalid('the file is not UTF-8');
}

function invalid(message: string): never {
  throw new LogError('config-invalid', message);
}
