// The fast path against the app: whatever is asked, both answer the same; only how long it takes differs.

import { concatBytes, formatBase64, utf8 } from '@writ/core/bytes';
import { parsePolicy } from '@writ/core/formats/tlog-policy';
import { leafHash } from '@writ/core/merkle/hash';
import type { Payload } from '@writ/core/statements/kinds';
import { parseAuthors } from '@writ/log-server/admission/authors';
import type { Profile } from '@writ/log-server/http/deps';
import { type Service, startService } from '@writ/log-server/service';
import { openMemoryStore } from '@writ/log-server/storage/memory';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { COSE, SEQUENCE } from './app-world.ts';
import { change, constitution, keyOf, statementOf } from './village-statements.ts';
import { AUTHORS_TEXT, LOG_KEY, noteStatement, testEnv } from './world.ts';

const test = suite('fast path');
let service: Service | undefined;

async function start(profile: Profile, authorsText = AUTHORS_TEXT): Promise<Service> {
  const authors = parseAuthors(utf8(authorsText));
  service = await startService(testEnv(), {
    store: openMemoryStore(),
    signers: [LOG_KEY],
    profile,
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
    authors: () => authors,
  });
  return service;
}

test.after.each(async () => {
  await service?.close();
  service = undefined;
});

interface Sent {
  readonly path?: string;
  readonly body: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Seen {
  readonly status: number;
  readonly type: string | null;
  readonly retryAfter: string | null;
  readonly body: string;
}

/** Status, headers that clients act on, and the body without what differs from request to request. */
async function seen(url: string, { path = '/add', body, headers = {} }: Sent): Promise<Seen> {
  const request = { method: 'POST', body: new Uint8Array(body), headers };
  const response = await fetch(url + path, request);
  const text = await response.text();
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    retryAfter: response.headers.get('retry-after'),
    body: text.replace(/"instance":"[^"]+"/, '"instance":""'),
  };
}

/** Sends the same to both; the app is asked with a request id, which the fast path leaves to it. */
async function onBothPaths(url: string, sent: Sent): Promise<Seen> {
  const fast = await seen(url, sent);
  const headers = { ...sent.headers, 'x-request-id': 'slow' };
  assert.equal(await seen(url, { ...sent, headers }), fast);
  return fast;
}

const first = noteStatement(0, null, { text: 'first' });

/** Status, what clients act on, and the body: first from the app, which makes the answer, then from both paths. */
async function latestOf(url: string, headers: Record<string, string> = {}): Promise<unknown> {
  const ask = async (more: Record<string, string>): Promise<unknown> => {
    const path = '/villages/north/policy/latest';
    const response = await fetch(url + path, { headers: { ...headers, ...more } });
    const names = [
      'content-type',
      'etag',
      'cache-control',
      'access-control-allow-origin',
      'retry-after',
    ];
    const said = names.map((name) => response.headers.get(name));
    const body = (await response.text()).replace(/"instance":"[^"]+"/, '"instance":""');
    return { status: response.status, said, body };
  };
  const slow = await ask({ 'x-request-id': 'slow' });
  assert.equal(await ask({}), slow);
  return slow;
}

test('what is in force in a village is answered alike, changed or not, and by the newest checkpoint', async () => {
  const authors = `author ada ed25519 ${formatBase64(keyOf('ada').publicKey)} village/*\n`;
  const { url, log, publisher } = await start('statements', authors);
  const add = async (payload: Payload, who: string): Promise<void> => {
    const body = statementOf('village/north', payload, who, log.streamHead('village/north'));
    const response = await fetch(`${url}/add?wait=5`, {
      method: 'POST',
      body: new Uint8Array(body),
      headers: COSE,
    });
    assert.is(response.status, 200, await response.text());
  };
  assert.not.match(JSON.stringify(await latestOf(url)), '"status":200');
  await add({ kind: 'village-create', name: 'North', constitution: constitution() }, 'ada');
  const founded = JSON.stringify(await latestOf(url));
  assert.match(founded, '"status":200');
  await add(change(1), 'ben');
  const changed = JSON.stringify(await latestOf(url));
  assert.match(changed, 'specDigest');
  assert.is.not(changed, founded);
  const etag = (await fetch(`${url}/villages/north/policy/latest`)).headers.get('etag') ?? '';
  assert.match(JSON.stringify(await latestOf(url, { 'if-none-match': etag })), '"status":304');
  assert.match(JSON.stringify(await latestOf(url, { 'if-none-match': '"other"' })), '"status":200');
  await publisher.publishNow();
  assert.match(JSON.stringify(await latestOf(url)), 'specDigest');
});

test('a village that asks too often hears so on both paths', async () => {
  const authors = `author ada ed25519 ${formatBase64(keyOf('ada').publicKey)} village/*\n`;
  const { url } = await start('statements', authors);
  const law = constitution();
  const limits = { ...law.limits, requestsPerMinute: 2 };
  const payload = {
    kind: 'village-create',
    name: 'North',
    constitution: { ...law, limits },
  } as const;
  const body = statementOf('village/north', payload, 'ada', undefined);
  await fetch(`${url}/add?wait=5`, { method: 'POST', body: new Uint8Array(body), headers: COSE });
  await latestOf(url);
  assert.match(JSON.stringify(await latestOf(url)), '"status":429');
});

