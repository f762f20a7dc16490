#!/usr/bin/env node
// writ-witness: the command. The only file that knows the real clock, randomness and process.

import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { parseSafeDecimal } from '@writ/core/bytes';
import { type ErrorCode, isLogError, LogError } from '@writ/core/errors';
import { formatVkey, isKeyName, type VerifierKey } from '@writ/core/formats/key';
import { createWitnessFolder, keyTypes, loadKeyFiles, statePath } from './key-files.ts';
import { parseLogList } from './log-list.ts';
import { startWitness } from './server.ts';

const HELP = `writ-witness: a transparency log witness (https://c2sp.org/tlog-witness)

  writ-witness init  --name NAME --dir DIR [--type TYPE]
      Makes new keys and an empty state in DIR and prints the verifier keys.
      TYPE is ed25519-cosignature (default), ml-dsa-44 or both.
  writ-witness key   --dir DIR
      Prints the verifier keys.
  writ-witness serve --dir DIR --logs FILE [--port 7380] [--host 127.0.0.1]
      Cosigns the logs in FILE: lines "log <vkey>", or a C2SP trust policy.
      SIGHUP reads FILE again; SIGINT and SIGTERM stop.

  --help, --version
`;

const OPTIONS = {
  name: { type: 'string' },
  dir: { type: 'string' },
  type: { type: 'string', default: 'ed25519-cosignature' },
  logs: { type: 'string' },
  port: { type: 'string', default: '7380' },
  host: { type: 'string', default: '127.0.0.1' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const;

/** Option values by name; strings stay strings. */
type Values = Readonly<Record<string, string | boolean | undefined>>;

const EXIT_USAGE = 2;
const EXIT_MALFORMED = 8;
const EXIT_SURROUNDINGS = 10;
const EXIT_BUG = 70;
const EXIT: Partial<Readonly<Record<ErrorCode, number>>> = {
  usage: EXIT_USAGE,
  'config-invalid': EXIT_USAGE,
  'key-malformed': EXIT_MALFORMED,
  'key-weak': EXIT_MALFORMED,
  'policy-malformed': EXIT_MALFORMED,
  'storage-corrupt': EXIT_SURROUNDINGS,
  'storage-failed': EXIT_SURROUNDINGS,
  'storage-locked': EXIT_SURROUNDINGS,
};

async function run(args: string[]): Promise<void> {
  const { values, positionals } = parseCommand(args);
  const [command, ...rest] = positionals;
  if (values['help'] === true) return print(HELP);
  if (values['version'] === true) return print(`${await version()}\n`);
  if (rest.length > 0) throw usage(`unexpected argument ${rest[0]}`);
  if (command === 'init') return init(values);
  if (command === 'key') return key(values);
  if (command === 'serve') return serve(values);
  throw usage(command === undefined ? 'no command given' : `unknown command ${command}`);
}

function parseCommand(args: string[]): { values: Values; positionals: string[] } {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true, strict: true });
  } catch (error) {
    throw usage(error instanceof Error ? error.message : String(error));
  }
}

async function init(values: Values): Promise<void> {
  const name = required(values, 'name');
  if (!isKeyName(name)) throw usage('--name has no white space and no plus, and at most 255 bytes');
  const types = keyTypes(required(values, 'type'));
  const vkeys = await createWitnessFolder(required(values, 'dir'), name, types, (length) =>
    Uint8Array.from(randomBytes(length)),
  );
  print(`${vkeys.join('\n')}\n`);
}

async function key(values: Values): Promise<void> {
  const signers = await loadKeyFiles(required(values, 'dir'));
  print(signers.map((signer) => `${formatVkey(signer)}\n`).join(''));
}

async function serve(values: Values): Promise<void> {
  const dir = required(values, 'dir');
  const listPath = required(values, 'logs');
  const port = parseSafeDecimal(required(values, 'port'));
  if (port === undefined || port > 65_535) throw usage('--port is a number from 0 to 65535');
  const keys = await loadKeyFiles(dir);
  const { pino } = await import('pino'); // the other commands start faster without it
  const log = pino();
  const witness = await startWitness({
    keys,
    logs: await readLogList(listPath),
    storePath: statePath(dir),
    createStore: false,
    port,
    host: required(values, 'host'),
    env: { nowMs: () => Date.now(), log },
  });
  process.on('SIGHUP', async () => {
    try {
      witness.setLogs(await readLogList(listPath));
      log.info({ file: listPath }, 'the list of logs was read again');
    } catch (error) {
      log.error(
        { err: error, file: listPath },
        'the list of logs is not usable; the old one stays',
      );
    }
  });
  let isStopping = false;
  const stop = async (): Promise<void> => {
    if (isStopping) return;
    isStopping = true;
    await witness.close();
    log.info({}, 'stopped');
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  log.info({ url: witness.url, vkeys: witness.vkeys }, 'listening');
}

async function readLogList(path: string): Promise<VerifierKey[]> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw new LogError('config-invalid', `cannot read the list of logs ${path}`, {}, error);
  });
  try {
    return parseLogList(bytes);
  } catch (error) {
    throw isLogError(error) ? new LogError(error.code, `${path}: ${error.message}`) : error;
  }
}

async function version(): Promise<string> {
  const file = new URL('../package.json', import.meta.url);
  const parsed: unknown = JSON.parse(await readFile(file, 'utf8'));
  const hasVersion = typeof parsed === 'object' && parsed !== null && 'version' in parsed;
  return hasVersion ? String(parsed.version) : 'unknown';
}

function required(values: Values, name: string): string {
  const value = values[name];
  if (typeof value !== 'string' || value === '') throw usage(`--${name} is missing`);
  return value;
}

function usage(message: string): LogError {
  return new LogError('usage', `${message}; see writ-witness --help`);
}

function print(text: string): void {
  process.stdout.write(text);
}

try {
  await run(process.argv.slice(2));
} catch (error) {
  const reason = error instanceof Error ? error.message : String(error);
  process.stderr.write(`writ-witness: ${reason}\n`);
  process.exitCode = isLogError(error) ? (EXIT[error.code] ?? EXIT_BUG) : EXIT_BUG;
  // A port in use and the like: the surroundings, not us.
  if (error instanceof Error && 'syscall' in error) process.exitCode = EXIT_SURROUNDINGS;
}
