// The command `writ-log` as people run it.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatBase64 } from '@writ/core/bytes';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AUTHOR, AUTHORS_TEXT, noteStatement } from './world.ts';

const test = suite('writ-log');
const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));
let scratch = '';

test.before.each(() => {
  scratch = mkdtempSync(join(tmpdir(), 'writ-log-'));
});
test.after.each(() => rmSync(scratch, { recursive: true, force: true }));

interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      resolve({ exitCode: typeof code === 'number' ? code : -1, stdout, stderr });
    });
  });
}

interface Running {
  readonly child: ChildProcess;
  readonly url: string;
  said(): string;
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

function startServer(...args: string[]): Promise<Running> {
  const child = spawn(process.execPath, [MAIN, 'serve', '--port', '0', ...args]);
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
  const stop = (signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> => {
    child.kill(signal);
    return ended;
  };
  return new Promise((resolve, reject) => {
    void ended.then(() => reject(new Error(said)));
    child.stdout.on('data', (chunk) => {
      const url = /http:\S+/.exec(String(chunk))?.[0];
      if (url !== undefined) resolve({ child, url, said: () => said, stop });
    });
  });
}

test('help and version exit with 0, unknown words with 2', async () => {
  const help = await run('--help');
  assert.is(help.exitCode, 0);
  assert.match(help.stdout, 'serve');
  assert.match((await run('serve', '--help')).stdout, '--interval-ms');
  assert.match((await run('--version')).stdout, /writ-log\/\d/);
  const wrong = [
    [],
    ['frob'],
    ['serve', '--frob'],
    ['init', 'x'],
    ['serve', '--port'],
    ['init', '--dir', 'a', '--dir', 'b'],
  ];
  for (const args of wrong) {
    const { exitCode, stderr } = await run(...args);
    assert.is(exitCode, 2, args.join(' '));
    assert.match(stderr, /^writ-log: /);
    assert.not.match(stderr, /\n {4}at /);
  }
});

for (const origin of ['0e12', '007', '1.10', '1'.repeat(64), 'log.example/a']) {
  test(`the origin ${origin} stays as typed`, async () => {
    const dir = join(scratch, 'log');
    const { exitCode, stdout } = await run('init', '--origin', origin, '--dir', dir);
    assert.is(exitCode, 0);
    assert.is(stdout.split('+')[0], origin);
    assert.ok(readFileSync(join(dir, 'ed25519.key'), 'utf8').startsWith(`PRIVATE+KEY+${origin}+`));
  });
}

test('init makes secrets that only the owner can read, and overwrites nothing', async () => {
  const dir = join(scratch, 'log');
  const { stdout } = await run('init', '--origin', 'o.example', '--dir', dir, '--ml-dsa');
  assert.is(stdout.trim().split('\n').length, 2);
  for (const file of ['ed25519.key', 'ml-dsa-44.key'])
    assert.is(statSync(join(dir, file)).mode & 0o777, 0o600);
  const before = readFileSync(join(dir, 'ed25519.key'), 'utf8');
  const again = await run('init', '--origin', 'o.example', '--dir', dir);
  assert.is(again.exitCode, 2);
  assert.match(again.stderr, 'is not empty');
  assert.is(readFileSync(join(dir, 'ed25519.key'), 'utf8'), before);
  assert.is((await run('init', '--origin', 'a b', '--dir', join(scratch, 'x'))).exitCode, 2);
});

test('settings that cannot work are refused at the start, by name', async () => {
  const dir = join(scratch, 'log');
  await run('init', '--origin', 'o.example', '--dir', dir);
  const policy = join(scratch, 'policy');
  writeFileSync(policy, 'quorum nobody\n');
  const cases: readonly (readonly [string[], RegExp])[] = [
    [[], /--authors is missing/],
    [['--profile', 'rawish'], /--profile is statements or raw/],
    [['--profile', 'raw', '--port', '70000'], /--port is a decimal from 0 to 65535/],
    [['--profile', 'raw', '--interval-ms', '1e3'], /--interval-ms is a decimal/],
    [['--profile', 'raw', '--policy', join(scratch, 'none')], /cannot read/],
    [['--profile', 'raw', '--policy', policy], /line 1: nobody is not defined/],
    [['--profile', 'raw', '--log-level', 'loud'], /--log-level/],
  ];
  for (const [args, message] of cases) {
    const { exitCode, stderr } = await run('serve', '--dir', dir, ...args);
    assert.ok(exitCode === 2 || exitCode === 8, args.join(' '));
    assert.match(stderr, message);
  }
  const nowhere = await run('serve', '--dir', join(scratch, 'no'), '--profile', 'raw');
  assert.match(nowhere.stderr, /no log key .* run writ-log init/);
  rmSync(join(dir, 'store'), { recursive: true });
  const lost = await run('serve', '--dir', dir, '--profile', 'raw');
  assert.match(lost.stderr, /is gone; restore it/);
});

test('a log keeps its entries over a restart, and two processes cannot have one store', async () => {
  const dir = join(scratch, 'log');
  await run('init', '--origin', 'o.example', '--dir', dir);
  const options = ['--dir', dir, '--profile', 'raw', '--interval-ms', '20'];
  const first = await startServer(...options);
  const proof = await fetch(`${first.url}/add?wait=10`, { method: 'POST', body: 'kept' });
  assert.match(await proof.text(), /^c2sp\.org\/tlog-proof@v1\nindex 0\n/);
  const second = await run('serve', '--port', '0', ...options);
  assert.is(second.exitCode, 10);
  assert.match(second.stderr, 'another process uses');
  assert.is(await first.stop('SIGINT'), 0);
  const third = await startServer(...options);
  assert.is(await (await fetch(`${third.url}/entries/0`)).text(), 'kept');
  const history: { checkpoints: { cause: string }[] } = JSON.parse(
    await (await fetch(`${third.url}/checkpoints`)).text(),
  );
  assert.equal(
    history.checkpoints.map(({ cause }) => cause),
    ['start', 'growth', 'start'],
  );
  assert.is(await third.stop(), 0);
});

test('SIGHUP reads the authors again, and a bad file changes nothing', async () => {
  const dir = join(scratch, 'log');
  const authors = join(scratch, 'authors');
  await run('init', '--origin', 'o.example', '--dir', dir);
  writeFileSync(authors, '# nobody yet\n');
  const server = await startServer('--dir', dir, '--authors', authors);
  const submit = async (): Promise<number> => {
    const headers = { 'content-type': 'application/cose' };
    const body = new Uint8Array(noteStatement(0, null));
    return (await fetch(`${server.url}/add`, { method: 'POST', body, headers })).status;
  };
  const reload = async (text: string, word: string): Promise<void> => {
    const before = server.said().length;
    writeFileSync(authors, text);
    server.child.kill('SIGHUP');
    while (!server.said().slice(before).includes(word))
      await new Promise((resolve) => setTimeout(resolve, 10));
  };
  assert.is(await submit(), 403);
  await reload(AUTHORS_TEXT, 'authors read again');
  assert.is(await submit(), 200);
  await reload(`author x ed25519 ${formatBase64(AUTHOR.publicKey)}\n`, 'stay in force');
  assert.is(await submit(), 200);
  assert.is(await server.stop(), 0);
});

test.run();
