// The protected header of a statement (spec/statement.md section 3): five labels, all required, no other.
//
// Example in diagnostic notation:
//   {1: -19, 3: "application/vnd.writ.note+cbor", 4: h'…32 bytes', 15: {1: "auditor", 2: "audit/drill", 6: 1763650000},
//    -65537: [0, null]}

import { encodeCbor } from '../cbor/encode.ts';
import { CborReader, MAJOR, SIMPLE } from '../cbor/reader.ts';
import { headSize } from '../cbor/scan.ts';
import { CborMap } from '../cbor/value.ts';
import { HASH_SIZE } from '../sha256.ts';
import { checkFieldCbor, malformed } from './malformed.ts';
import { parseStreamId, type StreamId } from './stream-id.ts';

// Labels of the IANA registry "COSE Header Parameters" and of "CWT Claims", and our private label.
const ALGORITHM = 1;
const CONTENT_TYPE = 3;
const KEY_ID = 4;
const CWT_CLAIMS = 15;
const POSITION = -65_537;
const ISSUER = 1;
const SUBJECT = 2;
const ISSUED_AT = 6;

/** COSE algorithm Ed25519 (RFC 9864): fully specified, unlike EdDSA (-8). */
export const COSE_ED25519: number = -19;

/** Longest issuer in bytes of UTF-8. */
export const MAX_ISSUER_SIZE = 256;

const CONTENT_TYPE_FORM = /^application\/vnd\.writ\.([a-z][a-z0-9]*(?:[.-][a-z0-9]+)*)\+cbor$/;
const CONTROL = /\p{Cc}/u;
const MAX_KIND_LENGTH = 64;
const MAX_CONTENT_TYPE_SIZE = 128;
const MAX_STREAM_SIZE = 256;

/** What the header says. */
export interface StatementHeader {
  /** Kind of the statement: the content type without its frame. */
  readonly kind: string;
  readonly contentType: string;
  /** COSE Key thumbprint of the author's key, 32 bytes. */
  readonly keyId: Uint8Array;
  /** Who the author claims to be; only the key id is checked. */
  readonly issuer: string;
  readonly stream: string;
  readonly streamId: StreamId;
  /** Seconds since 1970 by the author's clock; informative, never decides anything. */
  readonly issuedAtSeconds: number;
  /** Position in the stream, from 0. */
  readonly seq: number;
  /** Id of the statement at seq - 1; null exactly when seq is 0. */
  readonly previous: Uint8Array | null;
}

/** Content type of a kind. */
export function contentTypeOf(kind: string): string {
  return `application/vnd.writ.${kind}+cbor`;
}

/** The kind in a content type; undefined for any other one. */
export function kindOfContentType(contentType: string): string | undefined {
  const kind = CONTENT_TYPE_FORM.exec(contentType)?.[1];
  return kind === undefined || kind.length > MAX_KIND_LENGTH ? undefined : kind;
}

/** Decodes the header found at `offset` of a statement. Throws LogError `statement-malformed`. */
export function decodeStatementHeader(bytes: Uint8Array, offset: number): StatementHeader {
  checkFieldCbor(bytes, 'protected header', offset);
  // Annotated so that the compiler knows that `fail` does not return.
  const reader: HeaderReader = new HeaderReader(bytes, offset);
  reader.open(MAJOR.map, 5, 'protected header');
  reader.label(ALGORITHM, 'algorithm');
  if (reader.integer('algorithm') !== COSE_ED25519)
    reader.fail('algorithm', 'must be -19 (Ed25519)');
  reader.label(CONTENT_TYPE, 'content type');
  const contentType = reader.textString('content type', MAX_CONTENT_TYPE_SIZE);
  const kind = kindOfContentType(contentType);
  if (kind === undefined) reader.fail('content type', 'must be application/vnd.writ.<kind>+cbor');
  reader.label(KEY_ID, 'key id');
  const keyId = reader.hash('key id');
  reader.label(CWT_CLAIMS, 'claims');
  const { issuer, stream, streamId, issuedAtSeconds } = readClaims(reader);
  reader.label(POSITION, 'position');
  const { seq, previous } = readPosition(reader);
  // Spread objects here would double the time of a decode.
  return { kind, contentType, keyId, issuer, stream, streamId, issuedAtSeconds, seq, previous };
}

type Claims = Pick<StatementHeader, 'issuer' | 'stream' | 'streamId' | 'issuedAtSeconds'>;

