// The configuration of a node: what is wrong is said with the member and the file that it is in.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatBase64, utf8 } from '@writ/core/bytes';
import { isLogError } from '@writ/core/errors';
import { formatSignerKey, formatVkey } from '@writ/core/formats/key';
import { readNodeConfig, withSecrets } from '@writ/policy/agent/node-config';
import { readNodeFiles } from '@writ/policy/agent/node-files';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LOG } from './villages.ts';

const HOST = { id: '6f1d1b54-3c1e-4f0a-9d57-0c9b3d2f7a11', name: 'quay', driver: 'org.writ.exec' };
const LEAST = {
  ...{ village: 'north-quay', node: 'quay-1', log: 'https://log.example/' },
  ...{ trust_policy: 'trust.policy', key: 'node.key', data: 'data' },
};
const SECRET = `whsec_${formatBase64(new Uint8Array(32).fill(4))}`;

const read = suite('readNodeConfig');

function messageOf(config: unknown): string {
  try {
    readNodeConfig(utf8(typeof config === 'string' ? config : JSON.stringify(config)));
  } catch (error) {
    if (isLogError(error, 'config-invalid')) return error.message;
    throw error;
  }
  return '';
}

read('the example is read, durations in seconds', async () => {
  const path = new URL('../../../examples/node/node.yaml', import.meta.url);
  const config = readNodeConfig(await readFile(path));
  assert.equal([config.pull_every, config.limits.call_timeout, config.hosts.length], [30, 60, 2]);
  assert.is(config.hosts[0]?.full_discovery, 600);
  assert.equal(config.senders[1]?.secret, { env: 'WRIT_BUILDING_SECRET' });
});

read('what is not said has a default', () => {
  const config = readNodeConfig(utf8(JSON.stringify(LEAST)));
  assert.equal([config.pull_every, config.remote_requests, config.hide_targets], [30, true, false]);
  assert.equal(config.limits, { calls: 10, waiting: 256, events: 10_000 });
  assert.is(config.listen, undefined);
});

const connection = {};
const nut = { password: { file: 'p' } };
const WRONG: readonly (readonly [string, unknown, RegExp])[] = [
  ['no YAML', 'village: [', /line/],
  ['an alias', 'a: &x 1\nb: *x', /./],
  ['too large', `# ${'x'.repeat(70_000)}`, /larger than/],
  ['an unknown member', { ...LEAST, pull_evry: '5s' }, /pull_evry/],
  ['a missing member', { ...LEAST, key: undefined }, /^key: /],
  ['a village that is none', { ...LEAST, village: 'North Quay' }, /^village: /],
  ['a node that is none', { ...LEAST, node: 'a/b' }, /^node: /],
  ['no web address', { ...LEAST, log: 'ftp://log.example/' }, /^log: /],
  ['a duration without a unit', { ...LEAST, pull_every: '30' }, /^pull_every: /],
  ['a duration of nothing', { ...LEAST, pull_every: '0s' }, /^pull_every: /],
  [
    'a host id in capitals',
    { ...LEAST, hosts: [{ ...HOST, id: HOST.id.toUpperCase(), connection }] },
    /^hosts\.0\.id: /,
  ],
  [
    'a host twice',
    {
      ...LEAST,
      hosts: [
        { ...HOST, connection },
        { ...HOST, connection },
      ],
    },
    /^hosts: .* twice/,
  ],
  // The log would refuse the statement, and everything behind it.
  [
    'a host name of two lines',
    { ...LEAST, hosts: [{ ...HOST, name: 'a\nb', connection }] },
    /^hosts\.0\.name: /,
  ],
  [
    'a long host name',
    { ...LEAST, hosts: [{ ...HOST, name: 'x'.repeat(65), connection }] },
    /^hosts\.0\.name: /,
  ],
  ['too many hosts', { ...LEAST, hosts: Array.from({ length: 129 }, () => HOST) }, /^hosts: /],
  [
    'a secret in the file',
    { ...LEAST, senders: [{ name: 'a', secret: SECRET, may: ['webhook'] }] },
    /^senders\.0\.secret: .*secrets do not stand/,
  ],
  [
    'a sender twice',
    {
      ...LEAST,
      senders: ['a', 'a'].map((name) => ({ name, secret: { env: 'A' }, may: ['webhook'] })),
    },
    /^senders: a is there twice/,
  ],
  [
    'a sender that may do nothing',
    { ...LEAST, senders: [{ name: 'a', secret: { env: 'A' }, may: [] }] },
    /^senders\.0\.may: /,
  ],
  ['a password without a user', { ...LEAST, nut: [nut] }, /^nut\.0\.user: /],
  ['a port that is none', { ...LEAST, listen: { port: 70_000 } }, /^listen\.port: /],
];

