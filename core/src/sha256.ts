// SHA-256 (FIPS 180-4): native one-shot hash on Node, noble elsewhere. Same digests, tested side by side.

import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import { nativeCrypto } from './native.ts';

/** Length of a SHA-256 digest in bytes. */
export const HASH_SIZE = 32;

/** SHA-256 of `bytes`: a new array of 32 bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  if (nativeCrypto === undefined) return nobleSha256(bytes);
  const digest = new Uint8Array(HASH_SIZE);
  sha256Into(bytes, digest, 0);
  return digest;
}

/** Writes SHA-256 of `bytes` into `target` at `offset`, without an allocation per call on Node. */
export function sha256Into(bytes: Uint8Array, target: Uint8Array, offset: number): void {
  if (nativeCrypto === undefined) {
    target.set(nobleSha256(bytes), offset);
    return;
  }
  // A one-byte string per digest byte is the fastest way out of node:crypto (spec/performance.md).
  const digest = nativeCrypto.hash('sha256', bytes, 'latin1');
  for (let i = 0; i < HASH_SIZE; i++) target[offset + i] = digest.charCodeAt(i);
}
