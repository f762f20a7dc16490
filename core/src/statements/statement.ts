// Statements: the leaves of the log (spec/statement.md). A statement is the bytes of a COSE_Sign1 in the
// deterministic CBOR profile; what is signed, logged and served are those very bytes.

import { equalBytes } from '../bytes.ts';
import { ED25519_SIGNATURE_SIZE, type Ed25519Verifier } from '../ed25519.ts';
import { LogError } from '../errors.ts';
import { sha256 } from '../sha256.ts';
import { checkStatementSize, decodeCoseSign1, encodeCoseSign1 } from './cose-sign1.ts';
import { decodeStatementHeader, encodeStatementHeader, type StatementHeader } from './header.ts';
import { checkFieldCbor } from './malformed.ts';
import { coseKeyThumbprint } from './thumbprint.ts';

/** A well-formed statement. Nothing in it is to be believed before its signature is checked. */
export interface Statement extends StatementHeader {
  /** RFC 6962 leaf hash of `bytes`. */
  readonly id: Uint8Array;
  /** The statement itself; the other byte fields but `id` and `toBeSigned` are views of it. */
  readonly bytes: Uint8Array;
  /** One item of the CBOR profile; `decodePayload` says what it means. */
  readonly payload: Uint8Array;
  readonly payloadOffset: number;
  readonly signature: Uint8Array;
  readonly toBeSigned: Uint8Array;
}

/**
 * Decodes one statement that fills `bytes`; works on a copy. Checks form alone: no signature, no payload of
 * a kind, no place at the head of a stream. Throws LogError `statement-malformed` with field and offset.
 */
export function decodeStatement(bytes: Uint8Array): Statement {
  const prefixed = prefixLeaf(bytes);
  const own = prefixed.subarray(1);
  const envelope = decodeCoseSign1(own);
  const header = decodeStatementHeader(envelope.protectedHeader, envelope.protectedOffset);
  checkFieldCbor(envelope.payload, 'payload', envelope.payloadOffset);
  // Field by field: spread objects would double the time of a decode.
  return {
    kind: header.kind,
    contentType: header.contentType,
    keyId: header.keyId,
    issuer: header.issuer,
    stream: header.stream,
    streamId: header.streamId,
    issuedAtSeconds: header.issuedAtSeconds,
    seq: header.seq,
    previous: header.previous,
    id: sha256(prefixed),
    bytes: own,
    payload: envelope.payload,
    payloadOffset: envelope.payloadOffset,
    signature: envelope.signature,
    toBeSigned: envelope.toBeSigned,
  };
}

// One copy serves twice: it belongs to the statement, whatever the caller does to its buffer while a
// signature is being checked, and behind 0x00 it is what the leaf hash is over (RFC 6962 section 2.1).
function prefixLeaf(bytes: Uint8Array): Uint8Array {
  checkStatementSize(bytes);
  const prefixed = new Uint8Array(1 + bytes.length);
  prefixed.set(bytes, 1);
  return prefixed;
}

/** Throws LogError `statement-bad-signature` unless the author's key, which `verifier` holds, signed it. */
export function checkStatementSignature(statement: Statement, verifier: Ed25519Verifier): void {
  checkKeyId(statement, verifier);
  if (!verifier.verify(statement.toBeSigned, statement.signature)) refuseSignature();
}

/** As `checkStatementSignature`, in the native thread pool where there is one; rejects instead of throwing. */
export async function checkStatementSignatureAsync(
  statement: Statement,
  verifier: Ed25519Verifier,
): Promise<void> {
  checkKeyId(statement, verifier);
  if (!(await verifier.verifyAsync(statement.toBeSigned, statement.signature))) refuseSignature();
}

// A signature of a key other than the named one proves nothing about the named author.
function checkKeyId(statement: Statement, verifier: Ed25519Verifier): void {
  if (!equalBytes(statement.keyId, coseKeyThumbprint(verifier.publicKey))) {
    throw new LogError(
      'statement-bad-signature',
      'statement key id: names another key than the one to check with',
      {
        field: 'key id',
      },
    );
  }
}

function refuseSignature(): never {
  throw new LogError(
    'statement-bad-signature',
    'statement signature: does not verify under the key of the author',
    {
      field: 'signature',
    },
  );
}

/** What an author decides about a statement; the key id follows from the signer. */
export interface StatementFields
  extends Pick<
    StatementHeader,
    'kind' | 'issuer' | 'stream' | 'issuedAtSeconds' | 'seq' | 'previous'
  > {
  /** One item of the CBOR profile, as the encoder of the kind gives it. */
  readonly payload: Uint8Array;
}

/** A private key; Ed25519Signer is one. */
export interface StatementSigner {
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

/**
 * Signs a statement and returns its bytes. Throws LogError `statement-malformed` before anything is signed
 * when a field breaks the format, and as `encodeCbor` for values that have no encoding.
 */
export function signStatement(fields: StatementFields, signer: StatementSigner): Uint8Array {
  const header = encodeStatementHeader({ ...fields, keyId: coseKeyThumbprint(signer.publicKey) });
  const bytes = encodeCoseSign1(header, fields.payload, new Uint8Array(ED25519_SIGNATURE_SIZE));
  const { toBeSigned } = decodeStatement(bytes);
  bytes.set(signer.sign(toBeSigned), bytes.length - ED25519_SIGNATURE_SIZE);
  return bytes;
}
