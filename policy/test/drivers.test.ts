// The drivers of this repository: all under the conformance kit, those for commands and web hooks against real ones.

import { createHmac, generateKeyPairSync, verify } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { utf8 } from '@writ/core/bytes';
import type { JsonValue } from '@writ/core/statements/jcs';
import { packDriverFolder } from '@writ/policy/agent/driver-folder';
import { checkDriver } from '@writ/policy/conformance/check-driver';
import { portOf } from '@writ/policy/conformance/recorder';
import { parseScenario } from '@writ/policy/conformance/scenario';
import { LastWords } from '@writ/policy/drivers/connection';
import { isPublicAddress, pinAddress } from '@writ/policy/drivers/http-address';
import type { DriverCall } from '@writ/policy/engine/driver-manifest';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { answerOf, builtPackage, codeOf, PACKAGES, withHost } from './driver-world.ts';

const SOON = { deadlineMs: 20_000 };
const HMAC_KEY = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

const SCENARIOS: { readonly [name: string]: JsonValue } = {
  exec: {
    connection: {
      commands: [
        {
          name: 'touch',
          argv: ['/usr/bin/touch', '{folder}/ran'],
          undo: ['/bin/rm', '{folder}/ran'],
        },
      ],
    },
    execute: true,
    calls: [
      { capability: 'command.run', verb: 'run', target: 'command:touch' },
      { capability: 'command.run', verb: 'undo', target: 'command:touch' },
    ],
  },
  http: {
    connection: {
      endpoints: [{ name: 'lab', url: '{http}/hook' }],
      signing_key: HMAC_KEY,
      private_addresses: ['127.0.0.0/8'],
    },
    execute: true,
    calls: [
      {
        capability: 'webhook.send',
        verb: 'send',
        target: 'http-endpoint:lab',
        params: { event: 'power.lost', text: 'on battery' },
      },
    ],
  },
  ssh: {
    connection: {
      name: 'lab',
      address: '{ssh}',
      host_key: '{ssh.host_key}',
      user: 'operator',
      password: 'correct horse',
      commands: [{ name: 'hello', line: 'echo hello', undo: 'echo bye' }],
    },
    execute: true,
    calls: [
      {
        capability: 'ssh.command',
        verb: 'run',
        target: 'ssh-host:lab',
        params: { command: 'hello' },
      },
      {
        capability: 'ssh.command',
        verb: 'undo',
        target: 'ssh-host:lab',
        params: { command: 'hello' },
      },
    ],
  },
};

const drivers = suite('drivers');

for (const [name, scenario] of Object.entries(SCENARIOS)) {
  drivers(`${name} passes the conformance kit`, async () => {
    const bytes = await packDriverFolder(join(PACKAGES, name));
    const read = parseScenario(utf8(JSON.stringify(scenario)));
    const results = await checkDriver(bytes, read, () => performance.now());
    assert.ok(results.length > 12);
    assert.equal(
      results.filter(({ problem }) => problem !== null),
      [],
    );
  });

  drivers(`${name} is packed to the same bytes each time`, async () => {
    const folder = join(PACKAGES, name);
    assert.equal(await packDriverFolder(folder), await packDriverFolder(folder));
  });
}

// exec

function command(name: string, verb = 'run', dryRun = false): DriverCall {
  return { capability: 'command.run', verb, target: `command:${name}`, params: {}, dryRun };
}

const COMMANDS = {
  commands: [
    { name: 'args', argv: ['/usr/bin/printf', '%s|', '; touch /tmp/x', '$(id)', '`id`', '*'] },
    { name: 'env', argv: ['/usr/bin/env'] },
    { name: 'fails', argv: ['/bin/sh', '-c', 'echo out of luck >&2; env >&2; exit 7'] },
    { name: 'missing', argv: ['/no/such/program'] },
    { name: 'relative', argv: ['ls'] },
  ],
};

drivers(
  'exec shows the argument vector in a dry run and asks whether the program is there',
  async () => {
    await withHost(await builtPackage('exec'), COMMANDS, async (host) => {
      const shown = answerOf(await host.call(command('args', 'run', true), SOON));
      assert.equal(shown.plan, { kind: 'cli', preview: [{ argv: COMMANDS.commands[0]?.argv }] });
      const missing = answerOf(await host.call(command('missing', 'run', true), SOON));
      assert.is(missing.ok, false);
      assert.is(missing.severity, 'error');
      assert.match(missing.reason ?? '', '/no/such/program is not there');
    });
  },
);

drivers(
  'exec runs no shell, gives no environment of the node, and says how a command failed',
  async () => {
    process.env['WRIT_TEST_SECRET'] = 'ambient';
    await withHost(await builtPackage('exec'), COMMANDS, async (host) => {
      answerOf(await host.call(command('args'), SOON));
      const failed = await host.call(command('fails'), SOON);
      const message = 'failure' in failed ? failed.failure.message : '';
      assert.is(codeOf(failed), 'target-refused');
      assert.match(message, /exit code 7.*out of luck/s);
      assert.not.match(message, 'ambient');
      assert.is(codeOf(await host.call(command('relative'), SOON)), 'permission-denied');
      assert.is(codeOf(await host.call(command('missing'), SOON)), 'target-unknown');
      assert.is(codeOf(await host.call(command('unlisted'), SOON)), 'target-unknown');
      assert.is(codeOf(await host.call(command('env', 'undo'), SOON)), 'request-invalid');
    });
    delete process.env['WRIT_TEST_SECRET'];
  },
);

