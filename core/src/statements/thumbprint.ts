// COSE Key thumbprint (RFC 9679) of an Ed25519 public key: the key id of statements.

import { assertBytes, concatBytes, equalBytes } from '../bytes.ts';
import { ED25519_KEY_SIZE } from '../ed25519.ts';
import { sha256 } from '../sha256.ts';

// Deterministic CBOR of {1: 1 (kty OKP), -1: 6 (crv Ed25519), -2: x} up to the 32 bytes of x: the required
// members of an OKP key (RFC 9679 section 4.1, RFC 9053 section 7.2) and nothing else.
const COSE_KEY_PREFIX = Uint8Array.of(0xa3, 0x01, 0x01, 0x20, 0x06, 0x21, 0x58, 0x20);

/** Thumbprints by the array that the key came in, with the bytes that it had then. */
const computed = new WeakMap<Uint8Array, { readonly key: Uint8Array; readonly id: Uint8Array }>();

/**
 * SHA-256 thumbprint, 32 bytes, a copy; computed once for each array, as the same few keys sign most statements.
 * Throws RangeError for a key of another length.
 */
export function coseKeyThumbprint(publicKey: Uint8Array): Uint8Array {
  assertBytes(publicKey, 'public key', ED25519_KEY_SIZE);
  const known = computed.get(publicKey);
  if (known !== undefined && equalBytes(known.key, publicKey)) return known.id.slice();
  const id = sha256(concatBytes(COSE_KEY_PREFIX, publicKey));
  computed.set(publicKey, { key: new Uint8Array(publicKey), id });
  return id.slice();
}
