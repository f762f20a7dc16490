// The demo goes on: the mains fail, a node with verified policies acts in order on real targets, and the records of it
// are in the log.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatBase64 } from '@writ/core/bytes';
import { BuiltInUpsd } from './built-in-upsd.ts';
import { random } from './demo-entries.ts';
import { HOOK_HOST, NODE, SSH_HOST, VILLAGE, type VillageFiles } from './demo-village.ts';
import { findDummyUps, Upsd } from './harness/upsd.ts';
import type { Home } from './home.ts';
import { findSshd, type LocalSshd, startSshd } from './local-sshd.ts';
import { freePorts, HOST } from './ports.ts';
import { COMMANDS } from './processes.ts';
import type { Story } from './story.ts';

const WAIT_MS = 30_000;

/** What the node acts on. */
export interface Targets {
  readonly sshd: LocalSshd | undefined;
  /** Lines that the commands on the machine wrote, in order. */
  readonly journal: string;
  readonly hook: Hook;
  readonly ups: Upsd | BuiltInUpsd;
  readonly upsName: string;
  stop(): Promise<void>;
}

/** A web hook that notes what it is sent. */
export interface Hook {
  readonly port: number;
  readonly received: string[];
  readonly server: Server;
}

/** Starts a machine to log in to, a web hook and a UPS: real ones where they are installed. */
export async function startTargets(files: VillageFiles): Promise<Targets> {
  const program = findSshd();
  const sshd =
    program === undefined ? undefined : await startSshd(program, join(files.dir, 'sshd'));
  const hook = await startHook();
  const isReal = findDummyUps() !== undefined;
  const ups = isReal ? await Upsd.start() : await BuiltInUpsd.start();
  return {
    sshd,
    hook,
    ups,
    upsName: isReal ? 'dummy' : 'demo',
    journal: join(files.dir, 'journal'),
    stop: async () => {
      await ups.stop();
      await sshd?.stop();
      hook.server.closeAllConnections();
      await new Promise((resolve) => hook.server.close(resolve));
    },
  };
}

/** A node in a process of its own. */
export interface NodeProcess {
  readonly config: string;
  readonly child: ChildProcess;
  readonly ready: string;
  stop(): Promise<number | null>;
}

