// Ed25519 (RFC 8032) with one verdict everywhere: in Node whatever its OpenSSL, with noble, in a browser.
//
// The profile is strict, as ed25519-dalek's `verify_strict`: S < L, A and R canonical encodings of points
// that are not of small order, and the equation without the cofactor. A lax verifier would take a signature
// that another one refuses, and a small-order key makes one signature fit many messages.
// The pre-check here decides all edge encodings; what it lets through, both back ends judge alike.

import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { assertBytes, concatBytes, equalBytes, formatHex } from './bytes.ts';
import { type NativeKey, nativeCrypto } from './native.ts';

/** Bytes of a public key and of a seed. */
export const ED25519_KEY_SIZE = 32;
export const ED25519_SIGNATURE_SIZE = 64;

// y of the eight points of small order (RFC 8032 §5.1, "Taming the many EdDSAs" table 2), little-endian,
// sign bit clear; their non-canonical spellings are refused by `isCanonicalPoint`. By first byte, so that
// an ordinary point is told apart without a comparison.
const SMALL_ORDER_Y: ReadonlyMap<number, string> = new Map(
  [
    '0000000000000000000000000000000000000000000000000000000000000000',
    '0100000000000000000000000000000000000000000000000000000000000000',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  ].map((y) => [Number(`0x${y.slice(0, 2)}`), y]),
);

// L = 2^252 + 27742317777372353535851937790883648493, the order of the base point, little-endian.
const GROUP_ORDER = Uint8Array.from([
  0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
]);

/** True when `point` is the canonical encoding of y < p (RFC 8032 §5.1.3 step 1). */
function isCanonicalPoint(point: Uint8Array): boolean {
  const last = (point[31] ?? 0) & 0x7f;
  if (last !== 0x7f) return true;
  for (let i = 30; i > 0; i--) if (point[i] !== 0xff) return true;
  return (point[0] ?? 0) < 0xed;
}

function hasSmallOrder(point: Uint8Array): boolean {
  const candidate = SMALL_ORDER_Y.get(point[0] ?? 0);
  if (candidate === undefined) return false;
  const y = point.slice(0, ED25519_KEY_SIZE);
  y[31] = (y[31] ?? 0) & 0x7f;
  return formatHex(y) === candidate;
}

