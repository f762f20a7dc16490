// A real OpenSSH server on loopback with keys of its own.

import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts, HOST, isFreePort } from './ports.ts';

const PLACES = ['/usr/sbin/sshd', '/usr/local/sbin/sshd', '/sbin/sshd'];

/** The OpenSSH server of this machine; undefined where there is none. */
export function findSshd(): string | undefined {
  return PLACES.find(existsSync);
}

export interface LocalSshd {
  readonly port: number;
  readonly user: string;
  /** As in `ssh_host_ed25519_key.pub`. */
  readonly hostKey: string;
  readonly userKey: string;
  stop(): Promise<void>;
}

/** Starts `program` with its files in `folder`. */
export async function startSshd(program: string, folder: string): Promise<LocalSshd> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const [port = 0] = await freePorts(1);
  const make = (name: string): string => {
    const path = join(folder, name);
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', path]);
    return path;
  };
  const [host, user] = [make('host'), make('user')];
  writeFileSync(join(folder, 'authorized'), readFileSync(`${user}.pub`), { mode: 0o600 });
  const lines = [
    `Port ${port}`,
    `ListenAddress ${HOST}`,
    `HostKey ${host}`,
    `AuthorizedKeysFile ${join(folder, 'authorized')}`,
    `PidFile ${join(folder, 'pid')}`,
    'UsePAM no',
    'StrictModes no',
  ];
  writeFileSync(join(folder, 'config'), `${lines.join('\n')}\n`);
  const args = ['-D', '-f', join(folder, 'config'), '-E', join(folder, 'log')];
  const child = spawn(program, args, { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  for (let tries = 0; tries < 100 && (await isFreePort(port)); tries++) await sleep(50);
  return {
    port,
    user: userInfo().username,
    hostKey: readFileSync(`${host}.pub`, 'utf8').trim(),
    userKey: readFileSync(user, 'utf8'),
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