drivers(
  'the last words of a command are whole lines, so that no half of a secret is among them',
  () => {
    const words = new LastWords();
    words.add('first\nsec');
    words.add('ond\n');
    assert.is(words.text, 'first\nsecond');
    words.add(`token=${'s'.repeat(900)}\nthe end\n${'.'.repeat(200)}`);
    assert.is(words.text, `the end\n${'.'.repeat(200)}`);
    words.add('s'.repeat(2000));
    assert.is(words.text, '(one long line)');
  },
);

// http

interface Heard {
  readonly method: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

async function withServer(
  status: number,
  run: (origin: string, heard: Heard[]) => Promise<void>,
): Promise<void> {
  const heard: Heard[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    heard.push({ method: request.method, headers: request.headers, body });
    response.writeHead(status, { location: '/elsewhere' });
    response.end('x'.repeat(200_000));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  await run(`http://localhost:${portOf(server.address())}`, heard).finally(() => {
    server.closeAllConnections();
    server.close();
  });
}

function hook(params = { event: 'power.lost' }, dryRun = false): DriverCall {
  const target = 'http-endpoint:ops';
  return { capability: 'webhook.send', verb: 'send', target, params, dryRun };
}

function hookConnection(origin: string, changes: { [name: string]: JsonValue } = {}): JsonValue {
  return {
    endpoints: [{ name: 'ops', url: `${origin}/hook` }],
    signing_key: HMAC_KEY,
    private_addresses: ['127.0.0.1', '::1'],
    ...changes,
  };
}

drivers('http sends a web hook whose signature the receiver can check', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const seed = Buffer.from(privateKey.export({ format: 'jwk' }).d ?? '', 'base64url');
  for (const key of [HMAC_KEY, `whsk_${seed.toString('base64')}`]) {
    await withServer(200, async (origin, heard) => {
      const connection = hookConnection(origin, { signing_key: key });
      await withHost(await builtPackage('http'), connection, async (host) => {
        const answer = answerOf(await host.call(hook(), SOON));
        const [request] = heard;
        const headers = request?.headers ?? {};
        const id = String(headers['webhook-id']);
        const signed = `${id}.${headers['webhook-timestamp']}.${request?.body}`;
        const [version, signature = ''] = String(headers['webhook-signature']).split(',');
        if (key === HMAC_KEY) {
          const secret = Buffer.from(HMAC_KEY.slice('whsec_'.length), 'base64');
          assert.is(version, 'v1');
          assert.is(signature, createHmac('sha256', secret).update(signed).digest('base64'));
        } else {
          assert.is(version, 'v1a');
          const bytes = Buffer.from(signature, 'base64');
          assert.ok(verify(null, Buffer.from(signed), publicKey, bytes));
        }
        assert.is(headers['idempotency-key'], answer.idempotency_key);
        assert.is(JSON.parse(request?.body ?? '').type, 'power.lost');
        assert.not.match(JSON.stringify(answer), key.slice(6));
      });
    });
  }
});

drivers('http connects in a dry run and sends nothing', async () => {
  await withServer(200, async (origin, heard) => {
    await withHost(await builtPackage('http'), hookConnection(origin), async (host) => {
      const answer = answerOf(await host.call(hook({ event: 'test' }, true), SOON));
      assert.is(answer.ok, true);
      assert.is(heard.length, 0);
      const missing = hookConnection('http://localhost:1');
      await withHost(await builtPackage('http'), missing, async (other) => {
        const refused = answerOf(await other.call(hook({ event: 'test' }, true), SOON));
        assert.match(refused.reason ?? '', 'target-unreachable');
      });
    });
  });
});

drivers('http follows no redirect and takes no refusal for success', async () => {
  for (const [status, code] of [
    [302, 'target-refused'],
    [307, 'target-refused'],
    [401, 'authentication-failed'],
    [500, 'target-refused'],
  ] as const) {
    await withServer(status, async (origin, heard) => {
      await withHost(await builtPackage('http'), hookConnection(origin), async (host) => {
        assert.is(codeOf(await host.call(hook(), SOON)), code);
        assert.is(heard.length, 1);
      });
    });
  }
});

drivers('http goes to no address of the inside that the connection does not list', async () => {
  await withServer(200, async (origin, heard) => {
    const connection = hookConnection(origin, { private_addresses: ['10.0.0.0/8'] });
    await withHost(await builtPackage('http'), connection, async (host) => {
      assert.is(codeOf(await host.call(hook(), SOON)), 'permission-denied');
      assert.is(answerOf(await host.call(hook({ event: 'x' }, true), SOON)).ok, false);
      assert.is(heard.length, 0);
    });
  });
});

drivers('http knows which addresses are public, in every spelling', async () => {
  const inside =
    '0.0.0.0 10.1.2.3 100.64.0.1 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1 172.31.255.255 192.168.1.1 198.18.0.1 224.0.0.1 255.255.255.255 :: ::1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::ffff:7f00:1 64:ff9b::7f00:1 2002:7f00:1:: fc00::1 fd12::1 fe80::1 fec0::1 ff02::1 2001:db8::1 ::127.0.0.1 ::7f00:1 ::ffff:0:7f00:1 64:ff9b:1::a00:1 2001::1 100::1 4000::1 fe80::1%lo';
  for (const address of inside.split(' ')) assert.not(isPublicAddress(address), address);
  for (const address of ['8.8.8.8', '172.32.0.1', '1.1.1.1', '2606:4700::1111'])
    assert.ok(isPublicAddress(address), address);
  for (const text of ['', 'localhost', '127.1', '0x7f000001', '2130706433'])
    assert.not(isPublicAddress(text), text);
  for (const host of ['[::ffff:127.0.0.1]', '[::127.0.0.1]', '2130706433', '0x7f.1', '0'])
    await pinAddress(new URL(`http://${host}/`).hostname, []).then(
      () => assert.unreachable(host),
      ({ code }: { code: string }) => assert.is(code, 'permission-denied', host),
    );
});

drivers.run();
