// Public keys made ready once: importing a key costs more than a verification, and a log has far more statements
// than authors.

import { formatHex } from '../bytes.ts';
import { Ed25519Verifier } from '../ed25519.ts';

/** Keys that are remembered; beyond it all are forgotten. */
const MAX_VERIFIERS = 4096;

export class Verifiers {
  readonly #verifiers = new Map<string, Ed25519Verifier>();

  /** The verifier of an acceptable public key; RangeError as `Ed25519Verifier`. */
  of(key: Uint8Array): Ed25519Verifier {
    const name = formatHex(key);
    const known = this.#verifiers.get(name);
    if (known !== undefined) return known;
    if (this.#verifiers.size === MAX_VERIFIERS) this.#verifiers.clear();
    const verifier = new Ed25519Verifier(key);
    this.#verifiers.set(name, verifier);
    return verifier;
  }
}
