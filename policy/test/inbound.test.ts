// What senders push: who may, what is read of it, and how long that takes.

import { utf8 } from '@writ/core/bytes';
import { isLogError } from '@writ/core/errors';
import {
  type Inbound,
  inboundTarget,
  MAX_INBOUND_BYTES,
  readInbound,
} from '@writ/policy/agent/sources/inbound';
import { signWebhook } from '@writ/policy/agent/sources/webhook-signature';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fastestMs } from './fastest.ts';

const test = suite('inbound requests');
const NOW = 1_800_000_000;
const SECRET = new Uint8Array(32).fill(4);
const SENDERS = new Map([
  ['door', { name: 'door', secret: SECRET, may: new Set(['webhook', 'samples'] as const) }],
]);

function send(path: string, body: string, { id = 'msg_1', secret = SECRET } = {}): Inbound {
  const target = inboundTarget(path);
  if (target === undefined) throw new Error('no such path');
  const bytes = utf8(body);
  const signature = signWebhook(secret, id, NOW, bytes);
  return readInbound(target, SENDERS, { id, timestamp: String(NOW), signature }, bytes, NOW);
}

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (isLogError(error)) return error.code;
    throw error;
  }
  return '';
}

test('a webhook keeps the scalars of its body, and its own name and id', () => {
  const body = { room: 'a', open: true, deep: { a: 1 }, name: 'forged', __proto__: 1 };
  const sent = send('/webhooks/door/opened', JSON.stringify(body));
  assert.equal(sent.kind === 'event' && sent.event.attrs, {
    ...{ room: 'a', open: true, name: 'opened', 'webhook-id': 'msg_1' },
  });
});

test('a wrong signature and an unknown sender look alike', () => {
  const secret = new Uint8Array(32).fill(5);
  const messages = ['/webhooks/door/opened', '/webhooks/none/opened'].map((path) => {
    try {
      send(path, '{}', { secret });
    } catch (error) {
      return isLogError(error, 'author-unknown') ? error.message.replace(/door|none/, '') : '';
    }
    return 'accepted';
  });
  assert.match(messages[0] ?? '', 'no signature is valid');
  assert.is(messages[0], messages[1]);
  // The key that stands in for the secret of an unknown sender signs for nobody.
  assert.is(
    codeOf(() => send('/samples/none', '[]', { secret: new Uint8Array(32) })),
    'author-unknown',
  );
  assert.is(
    codeOf(() => send('/events/door', '{}')),
    'author-not-permitted',
  );
});

test('a request that is sent again has the same key, that of another id another one', () => {
  const key = (body: string, id: string): string => send('/webhooks/door/opened', body, { id }).key;
  assert.is(key('{}', 'a'), key('{"x":1}', 'a'));
  assert.is.not(key('{}', 'a'), key('{}', 'b'));
});

test('samples are read, at most 1,024 in all', () => {
  const set = (i: number, count: number): object => ({
    subject: { kind: 'host', id: `h${i}` },
    samples: Object.fromEntries(Array.from({ length: count }, (_, j) => [`m${j}`, j])),
  });
  const many = (sets: number, each: number): string =>
    JSON.stringify(Array.from({ length: sets }, (_, i) => set(i, each)));
  const read = send('/samples/door', many(32, 32));
  assert.is(read.kind === 'samples' && read.samples.length, 32);
  assert.is(
    codeOf(() => send('/samples/door', many(33, 32))),
    'request-invalid',
  );
  assert.is(
    codeOf(() => send('/samples/door', '[]')),
    'request-invalid',
  );
  assert.is(
    codeOf(() => send('/samples/door', '[null]')),
    'request-invalid',
  );
  assert.is(
    codeOf(() => send('/samples/door', '{"a":')),
    'json-malformed',
  );
});

const fields = (count: number, value: string): string =>
  Array.from({ length: count }, (_, i) => `"${i.toString(36)}":${value}`).join(',');
const HOSTILE: readonly (readonly [string, string, string])[] = [
  ['scalars', '/webhooks/door/x', `{${fields(4000, '1')}}`],
  ['objects', '/webhooks/door/x', `{${fields(3600, '{}')}}`],
  ['nesting', '/webhooks/door/x', `{"a":${'['.repeat(16_000)}${']'.repeat(16_000)}}`],
  [
    'wrong samples',
    '/samples/door',
    `[{"subject":{"kind":"ups","id":"u"},"samples":{${fields(3500, '{}')}}}]`,
  ],
  [
    'samples in names',
    '/samples/door',
    `[{"subject":{"kind":"ups","id":"u"},"samples":{${fields(1024, '{}')}}}]`,
  ],
  ['items that are none', '/samples/door', `[${'1,'.repeat(16_000)}1]`],
];

for (const [title, path, body] of HOSTILE)
  test(`a body of nothing but ${title} takes less than 10 ms`, () => {
    assert.ok(body.length <= MAX_INBOUND_BYTES);
    const ms = fastestMs(() => codeOf(() => send(path, body)));
    assert.ok(ms < 10, `it took ${ms} ms`);
  });

test.run();
