// The server on a socket: limits that only a socket has, the fast path beside the app, a clean end.

import type { Server } from 'node:http';
import { connect } from 'node:net';
import { utf8 } from '@writ/core/bytes';
import { formatVkey } from '@writ/core/formats/key';
import { parsePolicy } from '@writ/core/formats/tlog-policy';
import { createLogServer, DEFAULT_SERVER_LIMITS, listen } from '@writ/log-server/http/server';
import { type Service, type ServiceOptions, startService } from '@writ/log-server/service';
import { openMemoryStore } from '@writ/log-server/storage/memory';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type AppWorld, appWorld } from './app-world.ts';
import { fakeWitness, LOG_KEY, testEnv } from './world.ts';

const test = suite('server');
let service: Service | undefined;

async function start(options: Partial<ServiceOptions> = {}): Promise<Service> {
  service = await startService(testEnv(), {
    store: openMemoryStore(),
    signers: [LOG_KEY],
    profile: 'raw',
    policy: parsePolicy(utf8('quorum none\n')),
    policyText: 'quorum none\n',
    quorumRule: 'require',
    checkpointIntervalMs: 20,
    refreshIntervalMs: 60_000,
    witnessTimeoutMs: 1000,
    grease: false,
    host: '127.0.0.1',
    port: 0,
    softwareVersion: '0.0.0-test',
    authors: () => new Map(),
    ...options,
  });
  return service;
}

test.after.each(async () => {
  await service?.close();
  service = undefined;
});

/** Sends bytes as they are; answers everything that comes back within `ms` or until the end. */
function raw(port: number, request: string, ms = 500): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    const timer = setTimeout(() => socket.destroy(), ms);
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
      const [head = '', body = ''] = answer.split('\r\n\r\n');
      const length = /content-length: (\d+)/i.exec(head)?.[1];
      if (length !== undefined && body.length >= Number(length)) socket.destroy();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(answer);
    });
    socket.write(request);
  });
}

const portOf = ({ url }: Service): number => Number(new URL(url).port);

test('the fast path and the app give the same answer to the same request', async () => {
  const { url, publisher } = await start();
  const fast = await fetch(`${url}/add`, { method: 'POST', body: 'one' });
  assert.is(await fast.text(), '0');
  const headers = { 'x-request-id': 'slow' };
  const slow = await fetch(`${url}/add`, { method: 'POST', body: 'one', headers });
  assert.is(await slow.text(), '0');
  assert.is(slow.headers.get('x-request-id'), 'slow');
  assert.is(fast.headers.get('content-type'), slow.headers.get('content-type'));
  await publisher.waitFor(1, 2000);
  const paths = ['/tile/0/000.p/1', '/tile/0/000', '/tile/0/0', '/tile/entries/000.p/1'];
  for (const path of paths) {
    const [a, b] = await Promise.all([fetch(url + path), fetch(url + path, { headers })]);
    assert.is(a.status, b.status, path);
    assert.is(a.headers.get('content-type'), b.headers.get('content-type'), path);
    assert.is(a.headers.get('cache-control'), b.headers.get('cache-control'), path);
  }
});

