// The process of writ-node: clock, randomness, network, terminal and exit code.

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import type { NodeEnv } from './node.ts';
import { runNode } from './run-command.ts';

const logger = pino({ level: 'info' }, pino.destination({ dest: 2, sync: true }));
const EXIT_FAULT = 70;
/** How long the process may outlive its command, for output that is on its way. */
const LINGER_MS = 1000;

const env: NodeEnv = {
  now: () => Date.now(),
  nowSeconds: () => Math.floor(Date.now() / 1000),
  monotonic: () => performance.now(),
  later: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
  random: Math.random,
  randomBytes: (size) => Uint8Array.from(randomBytes(size)),
  fetch: (...request) => fetch(...request),
  timeout: (ms) => AbortSignal.timeout(ms),
  sleep: (ms, signal) =>
    sleep(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined),
  say: (event, facts) => {
    if (/failed|refused|missing|missed|unknown|fault|override/.test(event))
      logger.warn(facts, event);
    else logger.info(facts, event);
  },
};

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return /"version": "([^"]+)"/.exec(text)?.[1] ?? 'unknown';
}

async function standardInput(): Promise<string> {
  process.stdin.setEncoding('utf8');
  let text = '';
  for await (const chunk of process.stdin) {
    text += String(chunk);
    if (text.length > 1024 * 1024) break;
  }
  return text;
}

/** A fault is told, and then the process ends: whoever started it starts it again, and records say what was left open. */
function die(error: unknown): never {
  logger.fatal({ err: error }, 'fault: the node ends');
  process.exit(EXIT_FAULT);
}

process.on('uncaughtException', die);
process.on('unhandledRejection', die);
// A reader that goes away must not end a node.
process.stdout.on('error', () => {});
process.exitCode = await runNode(process.argv.slice(2), {
  env,
  variables: process.env,
  version: version(),
  out: (text) => process.stdout.write(text),
  error: (text) => process.stderr.write(text),
  standardInput,
  setLogLevel: (level) => {
    logger.level = level;
  },
  ended: () =>
    new Promise((resolve) => {
      process.once('SIGINT', () => resolve());
      process.once('SIGTERM', () => resolve());
    }),
});
setTimeout(() => process.exit(), LINGER_MS).unref();