function isBelowGroupOrder(scalar: Uint8Array): boolean {
  for (let i = 31; i >= 0; i--) {
    const difference = (scalar[i] ?? 0) - (GROUP_ORDER[i] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

/** True for a key that may be configured: 32 bytes, canonical, on the curve, not of small order. */
export function isEd25519PublicKey(key: Uint8Array): boolean {
  if (key.length !== ED25519_KEY_SIZE || !isCanonicalPoint(key) || hasSmallOrder(key)) return false;
  try {
    ed25519.Point.fromBytes(key);
    return true;
  } catch {
    return false;
  }
}

/** Edge cases that both back ends must never decide themselves. */
function passesPreCheck(signature: Uint8Array, key: Uint8Array): boolean {
  if (signature.length !== ED25519_SIGNATURE_SIZE || key.length !== ED25519_KEY_SIZE) return false;
  const r = signature.subarray(0, 32);
  return (
    isBelowGroupOrder(signature.subarray(32)) &&
    isCanonicalPoint(r) &&
    isCanonicalPoint(key) &&
    !hasSmallOrder(r) &&
    !hasSmallOrder(key)
  );
}

// DER of a SubjectPublicKeyInfo for Ed25519 up to the key (RFC 8410 §4).
const SPKI_PREFIX = Uint8Array.from([
  0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0,
]);
// DER of a PKCS#8 private key for Ed25519 up to the seed (RFC 8410 §7).
const PKCS8_PREFIX = Uint8Array.from([
  0x30, 0x2e, 0x02, 0x01, 0, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
]);

/** A public key ready for many verifications; holds the imported native key where there is one. */
export class Ed25519Verifier {
  readonly publicKey: Uint8Array;
  readonly #native: NativeKey | undefined;

  /** Throws RangeError for a key that `isEd25519PublicKey` refuses. */
  constructor(publicKey: Uint8Array) {
    if (!isEd25519PublicKey(publicKey))
      throw new RangeError('not an acceptable Ed25519 public key');
    this.publicKey = publicKey.slice();
    this.#native = nativeCrypto?.createPublicKey(der(SPKI_PREFIX, publicKey, 'spki'));
  }

  verify(message: Uint8Array, signature: Uint8Array): boolean {
    if (!passesPreCheck(signature, this.publicKey)) return false;
    if (nativeCrypto === undefined || this.#native === undefined) {
      return portableVerify(message, signature, this.publicKey);
    }
    return nativeCrypto.verify(null, message, this.#native, signature);
  }

  /** As `verify`, in the native thread pool where there is one. */
  verifyAsync(message: Uint8Array, signature: Uint8Array): Promise<boolean> {
    const native = this.#native;
    if (
      nativeCrypto === undefined ||
      native === undefined ||
      !passesPreCheck(signature, this.publicKey)
    ) {
      return Promise.resolve(this.verify(message, signature));
    }
    return new Promise((resolve, reject) => {
      nativeCrypto?.verify(null, message, native, signature, (error, valid) => {
        if (error === null) resolve(valid);
        else reject(error);
      });
    });
  }
}

/** Verifies with the portable implementation alone: what a browser does. */
export function portableVerify(
  message: Uint8Array,
  signature: Uint8Array,
  publicKey: Uint8Array,
): boolean {
  if (!passesPreCheck(signature, publicKey)) return false;
  try {
    return satisfiesEquation(message, signature, publicKey);
  } catch {
    return false; // a point that is not on the curve
  }
}

/** [S]B - [k]A = R, compared as encodings: no cofactor, as OpenSSL does (noble's own verify clears it). */
function satisfiesEquation(message: Uint8Array, signature: Uint8Array, key: Uint8Array): boolean {
  const r = signature.subarray(0, 32);
  const k = littleEndian(sha512(concatBytes(r, key, message))) % ed25519.Point.Fn.ORDER;
  const s = littleEndian(signature.subarray(32));
  const a = ed25519.Point.fromBytes(key);
  const expected = ed25519.Point.BASE.multiplyUnsafe(s).subtract(a.multiplyUnsafe(k));
  return equalBytes(expected.toBytes(), r);
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${formatHex(bytes.slice().reverse())}`);
}

/** One verification. False for a malformed key or signature; never throws on foreign bytes. */
export function verifyEd25519(
  message: Uint8Array,
  signature: Uint8Array,
  publicKey: Uint8Array,
): boolean {
  if (!isEd25519PublicKey(publicKey)) return false;
  return new Ed25519Verifier(publicKey).verify(message, signature);
}

/** A private key from its 32-byte seed. Signatures are deterministic (RFC 8032 §5.1.6). */
export class Ed25519Signer {
  readonly publicKey: Uint8Array;
  readonly #seed: Uint8Array;
  readonly #native: NativeKey | undefined;

  constructor(seed: Uint8Array) {
    assertBytes(seed, 'seed', ED25519_KEY_SIZE);
    this.#seed = seed.slice();
    this.publicKey = ed25519.getPublicKey(seed);
    this.#native = nativeCrypto?.createPrivateKey(der(PKCS8_PREFIX, seed, 'pkcs8'));
  }

  sign(message: Uint8Array): Uint8Array {
    if (nativeCrypto === undefined || this.#native === undefined) {
      return ed25519.sign(message, this.#seed);
    }
    return new Uint8Array(nativeCrypto.sign(null, message, this.#native));
  }

  /** As `sign`, in the native thread pool where there is one. */
  signAsync(message: Uint8Array): Promise<Uint8Array> {
    const native = this.#native;
    if (nativeCrypto === undefined || native === undefined)
      return Promise.resolve(this.sign(message));
    return new Promise((resolve, reject) => {
      nativeCrypto?.sign(null, message, native, (error, signature) => {
        if (error === null || error === undefined) resolve(new Uint8Array(signature));
        else reject(error);
      });
    });
  }
}

function der(prefix: Uint8Array, key: Uint8Array, type: 'spki' | 'pkcs8'): object {
  return { key: concatBytes(prefix, key), format: 'der', type };
}