const REFUSED: Readonly<Record<string, readonly [request: string, status: number]>> = {
  'is not HTTP': ['GARBAGE\r\n\r\n', 400],
  'climbs out of the root': ['GET /../../etc/passwd HTTP/1.1\r\nhost: x\r\n\r\n', 404],
  'climbs inside the tiles': ['GET /tile/%2e%2e/checkpoint HTTP/1.1\r\nhost: x\r\n\r\n', 404],
  'has an empty segment': ['GET //checkpoint HTTP/1.1\r\nhost: x\r\n\r\n', 404],
  'has a backslash': ['GET /tile\\0\\000 HTTP/1.1\r\nhost: x\r\n\r\n', 400],
  'has a broken host': ['GET /checkpoint HTTP/1.1\r\nhost: a b\r\n\r\n', 400],
  'has a broken host on the fast path': [
    'POST /add HTTP/1.1\r\nhost: a b\r\ncontent-length: 1\r\n\r\nx',
    400,
  ],
  'has no host': ['GET /checkpoint HTTP/1.1\r\n\r\n', 400],
  'has headers over the limit': [
    `GET /livez HTTP/1.1\r\nhost: x\r\na: ${'b'.repeat(20_000)}\r\n\r\n`,
    431,
  ],
  'announces a body over the limit': [
    'POST /add HTTP/1.1\r\nhost: x\r\ncontent-length: 65536\r\n\r\n',
    413,
  ],
  'asks to continue with a body over the limit': [
    'POST /add-batch HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-type: application/cbor-seq\r\n' +
      'content-length: 99999999\r\n\r\n',
    413,
  ],
  'sends endless chunks': [
    `POST /add HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n11000\r\n${'x'.repeat(0x11000)}\r\n`,
    413,
  ],
  'has two lengths': [
    'POST /add HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx',
    400,
  ],
  'has a length and chunks': [
    'POST /add HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    400,
  ],
};