for (const [what, config, message] of WRONG)
  read(`${what} is refused by name`, () => {
    assert.match(messageOf(config), message);
  });

read('a connection that is nested without end is refused', async () => {
  let deep: object = {};
  for (let i = 0; i < 40; i++) deep = { deep };
  const sources = { file: async () => '', env: () => undefined };
  try {
    await withSecrets(JSON.parse(JSON.stringify(deep)), sources);
    assert.unreachable();
  } catch (error) {
    assert.ok(isLogError(error, 'config-invalid'));
  }
});

read.run();

const files = suite<{ dir: string }>('readNodeFiles');

files.before.each(async (state) => {
  state.dir = await mkdtemp(join(tmpdir(), 'writ-node-files-'));
  const { dir } = state;
  await writeFile(join(dir, 'trust.policy'), `log ${formatVkey(LOG)}\nquorum none\n`);
  await writeFile(
    join(dir, 'node.key'),
    `${formatSignerKey('quay-1', 0x01, new Uint8Array(32).fill(6))}\n`,
  );
});

files.after.each(async ({ dir }) => {
  await rm(dir, { recursive: true });
});

async function filesIn(dir: string, more: object): Promise<string> {
  const path = join(dir, 'node.yaml');
  await writeFile(path, JSON.stringify({ ...LEAST, ...more }));
  try {
    await readNodeFiles(path, { FULL: SECRET, EMPTY: '', SHORT: 'whsec_AAAA' }, '0.0.0');
    return '';
  } catch (error) {
    if (!isLogError(error, 'config-invalid')) throw error;
    assert.ok(error.message.startsWith(`${path}: `), error.message);
    return error.message.slice(path.length + 2);
  }
}

files('secrets come from files and variables, paths from beside the file', async ({ dir }) => {
  await writeFile(join(dir, 'token'), 'hush\n');
  const path = join(dir, 'node.yaml');
  const hosts = [{ ...HOST, connection: { list: [{ token: { file: 'token' } }] } }];
  const senders = [{ name: 'a', secret: { env: 'FULL' }, may: ['webhook'] }];
  await writeFile(path, JSON.stringify({ ...LEAST, hosts, senders }));
  const settings = await readNodeFiles(path, { FULL: SECRET }, '0.0.0');
  assert.equal(settings.hosts[0]?.connection, { list: [{ token: 'hush' }] });
  assert.is(settings.senders[0]?.secret.length, 32);
  assert.is(settings.data, join(dir, 'data'));
});

const sender = (secret: object): object => ({ senders: [{ name: 'a', secret, may: ['webhook'] }] });
const BAD: readonly (readonly [string, object, RegExp])[] = [
  [
    'a key that is not there',
    { key: 'nowhere.key' },
    /^key: cannot read the file .*nowhere\.key: ENOENT/,
  ],
  ['a key that is none', { key: 'trust.policy' }, /^key: /],
  ['a trust policy that is none', { trust_policy: 'node.key' }, /^trust_policy: /],
  [
    'a variable that is not set',
    sender({ env: 'NONE' }),
    /^senders\.0\.secret: the secret NONE is not there/,
  ],
  ['an empty variable', sender({ env: 'EMPTY' }), /^senders\.0\.secret: .*empty/],
  ['a secret that is too short', sender({ env: 'SHORT' }), /^senders\.0\.secret: must be whsec_/],
  [
    'a file that is not there',
    { hosts: [{ ...HOST, connection: { token: { file: 'no' } } }] },
    /^hosts\.0\.connection: cannot read/,
  ],
  ['a path that no socket has', { data: 'x'.repeat(120) }, /^data: the path is too long/],
];

for (const [what, more, message] of BAD)
  files(`${what} is named with its member and file`, async ({ dir }) => {
    assert.match(await filesIn(dir, more), message);
  });

files.run();
