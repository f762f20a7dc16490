// What may leave the node: redacted views, messages, commitments (spec/node-records.md section 6).

import { createHash } from 'node:crypto';
import { formatHex, utf8 } from '@writ/core/bytes';
import { formatCanonicalJson, type JsonValue } from '@writ/core/statements/jcs';
import { commit, keyDigest, saltOf } from '@writ/policy/agent/commitment';
import { redactParams, redactText } from '@writ/policy/agent/redact';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('redaction');
const SECRET = new Uint8Array(32).fill(9);

function hashOf(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

test('commitments are those of the specification', () => {
  const salt = saltOf(SECRET, 'target/0');
  assert.is(formatHex(salt), hashOf('writ-record-salt/v1\n', SECRET, 'target/0'));
  assert.is(
    formatHex(commit(salt, utf8('vm:101'))),
    hashOf('writ-record-commitment/v1\n', salt, 'vm:101'),
  );
  assert.is(formatHex(keyDigest(SECRET, 'k')), hashOf('writ-record-key/v1\n', SECRET, 'k'));
});

const SCHEMA: JsonValue = {
  type: 'object',
  properties: {
    mode: { type: 'string' },
    login: {
      type: 'object',
      properties: { user: { type: 'string' }, password: { type: 'string', secret: true } },
    },
    tokens: { type: 'array', items: { type: 'string', secret: true } },
    names: { type: 'array', items: { type: 'string' } },
    __proto__x: { type: 'string' },
  },
};

function hidden(value: JsonValue, pointer: string): JsonValue {
  const salt = saltOf(SECRET, `params${pointer}`);
  return { commitment: formatHex(commit(salt, utf8(formatCanonicalJson(value)))) };
}

test('what the schema flags is replaced by its commitment, wherever it is', () => {
  const value = {
    mode: 'soft',
    login: { user: 'ada', password: 'hunter2' },
    tokens: ['t1', 't2'],
    names: ['a'],
  };
  const { view, secrets } = redactParams(value, SCHEMA, SECRET);
  assert.equal(view, {
    mode: 'soft',
    login: { user: 'ada', password: hidden('hunter2', '/login/password') },
    tokens: [hidden('t1', '/tokens/0'), hidden('t2', '/tokens/1')],
    names: ['a'],
  });
  assert.equal(secrets, ['hunter2', 't1', 't2']);
});

test('what the schema does not describe is a secret', () => {
  assert.equal(redactParams({ other: { deep: 'x' } }, SCHEMA, SECRET).view, {
    other: hidden({ deep: 'x' }, '/other'),
  });
  assert.equal(redactParams({ mode: 'soft' }, null, SECRET).view, hidden({ mode: 'soft' }, ''));
  assert.equal(redactParams(['a'], { type: 'array' }, SECRET).view, [hidden('a', '/0')]);
  const polluted: JsonValue = JSON.parse('{"__proto__":"x","constructor":"y"}');
  const { view } = redactParams(polluted, SCHEMA, SECRET);
  assert.equal(formatCanonicalJson(view).includes('"x"'), false);
  assert.is(Object.keys(view ?? {}).length, 2);
});

test('the same secret in two places or two intents has two commitments', () => {
  const { view } = redactParams({ tokens: ['t', 't'] }, SCHEMA, SECRET);
  const texts = formatCanonicalJson(view).match(/[0-9a-f]{64}/g) ?? [];
  assert.is(new Set(texts).size, 2);
  const other = redactParams({ tokens: ['t'] }, SCHEMA, new Uint8Array(32)).view;
  assert.not.ok(texts.some((text) => formatCanonicalJson(other).includes(text)));
});

test('no secret survives redaction, whatever the parameters', () => {
  const text = fc.string({ minLength: 1, maxLength: 8 });
  const params = fc.letrec<{ tree: JsonValue }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      text.map((value) => `secret-${value}`),
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom('mode', 'login', 'x', '__proto__'), tie('tree'), {
        maxKeys: 3,
      }),
    ),
  })).tree;
  fc.assert(
    fc.property(params, (value) => {
      const { view } = redactParams(value, { type: 'object', secret: true }, SECRET);
      assert.not.ok(formatCanonicalJson(view).includes('secret-'));
    }),
  );
});

const TEXTS: readonly (readonly [string, readonly string[], string])[] = [
  ['no route to host', [], 'no route to host'],
  ['login with hunter2 failed: hunter2', ['hunter2'], 'login with [redacted] failed: [redacted]'],
  ['two\nlines\r\n\tand a tab\u0000', [], 'two lines and a tab '],
  ['abcdefgh', ['abcd', 'abcdefgh'], '[redacted]'],
  ['short', ['ort'], 'short'],
  ['żółw'.repeat(20), [], `${'żółw'.repeat(9)}`],
  ['lone \ud800 half', [], 'lone \ufffd half'],
];

for (const [text, secrets, expected] of TEXTS) {
  test(`a message is made fit for a record: ${JSON.stringify(text.slice(0, 30))}`, () => {
    assert.is(redactText(text, secrets, 64), expected);
  });
}

test('a cut never leaves half a character', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', maxLength: 40 }),
      fc.nat({ max: 40 }),
      (text, most) => {
        const cut = redactText(text, [], most);
        assert.ok(utf8(cut).length <= most);
        assert.ok(cut.isWellFormed());
      },
    ),
  );
});

test.run();
