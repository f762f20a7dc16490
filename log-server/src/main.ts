#!/usr/bin/env node
// writ-log: the command. The only file that knows the real clock, randomness, network and process.

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ErrorCode, isLogError, LogError } from '@writ/core/errors';
import { type Command, parseCommandLine, requireValue, type Values } from './cli/command-line.ts';
import { INIT_FLAGS, SERVE_FLAGS } from './cli/flags.ts';
import type { Env, Logger } from './env.ts';

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
  'storage-failed': EXIT_SURROUNDINGS,
  'storage-full': EXIT_SURROUNDINGS,
  'storage-corrupt': EXIT_SURROUNDINGS,
  'storage-locked': EXIT_SURROUNDINGS,
};

const COMMANDS: readonly Command[] = [
  {
    name: 'init',
    summary: 'Make the keys and the empty store of a new log, and print its verifier keys',
    flags: INIT_FLAGS,
    run: initLog,
  },
  { name: 'serve', summary: 'Run a log', flags: SERVE_FLAGS, run: runServer },
];

async function initLog(values: Values): Promise<void> {
  const origin = requireValue(values, 'origin');
  const dir = requireValue(values, 'dir');
  const { createLogFolder } = await import('./cli/folder.ts');
  const vkeys = await createLogFolder(dir, origin, values.has('ml-dsa'), random);
  process.stdout.write(`${vkeys.join('\n')}\n`);
}

async function runServer(values: Values): Promise<void> {
  const { serve } = await import('./cli/serve.ts'); // help and init start faster without a server
  const log = await createLogger(requireValue(values, 'log-level'));
  const serving = await serve(createEnv(log), values, version());
  let isStopping = false;
  const stop = async (signal: string): Promise<void> => {
    if (isStopping) return;
    isStopping = true;
    log.info({ signal }, 'stopping');
    await serving.service.close();
    log.info({}, 'stopped');
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  process.on('SIGHUP', serving.reloadAuthors);
  process.stdout.write(`${serving.announcement}\n`);
}

async function createLogger(level: string): Promise<Logger> {
  if (!['debug', 'info', 'warn', 'error'].includes(level))
    throw new LogError('usage', '--log-level is debug, info, warn or error');
  const { destination, pino } = await import('pino');
  const logger = pino({ level }, destination(2));
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
  };
}

function createEnv(log: Logger): Env {
  return {
    nowMs: () => Date.now(),
    random,
    fetch: globalThis.fetch,
    sleep: (milliseconds, signal) =>
      sleep(milliseconds, undefined, signal === undefined ? {} : { signal }).catch(() => undefined),
    log,
  };
}

function random(length: number): Uint8Array {
  return Uint8Array.from(randomBytes(length));
}

function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return /"version": "([^"]+)"/.exec(text)?.[1] ?? 'unknown';
}

try {
  const program = { name: 'writ-log', version: version() };
  const parsed = parseCommandLine(program, COMMANDS, process.argv.slice(2), process.env);
  await parsed?.command.run(parsed.values);
} catch (error) {
  const reason = error instanceof Error ? error.message : String(error);
  process.stderr.write(`writ-log: ${reason}\n`);
  process.exitCode = isLogError(error) ? (EXIT[error.code] ?? EXIT_BUG) : EXIT_BUG;
}
