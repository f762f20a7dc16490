#!/usr/bin/env node
// writ-witness: the command. The only file that knows the real clock, randomness and process.

import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parseSafeDecimal } from '@writ/core/bytes';
import { isLogError, LogError } from '@writ/core/errors';
import { formatVkey, isKeyName } from '@writ/core/formats/key';
import { createWitnessFolder, KEY_CHOICES, loadKeyFiles, parseFile } from './key-files.ts';
import { parseLogList } from './log-list.ts';
import { startWitness } from './server.ts';

const HELP = `writ-witness: a transparency log witness (https://c2sp.org/tlog-witness)

  writ-witness init --name NAME --dir DIR [--type ed25519-cosignature|ml-dsa-44|both]
      Makes new keys and an empty state in DIR and prints the verifier keys.
  writ-witness key --dir DIR
      Prints the verifier keys.
  writ-witness serve --dir DIR --logs FILE [--port 7380] [--host 127.0.0.1]
      Cosigns the logs in FILE: lines "log <vkey>", or a C2SP trust policy. SIGHUP reads it again.
  writ-witness --help, --version
`;
const STRINGS = ['name', 'dir', 'type', 'logs', 'port', 'host'];
const FLAGS = ['help', 'version'];
const OPTIONS = Object.fromEntries([
  ...STRINGS.map((name) => [name, { type: 'string' }] as const),
  ...FLAGS.map((name) => [name, { type: 'boolean' }] as const),
]);
/** How long a stop waits for clients. */
const DRAIN_MS = 5_000;
/** Option values by name; strings stay strings. */
type Values = Readonly<Record<string, unknown>>;

async function run(args: string[]): Promise<void> {
  const [values, command, ...rest] = parseCommand(args);
  if (values['help'] === true) return print([HELP.trimEnd()]);
  if (values['version'] === true) return print([await version()]);
  if (rest.length > 0) throw usage(`unexpected argument ${rest[0]}`);
  if (command === 'init') return print(await init(values));
  if (command === 'key')
    return print((await loadKeyFiles(required(values, 'dir'))).map(formatVkey));
  if (command === 'serve') return serve(values);
  throw usage(command === undefined ? 'no command given' : `unknown command ${command}`);
}

function parseCommand(args: string[]): [Values, ...string[]] {
  try {
    const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true });
    return [values, ...positionals];
  } catch (error) {
    throw usage(error instanceof Error ? error.message : String(error));
  }
}

async function init(values: Values): Promise<string[]> {
  const name = required(values, 'name');
  if (!isKeyName(name)) throw usage('--name has no white space and no plus, and at most 255 bytes');
  const type = required(values, 'type', 'ed25519-cosignature');
  const types = new Map(Object.entries(KEY_CHOICES)).get(type);
  if (types === undefined) throw usage(`--type is one of ${Object.keys(KEY_CHOICES).join(', ')}`);
  return createWitnessFolder(required(values, 'dir'), name, types, (n) => randomBytes(n).slice());
}

async function serve(values: Values): Promise<void> {
  const dir = required(values, 'dir');
  const listPath = required(values, 'logs');
  const port = parseSafeDecimal(required(values, 'port', '7380'));
  if (port === undefined || port > 65_535) throw usage('--port is a number from 0 to 65535');
  const keys = await loadKeyFiles(dir);
  const logs = await parseFile(listPath, parseLogList);
  const { pino } = await import('pino'); // the other commands start faster without it
  const log = pino();
  const env = { nowMs: () => Date.now(), log };
  const [storePath, host] = [join(dir, 'heads'), required(values, 'host', '127.0.0.1')];
  const address = { port, host };
  const witness = await startWitness({
    keys,
    logs,
    storePath,
    createStore: false,
    ...address,
    env,
  });
  const reload = async (): Promise<void> => {
    witness.setLogs(await parseFile(listPath, parseLogList));
    log.info({ file: listPath }, 'the list of logs was read again');
  };
  const keepOld = (err: unknown): void =>
    log.error({ err, file: listPath }, 'the list of logs is not usable; the old one stays');
  process.on('SIGHUP', () => reload().catch(keepOld));
  const stop = async (): Promise<void> => {
    setTimeout(() => process.exit(), DRAIN_MS).unref(); // as safe as a crash
    await witness.close();
    log.info({}, 'stopped');
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  log.info({ url: witness.url, vkeys: witness.vkeys }, 'listening');
}

async function version(): Promise<string> {
  return JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')).version;
}

function required(values: Values, name: string, byDefault?: string): string {
  const value = values[name] ?? byDefault;
  if (typeof value !== 'string' || value === '') throw usage(`--${name} is missing`);
  return value;
}

function usage(message: string): LogError {
  return new LogError('usage', `${message}; see writ-witness --help`);
}

function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** 2 usage and settings, 8 malformed file, 10 storage or network, 70 our own fault. */
function exitStatus(error: unknown): number {
  if (!isLogError(error)) return error instanceof Error && 'syscall' in error ? 10 : 70;
  if (error.code.startsWith('storage-')) return 10;
  return error.code === 'usage' || error.code === 'config-invalid' ? 2 : 8;
}

try {
  await run(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`writ-witness: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = exitStatus(error);
}
