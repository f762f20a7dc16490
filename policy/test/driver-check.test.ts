// The conformance kit finds drivers that do not keep the contract.

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { utf8 } from '@writ/core/bytes';
import { checkDriver } from '@writ/policy/conformance/check-driver';
import { parseScenario, type Scenario } from '@writ/policy/conformance/scenario';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ANSWER, LAMP, lampPackage } from './driver-world.ts';

const kit = suite('conformance kit');
const MANIFEST = `${LAMP}network: ['connection:/address']\n`;
const BIN = fileURLToPath(new URL('../../bin/writ-driver-check.mjs', import.meta.url));

const SCENARIO: Scenario = {
  connection: { address: '{tcp}' },
  execute: true,
  calls: [{ capability: 'lamp.power', verb: 'turn-on', target: 'outlet:1', params: {} }],
};

/** A lamp that remembers its state in the process, and sends a byte for each change. */
const SOUND = `${ANSWER}
  import { connect } from 'node:net';
  let state = 'off';
  const send = (address) => new Promise((resolve, reject) => {
    const [host, port] = address.split(':');
    const socket = connect(Number(port), host, () => socket.end('x', resolve));
    socket.on('error', reject);
  });
  export const driver = { async call(call, context) {
    if (call.target !== 'outlet:1') throw Object.assign(new Error('no such outlet'), { code: 'target-unknown' });
    const to = { 'turn-on': 'on', 'turn-off': 'off', blink: state }[call.verb];
    const from = LATE ? 'off' : state;
    DRY
    if (!call.dryRun) { await send(context.connection.address); await new Promise((resolve) => setTimeout(resolve, 50)); state = to; }
    return answer(call, context, { effects: { summary: 's', per_target: [{ id: call.target, from, to }] } CHANGES });
  } };`;

function lamp(changes: { dry?: string; more?: string; late?: string } = {}): Uint8Array {
  const source = SOUND.replace('DRY', changes.dry ?? '')
    .replace('CHANGES', changes.more ?? '')
    .replace('LATE', changes.late ?? 'false');
  return lampPackage(source, MANIFEST);
}

async function problemsOf(bytes: Uint8Array, scenario = SCENARIO): Promise<string[]> {
  const results = await checkDriver(bytes, scenario, () => performance.now());
  return [
    ...new Set(results.filter(({ problem }) => problem !== null).map(({ check }) => check)),
  ].sort();
}

kit(
  'has nothing to say about a driver that keeps the contract but that two verbs are not tried',
  async () => {
    assert.equal(await problemsOf(lamp()), ['every verb is tried']);
  },
);

kit('finds a dry run that changes something', async () => {
  const bytes = lamp({ dry: 'if (call.dryRun) await send(context.connection.address);' });
  const problems = await problemsOf(bytes);
  assert.ok(problems.includes('dry run changes nothing'), problems.join());
});

kit('finds a key that depends on the time', async () => {
  const bytes = lamp({ more: ', idempotency_key: String(context.nowMs)' });
  const problems = await problemsOf(bytes);
  assert.ok(problems.includes('dry run answers as the contract asks'), problems.join());
});

kit('finds a plan that depends on the time', async () => {
  const bytes = lamp({ more: ', reason: String(context.nowMs)' });
  const problems = await problemsOf(bytes);
  assert.ok(problems.includes('dry run and key are the same a year later'), problems.join());
});

kit('finds an execution that is announced and does not take place', async () => {
  const bytes = lamp({ dry: 'if (!call.dryRun) call = { ...call, dryRun: true };' });
  const problems = await problemsOf(bytes);
  assert.ok(problems.includes('execution reaches the target'), problems.join());
  assert.ok(problems.includes('dry run after the execution agrees with it'), problems.join());
});

kit('finds a state that did not become what was announced', async () => {
  const problems = await problemsOf(lamp({ late: 'true' }));
  assert.ok(problems.includes('dry run after the execution agrees with it'), problems.join());
});

kit('finds a driver that accepts any target', async () => {
  const source = `${ANSWER} export const driver = { call: async (call, context) => answer(call, context) };`;
  const problems = await problemsOf(lampPackage(source, MANIFEST));
  assert.ok(problems.includes('an unknown target is refused'), problems.join());
});

kit('holds the deadline for a driver that does not', async () => {
  const source = 'export const driver = { call: () => new Promise(() => { for (;;); }) };';
  const manifest = MANIFEST.replace('memory_mb: 128', 'timeout_s: 1');
  const results = await checkDriver(lampPackage(source, manifest), SCENARIO, () =>
    performance.now(),
  );
  const late = results.find(({ check }) => check.startsWith('the deadline holds'));
  assert.is(late?.problem, null);
  assert.ok(results.some(({ problem }) => problem?.startsWith('driver-timeout')));
});

kit('says that a connection is not of the schema, and that a package is not sound', async () => {
  assert.equal(await problemsOf(lamp(), { ...SCENARIO, connection: { adress: '' } }), [
    'connection is of the schema',
    'every verb is tried',
  ]);
  assert.equal(await problemsOf(utf8('no package')), ['package and manifest are sound']);
});

kit('refuses a scenario that it does not understand', () => {
  const scenarios = [
    '',
    '[]',
    '{}',
    '{"connection":{},"calls":[]}',
    '{"connection":{},"calls":[1]}',
  ];
  scenarios.push(
    '{"connection":{},"calls":[{"capability":1}]}',
    '{"connection":{},"calls":[{}],"x":1}',
  );
  for (const text of scenarios) assert.throws(() => parseScenario(utf8(text)), /scenario|JSON/);
});

kit('is a command with an exit code', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'writ-kit-'));
  await writeFile(join(folder, 'plugin.yaml'), MANIFEST);
  await writeFile(
    join(folder, 'driver.js'),
    `${ANSWER} export const driver = { call: async (call, context) => answer(call, context) };`,
  );
  const scenario = join(folder, '..', `${folder.split('/').at(-1)}.json`);
  await writeFile(scenario, JSON.stringify(SCENARIO));
  const run = (...args: string[]): Promise<{ code: unknown; text: string }> =>
    new Promise((resolve) => {
      execFile(process.execPath, [BIN, ...args], (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : error.code, text: stdout + stderr });
      });
    });
  const broken = await run(folder, '--connection', scenario);
  assert.is(broken.code, 1);
  assert.match(broken.text, /FAIL {2}an unknown target is refused/);
  assert.is((await run(folder)).code, 2);
  assert.is((await run(folder, '--connection', '/no/such/file')).code, 2);
  assert.is((await run('--help')).code, 0);
  await rm(folder, { recursive: true });
  await rm(scenario);
});

kit.run();