function readClaims(reader: HeaderReader): Claims {
  reader.open(MAJOR.map, 3, 'claims');
  reader.label(ISSUER, 'issuer');
  const issuer = reader.textString('issuer', MAX_ISSUER_SIZE);
  if (issuer === '' || CONTROL.test(issuer)) {
    reader.fail('issuer', 'must not be empty or hold control characters');
  }
  reader.label(SUBJECT, 'stream');
  const stream = reader.textString('stream', MAX_STREAM_SIZE);
  const streamId = parseStreamId(stream);
  if (streamId === undefined) reader.fail('stream', 'is not a stream id');
  reader.label(ISSUED_AT, 'issued at');
  return { issuer, stream, streamId, issuedAtSeconds: reader.count('issued at') };
}

function readPosition(reader: HeaderReader): Pick<StatementHeader, 'seq' | 'previous'> {
  reader.open(MAJOR.array, 2, 'position');
  const seq = reader.count('position');
  if (reader.initial === SIMPLE.null) {
    if (seq !== 0)
      reader.fail('position', `previous must be the id of statement ${seq - 1}, got null`);
    return { seq, previous: null };
  }
  if (seq === 0) reader.fail('position', 'previous must be null at seq 0');
  return { seq, previous: reader.hash('position') };
}

/** Encodes a header; does not check it, which is what decoding is for. */
export function encodeStatementHeader(
  header: Omit<StatementHeader, 'contentType' | 'streamId'>,
): Uint8Array {
  const claims = new CborMap([
    [ISSUER, header.issuer],
    [SUBJECT, header.stream],
    [ISSUED_AT, header.issuedAtSeconds],
  ]);
  return encodeCbor(
    new CborMap([
      [ALGORITHM, COSE_ED25519],
      [CONTENT_TYPE, contentTypeOf(header.kind)],
      [KEY_ID, header.keyId],
      [CWT_CLAIMS, claims],
      [POSITION, [header.seq, header.previous]],
    ]),
  );
}

/** Reads the items that the header must have, in their canonical order, and names the one that is wrong. */
class HeaderReader extends CborReader {
  readonly #offset: number;
  // Start of the item that is being read.
  #item = 0;

  constructor(bytes: Uint8Array, offset: number) {
    super(bytes);
    this.#offset = offset;
  }

  fail(field: string, message: string): never {
    malformed(field, message, this.#offset + this.#item);
  }

  /** Consumes the head of a map or array of `count` entries. */
  open(major: number, count: number, field: string): void {
    this.#item = this.at;
    const what = major === MAJOR.map ? 'map' : 'array';
    if (this.major !== major || this.length() !== count)
      this.fail(field, `must be a ${what} of ${count}`);
  }

  /** Consumes a map key, which must be `label`: canonical order leaves no other place for it. */
  label(label: number, field: string): void {
    this.#item = this.at;
    if (this.major > MAJOR.nint || this.#signed() !== label) {
      this.fail(field, `label ${label} is missing or another label stands before it`);
    }
  }

  integer(field: string): number | bigint {
    this.#item = this.at;
    if (this.major > MAJOR.nint) this.fail(field, 'must be an integer');
    return this.#signed();
  }

  /** Consumes an unsigned integer below 2^53. */
  count(field: string): number {
    this.#item = this.at;
    const value = this.major === MAJOR.uint ? this.argument() : undefined;
    if (typeof value !== 'number') this.fail(field, 'must be an unsigned integer below 2^53');
    return value;
  }

  textString(field: string, maxSize: number): string {
    this.#item = this.at;
    if (this.major !== MAJOR.text) this.fail(field, 'must be a text string');
    const start = this.at + headSize(this.initial);
    const text = this.text();
    if (this.at - start > maxSize) this.fail(field, `is longer than ${maxSize} bytes`);
    return text;
  }

  hash(field: string): Uint8Array {
    this.#item = this.at;
    const bytes = this.major === MAJOR.bytes ? this.byteString() : undefined;
    if (bytes?.length !== HASH_SIZE)
      this.fail(field, `must be a byte string of ${HASH_SIZE} bytes`);
    return bytes;
  }

  #signed(): number | bigint {
    const isNegative = this.major === MAJOR.nint;
    const argument = this.argument();
    if (!isNegative) return argument;
    return typeof argument === 'number' ? -1 - argument : -1n - argument;
  }
}
