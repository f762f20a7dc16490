// One driver process: started with nothing, asked one thing at a time, killed with everything that it started
// (spec/drivers.md section 5).

import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { concatBytes, parseUtf8 } from '@writ/core/bytes';
import { bug, LogError } from '@writ/core/errors';
import type { JsonValue } from '@writ/core/statements/jcs';
import type { DriverFailureCode } from '../engine/driver-failure.ts';
import type { DriverPermission } from '../engine/driver-manifest.ts';
import type { DriverEnv } from './driver-env.ts';

/** Most bytes that a driver may write to its standard output and error during one call. */
export const MAX_DRIVER_OUTPUT: number = 1024 * 1024;
/** How much of its last words is shown to the operator. */
const MAX_LAST_WORDS = 400;
/** How much of them is kept: secrets are taken out before the rest is cut. */
const MAX_KEPT_WORDS: number = 64 * 1024;
/** How often the memory of a process is looked at, in milliseconds. */
const MEMORY_INTERVAL_MS = 100;
/** What Node itself takes of the memory that a manifest asks for. */
const NODE_MEMORY_MB = 64;
const NEWLINE = 0x0a;

const CHILD = fileURLToPath(new URL('./driver-child.js', import.meta.url));
const GUARD = fileURLToPath(new URL('./driver-guard.js', import.meta.url));

export interface ProcessSettings {
  /** Folder that holds the files of the package; nothing else there can be read. */
  readonly packageFolder: string;
  /** Empty folder in which the process starts. */
  readonly workFolder: string;
  readonly memoryMb: number;
  readonly permissions: readonly DriverPermission[];
  /** Takes secrets out of texts. */
  readonly clean: (text: string) => string;
}

/** What a request brought: a result of unknown shape, an error of the driver, or the end of the process. */
export type Reply =
  | { readonly kind: 'result'; readonly value: unknown }
  | { readonly kind: 'error'; readonly code: string; readonly message: string }
  | { readonly kind: 'failed'; readonly code: DriverFailureCode; readonly message: string };

interface Pending {
  readonly id: number;
  readonly maxBytes: number;
  readonly settle: (reply: Reply) => void;
}

export class DriverProcess {
  /** Resolves when the process is gone. */
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  readonly #pipe: Duplex;
  readonly #env: DriverEnv;
  readonly #memoryMb: number;
  readonly #onLate: () => void;
  #pending: Pending | undefined;
  #ids = 0;
  #chunks: Uint8Array[] = [];
  #received = 0;
  #written = 0;
  readonly #clean: (text: string) => string;
  #lastWords: Uint8Array = new Uint8Array();
  #end: { readonly code: DriverFailureCode; readonly message: string } | undefined;

