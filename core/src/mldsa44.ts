// ML-DSA-44 (FIPS 204, pure, empty context unless given): the post-quantum signature of C2SP
// tlog-cosignature type 0x06. One implementation everywhere, so there is one verdict.

import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js';
import { assertBytes } from './bytes.ts';

export const MLDSA44_SEED_SIZE = 32;
export const MLDSA44_PUBLIC_KEY_SIZE = 1312;
export const MLDSA44_SIGNATURE_SIZE = 2420;

/** True for bytes that can be an ML-DSA-44 public key (any 1312 bytes decode, FIPS 204 §7.2). */
export function isMldsa44PublicKey(key: Uint8Array): boolean {
  return key.length === MLDSA44_PUBLIC_KEY_SIZE;
}

/** False for malformed keys, signatures or contexts over 255 bytes; never throws on foreign bytes. */
export function verifyMldsa44(
  message: Uint8Array,
  signature: Uint8Array,
  publicKey: Uint8Array,
  context: Uint8Array = new Uint8Array(0),
): boolean {
  if (!isMldsa44PublicKey(publicKey) || signature.length !== MLDSA44_SIGNATURE_SIZE) return false;
  if (context.length > 255) return false;
  return ml_dsa44.verify(signature, message, publicKey, { context });
}

/** A private key from its 32-byte seed. Deterministic variant, so that test vectors can be reproduced. */
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
