// COSE_Sign1 (RFC 9052 section 4.2) as statements use it: tag 18, empty unprotected header, attached
// payload, 64-byte signature, no external data. What the protected header says is header.ts.
//
// Example: d2 84 58 9b <protected> a0 58 47 <payload> 58 40 <signature>

import { assertBytes, utf8 } from '../bytes.ts';
import { encodeCbor } from '../cbor/encode.ts';
import { CborReader, MAJOR } from '../cbor/reader.ts';
import { CborMap } from '../cbor/value.ts';
import { ED25519_SIGNATURE_SIZE } from '../ed25519.ts';
import { checkFieldCbor, malformed, WHOLE } from './malformed.ts';

/** Largest statement in bytes: what an entry of a tiled log can hold (C2SP tlog-tiles, 16-bit length). */
export const MAX_STATEMENT_SIZE = 65_535;

const TAG_18 = 0xd2;
const ARRAY_OF_4 = 0x84;
const EMPTY_MAP = 0xa0;
const EMPTY_BYTES = 0x40;
// Head of the Sig_structure array and its context string (RFC 9052 section 4.4).
const SIGNATURE1 = Uint8Array.of(ARRAY_OF_4, 0x6a, ...utf8('Signature1'));

/** The parts of an envelope, as views of it, with their offsets. */
export interface CoseSign1 {
  readonly protectedHeader: Uint8Array;
  readonly protectedOffset: number;
  readonly payload: Uint8Array;
  readonly payloadOffset: number;
  readonly signature: Uint8Array;
  /** The Sig_structure that the signature is over; a copy. */
  readonly toBeSigned: Uint8Array;
}

/** Takes an envelope apart. Throws LogError `statement-malformed` with field and offset. */
export function decodeCoseSign1(bytes: Uint8Array): CoseSign1 {
  checkStatementSize(bytes);
  if (bytes[0] !== TAG_18) malformed(WHOLE, 'does not start with tag 18 (COSE_Sign1)', 0);
  checkFieldCbor(bytes, WHOLE, 0);
  if (bytes[1] !== ARRAY_OF_4) malformed(WHOLE, 'is not an array of four items', 1);
  const reader = new CborReader(bytes, 2);
  const protectedStart = reader.at;
  const protectedHeader = readBytes(reader, 'protected header');
  const protectedEnd = reader.at;
  if (reader.initial !== EMPTY_MAP)
    malformed('unprotected header', 'must be the empty map', reader.at);
  const payloadStart = ++reader.at;
  const payload = readBytes(reader, 'payload');
  if (payload.length === 0) malformed('payload', 'is empty', payloadStart);
  const payloadEnd = reader.at;
  const signature = readBytes(reader, 'signature');
  if (signature.length !== ED25519_SIGNATURE_SIZE) {
    malformed(
      'signature',
      `must be ${ED25519_SIGNATURE_SIZE} bytes, got ${signature.length}`,
      payloadEnd,
    );
  }
  return {
    protectedHeader,
    protectedOffset: protectedEnd - protectedHeader.length,
    payload,
    payloadOffset: payloadEnd - payload.length,
    signature,
    // Canonical heads are unique, so the encoded strings go into the Sig_structure as they stand.
    toBeSigned: joinSigStructure(
      bytes.subarray(protectedStart, protectedEnd),
      bytes.subarray(payloadStart, payloadEnd),
    ),
  };
}

/** Throws LogError `statement-malformed` for more bytes than an entry can hold: the first check of all. */
export function checkStatementSize(bytes: Uint8Array): void {
  if (bytes.length > MAX_STATEMENT_SIZE) {
    malformed(WHOLE, `is longer than ${MAX_STATEMENT_SIZE} bytes`, MAX_STATEMENT_SIZE);
  }
}

/** The envelope around its parts. Throws RangeError for a signature that is not 64 bytes. */
export function encodeCoseSign1(
  protectedHeader: Uint8Array,
  payload: Uint8Array,
  signature: Uint8Array,
): Uint8Array {
  assertBytes(signature, 'signature', ED25519_SIGNATURE_SIZE);
  const array = encodeCbor([protectedHeader, new CborMap([]), payload, signature]);
  const bytes = new Uint8Array(array.length + 1);
  bytes[0] = TAG_18;
  bytes.set(array, 1);
  return bytes;
}

function readBytes(reader: CborReader, field: string): Uint8Array {
  if (reader.major !== MAJOR.bytes) malformed(field, 'must be a byte string', reader.at);
  return reader.byteString();
}

function joinSigStructure(protectedItem: Uint8Array, payloadItem: Uint8Array): Uint8Array {
  const start = SIGNATURE1.length + protectedItem.length;
  const bytes = new Uint8Array(start + 1 + payloadItem.length);
  bytes.set(SIGNATURE1);
  bytes.set(protectedItem, SIGNATURE1.length);
  bytes[start] = EMPTY_BYTES;
  bytes.set(payloadItem, start + 1);
  return bytes;
}