/** Writes the configuration of the node and starts it. */
export async function startNode(
  home: Home,
  files: VillageFiles,
  targets: Targets,
  logUrl: string,
): Promise<NodeProcess> {
  const [port = 0] = await freePorts(1);
  const config = await writeConfig(home, files, targets, { logUrl, port, folder: 'node' });
  const output = openSync(join(files.dir, 'node.log'), 'a', 0o600);
  const child = spawn(process.execPath, [COMMANDS.node, 'run', '--config', config], {
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return {
    config,
    child,
    ready: `http://${HOST}:${port}/readyz`,
    stop: async () => {
      child.kill('SIGTERM');
      return ended;
    },
  };
}

export interface ConfigOptions {
  readonly logUrl: string;
  readonly port: number;
  /** Below the folder of the village. */
  readonly folder: string;
}

/** The configuration of a node as a file; answers its path. */
export async function writeConfig(
  home: Home,
  files: VillageFiles,
  { sshd, journal, hook, ups }: Targets,
  { logUrl, port, folder }: ConfigOptions,
): Promise<string> {
  const secrets = join(files.dir, 'secrets');
  await mkdir(secrets, { recursive: true, mode: 0o700 });
  await writeFile(join(secrets, 'hook'), `whsec_${formatBase64(random(32))}\n`, { mode: 0o600 });
  if (sshd !== undefined) await writeFile(join(secrets, 'ssh'), sshd.userKey, { mode: 0o600 });
  const say = (word: string): string => `echo ${word} >> ${journal}`;
  const machine =
    sshd === undefined
      ? {
          driver: 'org.writ.exec',
          connection: {
            commands: ['stop-application', 'stop-database'].map((name) => ({
              name,
              argv: ['/bin/sh', '-c', say(name)],
            })),
          },
        }
      : {
          driver: 'org.writ.ssh',
          connection: {
            name: 'build-1',
            address: `${HOST}:${sshd.port}`,
            host_key: sshd.hostKey,
            user: sshd.user,
            private_key: { file: join(secrets, 'ssh') },
            commands: ['stop-application', 'stop-database'].map((name) => ({
              name,
              line: say(name),
            })),
          },
        };
  const config = {
    village: VILLAGE,
    node: NODE,
    log: logUrl,
    trust_policy: home.policyPath,
    key: files.nodeKey,
    data: join(files.dir, folder),
    pull_every: '2s',
    listen: { host: HOST, port },
    hosts: [
      { id: SSH_HOST, name: 'build-1', ...machine },
      {
        id: HOOK_HOST,
        name: 'operators',
        driver: 'org.writ.http',
        connection: {
          endpoints: [{ name: 'operators', url: `http://${HOST}:${hook.port}/alerts` }],
          signing_key: { file: join(secrets, 'hook') },
          private_addresses: ['127.0.0.0/8'],
        },
      },
    ],
    nut: [{ host: HOST, port: ups.port, poll: '1s' }],
  };
  const path = join(files.dir, `${folder}.yaml`);
  // JSON is YAML.
  await writeFile(path, JSON.stringify(config, null, 2), { mode: 0o600 });
  return path;
}

/** The mains fail; the node has to act, and the log to know. */
export async function failTheMains(
  story: Story,
  node: NodeProcess,
  targets: Targets,
): Promise<void> {
  story.chapter('The mains fail, and the node does what was ordered');
  tellTargets(story, targets);
  story.check(
    await until(() => answers(node.ready)),
    'the node has verified its village and is ready',
  );
  await targets.ups.set('OB');
  story.tell(`the UPS ${targets.upsName} goes on battery`);
  const hasActed = await until(async () => {
    const lines = await journalOf(targets);
    return lines.length >= 2 && targets.hook.received.length >= 1;
  });
  story.check(hasActed, 'the commands ran and the operators were told');
  const lines = await journalOf(targets);
  story.check(
    lines.join(' ') === 'stop-application stop-database',
    `in the order of the policy, once each: ${lines.join(', ')}`,
  );
  story.check(
    targets.hook.received.length === 1 && (targets.hook.received[0] ?? '').includes('mains-lost'),
    'the web hook came once, signed',
  );
}

function tellTargets(story: Story, { sshd, ups, upsName }: Targets): void {
  story.tell(
    sshd === undefined
      ? 'openssh-server is not installed: the commands run on this machine instead'
      : `a real OpenSSH server on port ${sshd.port}, a web hook, and`,
  );
  story.tell(
    upsName === 'dummy'
      ? `a real upsd (Network UPS Tools) on port ${ups.port}, its UPS on line`
      : `nut-server is not installed: a built-in upsd on port ${ups.port} speaks the same protocol`,
  );
}

/** Waits up to half a minute for something. */
export async function until(isThere: () => Promise<boolean>): Promise<boolean> {
  const end = performance.now() + WAIT_MS;
  while (performance.now() < end) {
    if (await isThere().catch(() => false)) return true;
    await sleep(100);
  }
  return false;
}

async function journalOf({ journal }: Targets): Promise<string[]> {
  if (!existsSync(journal)) return [];
  return (await readFile(journal, 'utf8')).trim().split('\n');
}

async function answers(url: string): Promise<boolean> {
  const response = await fetch(url);
  await response.arrayBuffer();
  return response.ok;
}

function startHook(): Promise<Hook> {
  const received: string[] = [];
  return new Promise((resolve) => {
    const server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (chunk) => {
        body += String(chunk);
      });
      request.on('end', () => {
        if (request.headers['webhook-signature'] !== undefined) received.push(body);
        response.end();
      });
    });
    server.listen(0, HOST, () => {
      const address = server.address();
      const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
      resolve({ port, received, server });
    });
  });
}
