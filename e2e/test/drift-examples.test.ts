import { execFile, execFileSync } from 'node:child_process';
import { chmod, copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArguments } from '@writ/cli/args';
import { COMMANDS } from '@writ/cli/commands';
import { COMMON_OPTIONS } from '@writ/cli/options';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WritWorld } from './writ-world.ts';

const EXAMPLES = fileURLToPath(new URL('../../../examples/drift/', import.meta.url));
const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));
const PROGRAM = join(REPOSITORY, 'cli/bin/writ.mjs');

interface State {
  world: WritWorld;
  /** Stands for the root of the node's file system. */
  root: string;
  env: Record<string, string>;
}

const drift = suite<State>('drift examples');

drift.before.each(async (state) => {
  const world = await WritWorld.start(['ada']);
  const root = world.path('root');
  for (const folder of ['etc/writ', 'var/lib/writ', 'bin'])
    await mkdir(join(root, folder), { recursive: true });
  await copyFile(world.path('ada.key'), join(root, 'etc/writ/node.key'));
  await chmod(join(root, 'etc/writ/node.key'), 0o600);
  await copyFile(world.path('trust.policy'), join(root, 'etc/writ/trust.policy'));
  await symlink(PROGRAM, join(root, 'bin/writ'));
  await writeFile(join(root, 'bin/logger'), `#!/bin/sh\necho "$@" >>'${root}/said'\n`, {
    mode: 0o755,
  });
  const path = [join(root, 'bin'), join(process.execPath, '..'), '/usr/bin', '/bin'];
  const env = { PATH: path.join(delimiter), WRIT_LOG: await world.listen(), HOME: root };
  Object.assign(state, { world, root, env });
  await world.done('ada', 'village', 'create', 'north-quay');
});

drift.after.each(async ({ world }) => {
  await world.close();
});

/** The example with its absolute paths moved below `root`. */
async function example(name: string, root: string): Promise<string> {
  const text = await readFile(join(EXAMPLES, name), 'utf8');
  return text.replaceAll(/(?<=[=> ])\/(etc|var)\//g, `${root}/$1/`);
}

function runProgram(file: string, args: string[], env: Record<string, string>): Promise<number> {
  return new Promise((resolve) => {
    const child = execFile(file, args, { env }, () => resolve(child.exitCode ?? -1));
  });
}

/** Follows the village as the node of the examples. */
async function pullAsNode({ root, env }: State, settings: Record<string, string>): Promise<void> {
  const args = ['policy', 'pull', '--apply'];
  assert.is(await runProgram(join(root, 'bin/writ'), args, { ...settings, ...env }), 0);
}

async function cronLine({ root }: State): Promise<[Record<string, string>, string]> {
  const settings: Record<string, string> = {};
  let command = '';
  for (const line of (await example('writ-drift.cron', root)).split('\n')) {
    const setting = /^([A-Z_]+)=(.*)$/.exec(line);
    if (setting !== null) settings[setting[1] ?? ''] = setting[2] ?? '';
    // Five fields of time and the user, as in /etc/cron.d.
    else if (line !== '' && !line.startsWith('#'))
      command = /^(?:\S+\s+){5}writ\s+(.*)$/.exec(line)?.[1] ?? '';
  }
  assert.not.match(command, '%', 'cron makes a newline of it');
  return [settings, command];
}

drift('the cron line tells drift to the journal, and is silent without', async (state) => {
  const { env, root } = state;
  const [settings, command] = await cronLine(state);
  const shell = { ...settings, ...env };
  await runProgram('/bin/sh', ['-c', command], shell);
  assert.match(await readFile(join(root, 'said'), 'utf8'), /^-t writ-drift exit 1, see /);
  const told = JSON.parse(await readFile(join(root, 'var/lib/writ/drift.json'), 'utf8'));
  assert.is(told.report.class, 'behind');

  await pullAsNode(state, settings);
  await writeFile(join(root, 'said'), '');
  assert.is(await runProgram('/bin/sh', ['-c', command], shell), 0);
  assert.is(await readFile(join(root, 'said'), 'utf8'), '');
});

async function serviceOf({ root }: State): Promise<[Record<string, string>, string[]]> {
  const text = await example('writ-drift.service', root);
  const settings = [...text.matchAll(/^Environment=(\w+)=(.*)$/gm)].map(
    ([, name = '', value = '']) => [name, value],
  );
  const words = /^ExecStart=(.*)$/m.exec(text)?.[1]?.split(' ') ?? [];
  return [Object.fromEntries(settings), words];
}

drift('what the service starts ends with 1, 0 and 2', async (state) => {
  const { root, env, world } = state;
  const [settings, [program = '', ...args]] = await serviceOf(state);
  assert.is(program, '/usr/local/bin/writ');
  const check = (): Promise<number> =>
    runProgram(join(root, 'bin/writ'), args, { ...settings, ...env });
  assert.is(await check(), 1);
  await pullAsNode(state, settings);
  assert.is(await check(), 0);
  assert.match(await readFile(join(root, 'var/lib/writ/drift.note'), 'utf8'), /"class":"aligned"/);
  world.lie = async () => new Response('no', { status: 500 });
  assert.is(await check(), 2);
});

function isInstalled(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`]);
    return true;
  } catch {
    return false;
  }
}

drift('systemd finds no fault with the units, where there is systemd', async ({ world }) => {
  if (!isInstalled('systemd-analyze')) return;
  const service = await readFile(join(EXAMPLES, 'writ-drift.service'), 'utf8');
  const unit = world.path('writ-drift.service');
  // The program is not installed here, and neither is its user.
  const local = service.replace('/usr/local/bin/writ', process.execPath).replace('User=writ\n', '');
  await writeFile(unit, local);
  await copyFile(join(EXAMPLES, 'writ-drift.timer'), world.path('writ-drift.timer'));
  for (const file of [unit, world.path('writ-drift.timer')]) {
    const said = execFileSync('systemd-analyze', ['verify', '--man=no', file], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    assert.is(said, '');
  }
  execFileSync('systemd-analyze', ['calendar', '*:0/15']);
});

drift('the container runs a command that exists, as no root', async () => {
  const text = await readFile(join(EXAMPLES, 'Containerfile'), 'utf8');
  const listOf = (word: string): string[] =>
    JSON.parse(new RegExp(`^${word} (\\[.*\\])$`, 'm').exec(text)?.[1] ?? '[]');
  assert.equal(listOf('ENTRYPOINT'), ['node', '/opt/writ/cli/bin/writ.mjs']);
  assert.not.match(text, /^COPY \. /m, 'the keys in data/ do not belong into an image');
  assert.is(parseArguments(listOf('CMD'), COMMANDS, COMMON_OPTIONS).command, 'policy drift');
  assert.match(text, /^USER node$/m);
});

drift.run();
