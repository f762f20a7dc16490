// The demo goes on: a village whose node acts on its policies. Here it is founded, the packages of its drivers are put
// into the log's blob store, and two policies come into force.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatBase64 } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { formatVkey, parseSignerKey } from '@writ/core/formats/key';
import type { Home } from './home.ts';
import { COMMANDS, DRIVER_PACKAGES, type Outcome, runCommand } from './processes.ts';
import type { Story } from './story.ts';

export const VILLAGE = 'harbour';
export const NODE = 'quay-1';
export const SSH_HOST = '6f1d1b54-3c1e-4f0a-9d57-0c9b3d2f7a11';
export const HOOK_HOST = 'b2a7c0de-58c4-4b7d-8f3a-61d94f5e2c22';

/** The files of the village and its node. */
export interface VillageFiles {
  readonly dir: string;
  readonly adminKey: string;
  readonly nodeKey: string;
}

/** Makes the keys and lets the log know them, before it starts. */
export async function prepareVillage(home: Home): Promise<VillageFiles> {
  const dir = join(home.dir, 'village');
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const adminKey = join(dir, 'ada.key');
  const nodeKey = join(dir, 'quay-1.key');
  for (const [name, path] of [
    ['ada', adminKey],
    [NODE, nodeKey],
  ] as const)
    await must(runCommand(COMMANDS.writ, ['key', 'new', name, '--out', path]));
  const line = async (name: string, path: string, may: string): Promise<string> => {
    const key = parseSignerKey((await readFile(path, 'utf8')).trimEnd());
    return `author ${name} ed25519 ${formatBase64(key.publicKey)} ${may}\n`;
  };
  const lines = [
    await line('ada', adminKey, 'village/* package/*'),
    await line(NODE, nodeKey, 'node/*'),
  ];
  await writeFile(home.authorsPath, (await readFile(home.authorsPath, 'utf8')) + lines.join(''));
  return { dir, adminKey, nodeKey };
}

/** What the policies are to do. */
export interface Orders {
  /** Id of the driver for the machine: over SSH, or on this one. */
  readonly machineDriver: 'ssh' | 'exec';
}

/** Founds the village, publishes the drivers and puts the policies in force. Answers the ids of the policies. */
export async function foundVillage(
  story: Story,
  home: Home,
  files: VillageFiles,
  { machineDriver }: Orders,
): Promise<readonly string[]> {
  story.chapter('A village, its node, and drivers by digest');
  const as = ['--policy', home.policyPath, '--key', files.adminKey];
  await writeFile(join(files.dir, 'constitution.json'), await constitution(files));
  const founding = ['village', 'create', VILLAGE, join(files.dir, 'constitution.json'), ...as];
  const founded = await runCommand(COMMANDS.writ, [...founding, '--name', 'Harbour']);
  story.check(founded.exitCode === 0, `writ village create ${VILLAGE}: exit ${founded.exitCode}`);
  const drivers = new Map<string, string>();
  for (const name of [machineDriver, 'http']) {
    const path = join(files.dir, `${name}.writ-driver`);
    await must(
      runCommand(COMMANDS.writ, ['driver', 'pack', join(DRIVER_PACKAGES, name), '--out', path]),
    );
    const pushed = await runCommand(COMMANDS.writ, ['driver', 'push', path, ...as, '--json']);
    const digest = /sha256:[0-9a-f]{64}/.exec(pushed.stdout)?.[0] ?? '';
    drivers.set(name, digest);
    story.check(pushed.exitCode === 0, `driver ${name} is in the blob store as ${digest}`);
  }
  const ids: string[] = [];
  for (const [name, spec] of policiesOf(machineDriver, drivers)) {
    const path = join(files.dir, `${name}.json`);
    await writeFile(path, `${JSON.stringify(spec, null, 2)}\n`);
    const args = ['policy', 'propose', path, '--village', VILLAGE, ...as, '--json'];
    const proposed = await runCommand(COMMANDS.writ, args);
    story.check(proposed.exitCode === 0, `policy ${name} signed, logged, in force`);
    ids.push(/"policy":"([0-9a-f-]{36})"/.exec(proposed.stdout)?.[1] ?? '');
  }
  return ids;
}