test('a statement is answered alike, sequenced or refused', async () => {
  const { url, log } = await start('statements');
  // Twice beforehand: an answer says whether the log had the statement already.
  for (const _ of [1, 2]) await seen(url, { body: first, headers: COSE });
  const duplicate = await onBothPaths(url, { body: first, headers: COSE });
  assert.is(duplicate.status, 200);
  assert.equal(Object.keys(JSON.parse(duplicate.body)), ['index', 'id', 'duplicate', 'status']);
  const text = await onBothPaths(url, { body: first, headers: { ...COSE, accept: 'text/plain' } });
  assert.is(text.body, '1', 'behind the state root');
  const forged = first.with(first.length - 1, (first.at(-1) ?? 0) ^ 1);
  const refusals: readonly [Sent, status: number, reason: string][] = [
    [{ body: forged, headers: COSE }, 403, 'statement-bad-signature'],
    [{ body: first.subarray(1), headers: COSE }, 400, 'statement-malformed'],
    [{ body: utf8('{}'), headers: COSE }, 400, 'statement-malformed'],
    [
      { body: noteStatement(0, null, { stream: 'audit/other' }), headers: COSE },
      403,
      'not-permitted',
    ],
    [{ body: noteStatement(0, null), headers: COSE }, 409, 'stream-conflict'],
    [{ body: noteStatement(2, leafHash(first)), headers: COSE }, 409, 'conflict'],
    [{ body: first, headers: { 'content-type': 'text/html' } }, 415, 'media-type-unsupported'],
    [{ body: new Uint8Array(0), headers: COSE }, 400, 'entry-empty'],
    [{ body: new Uint8Array(20_000), headers: COSE }, 400, 'statement-malformed'],
  ];
  for (const [sent, status, reason] of refusals) {
    const answer = await onBothPaths(url, sent);
    assert.is(answer.status, status, reason);
    assert.match(answer.body, reason);
  }
  const stored = log.head.size;
  await onBothPaths(url, { body: first, headers: COSE });
  assert.is(log.head.size, stored, 'nothing was stored');
});

test('a refusal carries a request id that no other answer has', async () => {
  const { url } = await start('statements');
  const refuse = async (): Promise<string> => {
    const response = await fetch(`${url}/add`, { method: 'POST', body: 'x', headers: COSE });
    const problem: { instance: string } = JSON.parse(await response.text());
    assert.is(response.headers.get('x-request-id'), problem.instance);
    return problem.instance;
  };
  assert.is.not(await refuse(), await refuse());
});

test('a raw batch is answered alike, taken or refused whole', async () => {
  const { url, log } = await start('raw');
  const batch = (body: Uint8Array): Sent => ({ path: '/add-batch', body, headers: SEQUENCE });
  const item = (...bytes: number[]): Uint8Array => Uint8Array.of(0x40 + bytes.length, ...bytes);
  const three = batch(concatBytes(item(1), item(2, 2), item(1)));
  assert.is((await onBothPaths(url, three)).body, '0\n1\n0\n');
  assert.is(log.head.size, 2);
  const refusals: readonly [Uint8Array, reason: string][] = [
    [new Uint8Array(0), 'batch-malformed'],
    [concatBytes(item(3), item()), 'entry-empty'],
    [concatBytes(item(3), Uint8Array.of(0x61, 0x61)), 'batch-malformed'],
    [concatBytes(item(3), Uint8Array.of(0x58)), 'batch-malformed'],
    [concatBytes(...Array.from({ length: 1001 }, () => item(3))), 'batch-too-large'],
  ];
  for (const [body, reason] of refusals)
    assert.match((await onBothPaths(url, batch(body))).body, reason);
  const mistyped = { ...three, headers: { 'content-type': 'application/cbor' } };
  assert.is((await onBothPaths(url, mistyped)).status, 415);
  assert.is(log.head.size, 2, 'nothing of a refused batch was stored');
});

test('the newest checkpoint is answered alike, and not again to who has it', async () => {
  const { url, publisher } = await start('raw');
  const get = (headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${url}/checkpoint`, { headers });
  for (const size of [1, 2]) {
    await fetch(`${url}/add`, { method: 'POST', body: `entry ${size}` });
    await publisher.waitFor(size, 2000);
    const [fast, slow] = [await get(), await get({ 'x-request-id': 'slow' })];
    for (const name of ['content-type', 'cache-control', 'etag', 'access-control-allow-origin'])
      assert.is(fast.headers.get(name), slow.headers.get(name), name);
    const text = await fast.text();
    assert.is(text, await slow.text());
    assert.match(text, `log.example/test\n${size}\n`);
    assert.is((await get({ 'if-none-match': fast.headers.get('etag') ?? '' })).status, 304);
  }
});

test('raw entries of every size are answered alike', async () => {
  const { url } = await start('raw');
  for (const [i, size] of [1, 300, 16_384, 16_385, 65_535].entries()) {
    const answer = await onBothPaths(url, { body: new Uint8Array(size).fill(7) });
    assert.is(answer.body, String(i));
  }
  assert.is((await onBothPaths(url, { body: new Uint8Array(65_536) })).status, 413);
});

test.run();