for (const [name, [request, status]] of Object.entries(REFUSED)) {
  test(`a request that ${name} is refused, and the server lives on`, async () => {
    const running = await start();
    const answer = await raw(portOf(running), request);
    assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `));
    // Node itself refuses a request without host, before anything of ours runs.
    if (name !== 'has no host') assert.match(answer, 'urn:writ:error:');
    assert.not.match(answer, /100 Continue|node_modules|\.js:/);
    assert.is(running.log.head.size, 0);
    assert.is((await fetch(`${running.url}/livez`)).status, 200);
  });
}

test('a client that asks to continue may send what fits', async () => {
  const running = await start();
  const request =
    'POST /add HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok';
  assert.match(await raw(portOf(running), request), /^HTTP\/1\.1 100 Continue.*\r\n\r\n0$/s);
});

test('a body that never arrives is answered with 408', async () => {
  const { deps } = appWorld('raw');
  const { createApp } = await import('@writ/log-server/http/app');
  const limits = { ...DEFAULT_SERVER_LIMITS, headersTimeoutMs: 200, requestTimeoutMs: 300 };
  const server = createLogServer(createApp(deps), undefined, limits);
  const port = await listen(server, 0, '127.0.0.1');
  const request = 'POST /add HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc';
  const answer = await raw(port, request, 4000);
  server.close();
  assert.match(answer, /^HTTP\/1\.1 408 /);
  assert.match(answer, /urn:writ:error:request-timeout/);
  assert.is(deps.log.head.size, 0);
});

/** A server over an application that nothing is published of. */
async function unpublished(): Promise<{ world: AppWorld; port: number; server: Server }> {
  const world = appWorld('raw');
  const { createApp } = await import('@writ/log-server/http/app');
  const server = createLogServer(createApp(world.deps));
  return { world, server, port: await listen(server, 0, '127.0.0.1') };
}

test('batches that are announced and never sent keep no entry out', async () => {
  const { server, port } = await unpublished();
  const head =
    'POST /add-batch HTTP/1.1\r\nhost: x\r\ncontent-type: application/cbor-seq\r\ncontent-length: 8388608\r\n\r\n';
  const sockets = Array.from({ length: 40 }, () => connect(port, '127.0.0.1'));
  for (const socket of sockets) socket.on('error', () => {}).write(head);
  await new Promise((resolve) => setTimeout(resolve, 200));
  const url = `http://127.0.0.1:${port}`;
  assert.is((await fetch(`${url}/add`, { method: 'POST', body: 'x' })).status, 200);
  const headers = { 'content-type': 'application/cbor-seq' };
  const body = Uint8Array.of(0x41, 0x61);
  assert.is((await fetch(`${url}/add-batch`, { method: 'POST', body, headers })).status, 200);
  for (const socket of sockets) socket.destroy();
  server.close();
});

test('a client that goes away does not wait on', async () => {
  const { server, port, world } = await unpublished();
  const { publisher } = world;
  const waitFor = publisher.waitFor.bind(publisher);
  let waiting = 0;
  publisher.waitFor = (...args) => {
    waiting++;
    return waitFor(...args).finally(() => waiting--);
  };
  const request = 'POST /add?wait=60 HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\nx';
  const sockets = Array.from({ length: 20 }, () => connect(port, '127.0.0.1'));
  for (const socket of sockets) socket.on('error', () => {}).write(request.repeat(50));
  while (waiting < 20) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.is(waiting, 20, 'one wait for each connection');
  for (const socket of sockets) socket.destroy();
  for (let tries = 0; tries < 100 && waiting > 0; tries++)
    await new Promise((resolve) => setTimeout(resolve, 50));
  assert.is(waiting, 0);
  server.close();
});

test('closing publishes what was accepted, and answers requests under way', async () => {
  const store = openMemoryStore();
  const running = await start({ store, checkpointIntervalMs: 50 });
  const waiting = fetch(`${running.url}/add?wait=5`, { method: 'POST', body: 'last' });
  while (running.log.head.size === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await running.close();
  service = undefined;
  assert.match(await (await waiting).text(), /^c2sp\.org\/tlog-proof@v1\nindex 0\n/);
  assert.is(store.latestCheckpoint?.size, 1);
  await fetch(`${running.url}/livez`).then(
    () => assert.unreachable(),
    () => {},
  );
});

test('entries are refused until the witnesses confirm what a start found, then taken', async () => {
  const witness = await fakeWitness('w1', 2);
  witness.script = async () => ({ status: 500, body: '' });
  const policyText = `witness w1 ${formatVkey(witness.key)} ${witness.url}\nquorum w1\n`;
  const { url } = await start({ policy: parsePolicy(utf8(policyText)), policyText });
  const add = async (): Promise<Response> => fetch(`${url}/add`, { method: 'POST', body: 'entry' });
  const refused = await add();
  assert.is(refused.status, 503);
  assert.is(refused.headers.get('retry-after'), '5');
  assert.match(await refused.text(), 'log-held');
  assert.match(await (await fetch(`${url}/readyz`)).text(), 'accepting: its witnesses have not');
  witness.script = undefined;
  let answer = await add();
  for (let tries = 0; tries < 100 && answer.status !== 200; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    answer = await add();
  }
  assert.is(await answer.text(), '0');
  await witness.close();
});

test('a log keeps the profile that it was started with', async () => {
  const store = openMemoryStore();
  await start({ store });
  await service?.close();
  service = undefined;
  const reason = await start({ store, profile: 'statements' }).then(String, String);
  assert.match(reason, 'started with --profile raw');
});

test('an old copy does not sign beside its successor, whatever the quorum rule', async () => {
  const witness = await fakeWitness('w1', 2);
  const policyText = `witness w1 ${formatVkey(witness.key)} ${witness.url}\nquorum w1\n`;
  const options = {
    policy: parsePolicy(utf8(policyText)),
    policyText,
    quorumRule: 'mark',
  } as const;
  const store = openMemoryStore();
  const { url } = await start({ ...options, store });
  assert.is((await fetch(`${url}/add`, { method: 'POST', body: 'a' })).status, 200);
  await service?.close();
  witness.script = async () => undefined;
  const again = await start({ ...options, store });
  assert.is((await fetch(`${again.url}/add`, { method: 'POST', body: 'b' })).status, 503);
  assert.is(again.log.head.size, 1);
  await witness.close();
});

test('a port that is taken is a setting to change, not a crash', async () => {
  const running = await start();
  const { deps } = appWorld('raw');
  const { createApp } = await import('@writ/log-server/http/app');
  try {
    await listen(createLogServer(createApp(deps)), portOf(running), '127.0.0.1');
    assert.unreachable();
  } catch (error) {
    assert.match(String(error), /cannot listen on 127\.0\.0\.1/);
  }
});

test.run();
