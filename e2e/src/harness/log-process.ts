// A real `writ-log serve` in a child process.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createSigner, formatSignerKey, formatVkey } from '@writ/core/formats/key';
import { Child, runProgram } from './child.ts';

const MAIN = fileURLToPath(import.meta.resolve('@writ/log-server/main'));

/** A log that was set up in a folder; it may run or not. */
export interface LogSetup {
  readonly dir: string;
  readonly origin: string;
  /** The Ed25519 key of the log. */
  readonly vkey: string;
}

export interface ServeOptions {
  readonly port: number;
  /** Trust policy file with the witnesses. */
  readonly policy: string;
  readonly profile: 'raw' | 'statements';
  readonly intervalMs: number;
  readonly quorum?: 'require' | 'mark';
  /** Further arguments of `writ-log serve`. */
  readonly more?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** A program that runs the log, such as a tracer, with its arguments. */
  readonly under?: readonly string[];
}

/** `writ-log init`: makes a key and an empty store in `dir`. */
export async function createLog(dir: string, origin: string): Promise<LogSetup> {
  const args = [MAIN, 'init', '--origin', origin, '--dir', dir];
  const output = await runProgram(process.execPath, args);
  const vkey = output.split(/\s+/).find((word) => word.startsWith(`${origin}+`));
  if (vkey === undefined) throw new Error(`writ-log init printed no vkey:\n${output}`);
  return { dir, origin, vkey };
}

/** As `createLog`, for a log whose origin depends on its key: the Ed25519 key from `seed` in place of a fresh one. */
export async function adoptLogKey(
  dir: string,
  origin: string,
  seed: Uint8Array,
): Promise<LogSetup> {
  await createLog(dir, origin);
  await writeFile(join(dir, 'ed25519.key'), `${formatSignerKey(origin, 0x01, seed)}\n`);
  return { dir, origin, vkey: formatVkey(createSigner(origin, 0x01, seed)) };
}

/** A log process; `url` answers once `waitUntilReady` has resolved. */
export interface LogProcess {
  readonly url: string;
  readonly child: Child;
}

/** Starts the log without waiting for it. */
export function launchLog({ dir }: LogSetup, options: ServeOptions): LogProcess {
  const { port, policy, profile, intervalMs, quorum = 'require', more = [] } = options;
  const [command = process.execPath, ...before] = [...(options.under ?? []), process.execPath];
  const args = [...before, MAIN, 'serve', '--dir', dir, '--host', '127.0.0.1'];
  args.push('--port', String(port), '--policy', policy, '--profile', profile);
  args.push('--quorum', quorum, '--interval-ms', String(intervalMs), ...more);
  const child = new Child(command, args, {
    cwd: join(dir, '..'),
    ...(options.env === undefined ? {} : { env: options.env }),
  });
  return { url: `http://127.0.0.1:${port}`, child };
}

/** Resolves when the log takes entries: it says where it listens then. Throws with its output when it ends first. */
export function waitUntilReady({ url, child }: LogProcess, timeoutMs?: number): Promise<void> {
  return child.waitUntil(() => child.output.includes(`serves ${url}`), timeoutMs);
}

/** Starts the log and waits until it takes entries. */
export async function startLog(setup: LogSetup, options: ServeOptions): Promise<LogProcess> {
  const log = launchLog(setup, options);
  await waitUntilReady(log);
  return log;
}
