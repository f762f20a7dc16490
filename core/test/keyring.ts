// Keys for tests, from fixed seeds.

import { createSigner, type KeyTypeByte, type SignerKey, verifierOf } from '@writ/core/formats/key';
import { sha256 } from '@writ/core/sha256';

/** A signer that depends on name and type alone. */
export function signerFor(name: string, type: KeyTypeByte = 0x01): SignerKey {
  return createSigner(name, type, sha256(new TextEncoder().encode(`${type} ${name}`)));
}

export const LOG_SIGNER: SignerKey = signerFor('log.example');
export const WITNESS_SIGNER: SignerKey = signerFor('witness.example', 0x04);
export const POST_QUANTUM_SIGNER: SignerKey = signerFor('pq.example', 0x06);
export const [LOG_KEY, WITNESS_KEY, POST_QUANTUM_KEY] = [
  verifierOf(LOG_SIGNER),
  verifierOf(WITNESS_SIGNER),
  verifierOf(POST_QUANTUM_SIGNER),
];
