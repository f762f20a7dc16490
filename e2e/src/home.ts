// The data folder of an instance: keys, stores and the files that tie them together.
//
//   trust.policy   which log to believe, which witnesses must cosign; also remembers their ports
//   authors        whose statements the log takes
//   author.key     private key of the author that is listed there
//   log/           key and store of the log
//   witness-1/     key and state of a witness, and the list of logs it cosigns
//   logs/          what the programs say
//   proofs/        what `submit` brought home
//
// trust.policy is moved in last: a folder that has it is complete.

import { mkdir, mkdtemp, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatBase64, formatHex } from '@writ/core/bytes';
import { isLogError, LogError } from '@writ/core/errors';
import { createSigner, formatSignerKey } from '@writ/core/formats/key';
import { parsePolicy, type TrustPolicy } from '@writ/core/formats/tlog-policy';
import { freePorts, HOST } from './ports.ts';
import { COMMANDS, runCommand } from './processes.ts';

const WITNESS_NAMES: readonly string[] = ['witness-1', 'witness-2', 'witness-3'];
const UNFINISHED = '.new-';
const SEED_SIZE = 32;

/** Paths in a data folder. */
export interface Home {
  readonly dir: string;
  readonly policyPath: string;
  readonly authorsPath: string;
  readonly authorKeyPath: string;
  readonly logDir: string;
  readonly logsDir: string;
  readonly proofsDir: string;
}

/** What a new folder is made with. */
export interface HomeOptions {
  readonly logPort: number;
  /** How many of the three witnesses must cosign. */
  readonly quorum: 2 | 3;
  random(length: number): Uint8Array;
}

/** The paths in `dir`, whether or not anything is there. */
export function homeAt(dir: string): Home {
  return {
    dir,
    policyPath: join(dir, 'trust.policy'),
    authorsPath: join(dir, 'authors'),
    authorKeyPath: join(dir, 'author.key'),
    logDir: join(dir, 'log'),
    logsDir: join(dir, 'logs'),
    proofsDir: join(dir, 'proofs'),
  };
}

/** Folder of a witness and the list of logs in it. */
export function witnessPaths(home: Home, name: string): { dir: string; logList: string } {
  const dir = join(home.dir, name);
  return { dir, logList: join(dir, 'logs.list') };
}

/**
 * Makes keys, stores and files in `dir` unless they are there already; answers whether it did. LogError
 * config-invalid for a folder with something else in it: nothing is ever overwritten.
 */
export async function ensureHome(dir: string, options: HomeOptions): Promise<boolean> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const names = await readdir(dir);
  if (names.includes('trust.policy')) return false;
  const leftovers = names.filter((name) => name.startsWith(UNFINISHED));
  if (leftovers.length < names.length) {
    throw new LogError(
      'config-invalid',
      `${dir} holds something else; choose an empty folder with WRIT_DATA`,
    );
  }
  // A first run that broke off used none of its keys.
  for (const name of leftovers) await rm(join(dir, name), { recursive: true });
  const draft = homeAt(await mkdtemp(join(dir, UNFINISHED)));
  await fillHome(draft, options);
  const made = await readdir(draft.dir);
  made.sort((a, b) => Number(a === 'trust.policy') - Number(b === 'trust.policy'));
  for (const name of made) await rename(join(draft.dir, name), join(dir, name));
  await rmdir(draft.dir);
  return true;
}

async function fillHome(home: Home, { logPort, quorum, random }: HomeOptions): Promise<void> {
  // The name is new with each folder: a witness elsewhere must never take two logs for one.
  const origin = `writ.localhost/${formatHex(random(4))}`;
  const logKey = await initialise(COMMANDS.log, ['--origin', origin, '--dir', home.logDir]);
  const witnessLines: string[] = [];
  const ports = await freePorts(WITNESS_NAMES.length);
  for (const [i, name] of WITNESS_NAMES.entries()) {
    const { dir, logList } = witnessPaths(home, name);
    const key = await initialise(COMMANDS.witness, ['--name', `${origin}/${name}`, '--dir', dir]);
    await writeFile(logList, `log ${logKey}\n`);
    witnessLines.push(`witness ${name} ${key} http://${HOST}:${ports[i]}`);
  }
  await mkdir(home.logsDir, { mode: 0o700 });
  await mkdir(home.proofsDir);
  await writeAuthor(home, random);
  await writeFile(home.policyPath, policyText(logKey, logPort, witnessLines, quorum));
}

/** Runs `init` of a command; answers the first vkey that it prints. */
async function initialise(command: string, args: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await runCommand(command, ['init', ...args]);
  const vkey = /^\S+\+[0-9a-f]{8}\+\S+$/m.exec(stdout)?.[0];
  if (exitCode === 0 && vkey !== undefined) return vkey;
  throw new LogError('config-invalid', `keys could not be made: ${(stderr || stdout).trim()}`);
}

async function writeAuthor(home: Home, random: HomeOptions['random']): Promise<void> {
  const seed = random(SEED_SIZE);
  const name = 'demo-author';
  const publicKey = formatBase64(createSigner(name, 0x01, seed).publicKey);
  await writeFile(home.authorKeyPath, `${formatSignerKey(name, 0x01, seed)}\n`, { mode: 0o600 });
  await writeFile(
    home.authorsPath,
    '# Whose statements the log takes: author <name> ed25519 <public key> <stream pattern>...\n' +
      `author ${name} ed25519 ${publicKey} village/*\n`,
  );
}

function policyText(
  logKey: string,
  logPort: number,
  witnessLines: readonly string[],
  quorum: number,
): string {
  const lines = [
    '# Trust policy (https://c2sp.org/tlog-policy): which log to believe, and which witnesses must have cosigned.',
    `log ${logKey} http://${HOST}:${logPort}`,
    ...witnessLines,
    ...(quorum === 2
      ? [
          '# Two of three: one witness may be away, and any two quorums still share a witness, which will not',
          '# sign both sides of a fork. To withstand a witness that lies, ask for more: three of four.',
        ]
      : []),
    `group quorum-of-${quorum} ${quorum} ${WITNESS_NAMES.join(' ')}`,
    `quorum quorum-of-${quorum}`,
  ];
  return `${lines.join('\n')}\n`;
}

/** Reads the trust policy. LogError policy-malformed or key-weak, naming the file. */
export async function readPolicy(home: Home): Promise<TrustPolicy> {
  try {
    return parsePolicy(await readFile(home.policyPath));
  } catch (error) {
    if (!isLogError(error)) throw error;
    throw new LogError(error.code, `${home.policyPath}: ${error.message}`, error.detail);
  }
}

/** Puts the port of the log into the trust policy; leaves everything else as it is. */
export async function updateLogPort(home: Home, logPort: number): Promise<void> {
  const text = await readFile(home.policyPath, 'utf8');
  const updated = text.replace(/^(log \S+ http:\/\/127\.0\.0\.1:)\d+$/m, `$1${logPort}`);
  if (updated === text) return;
  const draft = `${home.policyPath}.new`;
  await writeFile(draft, updated);
  await rename(draft, home.policyPath);
}
