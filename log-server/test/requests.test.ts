// What every request has in common: paths and methods that are refused, request ids, faults, health, metrics.

import { LogError } from '@writ/core/errors';
import { createFaultLog } from '@writ/log-server/http/fault-log';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { logOf, problemCode } from './app-world.ts';

const requests = suite('requests');

const PATHS: readonly string[] = [
  '/tile/0/0',
  '/tile/0/00',
  '/tile/0/0000',
  '/tile/00/000',
  '/tile/64/000',
  '/tile/-1/000',
  '/tile/0/x000/000',
  '/tile/0/000.p/0',
  '/tile/0/000.p/256',
  '/tile/0/000.p/01',
  '/tile/0/000.p/',
  '/tile/0/000/',
  '/tile/entries/0',
  '/tile/ENTRIES/000',
  '/tile/0/000.P/1',
  '/tile/0/٠٠٠',
  '/tile/0/%30%30%30',
  '/tile/0/000%00',
  '/tile/0/000%2ep/1',
  '/tile/..%2fcheckpoint',
  '/tile//0/000',
  '//tile/0/000',
  '/tile/0/x00a/000',
  '/tile/0/1e1',
  '/checkpoint/',
  '/checkpoint%00',
  '/Checkpoint',
  '/entries/',
  '/entries/00',
  '/entries/-1',
  '/entries/1.0',
  '/entries/0x1',
  '/entries/१',
  '/entries/9007199254740993',
  '/entries/99999999999999999999999',
  '/entries/0/proofs',
  '/proof/inclusion/0',
  '/proof/inclusion/a/1',
  '/proof/consistency/1/',
  '/leaf/00',
  `/leaf/${'A'.repeat(64)}`,
  `/leaf/${'g'.repeat(64)}`,
  '/streams/head',
  '/streams/no-such-family/x/head',
  '/streams/village/a/b/c/head',
  '/checkpoints/01',
  '/checkpoints/x',
  '/checkpoints/999',
  '/.env',
  '/constructor',
  '/__proto__',
];

for (const path of PATHS) {
  requests(`the path ${path} is refused as a problem`, async () => {
    const { request } = await logOf(10);
    const response = await request(`http://log.example${path}`);
    assert.ok(response.status === 400 || response.status === 404, String(response.status));
    assert.is.not(await problemCode(response), 'no problem');
  });
}

requests('a method that a resource does not take is told what it takes', async () => {
  const { request } = await logOf(1);
  for (const [method, path, allow] of [
    ['POST', '/checkpoint', 'GET, HEAD'],
    ['GET', '/add', 'POST'],
    ['DELETE', '/tile/0/000.p/1', 'GET, HEAD'],
    ['PUT', '/entries/0', 'GET, HEAD'],
    ['OPTIONS', '/streams/audit/one/head', 'GET, HEAD'],
  ] as const) {
    const response = await request(path, { method });
    assert.is(response.status, 405, path);
    assert.is(response.headers.get('allow'), allow);
    assert.is(await problemCode(response), 'method-not-allowed');
  }
});

requests('a request id is echoed when it is harmless and made when it is not', async () => {
  const { request } = await logOf(1);
  const echo = async (id: string): Promise<string> =>
    (await request('/livez', { headers: { 'x-request-id': id } })).headers.get('x-request-id') ??
    '';
  assert.is(await echo('abc-1.2_3'), 'abc-1.2_3');
  for (const id of ['', 'a b', 'a\tb', '<script>', 'x'.repeat(65), 'ä'])
    assert.match(await echo(id), /^[0-9a-f]{16}-\d+$/);
  const response = await request('/nothing', { headers: { 'x-request-id': 'me' } });
  const problem: Record<string, unknown> = JSON.parse(await response.text());
  assert.is(problem['instance'], 'me');
});

requests('a fault of ours is a bare 500 that the log knows more about', async () => {
  const { request, publisher, env } = await logOf(1);
  Object.defineProperty(publisher, 'published', {
    get: () => {
      throw new Error('secret detail');
    },
  });
  const response = await request('/checkpoint');
  assert.is(response.status, 500);
  const body = await response.text();
  assert.not.match(body, /secret|\.ts|\.js|at /);
  assert.match(body, /urn:writ:error:internal/);
  assert.equal(env.said, ['a request failed']);
});

requests('refusals under load are one line a second for each code, without a stack', () => {
  const lines: object[] = [];
  let nowMs = 0;
  const warn = (fields: object, message: string): void =>
    void lines.push({ ...fields, message, level: 'warn' });
  const ignore = (): void => {};
  const faultLog = createFaultLog(
    { debug: ignore, info: ignore, warn, error: () => assert.unreachable() },
    () => nowMs,
  );
  for (let i = 0; i < 1000; i++) faultLog(new LogError('overloaded', 'full'), `r${i}`);
  faultLog(new LogError('log-held', 'held'), 'h');
  faultLog(new LogError('request-invalid', 'the client is wrong'), 'c');
  nowMs = 1000;
  faultLog(new LogError('overloaded', 'full'), 'later');
  const message = 'requests are refused';
  const [level, why] = ['warn', 'full'];
  assert.equal(lines, [
    { code: 'overloaded', why, requestId: 'r0', unsaid: 0, message, level },
    { code: 'log-held', why: 'held', requestId: 'h', unsaid: 0, message, level },
    { code: 'overloaded', why, requestId: 'later', unsaid: 999, message, level },
  ]);
});

requests('readiness names what is wrong, and turns red first on shutdown', async () => {
  const { request, deps, env } = await logOf(1);
  const ready = await request('/readyz?verbose');
  assert.is(ready.status, 200);
  assert.match(await ready.text(), /\[\+\] quorum: ok\n/);
  env.shiftMs = 3_600_000;
  assert.match(await (await request('/readyz')).text(), /^\[-\] fresh: /);
  env.shiftMs = 0;
  deps.lifecycle.isStopping = true;
  const stopping = await request('/readyz');
  assert.is(stopping.status, 503);
  assert.match(await stopping.text(), /^\[-\] running: the server is shutting down\nnot ready\n$/);
});

requests('metrics count requests by route template, never by path', async () => {
  const { request } = await logOf(3);
  await request('/entries/1');
  await request('/entries/2');
  await request('/no/such/path');
  const response = await request('/metrics');
  assert.match(response.headers.get('content-type') ?? '', /^text\/plain/);
  const text = await response.text();
  assert.match(
    text,
    'writ_http_requests_total{route="/entries/{index}",method="GET",status="200"} 2',
  );
  assert.match(text, 'writ_http_requests_total{route="unknown",method="GET",status="404"} 1');
  assert.match(text, 'writ_log_size 3');
  assert.match(text, 'writ_quorum_met 1');
  assert.not.match(text, '/no/such/path');
});

requests('the trust policy and the page for people are served', async () => {
  const { request, policyText } = await logOf(1);
  assert.is(await (await request('/policy')).text(), policyText);
  assert.match(await (await request('/')).text(), /transparency log log\.example\/test/);
});

requests.run();
