// Child processes of an instance: started with a log file, waited for, stopped, and asked what killed them.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { LogError } from '@writ/core/errors';

const READY_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 15_000;
const POLL_MS = 20;

/** The compiled command lines. */
export const COMMANDS: Readonly<Record<'log' | 'witness' | 'verify' | 'writ' | 'node', string>> = {
  log: packagePath('@writ/log-server', 'dist/main.js'),
  witness: packagePath('@writ/witness', 'dist/main.js'),
  verify: packagePath('@writ/verifier', 'dist/writ-verify.js'),
  writ: packagePath('@writ/cli', 'dist/main.js'),
  node: packagePath('@writ/policy', 'dist/agent/main.js'),
};

/** Folders of the drivers of this repository, ready to be packed. */
export const DRIVER_PACKAGES: string = packagePath('@writ/policy', 'dist/driver-packages');

function packagePath(name: string, file: string): string {
  return fileURLToPath(new URL(file, import.meta.resolve(`${name}/package.json`)));
}

/** How a program ended. */
export interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. Rejects only when it cannot be started. */
export function runProgram(file: string, args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    execFile(file, args, { env: childEnvironment() }, (error, stdout, stderr) => {
      if (error === null) resolve({ exitCode: 0, stdout, stderr });
      else if (typeof error.code === 'number') resolve({ exitCode: error.code, stdout, stderr });
      else reject(error);
    });
  });
}

/** Runs one of our commands to its end. */
export function runCommand(command: string, args: readonly string[]): Promise<Outcome> {
  return runProgram(process.execPath, [command, ...args]);
}

/** Settings in our environment are meant for us: PORT must not move a witness. */
function childEnvironment(): NodeJS.ProcessEnv {
  const own = (name: string): boolean => name === 'PORT' || name.startsWith('WRIT_');
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !own(name)));
}

export interface ServiceSettings {
  /** What people call it. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Where its output goes; appended to. */
  readonly logFile: string;
  /** Answers 200 when the service works. */
  readonly readyUrl: string;
}

/** A server in a process of its own. */
export class Service {
  readonly settings: ServiceSettings;
  /** Resolves when the process has ended, with how it ended in words. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  #hasEnded = false;

  constructor(settings: ServiceSettings) {
    this.settings = settings;
    const output = openSync(settings.logFile, 'a', 0o600);
    // Detached: a Ctrl-C in the terminal is for us, who stop the log before its witnesses.
    this.#child = spawn(process.execPath, [settings.command, ...settings.args], {
      stdio: ['ignore', output, output],
      detached: true,
      env: childEnvironment(),
    });
    closeSync(output);
    this.ended = new Promise((resolve) => {
      const end = (how: string): void => {
        this.#hasEnded = true;
        resolve(how);
      };
      this.#child.once('error', (error) => end(error.message));
      this.#child.once('exit', (code, signal) => {
        end(signal === null ? `exit code ${code}` : `signal ${signal}`);
      });
    });
  }

  /** Waits until the service answers. LogError config-invalid with its last words when it does not. */
  async waitUntilReady(): Promise<void> {
    const deadline = performance.now() + READY_TIMEOUT_MS;
    while (!this.#hasEnded && performance.now() < deadline) {
      if (await answers(this.settings.readyUrl)) return;
      await sleep(POLL_MS);
    }
    const what = this.#hasEnded ? 'ended at once' : 'did not get ready';
    const { name } = this.settings;
    throw new LogError('config-invalid', `${name} ${what}: ${this.lastWords()}`, { name });
  }

  /** Asks the process to end and waits for it; false when it had to be killed. */
  async stop(): Promise<boolean> {
    if (this.#hasEnded) return true;
    this.#child.kill('SIGTERM');
    const timeout = new AbortController();
    const inTime = await Promise.race([
      this.ended.then(() => true),
      sleep(STOP_TIMEOUT_MS, false, { signal: timeout.signal }).catch(() => false),
    ]);
    timeout.abort();
    if (!inTime) this.#child.kill('SIGKILL');
    await this.ended;
    return inTime;
  }

  /** The last thing the process said, without the JSON around it. */
  lastWords(): string {
    const { logFile } = this.settings;
    const line = readFileSync(logFile, 'utf8').trimEnd().split('\n').at(-1) ?? '';
    return `${wordsOf(line)} (see ${logFile})`;
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url);
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false; // not listening yet
  }
}

function wordsOf(line: string): string {
  if (line === '') return 'it said nothing';
  try {
    const entry: { msg?: unknown; err?: { message?: unknown } } = JSON.parse(line);
    return [entry.msg, entry.err?.message].filter((word) => typeof word === 'string').join(': ');
  } catch {
    return line; // not JSON: plain words already
  }
}
