// Verifier and signer keys of C2SP signed-note.

import { isLogError } from '@writ/core/errors';
import {
  createSigner,
  formatSignerKey,
  formatVkey,
  isKeyName,
  isSignatureName,
  KEY_TYPES,
  keyId,
  parseSignerKey,
  parseVkey,
  verifierOf,
} from '@writ/core/formats/key';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LOG_KEY, LOG_SIGNER, POST_QUANTUM_KEY, signerFor, WITNESS_KEY } from './keyring.ts';
import { checkMutants, refusal, textFormat } from './mutants.ts';

const test = suite('keys');
const EXAMPLE = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k';
const SEED = new Uint8Array(32).fill(9);

test('the example of the specification is read', () => {
  const key = parseVkey(EXAMPLE);
  assert.is(key.name, 'example.com/foo');
  assert.is(key.id, '530d903a');
  assert.is(key.type, 0x01);
  assert.is(formatVkey(key), EXAMPLE);
});

test('a vkey has one spelling: mutants are refused or are other keys', () => {
  const codes = ['key-malformed', 'key-weak'] as const;
  for (const key of [LOG_KEY, WITNESS_KEY]) {
    const good = new TextEncoder().encode(formatVkey(key));
    assert.is(checkMutants(good, textFormat(parseVkey, formatVkey, codes)), 0);
  }
});

test('a post-quantum vkey reads back', () => {
  assert.is(formatVkey(parseVkey(formatVkey(POST_QUANTUM_KEY))), formatVkey(POST_QUANTUM_KEY));
});

test('keys of all types and names read back and verify what was signed', () => {
  const names = fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }).filter(isKeyName);
  fc.assert(
    fc.property(names, fc.constantFrom<1 | 4>(1, 4), (name, type) => {
      const signer = createSigner(name, type, SEED);
      const key = parseVkey(formatVkey(signer));
      assert.is(key.name, name);
      const message = Uint8Array.of(1, 2, 3);
      assert.ok(key.verifyRaw(message, signer.signRaw(message)));
    }),
    { numRuns: 50 },
  );
});

test('names have no white space, plus or control character, and end at 255 bytes', () => {
  for (const name of ['x', 'example.com/foo', 'ß', 'a\u200bb', 'x'.repeat(255)]) {
    assert.ok(isKeyName(name), JSON.stringify(name));
  }
  const bad = ['', ' ', 'a b', 'a+b', 'a\tb', 'a\nb', 'a\u0000', 'a\u00a0b', 'a\u0085b', 'a\u2028'];
  for (const name of [...bad, '\u3000', 'a\ud800']) {
    assert.not(isKeyName(name), JSON.stringify(name));
    assert.not(isSignatureName(name), JSON.stringify(name));
    assert.throws(() => createSigner(name, 1, SEED), TypeError);
  }
  assert.not(isKeyName('ß'.repeat(128)));
  assert.ok(isSignatureName('ß'.repeat(128)));
});

test('refusals name the field', () => {
  const [name = '', id = '', data = ''] = EXAMPLE.split('+');
  for (const [vkey, field] of [
    [`a b+${id}+${data}`, 'name'],
    [`${name}+${id.toUpperCase()}+${data}`, 'id'],
    [`${name}+530d903b+${data}`, 'id'],
    [`${name}+${id}+${data.slice(0, -1)}`, 'key'],
    [`${name}+${id}+mQ==`, 'type'],
  ] as const) {
    assert.is(refusal(() => parseVkey(vkey), 'key-malformed').detail['field'], field, vkey);
  }
});

test('a key of small order is weak, whatever its type', () => {
  const publicKey = new Uint8Array(32);
  for (const type of [1, 4] as const) {
    const vkey = formatVkey({ name: 'x', id: keyId('x', type, publicKey), type, publicKey });
    refusal(() => parseVkey(vkey), 'key-weak');
  }
});

test('a signer key reads back and its text is checked as strictly', () => {
  for (const type of [1, 4, 6] as const) {
    const text = formatSignerKey('x.example', type, SEED);
    const signer = parseSignerKey(text);
    assert.is(formatVkey(signer), formatVkey(createSigner('x.example', type, SEED)));
  }
  const text = formatSignerKey('x.example', 1, SEED);
  for (const bad of [
    '',
    text.slice(1),
    `${text}\n`,
    text.slice(0, -4),
    text.replace('x.example', 'y.example'),
  ]) {
    refusal(() => parseSignerKey(bad), 'key-malformed');
  }
});

test('refusals of a signer key never hold key material', () => {
  const text = formatSignerKey('x.example', 1, SEED);
  const secret = text.split('+').at(-1) ?? '';
  for (let length = 0; length < text.length; length++) {
    try {
      parseSignerKey(text.slice(0, length));
    } catch (error) {
      if (!isLogError(error)) throw error;
      assert.not(JSON.stringify([error.message, error.detail]).includes(secret.slice(4, 12)));
    }
  }
});

test('the public half of a signer verifies', () => {
  assert.is(formatVkey(verifierOf(LOG_SIGNER)), formatVkey(LOG_KEY));
  assert.is(KEY_TYPES[signerFor('w', 4).type].isCosignature, true);
});

test.run();
