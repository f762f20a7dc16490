// The digest of a driver package, as something that only a verified policy can give.

import { parseHex } from '@writ/core/bytes';
import { bug, LogError } from '@writ/core/errors';

/**
 * SHA-256 of a package file that a policy in force names. The mark has no value at run time: it makes sure that a
 * digest out of a request, a file or a driver does not type-check where a package is opened to be run.
 */
export interface VerifiedDriverDigest {
  readonly hex: string;
  readonly [VERIFIED]: true;
}

declare const VERIFIED: unique symbol;

const made = new WeakSet<object>();

const PINNED = /^(?:sha256:)?([0-9a-f]{64})$/;

/**
 * Marks a digest that the caller read out of a verified policy: `targets.driver` of its spec or of its IR. For the
 * module that makes the engine's snapshot, and for the tool that tests a package which its user named.
 * LogError json-malformed.
 */
export function verifiedDriverDigest(pinned: string): VerifiedDriverDigest {
  const hex = PINNED.exec(pinned)?.[1];
  if (hex === undefined || parseHex(hex) === undefined)
    throw new LogError('json-malformed', 'a driver digest is sha256: and 64 hexadecimal digits');
  const digest = Object.freeze({ hex });
  made.add(digest);
  if (!isVerifiedDriverDigest(digest)) return bug('a mark that was just made is missing');
  return digest;
}

/** True for what `verifiedDriverDigest` returned, and for no copy or imitation of it. */
export function isVerifiedDriverDigest(value: object): value is VerifiedDriverDigest {
  return made.has(value);
}
