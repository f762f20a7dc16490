import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { Webhook } from '@writ/cli/webhook';
import { isLogError } from '@writ/core/errors';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { surroundings } from './command.ts';

const webhook = suite('webhook');
const servers: Server[] = [];

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
}

webhook.after.each(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** Posts with the network of this machine; waits a tenth of a second. */
function post(url: string): ReturnType<Webhook['post']> {
  const timeout = (): AbortSignal => AbortSignal.timeout(100);
  return new Webhook(url, { ...surroundings(), fetch, timeout }).post({ class: 'behind' });
}

webhook('posts JSON', async () => {
  const got: string[] = [];
  const url = await serve(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    got.push(`${request.method} ${request.url} ${request.headers['content-type']} ${body}`);
    response.writeHead(204).end();
  });
  assert.equal(await post(`${url}/hook?token=t`), { sent: true });
  assert.equal(got, ['POST /hook?token=t application/json {"class":"behind"}']);
});

webhook('says what went wrong, without the secrets in the address', async () => {
  const elsewhere = await serve((_, response) => response.end('taken'));
  const cases: [RequestListener, RegExp][] = [
    [(_, response) => response.writeHead(500).end('no'), /answers with status 500/],
    [(_, response) => response.writeHead(307, { location: elsewhere }).end(), /cannot reach/],
    [() => {}, /timeout/],
    [(request) => request.socket.destroy(), /cannot reach/],
  ];
  for (const [listener, reason] of cases) {
    const posted = await post(`${await serve(listener)}/hook/secret`);
    assert.is(posted.sent, false);
    assert.match(posted.sent ? '' : posted.reason, reason);
    assert.not.match(JSON.stringify(posted), 'secret');
  }
  assert.is((await post('http://127.0.0.1:1/')).sent, false);
});

webhook('an answer without end is not waited for', async () => {
  const url = await serve((_, response) => {
    response.writeHead(200);
    response.write('more');
  });
  assert.equal(await post(url), { sent: true });
});

for (const url of [
  '',
  'example.com',
  'http://example.com/secret',
  'http://127.0.0.1.example.com/secret',
  'http://10.0.0.1/secret',
  'http://[::2]/secret',
  'ftp://127.0.0.1/secret',
  'file:///etc/secret',
  'https://user:secret@example.com/',
]) {
  webhook(`takes no reports to ${url.replace('secret', '')}`, () => {
    try {
      new Webhook(url, surroundings());
    } catch (error) {
      assert.ok(isLogError(error, 'usage'));
      assert.not.match(error.message, 'secret');
      return;
    }
    assert.unreachable();
  });
}

webhook('takes https anywhere, and http on this machine', () => {
  for (const url of [
    'https://hooks.example.com/x',
    'http://localhost:9/x',
    'http://127.0.0.1/x',
    'http://127.9.9.9/x',
    'http://[::1]:80/x',
  ])
    new Webhook(url, surroundings());
});

webhook.run();
