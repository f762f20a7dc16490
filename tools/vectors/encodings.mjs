// Ed25519 in its strict profile and the deterministic CBOR profile (spec/formats.md, spec/cbor.md).

import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { concatBytes } from '@writ/core/bytes';
import { addOrder } from './notes.mjs';
import { ascii, fixedBytes, hex, invalid, keyOf, valid } from './scenery.mjs';

const { Point } = ed25519;
const L = Point.Fn.ORDER;
const ORDER_8 = Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a');

export function* encodingVectors() {
  yield* ed25519Vectors();
  yield* validCbor();
  yield* invalidCbor();
}

function caseOf(publicKey, message, signature) {
  return { public_key: hex(publicKey), message: hex(message), signature: hex(signature) };
}

function* ed25519Vectors() {
  const { signer } = keyOf('alice.example/notes');
  const key = signer.publicKey;
  const message = ascii('message');
  const signature = signer.signRaw(message);
  const good = (name, description, input) => valid('ed25519', name, description, input);
  yield good('plain', 'An ordinary signature.', caseOf(key, message, signature));
  const nothing = new Uint8Array(0);
  yield good('empty-message', 'No message.', caseOf(key, nothing, signer.signRaw(nothing)));
  const long = new Uint8Array(5000).fill(0x61);
  yield good('long-message', 'A message of 5000 bytes.', caseOf(key, long, signer.signRaw(long)));
  const mixedKey = mixedOrderCase((k) => k % 8n === 0n, ORDER_8, Point.ZERO);
  yield good('mixed-order-key', 'The key has a part of order 8 that cancels out.', mixedKey);

  const refused = (name, description, input) => invalid('ed25519', name, description, input);
  for (const [name, description, input] of [
    ['message-changed', 'Another message.', caseOf(key, ascii('massage'), signature)],
    ['r-changed', 'Another R.', caseOf(key, message, signature.with(3, signature[3] ^ 4))],
    ['s-changed', 'Another S.', caseOf(key, message, signature.with(40, signature[40] ^ 4))],
    ['key-other', 'Another key.', caseOf(keyOf('x').signer.publicKey, message, signature)],
    ['signature-empty', 'No signature.', caseOf(key, message, nothing)],
    ['signature-63-bytes', 'A short signature.', caseOf(key, message, signature.subarray(1))],
    ['signature-65-bytes', 'A long signature.', caseOf(key, message, concatBytes(signature, [0]))],
    ['signature-zero', 'All zero.', caseOf(key, message, new Uint8Array(64))],
    ['key-empty', 'No key.', caseOf(nothing, message, signature)],
    ['key-31-bytes', 'A short key.', caseOf(key.subarray(1), message, signature)],
    ['s-plus-order', 'S + L for S.', caseOf(key, message, addOrder(signature))],
    ['s-is-order', 'S = L for S = 0.', zeroSignature(L)],
  ]) {
    yield refused(name, description, input);
  }
  yield* smallOrderVectors(refused);
  yield refused(
    'mixed-order-key',
    'Only an equation with the cofactor would hold.',
    mixedOrderCase((k) => k % 8n !== 0n, ORDER_8, Point.ZERO),
  );
  yield refused(
    'mixed-order-r',
    'R has a part of order 8.',
    mixedOrderCase(() => true, Point.ZERO, ORDER_8),
  );
}

/** Small-order keys, for which one signature fits many messages, and the like. */
function* smallOrderVectors(refused) {
  const identity = Point.ZERO.toBytes();
  yield refused('small-order-key-and-r', 'Fits every message in lax verifiers.', zeroSignature(0n));
  for (let i = 1n; i < 8n; i++) {
    const key = ORDER_8.multiplyUnsafe(i).toBytes();
    const input = caseOf(key, ascii('message'), concatBytes(identity, littleEndian(0n)));
    yield refused(`small-order-key-${i}`, `The key is ${i} times a point of order 8.`, input);
  }
  const secret = scalarOf('alice');
  const key = Point.BASE.multiply(secret).toBytes();
  const s = (challenge(identity, key, ascii('message')) * secret) % L;
  const smallR = caseOf(key, ascii('message'), concatBytes(identity, littleEndian(s)));
  yield refused('small-order-r', 'R is the neutral element and the equation holds.', smallR);
  for (const [name, y] of [
    ['key-non-canonical-0', 'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'],
    ['key-non-canonical-1', 'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'],
    ['key-negative-zero', '0100000000000000000000000000000000000000000000000000000000000080'],
    ['key-off-curve', '0200000000000000000000000000000000000000000000000000000000000000'],
  ]) {
    const input = { ...zeroSignature(0n), public_key: y };
    yield refused(name, 'The key is not the canonical encoding of a point.', input);
  }
  const input = { ...zeroSignature(0n), signature: `ee${'ff'.repeat(30)}7f${'00'.repeat(32)}` };
  yield refused('r-non-canonical', 'R is not canonical.', input);
}

/** The neutral element as key and R, and `s`. */
function zeroSignature(s) {
  const identity = Point.ZERO.toBytes();
  return caseOf(identity, ascii('message'), concatBytes(identity, littleEndian(s)));
}

/** A signature under A + `keyPart` with R + `rPart`, for the first message whose challenge `fits`. */
function mixedOrderCase(fits, keyPart, rPart) {
  const secret = scalarOf('alice');
  const nonce = scalarOf('nonce');
  const key = Point.BASE.multiply(secret).add(keyPart).toBytes();
  const r = Point.BASE.multiply(nonce).add(rPart).toBytes();
  for (let i = 0; ; i++) {
    const message = ascii(`message ${i}`);
    const k = challenge(r, key, message);
    if (!fits(k)) continue;
    return caseOf(key, message, concatBytes(r, littleEndian((nonce + k * secret) % L)));
  }
}