  /** Starts a process. `onLate` is called for each answer that nobody waits for. LogError config-invalid. */
  constructor(settings: ProcessSettings, env: DriverEnv, onLate: () => void) {
    this.#env = env;
    this.#onLate = onLate;
    this.#memoryMb = settings.memoryMb;
    this.#clean = settings.clean;
    this.#child = spawn(process.execPath, [...nodeOptions(settings), CHILD], {
      cwd: settings.workFolder,
      env: {},
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      // A process group of its own, so that it can be killed with its children.
      detached: true,
      windowsHide: true,
    });
    this.#pipe = pipeOf(this.#child);
    this.#pipe.on('data', (chunk: Uint8Array) => this.#take(chunk));
    this.#pipe.on('error', () => this.kill('driver-crashed', 'the driver closed its pipe'));
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on('data', (chunk: Uint8Array) => this.#listen(chunk));
    this.ended = new Promise((resolve) => {
      this.#child.on('error', (error) => {
        this.#fail('driver-start-failed', `the driver process did not start: ${error.message}`);
        if (this.#child.pid === undefined) resolve();
      });
      this.#child.on('exit', (code, signal) => {
        this.#killGroup();
        const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
        this.#fail('driver-crashed', `the driver ended with ${how}${this.#words()}`);
        resolve();
      });
    });
    this.#watchMemory();
  }

  /** False once the process ended or was killed. */
  get isAlive(): boolean {
    return this.#end === undefined;
  }

  /** Asks the process; one request at a time. Never rejects. */
  request(op: string, payload: object, maxBytes: number): Promise<Reply> {
    if (this.#pending !== undefined) bug('a driver process was asked two things at a time');
    const end = this.#end;
    if (end !== undefined) return Promise.resolve({ kind: 'failed', ...end });
    const id = ++this.#ids;
    this.#written = 0;
    return new Promise((settle) => {
      this.#pending = { id, maxBytes, settle };
      this.#pipe.write(`${JSON.stringify({ ...payload, id, op })}\n`);
    });
  }

  /** Ends the process and its children at once. A request that waits fails with `code`. */
  kill(code: DriverFailureCode, message: string): void {
    this.#fail(code, message);
    this.#killGroup();
  }

  #killGroup(): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // No member of the group is left.
    }
  }

  #fail(code: DriverFailureCode, message: string): void {
    this.#end ??= { code, message };
    this.#chunks = [];
    this.#received = 0;
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.settle({ kind: 'failed', ...this.#end });
  }

  #take(chunk: Uint8Array): void {
    let start = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, start)) {
      this.#collect(chunk.subarray(start, at));
      const line = concatBytes(...this.#chunks);
      this.#chunks = [];
      this.#received = 0;
      this.#answer(line);
      start = at + 1;
    }
    this.#collect(chunk.subarray(start));
  }

  #collect(part: Uint8Array): void {
    if (part.length === 0) return;
    // What comes after the end, or unasked, is counted when its line ends, and not kept.
    const most = this.#pending?.maxBytes ?? 0;
    this.#received += part.length;
    if (this.#received <= most) this.#chunks.push(part);
    else if (this.#pending !== undefined)
      this.kill('driver-answer-too-large', `an answer has at most ${most} bytes`);
    else if (this.#end === undefined)
      this.kill('driver-answer-malformed', 'the driver sent something that nobody asked for');
  }

  #answer(line: Uint8Array): void {
    const pending = this.#pending;
    if (pending === undefined) {
      this.#onLate();
      if (this.#end === undefined)
        this.kill('driver-answer-malformed', 'the driver sent something that nobody asked for');
      return;
    }
    const reply = readReply(line, pending.id);
    if (reply === undefined) {
      this.kill('driver-answer-malformed', 'the driver sent something that is no answer');
      return;
    }
    this.#pending = undefined;
    pending.settle(reply);
  }

  #listen(chunk: Uint8Array): void {
    this.#written += chunk.length;
    if (this.#written > MAX_DRIVER_OUTPUT) {
      this.kill('driver-output', `the driver wrote more than ${MAX_DRIVER_OUTPUT} bytes`);
      return;
    }
    this.#lastWords = concatBytes(this.#lastWords, chunk).subarray(-MAX_KEPT_WORDS);
  }

  #words(): string {
    const kept = this.#clean(new TextDecoder().decode(this.#lastWords)).trim();
    const words = kept.slice(-MAX_LAST_WORDS).toWellFormed();
    return words === '' ? '' : `; its last words: ${words}`;
  }

  #watchMemory(): void {
    const { pid } = this.#child;
    if (process.platform !== 'linux' || pid === undefined) return;
    const look = async (): Promise<void> => {
      if (this.#end !== undefined) return;
      const usedMb = await residentMb(pid);
      if (usedMb > this.#memoryMb)
        this.kill('driver-memory', `the driver used more than ${this.#memoryMb} MB`);
      if (this.#end === undefined) cancel = this.#env.after(MEMORY_INTERVAL_MS, () => void look());
    };
    let cancel = this.#env.after(MEMORY_INTERVAL_MS, () => void look());
    this.#child.once('exit', () => cancel());
  }
}

/** The limits that Node itself keeps. Without its permission model no driver runs. */
function nodeOptions({ packageFolder, memoryMb, permissions }: ProcessSettings): string[] {
  const flags = process.allowedNodeEnvironmentFlags;
  const model = ['--permission', '--experimental-permission'].find((flag) => flags.has(flag));
  if (model === undefined)
    throw new LogError('config-invalid', 'drivers need a Node with the permission model (20.19)');
  return [
    model,
    ...[CHILD, GUARD, `${packageFolder}/*`].map((path) => `--allow-fs-read=${path}`),
    ...(permissions.includes('child-process') ? ['--allow-child-process'] : []),
    // Newer versions of Node close the network too; which addresses are open, the wall decides.
    ...(flags.has('--allow-net') ? ['--allow-net'] : []),
    '--disallow-code-generation-from-strings',
    '--no-addons',
    '--no-warnings',
    `--max-old-space-size=${Math.max(32, memoryMb - NODE_MEMORY_MB)}`,
  ];
}

function pipeOf(child: ChildProcess): Duplex {
  const pipe = child.stdio[3];
  return pipe instanceof Duplex ? pipe : bug('the pipe of a driver process is missing');
}

function readReply(line: Uint8Array, id: number): Reply | undefined {
  const text = parseUtf8(line);
  if (text === undefined) return undefined;
  let value: { readonly [name: string]: JsonValue };
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || value['id'] !== id) return undefined;
  const error = value['error'];
  if (error === undefined) return { kind: 'result', value: value['result'] };
  if (typeof error !== 'object' || error === null || Array.isArray(error)) return undefined;
  const { code, message } = Object.fromEntries(Object.entries(error));
  return typeof code === 'string' && typeof message === 'string'
    ? { kind: 'error', code, message }
    : undefined;
}

/** Resident memory of a process in megabytes; 0 where nobody can say. */
async function residentMb(pid: number): Promise<number> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+([0-9]+) kB$/m.exec(status)?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}
