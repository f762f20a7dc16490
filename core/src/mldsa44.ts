// ML-DSA-44 (FIPS 204, pure, empty context unless given): the post-quantum signature of C2SP
// tlog-cosignature type 0x06. Verified by node:crypto where that knows it (Node 24), which is ten times as
// fast, by noble elsewhere: FIPS 204 leaves no verdict open, and tests put the same forgeries to both.

import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js';
import { assertBytes, concatBytes, equalBytes } from './bytes.ts';
import { type NativeKey, nativeCrypto } from './native.ts';

export const MLDSA44_SEED_SIZE = 32;
export const MLDSA44_PUBLIC_KEY_SIZE = 1312;
export const MLDSA44_SIGNATURE_SIZE = 2420;

/** True for bytes that can be an ML-DSA-44 public key (any 1312 bytes decode, FIPS 204 §7.2). */
export function isMldsa44PublicKey(key: Uint8Array): boolean {
  return key.length === MLDSA44_PUBLIC_KEY_SIZE;
}

const NO_CONTEXT = new Uint8Array(0);

/** False for malformed keys, signatures or contexts over 255 bytes; never throws on foreign bytes. */
export function verifyMldsa44(
  message: Uint8Array,
  signature: Uint8Array,
  publicKey: Uint8Array,
  context: Uint8Array = NO_CONTEXT,
): boolean {
  if (!isWellFormed(signature, publicKey, context)) return false;
  // A Node that does not know contexts would pass over one in silence.
  const native = context.length === 0 ? nativeKey(publicKey) : undefined;
  if (nativeCrypto === undefined || native === undefined)
    return portableVerifyMldsa44(message, signature, publicKey, context);
  return nativeCrypto.verify(null, message, native, signature);
}

/** Verifies with the portable implementation alone: what a browser does. */
export function portableVerifyMldsa44(
  message: Uint8Array,
  signature: Uint8Array,
  publicKey: Uint8Array,
  context: Uint8Array = NO_CONTEXT,
): boolean {
  if (!isWellFormed(signature, publicKey, context)) return false;
  return ml_dsa44.verify(signature, message, publicKey, { context });
}

function isWellFormed(signature: Uint8Array, publicKey: Uint8Array, context: Uint8Array): boolean {
  const isSignature = signature.length === MLDSA44_SIGNATURE_SIZE;
  return isSignature && isMldsa44PublicKey(publicKey) && context.length <= 255;
}

// DER of a SubjectPublicKeyInfo for ML-DSA-44 up to the key (RFC 9881 §4).
const SPKI_PREFIX = Uint8Array.from([
  0x30, 0x82, 0x05, 0x32, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03,
  0x11, 0x03, 0x82, 0x05, 0x21, 0,
]);

/** Imported keys by the array that they came in, with the bytes that it had then. */
const imported = new WeakMap<Uint8Array, { bytes: Uint8Array; native: NativeKey | undefined }>();

/** The key for node:crypto, imported once for each array; undefined where ML-DSA-44 is not known. */
function nativeKey(publicKey: Uint8Array): NativeKey | undefined {
  const known = imported.get(publicKey);
  if (known !== undefined && equalBytes(known.bytes, publicKey)) return known.native;
  const native = importKey(publicKey);
  imported.set(publicKey, { bytes: publicKey.slice(), native });
  return native;
}

function importKey(publicKey: Uint8Array): NativeKey | undefined {
  try {
    const key = concatBytes(SPKI_PREFIX, publicKey);
    const native = nativeCrypto?.createPublicKey({ key, format: 'der', type: 'spki' });
    return native?.asymmetricKeyType === 'ml-dsa-44' ? native : undefined;
  } catch {
    return undefined; // an OpenSSL without it
  }
}

/**
 * A private key from its 32-byte seed. Deterministic variant, so that test vectors can be reproduced: that is noble
 * everywhere, since node:crypto only signs with added randomness.
 */
export class Mldsa44Signer {
  readonly publicKey: Uint8Array;
  readonly #secretKey: Uint8Array;

  constructor(seed: Uint8Array) {
    assertBytes(seed, 'seed', MLDSA44_SEED_SIZE);
    const pair = ml_dsa44.keygen(seed);
    this.publicKey = pair.publicKey;
    this.#secretKey = pair.secretKey;
  }

  sign(message: Uint8Array): Uint8Array {
    return ml_dsa44.sign(message, this.#secretKey, { extraEntropy: false });
  }
}
