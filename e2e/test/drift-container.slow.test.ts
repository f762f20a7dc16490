// The container example, built and run for real. Nothing is pulled: the base image is made here, of the Node that runs
// this test and what it is linked with.

import { type ExecFileOptions, execFile, execFileSync } from 'node:child_process';
import { type CopyOptions, existsSync } from 'node:fs';
import { chown, copyFile, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { demand, findProgram, isWanted } from '@writ/e2e/harness/foreign';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WritWorld } from './writ-world.ts';

const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));
const CONTAINERFILE = join(REPOSITORY, 'examples/drift/Containerfile');
/** What the example copies beside the packages of others. */
const PARTS = ['core', 'verifier', 'policy', 'cli'];
const NODE_UID = 1000;

const isRoot = process.getuid?.() === 0;
const needs = { buildah: findProgram('buildah'), root: isRoot ? 'root' : undefined };
const run = promisify(execFile);

class Buildah {
  readonly #options: readonly string[];

  constructor(scratch: string) {
    this.#options = [
      ...['--root', join(scratch, 'storage')],
      ...['--runroot', join(scratch, 'run')],
      ...['--storage-driver', 'vfs'],
    ];
  }

  async do(args: readonly string[], options: ExecFileOptions = {}): Promise<string> {
    const { stdout } = await run('buildah', [...this.#options, ...args], options);
    return String(stdout).trim();
  }

  /** Exit code and output of a command in a container. */
  async exec(args: readonly string[]): Promise<{ exit: number; out: string }> {
    return new Promise((resolve) => {
      const words = [...this.#options, 'run', '--isolation', 'chroot', ...args];
      const child = execFile('buildah', words, (_error, out, err) =>
        resolve({ exit: child.exitCode ?? -1, out: out || err }),
      );
    });
  }
}

/** Stands in for the image that the example starts from: Node, its libraries, and the user `node`. */
async function makeBase(buildah: Buildah, scratch: string): Promise<string> {
  const root = join(scratch, 'base');
  const linked = execFileSync('ldd', [process.execPath], { encoding: 'utf8' });
  for (const [, path = ''] of linked.matchAll(/(\/\S+) \(0x/g)) {
    await mkdir(join(root, dirname(path)), { recursive: true });
    await copyFile(path, join(root, path));
  }
  for (const folder of ['usr/local/bin', 'etc', 'tmp', 'proc', 'dev', 'sys'])
    await mkdir(join(root, folder), { recursive: true });
  await cp(process.execPath, join(root, 'usr/local/bin/node'));
  await writeFile(join(root, 'etc/passwd'), `node:x:${NODE_UID}:${NODE_UID}::/:/bin/sh\n`);
  await writeFile(join(root, 'etc/group'), `node:x:${NODE_UID}:\n`);
  const container = await buildah.do(['from', 'scratch']);
  await buildah.do(['copy', container, root, '/']);
  await buildah.do(['config', '--env', 'PATH=/usr/local/bin', container]);
  await buildah.do(['commit', container, 'localhost/base']);
  await buildah.do(['rm', container]);
  return 'localhost/base';
}

/** The repository as it is after `npm prune --omit=dev`, as far as `writ` is concerned. */
async function makeContext(scratch: string): Promise<string> {
  const context = join(scratch, 'context');
  const take = async (path: string, options: CopyOptions = {}): Promise<void> =>
    cp(join(REPOSITORY, path), join(context, path), { recursive: true, ...options });
  await take('package.json');
  const isShipped = (path: string): boolean => !['src', 'test'].includes(basename(path));
  for (const part of PARTS) await take(part, { filter: isShipped });
  await take('node_modules/@writ', { verbatimSymlinks: true });
  const lock: Lock = JSON.parse(await readFile(join(REPOSITORY, 'package-lock.json'), 'utf8'));
  for (const [path, { dev, link }] of Object.entries(lock.packages)) {
    const isThere = path.startsWith('node_modules/') && existsSync(join(REPOSITORY, path));
    if (isThere && !dev && !link) await take(path, { dereference: true });
  }
  return context;
}

interface Lock {
  readonly packages: Record<string, { readonly dev?: boolean; readonly link?: boolean }>;
}

async function checkInContainer(scratch: string, world: WritWorld): Promise<void> {
  const buildah = new Buildah(scratch);
  const base = await makeBase(buildah, scratch);
  const context = await makeContext(scratch);
  const build = ['build', '--isolation', 'chroot', '--build-arg', `BASE=${base}`, '--pull-never'];
  await buildah.do([...build, '-f', CONTAINERFILE, '-t', 'writ-drift', context]);
  const image = JSON.parse(await buildah.do(['inspect', '--type', 'image', 'writ-drift']));
  const { Entrypoint: entry, Cmd: command, User: user } = image.OCIv1.config;
  assert.is(user, 'node');

  const [etc, state] = [join(scratch, 'etc'), join(scratch, 'state')];
  await mkdir(etc);
  await mkdir(state);
  await copyFile(world.path('trust.policy'), join(etc, 'trust.policy'));
  await writeFile(join(etc, 'node.key'), await readFile(world.path('ada.key')), { mode: 0o600 });
  for (const path of [join(etc, 'node.key'), state]) await chown(path, NODE_UID, NODE_UID);
  const container = await buildah.do(['from', '--pull-never', 'writ-drift']);
  const mounts = ['-v', `${etc}:/etc/writ:ro`, '-v', `${state}:/var/lib/writ`];
  const inside = [...mounts, '--env', `WRIT_LOG=${world.service.url}`, container, '--', ...entry];
  const drift = [...inside, ...command, '--json'];

  const behind = await buildah.exec(drift);
  assert.is(behind.exit, 1, behind.out);
  assert.is(JSON.parse(behind.out).report.class, 'behind');
  const pulled = await buildah.exec([...inside, 'policy', 'pull', '--apply']);
  assert.is(pulled.exit, 0, pulled.out);
  const aligned = await buildah.exec(drift);
  assert.is(aligned.exit, 0, aligned.out);
  await world.service.close();
  assert.is((await buildah.exec(drift)).exit, 2);
}

if (isWanted('the container example is built and run', needs)) {
  test('the container is built without a network, and ends with 1, 0 and 2', async () => {
    demand(needs);
    const scratch = await mkdtemp(join(tmpdir(), 'writ-container-'));
    const world = await WritWorld.start(['ada']);
    try {
      await world.done('ada', 'village', 'create', 'north-quay');
      await checkInContainer(scratch, world);
    } finally {
      await world.close();
      await rm(scratch, { recursive: true, force: true });
    }
  });
}

test.run();
