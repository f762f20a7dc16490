#!/usr/bin/env node
// The one command: a log and three witnesses in ./data (or WRIT_DATA) on 127.0.0.1, the log on PORT (8080).

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSafeDecimal } from '@writ/core/bytes';
import { isLogError, LogError } from '@writ/core/errors';
import { ensureHome, type Home, homeAt } from './home.ts';
import { type Instance, startInstance } from './instance.ts';
import { freePorts } from './ports.ts';
import { COMMANDS } from './processes.ts';
import { pathFromHere, reasonOf, say, styled } from './talk.ts';

const DEFAULT_DIR = 'data';
const DEFAULT_PORT = 8080;
const CHECKPOINT_INTERVAL_MS = 1000;
const SUBMIT = fileURLToPath(new URL('submit.js', import.meta.url));
const EXAMPLES = fileURLToPath(new URL('../../examples/', import.meta.url));
const EXAMPLE = 'power-suspend-lab-on-battery';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

async function main(): Promise<number> {
  const signal = firstSignal();
  const home = homeAt(process.env['WRIT_DATA'] || DEFAULT_DIR);
  const logPort = await chooseLogPort();
  const isNew = await ensureHome(home.dir, {
    logPort,
    quorum: 2,
    random: (length) => Uint8Array.from(randomBytes(length)),
  });
  const instance = await startInstance(home, {
    logPort,
    checkpointIntervalMs: CHECKPOINT_INTERVAL_MS,
  });
  say(...welcome(home, instance, isNew));
  const failure = await Promise.race([signal, instance.failure]);
  if (failure !== undefined) process.stderr.write(`${styled('red', 'failed')}: ${failure}\n`);
  say('', styled('dim', '  Stopping …'));
  const isClean = await instance.stop();
  say(isClean ? '  Stopped. npm start continues here.' : '  Stopped, but not cleanly.', '');
  return failure === undefined && isClean ? 0 : EXIT_FAILED;
}

/** Resolves at the first request to stop; npm and the terminal may both send one, so later ones mean nothing. */
function firstSignal(): Promise<undefined> {
  return new Promise((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(name, () => resolve(undefined));
  });
}

async function chooseLogPort(): Promise<number> {
  const text = process.env['PORT'] || String(DEFAULT_PORT);
  const port = parseSafeDecimal(text);
  if (port === undefined || port > 65_535)
    throw new LogError('usage', `PORT is a number from 0 to 65535, not ${JSON.stringify(text)}`);
  if (port > 0) return port;
  const [free] = await freePorts(1);
  return free ?? DEFAULT_PORT;
}

function welcome(home: Home, instance: Instance, isNew: boolean): string[] {
  const policy = pathFromHere(home.policyPath);
  const proof = pathFromHere(join(home.proofsDir, EXAMPLE));
  const verify = pathFromHere(COMMANDS.verify);
  const setting = home.dir === DEFAULT_DIR ? '' : `WRIT_DATA=${pathFromHere(home.dir)} `;
  const row = (name: string, value: string): string =>
    `    ${styled('dim', name.padEnd(14))}${value}`;
  const command = (title: string, ...lines: string[]): string[] => [
    `    ${styled('dim', `# ${title}`)}`,
    `    ${lines.join(' \\\n      ')}`,
    '',
  ];
  return [
    '',
    `  ${styled('bold', 'Writ is running.')}${isNew ? `  New keys are in ${pathFromHere(home.dir)}.` : ''}`,
    '',
    row('log', styled('green', instance.url)),
    row('witnesses', instance.witnessUrls.join('  ')),
    row('trust policy', policy),
    row('messages', pathFromHere(home.logsDir)),
    '',
    `  ${styled('bold', 'Try next')}, in a second terminal:`,
    '',
    ...command(
      'sign the example policies, submit them, wait for the witnesses',
      `${setting}node ${pathFromHere(SUBMIT)} ${pathFromHere(EXAMPLES)}/*.json`,
    ),
    ...command(
      'verify the proof of one of them, offline, and see every hash of the path',
      `node ${verify} proof ${proof}.tlog-proof`,
      `--entry ${proof}.entry --policy ${policy} --explain`,
    ),
    ...command(
      'audit the whole log',
      `node ${verify} log ${instance.url} --online --policy ${policy}`,
    ),
    `  ${styled('dim', 'Ctrl-C stops everything.')}`,
    '',
  ];
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`writ: ${reasonOf(error)}\n`);
  process.exitCode = isLogError(error, 'usage') ? EXIT_USAGE : EXIT_FAILED;
}
