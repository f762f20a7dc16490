// The command itself, as a process: keys, list of logs, signals, kill -9.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chmod, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatVkey, parseVkey } from '@writ/core/formats/key';
import { originHash } from '@writ/witness/heads';
import { parseLogList } from '@writ/witness/log-list';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openCosignatures, post, TestLog } from './world.ts';

const MAIN = fileURLToPath(import.meta.resolve('@writ/witness/main'));
const KILLS = 20;

interface Outcome {
  readonly status: number;
  readonly out: string;
  readonly error: string;
}

function command(...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [MAIN, ...args], (_, out, error) =>
      resolve({ status: child.exitCode ?? -1, out, error }),
    );
  });
}

interface Served {
  readonly child: ChildProcess;
  readonly url: string;
  readonly vkeys: readonly string[];
  /** Resolves at the next log line with this message. */
  said(message: string): Promise<void>;
  end(signal: NodeJS.Signals): Promise<void>;
}

/** Starts a witness; `maxFileBlocks` makes every write to a file beyond as many KiB fail. */
function serve(dir: string, logs: string, maxFileBlocks?: number): Promise<Served> {
  const args = [process.execPath, MAIN, 'serve', '--dir', dir, '--logs', logs, '--port', '0'];
  const limited = ['-c', `trap '' XFSZ; ulimit -S -f ${maxFileBlocks}; exec "$@"`, 'bash', ...args];
  const child = maxFileBlocks === undefined ? spawn('env', args) : spawn('bash', limited);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const waiting: { message: string; resolve: () => void }[] = [];
  return new Promise((resolve, reject) => {
    let text = '';
    let errors = '';
    child.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    child.stdout.on('data', (chunk) => {
      text += chunk;
      const lines = text.split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) {
        const { msg, url, vkeys } = JSON.parse(line);
        for (const waiter of waiting) if (msg.includes(waiter.message)) waiter.resolve();
        if (msg !== 'listening') continue;
        const said = (message: string): Promise<void> =>
          new Promise((done) => waiting.push({ message, resolve: done }));
        const end = (signal: NodeJS.Signals): Promise<void> => {
          child.kill(signal);
          return exited;
        };
        resolve({ child, url, vkeys, said, end });
      }
    });
    void exited.then(() => reject(new Error(`the witness did not start: ${errors}`)));
  });
}

