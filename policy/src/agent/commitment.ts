// Salted commitments of execution records (spec/node-records.md section 6). Each intent has one secret; every value in
// it is committed to under a salt of its own, so that one can be opened without the others.

import { concatBytes, utf8 } from '@writ/core/bytes';
import { sha256 } from '@writ/core/sha256';

/** Bytes of the secret of an intent, and of the node's secret for keys. */
export const SECRET_SIZE = 32;

const SALT = utf8('writ-record-salt/v1\n');
const COMMITMENT = utf8('writ-record-commitment/v1\n');
const KEY = utf8('writ-record-key/v1\n');

/** The salt of the value with that label, such as `target/0` or `params`. */
export function saltOf(secret: Uint8Array, label: string): Uint8Array {
  return sha256(concatBytes(SALT, secret, utf8(label)));
}

/** What a record holds in place of `value`. */
export function commit(salt: Uint8Array, value: Uint8Array): Uint8Array {
  return sha256(concatBytes(COMMITMENT, salt, value));
}

/** An idempotency key as records of one node show it: two records show the same exactly when the keys are the same. */
export function keyDigest(nodeSecret: Uint8Array, key: string): Uint8Array {
  return sha256(concatBytes(KEY, nodeSecret, utf8(key)));
}