function policiesOf(
  machineDriver: Orders['machineDriver'],
  drivers: ReadonlyMap<string, string>,
): ReadonlyMap<string, object> {
  const isSsh = machineDriver === 'ssh';
  const order = (command: string): object =>
    isSsh
      ? { capability_id: 'ssh.command', verb: 'run', params: { command } }
      : { capability_id: 'command.run', verb: 'run' };
  const trigger_group = {
    triggers: [{ type: 'ups.state', equals: 'mains-lost', for: '1s' }],
  };
  const machine = {
    version: 1,
    name: 'Shut down the application, then the database',
    priority: 0,
    trigger_group,
    targets: {
      host_id: SSH_HOST,
      target_type: isSsh ? 'ssh-host' : 'command',
      selector: { mode: 'list', value: isSsh ? 'build-1' : 'stop-application, stop-database' },
      driver: drivers.get(machineDriver),
    },
    actions: isSsh ? [order('stop-application'), order('stop-database')] : [order('')],
  };
  const hook = {
    version: 1,
    name: 'Tell the operators that the mains are gone',
    priority: 10,
    trigger_group,
    targets: {
      host_id: HOOK_HOST,
      target_type: 'http-endpoint',
      selector: { mode: 'list', value: 'operators' },
      driver: drivers.get('http'),
    },
    actions: [
      {
        capability_id: 'webhook.send',
        verb: 'send',
        params: { event: 'mains-lost', text: 'The harbour is on battery.' },
      },
    ],
  };
  return new Map<string, object>([
    ['shut-down', machine],
    ['tell-operators', hook],
  ]);
}

async function constitution({ adminKey, nodeKey }: VillageFiles): Promise<string> {
  const member = async (name: string, role: string, path: string): Promise<object> => {
    const key = parseSignerKey((await readFile(path, 'utf8')).trimEnd());
    return { name, roles: [role], weight: 1, keys: [formatVkey(key)] };
  };
  const rule = {
    authors: ['steward'],
    approvers: ['steward'],
    quorum: { kind: 'count', k: 1 },
    expiresAfterSeconds: null,
    notBefore: false,
  };
  return JSON.stringify({
    members: [await member('ada', 'steward', adminKey), await member(NODE, 'node', nodeKey)],
    rules: { policy: rule, constitution: rule, members: rule },
    limits: {
      statementsPerDay: 100_000,
      proposalsOpen: 16,
      specBytes: 64_000,
      requestsPerMinute: 6000,
    },
    quarantine: null,
    staleness: { mode: 'fail-closed', maxSeconds: 3600 },
    visibility: 'public',
    recordDenials: true,
  });
}

async function must(running: Promise<Outcome>): Promise<Outcome> {
  const outcome = await running;
  if (outcome.exitCode === 0) return outcome;
  throw new LogError('config-invalid', (outcome.stderr || outcome.stdout).trim());
}

/** Something happens in another village of the log. */
export async function growElsewhere(home: Home): Promise<void> {
  const args = ['policy', 'disable', 'vm-suspend-render-farm-on-heat', '--reason', 'winter'];
  const as = ['--policy', home.policyPath, '--key', home.authorKeyPath, '--village', 'north-quay'];
  await must(runCommand(COMMANDS.writ, [...args, ...as]));
}

/** Puts the next version of the second policy in force. */
export async function changePolicy(home: Home, files: VillageFiles): Promise<void> {
  const path = join(files.dir, 'tell-operators.json');
  const text = await readFile(path, 'utf8');
  await writeFile(path, text.replace('is on battery.', 'is on battery: call the duty officer.'));
  const as = ['--policy', home.policyPath, '--key', files.adminKey, '--village', VILLAGE];
  await must(runCommand(COMMANDS.writ, ['policy', 'propose', path, ...as]));
}
