// Sealed statements: how a private village writes to a log that everybody reads (spec/private-villages.md). The leaf
// holds a salted commitment; kind and payload are in the opening, which stays outside of the log.
//
//   payload = {"commitment": h'…32 bytes'}      opening = ["writ-opening/v1", salt, content type, payload]
//   commitment = SHA-256(opening)

import { assertBytes, equalBytes, formatHex, utf8 } from '../bytes.ts';
import { decodeCbor } from '../cbor/decode.ts';
import { encodeCbor } from '../cbor/encode.ts';
import { CborMap, type CborValue } from '../cbor/value.ts';
import { isLogError, LogError } from '../errors.ts';
import { HASH_SIZE, sha256 } from '../sha256.ts';
import { contentTypeOf, kindOfContentType } from './header.ts';
import { badShape, readBytes, readMembers, ShapeError } from './kinds/shape.ts';
import { type StatementFields, type StatementSigner, signStatement } from './statement.ts';

export const OPENING_VERSION = 'writ-opening/v1';
/** Bytes of salt, which nobody can guess: without it a commitment to few possible payloads would hide none. */
export const SALT_SIZE = 32;
/** Largest opening: whatever fits in a statement in clear fits here. */
export const MAX_OPENING_SIZE = 65_535;
/** What stands for the issuer, and for the time of issue: a sealed statement claims nothing about its author. */
export const SEALED_ISSUER = '-';
export const SEALED_TIME = 0;

/** The payload of a sealed statement. */
export interface Sealed {
  readonly kind: 'sealed';
  /** SHA-256 of the opening. */
  readonly commitment: Uint8Array;
}

/** What a sealed statement says. */
export interface Opening {
  readonly salt: Uint8Array;
  readonly kind: string;
  /** The payload as `encodePayload` gives it. */
  readonly payload: Uint8Array;
}

/** A sealed statement with its opening: the statement is public, the opening is not. */
export interface SealedStatement {
  readonly bytes: Uint8Array;
  readonly opening: Uint8Array;
}

/** Throws ShapeError. */
export function readSealed(value: CborValue): Sealed {
  const of = readMembers(value, 'payload', ['commitment']);
  return { kind: 'sealed', commitment: readBytes(of('commitment'), 'commitment', HASH_SIZE) };
}

export function sealedValue({ commitment }: Sealed): CborMap {
  return new CborMap([['commitment', commitment]]);
}

// Head of an array of 4 and of the text behind it, then the version.
const OPENING_START = Uint8Array.of(0x84, 0x60 + OPENING_VERSION.length, ...utf8(OPENING_VERSION));

/** True for bytes that begin as an opening does: how it is told from a statement in a sequence. */
export function looksLikeOpening(bytes: Uint8Array): boolean {
  return equalBytes(bytes.subarray(0, OPENING_START.length), OPENING_START);
}

/** What a sealed statement commits to. */
export function commitmentOf(opening: Uint8Array): Uint8Array {
  return sha256(opening);
}

/** The one encoding of an opening. Throws RangeError for one that cannot be read back. */
export function encodeOpening({ salt, kind, payload }: Opening): Uint8Array {
  assertBytes(salt, 'salt', SALT_SIZE);
  const bytes = encodeCbor([OPENING_VERSION, salt, contentTypeOf(kind), payload]);
  try {
    decodeOpening(bytes);
  } catch (error) {
    if (isLogError(error)) throw new RangeError(error.message, { cause: error });
    throw error;
  }
  return bytes;
}

/** Reads an opening; what its payload means is for `openPayload`. LogError opening-malformed. */
export function decodeOpening(bytes: Uint8Array): Opening {
  try {
    if (bytes.length > MAX_OPENING_SIZE) badShape(`is longer than ${MAX_OPENING_SIZE} bytes`);
    return readOpening(decodeCbor(bytes));
  } catch (error) {
    if (!(error instanceof ShapeError || isLogError(error, 'cbor-malformed'))) throw error;
    const offset = error instanceof LogError ? error.detail['offset'] : undefined;
    const detail = { field: 'opening', ...(offset === undefined ? {} : { offset }) };
    throw new LogError('opening-malformed', `opening: ${error.message}`, detail, error);
  }
}

function readOpening(value: CborValue): Opening {
  if (!Array.isArray(value) || value.length !== 4) badShape('must be an array of 4');
  const [version, salt, contentType, payload]: readonly CborValue[] = value;
  if (version !== OPENING_VERSION) badShape(`is not ${OPENING_VERSION}`);
  const kind = typeof contentType === 'string' ? kindOfContentType(contentType) : undefined;
  if (kind === undefined) badShape('content type must be application/vnd.writ.<kind>+cbor');
  return {
    salt: readBytes(salt ?? null, 'salt', SALT_SIZE),
    kind,
    payload: readBytes(payload ?? null, 'payload'),
  };
}

/** Reads the opening that a statement commits to. LogError opening-failed for another one, opening-malformed. */
export function openSealed({ commitment }: Sealed, bytes: Uint8Array): Opening {
  const got = commitmentOf(bytes);
  if (equalBytes(got, commitment)) return decodeOpening(bytes);
  const detail = { field: 'opening', expected: formatHex(commitment), got: formatHex(got) };
  const message = 'opening: its digest is not the commitment of the statement';
  throw new LogError('opening-failed', message, detail);
}

/** What an author decides about a sealed statement. `kind` and `payload` are those of the real one. */
export type SealedFields = Pick<
  StatementFields,
  'kind' | 'stream' | 'seq' | 'previous' | 'payload'
>;

/**
 * Signs a statement that says nothing to those who lack its opening. `salt`: 32 bytes fresh from a random source, never
 * used before. As `signStatement`, and RangeError as `encodeOpening`.
 */
export function signSealed(
  { kind, payload, ...position }: SealedFields,
  salt: Uint8Array,
  signer: StatementSigner,
): SealedStatement {
  const opening = encodeOpening({ salt, kind, payload });
  const sealed: Sealed = { kind: 'sealed', commitment: commitmentOf(opening) };
  const fields = { ...position, kind: sealed.kind, payload: encodeCbor(sealedValue(sealed)) };
  const claims = { issuer: SEALED_ISSUER, issuedAtSeconds: SEALED_TIME };
  return { bytes: signStatement({ ...fields, ...claims }, signer), opening };
}
