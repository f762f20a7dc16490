// The SSH driver against a server of OpenSSH.

import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonValue } from '@writ/core/statements/jcs';
import { portOf } from '@writ/policy/conformance/recorder';
import type { DriverCall } from '@writ/policy/engine/driver-manifest';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { answerOf, builtPackage, codeOf, withHost } from './driver-world.ts';

const SOON = { deadlineMs: 20_000 };

const driver = suite('ssh driver');

interface Sshd {
  readonly port: number;
  readonly hostKey: string;
  readonly userKey: string;
  readonly user: string;
  readonly folder: string;
}

/** Where OpenSSH's server is; undefined: it is not installed. */
const SSHD = ['/usr/sbin/sshd', '/usr/local/sbin/sshd', '/sbin/sshd'].find((path) =>
  existsSync(path),
);

async function withSshd(run: (sshd: Sshd) => Promise<void>): Promise<void> {
  if (SSHD === undefined) {
    assert.is(process.env['WRIT_REQUIRE_ALL'], undefined, 'openssh-server is not installed');
    console.log('skipped: openssh-server is not installed');
    return;
  }
  const folder = await mkdtemp(join(tmpdir(), 'writ-sshd-'));
  await chmod(folder, 0o755);
  // The server insists on this folder, and on its owner being root, where it runs as root.
  if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
  for (const name of ['host', 'user'])
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, name)]);
  const port = await freePort();
  const config = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${folder}/host`,
    `AuthorizedKeysFile ${folder}/user.pub`,
    `PidFile ${folder}/pid`,
    'UsePAM no',
    'StrictModes no',
    'PasswordAuthentication no',
    'PermitRootLogin prohibit-password',
  ];
  await writeFile(join(folder, 'config'), `${config.join('\n')}\n`);
  const server = spawn(SSHD, ['-D', '-f', join(folder, 'config'), '-E', join(folder, 'log')], {
    stdio: 'ignore',
  });
  try {
    for (let i = 0; i < 100 && !existsSync(join(folder, 'pid')); i++) await sleep(50);
    await run({
      port,
      hostKey: await readFile(join(folder, 'host.pub'), 'utf8'),
      userKey: await readFile(join(folder, 'user'), 'utf8'),
      user: execFileSync('id', ['-un'], { encoding: 'utf8' }).trim(),
      folder,
    });
  } finally {
    server.kill();
    await rm(folder, { recursive: true });
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createTcpServer();
    server.listen(0, '127.0.0.1', () => {
      const port = portOf(server.address());
      server.close(() => resolve(port));
    });
  });
}

function machine(sshd: Sshd, changes: { [name: string]: JsonValue } = {}): JsonValue {
  return {
    name: 'lab',
    address: `127.0.0.1:${sshd.port}`,
    host_key: sshd.hostKey.trim(),
    user: sshd.user,
    private_key: sshd.userKey,
    commands: [
      { name: 'touch', line: `touch ${sshd.folder}/ran`, undo: `rm ${sshd.folder}/ran` },
      { name: 'fails', line: 'echo out of luck >&2; exit 7' },
      { name: 'sleeps', line: 'sleep 30' },
      { name: 'dies', line: 'kill -9 $$' },
    ],
    ...changes,
  };
}

function ssh(name: string, verb = 'run', dryRun = false): DriverCall {
  const params = { command: name };
  return { capability: 'ssh.command', verb, target: 'ssh-host:lab', params, dryRun };
}

driver('runs a named command on a server of OpenSSH, and undoes it', async () => {
  await withSshd(async (sshd) => {
    const ran = join(sshd.folder, 'ran');
    await withHost(await builtPackage('ssh'), machine(sshd), async (host) => {
      const shown = answerOf(await host.call(ssh('touch', 'run', true), SOON));
      assert.is(shown.ok, true, shown.reason ?? '');
      assert.equal(shown.plan.preview[1], `touch ${ran}`);
      assert.not(existsSync(ran));
      // A dry run goes away before it logs in.
      assert.not.match(await readFile(join(sshd.folder, 'log'), 'utf8'), 'Accepted');
      answerOf(await host.call(ssh('touch'), SOON));
      assert.ok(existsSync(ran));
      answerOf(await host.call(ssh('touch', 'undo'), SOON));
      assert.not(existsSync(ran));
    });
  });
});

driver(
  'ssh says how a command ended, and that it does not know where the deadline cut it off',
  async () => {
    await withSshd(async (sshd) => {
      await withHost(await builtPackage('ssh'), machine(sshd), async (host) => {
        const failed = await host.call(ssh('fails'), SOON);
        assert.is(codeOf(failed), 'target-refused');
        assert.match('failure' in failed ? failed.failure.message : '', /exit code 7: out of luck/);
        const died = await host.call(ssh('dies'), SOON);
        assert.match('failure' in died ? died.failure.message : '', /signal/);
        const cut = await host.call(ssh('sleeps'), { deadlineMs: 2000 });
        assert.is(codeOf(cut), 'driver-timeout');
        assert.is('failure' in cut && cut.failure.outcome, 'unknown');
        assert.is(codeOf(await host.call(ssh('unlisted'), SOON)), 'target-unknown');
        assert.is(codeOf(await host.call(ssh('fails', 'undo'), SOON)), 'request-invalid');
      });
    });
  },
);

driver('talks to no machine with another host key, and shows it no credentials', async () => {
  await withSshd(async (sshd) => {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(sshd.folder, 'other')]);
    const other = await readFile(join(sshd.folder, 'other.pub'), 'utf8');
    await withHost(await builtPackage('ssh'), machine(sshd, { host_key: other }), async (host) => {
      assert.is(codeOf(await host.call(ssh('touch'), SOON)), 'target-untrusted');
      const shown = answerOf(await host.call(ssh('touch', 'run', true), SOON));
      assert.match(shown.reason ?? '', 'target-untrusted');
      const log = await readFile(join(sshd.folder, 'log'), 'utf8');
      assert.not.match(log, /Accepted|Failed/);
    });
    const stranger = machine(sshd, {
      private_key: await readFile(join(sshd.folder, 'other'), 'utf8'),
    });
    await withHost(await builtPackage('ssh'), stranger, async (host) => {
      assert.is(codeOf(await host.call(ssh('touch'), SOON)), 'authentication-failed');
    });
    await withHost(
      await builtPackage('ssh'),
      machine(sshd, { address: '127.0.0.1:1' }),
      async (host) => {
        assert.is(codeOf(await host.call(ssh('touch'), SOON)), 'target-unreachable');
      },
    );
  });
});

driver.run();
