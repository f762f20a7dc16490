// What follows from the bytes of a public key and from nothing else: its id, and whether it is acceptable. Both are
// asked for again and again about the same keys, and the second costs a point decompression each time.

import { formatHex } from '../bytes.ts';
import { isEd25519PublicKey } from '../ed25519.ts';
import { coseKeyThumbprint } from '../statements/thumbprint.ts';

interface KeyFacts {
  readonly id: string;
  isAcceptable?: boolean;
}

/** Most keys that are remembered. The oldest go first, so that strangers' keys cannot fill the memory. */
const MAX_REMEMBERED = 4096;

// Module state, because it changes no answer: facts about a key never change, and whoever asks gets the same with
// or without it.
const remembered = new Map<string, KeyFacts>();

/** Key id of a public key in hexadecimal. Throws RangeError for a key of another length than 32 bytes. */
export function keyIdOf(key: Uint8Array): string {
  return factsOf(key).id;
}

/** As `isEd25519PublicKey`, computed once for each key of 32 bytes. */
export function isAcceptableKey(key: Uint8Array): boolean {
  const facts = factsOf(key);
  facts.isAcceptable ??= isEd25519PublicKey(key);
  return facts.isAcceptable;
}

function factsOf(key: Uint8Array): KeyFacts {
  const hex = formatHex(key);
  const known = remembered.get(hex);
  if (known !== undefined) return known;
  const facts: KeyFacts = { id: formatHex(coseKeyThumbprint(key)) };
  if (remembered.size >= MAX_REMEMBERED) {
    for (const oldest of remembered.keys()) {
      remembered.delete(oldest);
      break;
    }
  }
  remembered.set(hex, facts);
  return facts;
}
