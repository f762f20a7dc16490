// ML-DSA-44 (FIPS 204): the post-quantum signature of cosigners.

import { utf8 } from '@writ/core/bytes';
import {
  isMldsa44PublicKey,
  MLDSA44_PUBLIC_KEY_SIZE,
  MLDSA44_SIGNATURE_SIZE,
  Mldsa44Signer,
  portableVerifyMldsa44,
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

// FIPS 204 §7.2: a signature is c~ (32 bytes), z (4 x 576) and h (80 indices, then 4 counts).
const [Z, H, COUNTS] = [32, 32 + 4 * 576, 32 + 4 * 576 + 80];

/** Spoils a copy of the signature. */
function spoilt(spoil: (bytes: Uint8Array) => void): Uint8Array {
  const bytes = signature.slice();
  spoil(bytes);
  return bytes;
}

const FORGERIES: Readonly<Record<string, Uint8Array>> = {
  'c~ is zero': spoilt((bytes) => bytes.fill(0, 0, Z)),
  'z is as large as it can be written': spoilt((bytes) => bytes.fill(0, Z, H)),
  'z is as small as it can be written': spoilt((bytes) => bytes.fill(0xff, Z, H)),
  'a coefficient of z is at the bound': spoilt((bytes) => bytes.set([0x4e, 0, 0], Z)),
  'there is no hint': spoilt((bytes) => bytes.fill(0, H)),
  'a count is above omega': spoilt((bytes) => bytes.fill(81, COUNTS)),
  'counts fall': spoilt((bytes) => bytes.set([2, 1], COUNTS)),
  'two indices of a polynomial are out of order': spoilt((bytes) =>
    bytes.set([bytes[H + 1] ?? 0, bytes[H] ?? 0], H),
  ),
  'an index stands twice': spoilt((bytes) => bytes.set([bytes[H + 1] ?? 0], H)),
  'a byte behind the last index is not zero': spoilt((bytes) => bytes.set([1], COUNTS - 1)),
};

test('the native implementation and the portable one give the same verdicts', () => {
  const { publicKey } = signer;
  const both = (bytes: Uint8Array, key = publicKey): string =>
    `${verifyMldsa44(message, bytes, key)} ${portableVerifyMldsa44(message, bytes, key)}`;
  assert.is(both(signature), 'true true');
  for (const [reason, bytes] of Object.entries(FORGERIES)) {
    assert.not.equal(bytes, signature, reason);
    assert.is(both(bytes), 'false false', reason);
  }
  for (let at = 0; at < signature.length; at += 131)
    assert.is(both(spoilt((bytes) => bytes.set([(bytes[at] ?? 0) ^ 0x40], at))), 'false false');
  for (let at = 0; at < publicKey.length; at += 131)
    assert.is(both(signature, publicKey.with(at, (publicKey[at] ?? 0) ^ 1)), 'false false');
  for (let seed = 0; seed < 8; seed++) {
    const other = new Mldsa44Signer(new Uint8Array(32).fill(100 + seed));
    assert.is(both(other.sign(message), other.publicKey), 'true true');
    assert.is(both(other.sign(message)), 'false false');
  }
});

test('a key array that changes is another key', () => {
  const key = signer.publicKey.slice();
  assert.ok(verifyMldsa44(message, signature, key));
  key[40] = (key[40] ?? 0) ^ 1;
  assert.not(verifyMldsa44(message, signature, key));
});

test('a seed has 32 bytes', () => {
  assert.throws(() => new Mldsa44Signer(new Uint8Array(33)), RangeError);
});

test.run();
