// Child processes of the tests: started, waited for, asked to end, killed, and never left behind.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

/** How a process ended: by itself with a code, or by a signal. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ChildOptions {
  readonly cwd?: string;
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Output kept of each child; the end tells why it failed. */
const MAX_OUTPUT = 1024 * 1024;
/** Patience: a shared machine may be busy with other things. */
const DEFAULT_STOP_MS = 60_000;
/** Wait for the output of a process that is gone. */
const PIPE_MS = 100;

/** A running program. Killed at the latest when this process ends. */
export class Child {
  readonly pid: number;
  /** Settles when the process is gone; never rejects. */
  readonly exited: Promise<Exit>;
  /** Set once the process is gone. */
  exit: Exit | undefined;
  readonly #process: ChildProcess;
  readonly #title: string;
  #output = '';

  /** Starts `command`. An error when it cannot be started at all appears as exit code 127. */
  constructor(command: string, args: readonly string[], { cwd, env }: ChildOptions = {}) {
    this.#title = [command, ...args].join(' ');
    this.#process = spawn(command, args, {
      ...(cwd === undefined ? {} : { cwd }),
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.pid = this.#process.pid ?? 0;
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-MAX_OUTPUT);
      });
    }
    const killNow = (): void => {
      this.#process.kill('SIGKILL');
    };
    process.once('exit', killNow);
    this.exited = new Promise((resolve) => {
      const done = (exit: Exit): void => {
        process.off('exit', killNow);
        this.exit = exit;
        resolve(exit);
      };
      this.#process.once('error', (error) => {
        this.#output += `${error.message}\n`;
        done({ code: 127, signal: null });
      });
      // The rest of the output comes before 'close'; a grandchild that holds the pipes must not delay us.
      this.#process.once('exit', async (code, signal) => {
        await Promise.race([once(this.#process, 'close'), sleep(PIPE_MS)]);
        this.#process.stdout?.destroy();
        this.#process.stderr?.destroy();
        done({ code, signal });
      });
    });
  }

  /** What the program has printed on both streams so far. */
  get output(): string {
    return this.#output;
  }

  /** Resolves when `isReady` says so, asked every `pollMs`. Throws with the output when the child ends first. */
  async waitUntil(
    isReady: () => boolean | Promise<boolean>,
    timeoutMs: number = DEFAULT_STOP_MS,
    pollMs: number = 5,
  ): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!(await isReady())) {
      if (this.exit !== undefined)
        throw new Error(`${this.#title} ended (${describe(this.exit)}):\n${this.#output}`);
      if (performance.now() > deadline)
        throw new Error(`${this.#title} is not ready after ${timeoutMs} ms:\n${this.#output}`);
      await sleep(pollMs);
    }
  }

  /** Sends a signal; false when the process is gone. */
  signal(signal: NodeJS.Signals): boolean {
    return this.#process.kill(signal);
  }

  /** SIGTERM, then waits for the end. Throws, after SIGKILL, when that takes longer than `timeoutMs`. */
  async stop(timeoutMs: number = DEFAULT_STOP_MS): Promise<Exit> {
    this.signal('SIGTERM');
    const timeout = new AbortController();
    const late = sleep(timeoutMs, undefined, { signal: timeout.signal }).catch(() => undefined);
    const exit = await Promise.race([this.exited, late]);
    timeout.abort();
    if (exit !== undefined) return exit;
    await this.kill();
    throw new Error(`${this.#title} did not end within ${timeoutMs} ms:\n${this.#output}`);
  }

  /** kill -9, then waits for the end. */
  kill(): Promise<Exit> {
    this.signal('SIGKILL');
    return this.exited;
  }
}

function describe({ code, signal }: Exit): string {
  return signal ?? `exit code ${code}`;
}

/** Runs a program to its end. Throws with its output unless the exit code is 0. */
export async function runProgram(
  command: string,
  args: readonly string[],
  options: ChildOptions = {},
): Promise<string> {
  const child = new Child(command, args, options);
  const exit = await child.exited;
  if (exit.code !== 0)
    throw new Error(`${[command, ...args].join(' ')} (${describe(exit)}):\n${child.output}`);
  return child.output;
}
