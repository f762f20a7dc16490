// `writ-log serve`: settings checked one by one, then the service, until a signal ends it.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseSafeDecimal, parseUtf8, utf8 } from '@writ/core/bytes';
import { isLogError, LogError } from '@writ/core/errors';
import { formatVkey, type SignerKey } from '@writ/core/formats/key';
import { parsePolicy, type TrustPolicy } from '@writ/core/formats/tlog-policy';
import { MAX_NODE_ANSWER_BYTES } from '@writ/policy/engine/transcript';
import { type Authors, parseAuthors } from '../admission/authors.ts';
import { BlobFiles, openBlobFiles } from '../blobs/files.ts';
import type { Env } from '../env.ts';
import type { Profile } from '../http/deps.ts';
import type { QuorumRule } from '../log/publish.ts';
import { openLevelRows } from '../projections/level-rows.ts';
import { type Service, type ServiceOptions, startService } from '../service.ts';
import { requireValue, type Values } from './command-line.ts';
import { loadSigners, openStore } from './folder.ts';

/** A service that reads its authors again when asked. */
export interface Serving {
  readonly service: Service;
  /** One line for people: URL, origin and vkeys. */
  readonly announcement: string;
  /** Reads the authors file again; a bad file keeps the old authors in force and says so. */
  reloadAuthors(): Promise<void>;
}

/** Starts what the values say. LogError usage or config-invalid naming the option or file. */
export async function serve(env: Env, values: Values, softwareVersion: string): Promise<Serving> {
  const dir = requireValue(values, 'dir');
  const settings = readSettings(values);
  const signers = await loadSigners(dir);
  const policyText = await readPolicyText(values.get('policy'), signers);
  const policy = readPolicy(policyText, values.get('policy'), signers);
  const authorsPath = values.get('authors');
  let authors = await readAuthors(authorsPath, settings.profile);
  const store = await openStore(dir);
  const blobs = openBlobFiles(join(dir, 'blobs'));
  const rows =
    settings.profile === 'statements' ? await openLevelRows(join(dir, 'projections')) : undefined;
  const transcripts = new BlobFiles(join(dir, 'blobs', 'transcripts'), MAX_NODE_ANSWER_BYTES);
  const service = await startService(env, {
    ...settings,
    store,
    blobs,
    rows,
    transcripts,
    signers,
    policy,
    policyText,
    softwareVersion,
    processMetrics: true,
    authors: () => authors,
  });
  warnAboutBinding(env, settings.host);
  const reloadAuthors = async (): Promise<void> => {
    try {
      authors = await readAuthors(authorsPath, settings.profile);
      env.log.info({ authors: authors.size }, 'authors read again');
    } catch (error) {
      env.log.error(
        { err: error },
        'the authors file is not usable; the old authors stay in force',
      );
    }
  };
  const vkeys = signers.map(formatVkey).join(' ');
  return { service, announcement: `writ-log serves ${service.url} ${vkeys}`, reloadAuthors };
}

type Settings = Omit<
  ServiceOptions,
  | 'store'
  | 'blobs'
  | 'rows'
  | 'transcripts'
  | 'signers'
  | 'policy'
  | 'policyText'
  | 'softwareVersion'
  | 'processMetrics'
  | 'authors'
>;

function readSettings(values: Values): Settings {
  return {
    host: requireValue(values, 'host'),
    port: readNumber(values, 'port', 0, 65_535),
    profile: readChoice<Profile>(values, 'profile', ['statements', 'raw']),
    quorumRule: readChoice<QuorumRule>(values, 'quorum', ['require', 'mark']),
    checkpointIntervalMs: readNumber(values, 'interval-ms', 10, 3_600_000),
    refreshIntervalMs: readNumber(values, 'refresh-seconds', 1, 86_400) * 1000,
    witnessTimeoutMs: readNumber(values, 'witness-timeout-ms', 10, 60_000),
    grease: values.has('grease'),
  };
}

function readNumber(values: Values, name: string, min: number, max: number): number {
  const number = parseSafeDecimal(requireValue(values, name));
  if (number === undefined || number < min || number > max)
    throw new LogError('usage', `--${name} is a decimal from ${min} to ${max}`);
  return number;
}

function readChoice<T extends string>(values: Values, name: string, choices: readonly T[]): T {
  const value = requireValue(values, name);
  const choice = choices.find((row) => row === value);
  if (choice === undefined) throw new LogError('usage', `--${name} is ${choices.join(' or ')}`);
  return choice;
}

/** Without a policy file the log publishes by itself, and the policy it serves says so. */
async function readPolicyText(
  path: string | undefined,
  signers: readonly SignerKey[],
): Promise<string> {
  if (path !== undefined) return parseUtf8(await readNamed(path)) ?? refuse(path, 'not UTF-8');
  const logs = signers.map((signer) => `log ${formatVkey(signer)}\n`);
  return `# This log has no witnesses: its readers trust it alone.\n${logs.join('')}quorum none\n`;
}

function readPolicy(
  text: string,
  path: string | undefined,
  signers: readonly SignerKey[],
): TrustPolicy {
  const policy = parseNamed(path ?? 'policy', utf8(text), parsePolicy);
  const ids = policy.logs.map(({ key }) => `${key.name}+${key.id}`);
  if (!signers.some((signer) => ids.includes(`${signer.name}+${signer.id}`)))
    refuse(path ?? 'policy', 'no log line holds a key of this log');
  const lacksUrl = [...policy.witnesses.values()].find(({ url }) => !isHttpUrl(url));
  if (lacksUrl !== undefined)
    refuse(path ?? 'policy', `witness ${lacksUrl.name} has no http URL to send checkpoints to`);
  return policy;
}

function isHttpUrl(url: string | undefined): boolean {
  return url !== undefined && /^https?:\/\//.test(url) && URL.canParse(url);
}

async function readAuthors(path: string | undefined, profile: Profile): Promise<Authors> {
  if (profile === 'raw') return new Map();
  if (path === undefined)
    throw new LogError('usage', '--authors is missing: the profile statements needs a file');
  return parseNamed(path, await readNamed(path), parseAuthors);
}

async function readNamed(path: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    throw new LogError('config-invalid', `cannot read ${path}`, {}, error);
  }
}

function parseNamed<T>(path: string, bytes: Uint8Array, parse: (bytes: Uint8Array) => T): T {
  try {
    return parse(bytes);
  } catch (error) {
    if (!isLogError(error)) throw error;
    throw new LogError(error.code, `${path}: ${error.message}`, error.detail, error);
  }
}

function refuse(path: string, message: string): never {
  throw new LogError('config-invalid', `${path}: ${message}`);
}

function warnAboutBinding({ log }: Env, host: string): void {
  if (host === 'localhost' || host === '::1' || host.startsWith('127.')) return;
  log.warn(
    { host },
    'listening beyond this machine without TLS: put a proxy that terminates it in front',
  );
}
