import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DRIVER_PACKAGES } from '@writ/e2e/processes';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runIn } from './writ-world.ts';

const EXAMPLES = fileURLToPath(new URL('../../../examples/', import.meta.url));

interface World {
  dir: string;
  digest: string;
}

const check = suite<World>('writ policy check', { dir: '', digest: '' });

check.before(async (world) => {
  world.dir = await mkdtemp(join(tmpdir(), 'writ-check-'));
  const out = join(world.dir, 'exec.writ-driver');
  const packed = await runIn(world.dir, undefined, [
    'driver',
    'pack',
    join(DRIVER_PACKAGES, 'exec'),
    '--out',
    out,
    '--json',
  ]);
  assert.is(packed.exit, 0, packed.err);
  world.digest = packed.json.digest;
});

check.after(async ({ dir }) => {
  await rm(dir, { recursive: true });
});

async function policyFile({ dir, digest }: World, changes: object = {}): Promise<string> {
  const path = join(dir, 'policy.json');
  const policy = {
    version: 1,
    name: 'Stop the build farm',
    trigger_group: { triggers: [{ type: 'ups.state', equals: 'mains-lost', for: '30s' }] },
    targets: {
      host_id: '6f1d1b54-3c1e-4f0a-9d57-0c9b3d2f7a11',
      target_type: 'command',
      selector: { mode: 'list', value: 'stop-farm' },
      driver: digest,
    },
    actions: [{ capability_id: 'command.run', verb: 'run' }],
    ...changes,
  };
  await writeFile(path, JSON.stringify(policy));
  return path;
}

check('a sound policy can be saved, and says so with its digests', async (world) => {
  const path = await policyFile(world);
  const ran = await runIn(world.dir, undefined, [
    'policy',
    'check',
    path,
    '--drivers',
    world.dir,
    '--json',
  ]);
  assert.is(ran.exit, 0, ran.out);
  assert.is(ran.json.ok, true);
  assert.match(ran.json.digests.semantic, /^[0-9a-f]{64}$/);
});

check('every mistake is told at once, with where it is', async (world) => {
  const path = await policyFile(world, { suppression_window: '5mxyz', surprise: 1, actions: [] });
  const ran = await runIn(world.dir, undefined, ['policy', 'check', path, '--json']);
  assert.is(ran.exit, 1);
  const paths = ran.json.findings.map((finding: { path: string }) => finding.path);
  for (const pointer of ['/suppression_window', '/surprise', '/actions'])
    assert.ok(paths.includes(pointer), `${pointer} in ${paths}`);
});

check('a capability that the package does not have is a blocker', async (world) => {
  const path = await policyFile(world, {
    actions: [{ capability_id: 'vm.lifecycle', verb: 'run' }],
  });
  const ran = await runIn(world.dir, undefined, ['policy', 'check', path, '--drivers', world.dir]);
  assert.is(ran.exit, 1);
  assert.match(ran.out, /blocker {2}\/actions\/0\/capability_id/);
});

check('a policy without a pinned driver can be saved and not enabled', async (world) => {
  for (const name of (await readdir(EXAMPLES)).filter((file) => file.endsWith('.json'))) {
    const ran = await runIn(world.dir, undefined, [
      'policy',
      'check',
      join(EXAMPLES, name),
      '--json',
    ]);
    assert.is(ran.exit, 0, `${name}: ${ran.out}`);
    assert.is(ran.json.severity, 'error', name);
  }
});

check('explain says it in words', async (world) => {
  const path = await policyFile(world);
  const ran = await runIn(world.dir, undefined, [
    'policy',
    'explain',
    path,
    '--drivers',
    world.dir,
  ]);
  assert.is(ran.exit, 0, ran.err);
  assert.match(ran.out, /When .*mains-lost.*30s/);
});

check('the inverse is disabled, flipped, and leaves its source alone', async (world) => {
  const path = await policyFile(world);
  const before = await readFile(path, 'utf8');
  const out = join(world.dir, 'back.json');
  const ran = await runIn(world.dir, undefined, [
    'policy',
    'inverse',
    path,
    '--drivers',
    world.dir,
    '--out',
    out,
    '--json',
  ]);
  assert.is(ran.exit, 0, ran.out);
  const inverse = JSON.parse(await readFile(out, 'utf8'));
  assert.is(inverse.enabled, false);
  assert.is(inverse.actions[0].verb, 'undo');
  assert.is(await readFile(path, 'utf8'), before);
  assert.ok(ran.json.needs_input.includes('/trigger_group/triggers/0'));
});

check.run();