function challenge(r, key, message) {
  return fromLittleEndian(sha512(concatBytes(r, key, message))) % L;
}

function scalarOf(label) {
  return fromLittleEndian(fixedBytes(`scalar of ${label}`)) % L;
}

function fromLittleEndian(bytes) {
  return BigInt(`0x${hex(bytes.toReversed())}`);
}

function littleEndian(value) {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}

function* validCbor() {
  for (const [name, text, value] of [
    ['uint-0', '00', { uint: '0' }],
    ['uint-23', '17', { uint: '23' }],
    ['uint-24', '1818', { uint: '24' }],
    ['uint-256', '190100', { uint: '256' }],
    ['uint-65536', '1a00010000', { uint: '65536' }],
    ['uint-2-32', '1b0000000100000000', { uint: '4294967296' }],
    ['uint-2-53-1', '1b0020000000000001', { uint: '9007199254740993' }],
    ['uint-max', '1bffffffffffffffff', { uint: '18446744073709551615' }],
    ['nint-1', '20', { nint: '-1' }],
    ['nint-2-53-1', '3b0020000000000000', { nint: '-9007199254740993' }],
    ['nint-min', '3bffffffffffffffff', { nint: '-18446744073709551616' }],
    ['bytes-empty', '40', { bytes: '' }],
    ['bytes', '43010203', { bytes: '010203' }],
    ['text-empty', '60', { text: '' }],
    ['text', '63c3bc61', { text: 'üa' }],
    ['text-astral', '64f09f8c8d', { text: '🌍' }],
    ['text-nul', '6100', { text: '\0' }],
    ['array-empty', '80', { array: [] }],
    [
      'array',
      '8301820203f6',
      { array: [{ uint: '1' }, { array: [{ uint: '2' }, { uint: '3' }] }, { null: null }] },
    ],
    ['map-empty', 'a0', { map: [] }],
    [
      'map',
      'a201206161f6',
      {
        map: [
          [{ uint: '1' }, { nint: '-1' }],
          [{ text: 'a' }, { null: null }],
        ],
      },
    ],
    [
      'map-bytewise-order',
      'a2190100002000',
      {
        map: [
          [{ uint: '256' }, { uint: '0' }],
          [{ nint: '-1' }, { uint: '0' }],
        ],
      },
    ],
    [
      'map-prototype-names',
      'a1695f5f70726f746f5f5f01',
      { map: [[{ text: '__proto__' }, { uint: '1' }]] },
    ],
    [
      'map-bytes-keys',
      'a2410100410200',
      {
        map: [
          [{ bytes: '01' }, { uint: '0' }],
          [{ bytes: '02' }, { uint: '0' }],
        ],
      },
    ],
    ['false', 'f4', { bool: false }],
    ['true', 'f5', { bool: true }],
    ['null', 'f6', { null: null }],
    ['depth-32', `${'81'.repeat(32)}00`, nested(32)],
  ]) {
    yield valid('cbor', name, 'In the profile.', { hex: text }, { value });
  }
}

function nested(depth) {
  return depth === 0 ? { uint: '0' } : { array: [nested(depth - 1)] };
}

function* invalidCbor() {
  for (const [name, text, offset] of [
    ['empty', '', 0],
    ['head-cut-off', '19', 0],
    ['head-reserved-28', '1c', 0],
    ['uint-not-shortest-1', '1817', 0],
    ['uint-not-shortest-2', '1900ff', 0],
    ['uint-not-shortest-4', '1a0000ffff', 0],
    ['uint-not-shortest-8', '1b00000000ffffffff', 0],
    ['nint-not-shortest', '3800', 0],
    ['length-not-shortest', '5801ff', 0],
    ['bytes-cut-off', '4201', 0],
    ['bytes-huge', '5bffffffffffffffff', 0],
    ['text-cut-off', '6261', 0],
    ['text-utf8-byte', '61ff', 1],
    ['text-utf8-overlong', '62c0af', 1],
    ['text-utf8-surrogate', '63eda080', 1],
    ['text-utf8-above', '64f4908080', 1],
    ['text-utf8-cut-off', '61c3', 1],
    ['array-cut-off', '8201', 0],
    ['array-item-cut-off', '8118', 1],
    ['array-huge', '9bffffffffffffffff', 0],
    ['map-cut-off', 'a101', 0],
    ['map-keys-unsorted', 'a202000100', 3],
    ['map-keys-length-first', 'a2200019010000', 3],
    ['map-keys-twice', 'a201000100', 3],
    ['map-bytes-keys-twice', 'a2410100410100', 4],
    ['float-16', 'f90000', 0],
    ['float-32', 'fa00000000', 0],
    ['float-64', 'fb0000000000000000', 0],
    ['undefined', 'f7', 0],
    ['simple-0', 'e0', 0],
    ['simple-32', 'f820', 0],
    ['tag-date', 'c100', 0],
    ['tag-18', 'd200', 0],
    ['tag-bignum', 'c24101', 0],
    ['indefinite-bytes', '5f4101ff', 0],
    ['indefinite-text', '7f6161ff', 0],
    ['indefinite-array', '9f00ff', 0],
    ['indefinite-map', 'bf0000ff', 0],
    ['break', 'ff', 0],
    ['byte-too-much', '0000', 1],
    ['depth-33', `${'81'.repeat(33)}00`, 32],
  ]) {
    yield invalid('cbor', name, 'Outside the profile.', { hex: text }, 'cbor-malformed', {
      offset,
    });
  }
}
