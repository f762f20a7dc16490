// Stream ids: spec/statement.md section 4.

import { formatStreamId, parseStreamId, type StreamId } from '@writ/core/statements/stream-id';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('stream ids');
const LONG = 'a'.repeat(64);

const VALID: readonly (readonly [string, StreamId])[] = [
  ['log', { family: 'log' }],
  ['village/north-grid', { family: 'village', village: 'north-grid' }],
  [`village/${LONG}`, { family: 'village', village: LONG }],
  ['inbox/A_9', { family: 'inbox', village: 'A_9' }],
  ['audit/-', { family: 'audit', name: '-' }],
  ['node/v/n-1', { family: 'node', village: 'v', node: 'n-1' }],
  ['package/drivers/proxmox.ve', { family: 'package', namespace: 'drivers', name: 'proxmox.ve' }],
  [`package/${LONG}/${LONG}`, { family: 'package', namespace: LONG, name: LONG }],
  ['village/__proto__', { family: 'village', village: '__proto__' }],
];

for (const [text, parts] of VALID) {
  test(`${text} parses into its parts and back`, () => {
    assert.equal(parseStreamId(text), parts);
    assert.is(formatStreamId(parts), text);
  });
}

const INVALID = [
  '',
  'logs',
  'log/',
  'log/x',
  'village',
  'village/',
  `village/${LONG}a`,
  'village/a/b',
  'village/a.b',
  'village/a b',
  'village/ä',
  'village/a\n',
  '\nvillage/a',
  'Village/a',
  'node/a',
  'node/a/b/c',
  'node//b',
  'node/a/b.c',
  'package/a',
  'package/a/.b',
  'package/a/..',
  'package/a.b/c',
  'package/a/b/c',
  `package/a/${LONG}a`,
  'audit/a/',
  '/log',
  'constructor/a',
];

for (const text of INVALID) {
  test(`${JSON.stringify(text)} is no stream id`, () => {
    assert.is(parseStreamId(text), undefined);
  });
}

test('parts outside the grammar are not put together', () => {
  const wrong: readonly StreamId[] = [
    { family: 'village', village: 'a/b' },
    { family: 'package', namespace: 'a', name: '.b' },
    { family: 'node', village: 'a', node: '' },
  ];
  for (const parts of wrong) {
    assert.throws(
      () => formatStreamId(parts),
      (error: unknown) => error instanceof RangeError,
    );
  }
});

test.run();
