// Runs the bundle that people install, as a process of its own.

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';

/** The bundle; `npm run build` makes it. */
export const BUNDLE: string = fileURLToPath(new URL('../writ-verify.js', import.meta.url));

export interface Outcome {
  readonly exit: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly stdin?: Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  /** A program that runs node with the bundle, such as `unshare -rn`. */
  readonly wrapper?: readonly string[];
}

/** Runs writ-verify with `args` to its end. */
export function writVerify(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const { cwd, stdin, env = {}, wrapper = [] } = options;
  const [program = process.execPath, ...words] = [...wrapper, process.execPath, BUNDLE, ...args];
  const child: ChildProcess = spawn(program, words, { cwd, env: { ...process.env, ...env } });
  child.stdin?.on('error', () => undefined); // a program that ends before it has read everything
  child.stdin?.end(stdin ?? new Uint8Array(0));
  const [out, err]: [string[], string[]] = [[], []];
  child.stdout?.setEncoding('utf8').on('data', (text: string) => out.push(text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => err.push(text));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (exit) => resolve({ exit, stdout: out.join(''), stderr: err.join('') }));
  });
}

/** The object that `--json` prints, with exactly the keys that it always has. */
export interface JsonReport {
  readonly verdict: string;
  readonly exit: number;
  readonly command: string;
  readonly claim: { readonly text: string; readonly facts: Record<string, unknown> } | null;
  readonly steps: readonly Record<string, unknown>[];
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly detail: Record<string, unknown>;
    readonly next: string;
  } | null;
}

/** Runs with `--json`, checks the shape, and answers the object. */
export async function report(
  args: readonly string[],
  options: RunOptions = {},
): Promise<JsonReport> {
  const { exit, stdout, stderr } = await writVerify([...args, '--json'], options);
  assert.is(stderr, '', `nothing but JSON: ${stderr}`);
  assert.is(stdout.indexOf('\n'), stdout.length - 1, 'one line');
  const parsed: JsonReport = JSON.parse(stdout);
  assert.equal(Object.keys(parsed), ['verdict', 'exit', 'command', 'claim', 'steps', 'error']);
  assert.is(parsed.exit, exit);
  for (const step of parsed.steps)
    assert.equal(Object.keys(step), ['name', 'ok', 'expected', 'got', 'why', 'next']);
  assert.is(parsed.claim === null, exit !== 0, 'a claim exactly when it was verified');
  assert.is(parsed.error === null, exit === 0, 'an error exactly when it was not');
  if (parsed.error !== null) {
    assert.equal(Object.keys(parsed.error), ['code', 'message', 'detail', 'next']);
    assert.ok(parsed.error.next.length > 10, 'every error says what to do next');
  }
  return parsed;
}
