// The one command and the demo, as people run them: real processes, real files, real signals.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const EXAMPLE = 'power-suspend-lab-on-battery';
const READY_MS = 60_000;

interface World {
  dir: string;
  data: string;
  started: ChildProcess[];
}

const test = suite<World>('npm start');

test.before.each(async (world) => {
  world.dir = await mkdtemp(join(tmpdir(), 'writ-start-'));
  world.data = join(world.dir, 'data');
  world.started = [];
});

test.after.each(async ({ dir, started }) => {
  for (const child of started) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
  await rm(dir, { recursive: true, force: true });
});

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(script: string, args: readonly string[], data: string, port = '0'): Promise<Run> {
  const env = { ...process.env, WRIT_DATA: data, PORT: port };
  return new Promise((resolve) => {
    const options = { cwd: ROOT, env };
    execFile(process.execPath, [script, ...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, stdout, stderr });
    });
  });
}

interface Started {
  readonly url: string;
  readonly child: ChildProcess;
  output(): string;
}

/** Starts and waits until the welcome is complete. */
async function start({ data, started }: World): Promise<Started> {
  const child = spawn(process.execPath, ['e2e/dist/start.js'], {
    cwd: ROOT,
    env: { ...process.env, WRIT_DATA: data, PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.push(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  const deadline = performance.now() + READY_MS;
  while (!output.includes('Ctrl-C')) {
    if (child.exitCode !== null || performance.now() > deadline) throw new Error(output);
    await sleep(20);
  }
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0] ?? '';
  return { url, child, output: () => output };
}

async function end({ child }: Started, signal: NodeJS.Signals): Promise<number | null> {
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
  return child.exitCode;
}

/** Origin, size and root of the published checkpoint. */
async function readHead(url: string): Promise<string[]> {
  return (await (await fetch(`${url}/checkpoint`)).text()).split('\n').slice(0, 3);
}

test('signs, logs, verifies and audits with the commands that it prints', async (world) => {
  const { data } = world;
  const running = await start(world);
  const examples = (await readdir(join(ROOT, 'examples')))
    .filter((name) => name.endsWith('.json'))
    .map((name) => name.slice(0, -'.json'.length))
    .sort();
  const paths = examples.map((name) => `examples/${name}.json`);
  const submitted = await run('e2e/dist/submit.js', paths, data);
  assert.is(submitted.code, 0, submitted.stderr);
  assert.match(submitted.stdout, new RegExp(`entry [0-9]+ {2}${EXAMPLE}, version 1`));

  const verify = 'verifier/dist/writ-verify.js';
  const policy = join(data, 'trust.policy');
  const files = join(data, 'proofs', EXAMPLE);
  const proof = ['proof', `${files}.tlog-proof`, '--entry', `${files}.entry`, '--policy', policy];
  assert.is((await run(verify, proof, data)).code, 0);
  const audit = await run(verify, ['log', running.url, '--online', '--policy', policy], data);
  assert.is(audit.code, 0, audit.stderr);
  // What was run above is what people are told to paste.
  assert.match(running.output(), 'node e2e/dist/submit.js examples/*.json');
  assert.match(running.output(), `writ-verify.js log ${running.url} --online --policy ${policy}`);

  const entry = await readFile(`${files}.entry`);
  entry[100] = (entry[100] ?? 0) ^ 1;
  await writeFile(`${files}.entry`, entry);
  assert.is((await run(verify, proof, data)).code, 1, 'a changed entry is refused');
  assert.is(await end(running, 'SIGINT'), 0);
});

test('goes on after a stop with the same keys, entries and versions', async (world) => {
  const { data } = world;
  const first = await start(world);
  await run('e2e/dist/submit.js', [`examples/${EXAMPLE}.json`], data);
  const head = await readHead(first.url);
  assert.ok(Number(head[1]) >= 2, 'the village and its policy, and state roots');
  const policy = await readFile(join(data, 'trust.policy'), 'utf8');
  assert.is(await end(first, 'SIGTERM'), 0);
  await assertNobodyListens(first.url);

  const second = await start(world);
  assert.equal(await readHead(second.url), head, 'same origin, size and root');
  const withoutPort = (text: string): string => text.replace(/^(log \S+).*$/m, '$1');
  const now = await readFile(join(data, 'trust.policy'), 'utf8');
  assert.is(withoutPort(now), withoutPort(policy), 'same keys and witness ports');
  assert.match(now, second.url, 'the trust policy follows the log to its new port');
  const again = await run('e2e/dist/submit.js', [`examples/${EXAMPLE}.json`], data);
  assert.match(again.stdout, new RegExp(`entry [0-9]+ {2}${EXAMPLE}, version 2`));
  assert.is(await end(second, 'SIGHUP'), 0);
});

async function assertNobodyListens(url: string): Promise<void> {
  const isReached = await fetch(url).then(
    () => true,
    () => false,
  );
  assert.not(isReached);
}

test('stops everything and ends with 1 when a witness dies', async (world) => {
  const running = await start(world);
  const { child } = running;
  const listing = await processesBelow(child.pid ?? 0);
  const witness = listing.find(({ command }) => command.includes('witness-2'));
  assert.ok(witness, 'there is a process for witness-2');
  const ended = once(child, 'exit');
  process.kill(witness.pid, 'SIGKILL');
  await ended;
  assert.is(child.exitCode, 1);
  assert.match(running.output(), /witness-2 ended with signal SIGKILL/);
  await assertNobodyListens(running.url);
  assert.equal(await processesBelow(child.pid ?? 0), []);
});

async function processesBelow(parent: number): Promise<{ pid: number; command: string }[]> {
  const { stdout } = await new Promise<{ stdout: string }>((resolve) => {
    execFile('ps', ['-eo', 'pid=,ppid=,args='], (_error, text) => resolve({ stdout: text }));
  });
  return [...stdout.matchAll(/^ *(\d+) +(\d+) (.*)$/gm)]
    .map(([, pid, ppid, command = '']) => ({ pid: Number(pid), ppid: Number(ppid), command }))
    .filter(({ ppid }) => ppid === parent);
}

test('names a port that is taken, and ends with 1', async ({ data }) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const { code, stderr, stdout } = await run('e2e/dist/start.js', [], data, String(port));
  server.close();
  assert.is(code, 1);
  assert.match(stderr, `port ${port} is in use`);
  assert.is(stdout, '');
});

test('refuses to run twice on one folder', async (world) => {
  const running = await start(world);
  const { code, stderr } = await run('e2e/dist/start.js', [], world.data);
  assert.is(code, 1);
  assert.match(stderr, /witness-1 needs it: does \S+ run already\?/);
  assert.is((await fetch(`${running.url}/livez`)).status, 200, 'the first one goes on');
  assert.is(await end(running, 'SIGINT'), 0);
});

test('refuses a PORT that is none, and a folder that holds something else', async ({ dir }) => {
  for (const port of ['eighty', '-1', '65536', '8080x', '0x50']) {
    const { code, stderr } = await run('e2e/dist/start.js', [], join(dir, 'new'), port);
    assert.is(code, 2, port);
    assert.match(stderr, 'PORT is a number from 0 to 65535');
  }
  await writeFile(join(dir, 'letter.txt'), 'dear reader\n');
  const { code, stderr } = await run('e2e/dist/start.js', [], dir);
  assert.is(code, 1);
  assert.match(stderr, 'holds something else');
  assert.is(await readFile(join(dir, 'letter.txt'), 'utf8'), 'dear reader\n');
});

test('submitting says what to do when the log is away or the arguments are wrong', async (world) => {
  const { data } = world;
  const early = await run('e2e/dist/submit.js', [`examples/${EXAMPLE}.json`], data);
  assert.is(early.code, 1);
  assert.match(early.stderr, 'run npm start first');
  const running = await start(world);
  for (const args of [[], ['--strem', 'x', 'a.json'], ['--stream', 'node/x/y', 'a.json']])
    assert.is((await run('e2e/dist/submit.js', args, data)).code, 2, args.join(' '));
  const elsewhere = ['--stream', 'village/x', 'examples/README.md'];
  assert.match((await run('e2e/dist/submit.js', elsewhere, data)).stderr, 'is not JSON');
  await end(running, 'SIGINT');
  const late = await run('e2e/dist/submit.js', [`examples/${EXAMPLE}.json`], data);
  assert.is(late.code, 1);
  assert.match(late.stderr, 'is npm start running?');
});

test('the demo holds what it claims and leaves nothing behind', async ({ dir }) => {
  const env = { ...process.env, TMPDIR: dir };
  const { code, stdout } = await new Promise<Run>((resolve) => {
    execFile(process.execPath, ['e2e/dist/demo.js'], { cwd: ROOT, env }, (error, out, err) => {
      const exit = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code: exit, stdout: out, stderr: err });
    });
  });
  assert.is(code, 0, stdout);
  const [, held, all] = /(\d+) of (\d+) claims held\./.exec(stdout) ?? [];
  assert.is(held, all);
  assert.ok(Number(all) >= 15, `${all} claims`);
  assert.match(stdout, /one bit of the entry: refused, exit 1/);
  assert.match(stdout, /one bit of the proof: refused, exit 1/);
  assert.match(stdout, /one cosignature gone: refused, exit 3/);
  assert.equal(await readdir(dir), []);
});

test.run();