async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'witness-'));
  try {
    await run(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const line = (log: TestLog): string => `log ${formatVkey(log.key)}\n`;

const cli = suite('writ-witness');

cli('help and version go to stdout, what it does not understand exits 2', async () => {
  const help = await command('--help');
  assert.equal([help.status, help.error], [0, '']);
  for (const word of ['init', 'serve', 'key', '--logs', 'SIGHUP'])
    assert.ok(help.out.includes(word));
  assert.match((await command('--version')).out, /^\d+\.\d+\.\d+\n$/);
  const bad = [
    [],
    ['sreve'],
    ['key', '--dri', 'x'],
    ['key'],
    ['key', 'x', '--dir', 'y'],
    ['init', '--name', 'a b', '--dir', 'x'],
    ['init', '--name', 'a', '--dir', 'x', '--type', 'rsa'],
    ['serve', '--dir', 'x', '--logs', 'y', '--port', '7e3'],
  ];
  for (const args of bad) {
    const { status, out, error } = await command(...args);
    assert.equal([status, out], [2, ''], args.join(' '));
    assert.match(error, /^writ-witness: .*--help\n$/, args.join(' '));
  }
});

cli('init makes private key files and never overwrites', async () => {
  await withFolder(async (folder) => {
    const dir = join(folder, '0e12'); // a name that a lax option parser turns into a number
    const made = await command('init', '--name', '007', '--dir', dir, '--type', 'both');
    assert.is(made.status, 0, made.error);
    const keys = made.out.trimEnd().split('\n').map(parseVkey);
    assert.equal(
      keys.map(({ name, type }) => [name, type]),
      [
        ['007', 4],
        ['007', 6],
      ],
    );
    assert.is((await command('key', '--dir', dir)).out, made.out);
    const file = join(dir, 'ml-dsa-44.key');
    assert.is((await stat(file)).mode & 0o777, 0o600);
    const before = await readFile(file, 'utf8');
    assert.is((await command('init', '--name', '007', '--dir', dir)).status, 2);
    assert.is(await readFile(file, 'utf8'), before);
    await chmod(file, 0o640);
    const open = await command('key', '--dir', dir);
    assert.equal([open.status, open.error.includes('chmod 600')], [2, true]);
    await chmod(file, 0o600);
    await writeFile(file, before.slice(0, 40));
    const cut = await command('key', '--dir', dir);
    assert.equal([cut.status, cut.error.includes(file)], [8, true]);
    assert.not(cut.error.includes(before.slice(25, 40)), 'an error never shows key material');
  });
});

cli('serve names what is wrong with its list of logs or its folder', async () => {
  await withFolder(async (folder) => {
    const [dir, list] = [join(folder, 'w'), join(folder, 'logs')];
    const attempt = (): Promise<Outcome> =>
      command('serve', '--dir', dir, '--logs', list, '--port', '0');
    assert.match((await attempt()).error, /run writ-witness init/);
    await command('init', '--name', 'w.example/1', '--dir', dir);
    assert.match((await attempt()).error, /no such file.*logs/);
    await writeFile(list, `# logs\n${line(new TestLog('a'))}lgo x\n`);
    const typo = await attempt();
    assert.equal([typo.status, typo.error.includes('line 3')], [8, true], typo.error);
    await writeFile(list, line(new TestLog('a')));
    await rename(join(dir, 'heads'), join(folder, 'elsewhere'));
    const forgot = await attempt();
    assert.equal([forgot.status, forgot.error.includes('forgot')], [2, true], forgot.error);
  });
});

cli('SIGHUP takes a new list, and keeps the old one when the new one is bad', async () => {
  await withFolder(async (folder) => {
    const [dir, list] = [join(folder, 'w'), join(folder, 'logs')];
    const [a, b] = [new TestLog('log.example/a'), new TestLog('log.example/b', { fill: 2 })];
    await command('init', '--name', 'w.example/1', '--dir', dir);
    await writeFile(list, line(a));
    const witness = await serve(dir, list);
    const hangUp = async (content: string, message: string): Promise<void> => {
      await writeFile(list, content);
      const said = witness.said(message);
      witness.child.kill('SIGHUP');
      await said;
    };
    assert.is((await post(witness.url, b.body(0n, 3n))).status, 404);
    await hangUp('log nonsense\n', 'the old one stays');
    assert.is((await post(witness.url, a.body(0n, 3n))).status, 200);
    await hangUp('', 'the old one stays');
    assert.is((await post(witness.url, a.body(3n, 4n))).status, 200);
    await hangUp(line(b), 'read again');
    assert.is((await post(witness.url, b.body(0n, 3n))).status, 200);
    assert.is((await post(witness.url, a.body(4n, 5n))).status, 404);
    await witness.end('SIGTERM');
    assert.is(witness.child.exitCode, 0);
  });
});

cli(
  `${KILLS} times kill -9 under load: nothing acknowledged is forgotten, no fork is signed`,
  async () => {
    await withFolder(async (folder) => {
      const [dir, list] = [join(folder, 'w'), join(folder, 'logs')];
      const origins = Array.from({ length: 4 }, (_, i) => `log.example/${i}`);
      const views = origins.map(
        (name, i) =>
          [
            new TestLog(name, { fill: i + 1 }),
            new TestLog(name, { fill: i + 1, forkAt: 1n }),
          ] as const,
      );
      await command('init', '--name', 'w.example/1', '--dir', dir);
      await writeFile(list, views.map(([log]) => line(log)).join(''));
      const history = origins.map(() => new Set<bigint>());
      for (let kill = 0; kill < KILLS; kill++) {
        const witness = await serve(dir, list);
        let remaining = 3 + (kill % 7);
        let enough = (): void => {};
        const loaded = new Promise<void>((resolve) => {
          enough = resolve;
        });
        const drive = async ([honest, fork]: readonly [TestLog, TestLog], signed: Set<bigint>) => {
          const stored = await fetch(`${witness.url}/${originHash(honest.origin)}/checkpoint`);
          let size = stored.ok ? BigInt((await stored.text()).split('\n')[1] ?? '') : 0n;
          for (const at of signed)
            assert.ok(at <= size, `${at} was cosigned, ${size} is on record`);
          for (;;) {
            const next = size + 2n;
            // The fork has no common history beyond leaf 1, so its first chance is the very first tree.
            const body = honest.body(size, next);
            const rivals = size === 0n ? [] : [fork.body(size, next)];
            const [reply, ...refusals] = await Promise.all(
              [body, ...rivals].map((request) => post(witness.url, request)),
            );
            assert.is(reply?.status, 200, reply?.body);
            openCosignatures(witness.vkeys, body, reply?.body ?? '');
            signed.add(next);
            if (--remaining === 0) enough();
            for (const refusal of refusals) assert.ok([409, 422].includes(refusal.status));
            size = next;
          }
        };
        const cut = (error: unknown): void => {
          if (!(error instanceof TypeError)) throw error; // fetch failed: the process is gone
        };
        const drivers = views.map((view, i) => drive(view, history[i] ?? new Set()).catch(cut));
        await Promise.race([loaded, Promise.all(drivers)]); // a driver ends early on a failure only
        await new Promise((resolve) => setTimeout(resolve, (kill * 3) % 11));
        await witness.end('SIGKILL');
        await Promise.all(drivers);
      }
      const signed = history.reduce((sum, sizes) => sum + sizes.size, 0);
      assert.ok(signed >= 3 * KILLS, `${signed} cosignatures`);
    });
  },
);

cli(
  'a disk that is full for a while stops cosigning, and nothing acknowledged is lost',
  async () => {
    await withFolder(async (folder) => {
      const [dir, list] = [join(folder, 'w'), join(folder, 'logs')];
      const log = new TestLog('log.example/a');
      await command('init', '--name', 'w.example/1', '--dir', dir);
      await writeFile(list, line(log));
      const witness = await serve(dir, list, 24);
      let size = 0n;
      let reply = await post(witness.url, log.body(0n, 1n));
      while (reply.status === 200 && size < 500n) {
        size++;
        reply = await post(witness.url, log.body(size, size + 1n));
      }
      assert.is(reply.status, 503, `after ${size} writes: ${reply.status}`);
      assert.is(reply.body, 'the state cannot be written\n');
      await new Promise((resolve) => {
        execFile('prlimit', [`--pid=${witness.child.pid}`, '--fsize=unlimited:unlimited'], resolve);
      });
      const recorded = BigInt((await post(witness.url, log.body(0n, size + 9n))).body.trimEnd());
      assert.ok(recorded === size || recorded === size + 1n, `${recorded} after ${size}`);
      for (size = recorded; size < recorded + 50n; size++)
        assert.is((await post(witness.url, log.body(size, size + 1n))).status, 200);
      await witness.end('SIGKILL');
      const again = await serve(dir, list);
      assert.is((await post(again.url, log.body(0n, size + 1n))).body, `${size}\n`);
      await again.end('SIGTERM');
    });
  },
);

cli.run();

const lists = suite('list of logs');

lists('log lines and whole trust policies are lists of logs', () => {
  const [a, b] = [new TestLog('log.example/a'), new TestLog('log.example/b', { fill: 2 })];
  const rotated = new TestLog('log.example/a', { fill: 3 });
  const names = (text: string): string[] =>
    parseLogList(new TextEncoder().encode(text)).map(({ name }) => name);
  assert.equal(names(`# two\n${line(a)}\n  ${line(b)}`), [a.origin, b.origin]);
  assert.equal(names(`${line(a)}${line(rotated)}`), [a.origin, a.origin]);
  assert.equal(names(`${line(a)}quorum none\n`), [a.origin]);
});

lists('anything else is refused with the line', () => {
  const good = line(new TestLog('log.example/a'));
  const bad: [string, RegExp][] = [
    ['', /no log line/],
    ['# nothing\n', /no log line/],
    [`${good}${good}`, /line 2: /],
    [`${good}log x\n`, /line 2: /],
    [good.trimEnd(), /line 1: .*newline/],
    [`${good}quorum none\nquorum none\n`, /line 3: /],
    [`${good}\u0001\n`, /line 2: /],
  ];
  for (const [text, reason] of bad)
    assert.throws(() => parseLogList(new TextEncoder().encode(text)), reason);
});

lists.run();
