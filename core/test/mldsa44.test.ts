// ML-DSA-44 (FIPS 204): the post-quantum signature of cosigners.

import { utf8 } from '@writ/core/bytes';
import {
  isMldsa44PublicKey,
  MLDSA44_PUBLIC_KEY_SIZE,
  MLDSA44_SIGNATURE_SIZE,
  Mldsa44Signer,
  verifyMldsa44,
} from '@writ/core/mldsa44';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('ML-DSA-44');
const signer = new Mldsa44Signer(new Uint8Array(32).fill(5));
const message = utf8('message');
const signature = signer.sign(message);

test('keys and signatures have the sizes of FIPS 204 table 2', () => {
  assert.is(signer.publicKey.length, MLDSA44_PUBLIC_KEY_SIZE);
  assert.is(signature.length, MLDSA44_SIGNATURE_SIZE);
  assert.is(MLDSA44_PUBLIC_KEY_SIZE, 1312);
  assert.is(MLDSA44_SIGNATURE_SIZE, 2420);
});

test('a signature verifies under its key, message and context alone', () => {
  const { publicKey } = signer;
  assert.ok(verifyMldsa44(message, signature, publicKey));
  assert.not(verifyMldsa44(utf8('massage'), signature, publicKey));
  assert.not(verifyMldsa44(message, signature, publicKey, utf8('context')));
  const other = new Mldsa44Signer(new Uint8Array(32).fill(6));
  assert.not(verifyMldsa44(message, signature, other.publicKey));
});

test('signing is deterministic', () => {
  assert.equal(new Mldsa44Signer(new Uint8Array(32).fill(5)).sign(message), signature);
});

test('no flipped bit is overlooked in a sample over the whole signature', () => {
  for (let at = 0; at < signature.length; at += 97) {
    const flipped = signature.with(at, (signature[at] ?? 0) ^ (1 << (at % 8)));
    assert.not(verifyMldsa44(message, flipped, signer.publicKey), `byte ${at}`);
  }
});

test('malformed keys, signatures and contexts are refused without an exception', () => {
  const { publicKey } = signer;
  for (const length of [0, 1, 2419, 2421]) {
    assert.not(verifyMldsa44(message, new Uint8Array(length), publicKey));
  }
  for (const byte of [0x00, 0xff]) {
    assert.not(verifyMldsa44(message, new Uint8Array(2420).fill(byte), publicKey));
    assert.not(verifyMldsa44(message, signature, new Uint8Array(1312).fill(byte)));
  }
  assert.not(verifyMldsa44(message, signature, publicKey.subarray(1)));
  assert.not(isMldsa44PublicKey(publicKey.subarray(1)));
  assert.not(verifyMldsa44(message, signature, publicKey, new Uint8Array(256)));
});

test('a seed has 32 bytes', () => {
  assert.throws(() => new Mldsa44Signer(new Uint8Array(33)), RangeError);
});

test.run();
