// Stream proofs: one file that shows which statements a stream has, or that there is no such stream
// (spec/stream-proof.md).
//
//   ["writ-stream-proof/v1", "village/north-grid", <checkpoint>, <state root>, [<hash>, ...], <index proof>,
//    [4, 812, <statement id>], 3, [<statement 3>, <statement 4>], null]
//
// Form alone is checked here. `openStreamProof` of the verifier says whether the file is true.

import { encodeCbor } from '../cbor/encode.ts';
import { CborReader, MAJOR, SIMPLE } from '../cbor/reader.ts';
import { checkCbor } from '../cbor/scan.ts';
import type { CborValue } from '../cbor/value.ts';
import { isLogError, LogError } from '../errors.ts';
import { MAX_NOTE_BYTES } from '../formats/note.ts';
import { MAX_PROOF_HASHES } from '../merkle/inclusion.ts';
import { HASH_SIZE } from '../sha256.ts';
import { MAX_STATEMENT_SIZE } from '../statements/cose-sign1.ts';
import { parseStreamId } from '../statements/stream-id.ts';
import {
  decodeIndexProof,
  encodeIndexProof,
  type IndexProof,
  MAX_INDEX_PROOF_BYTES,
} from './index-proof.ts';

/** First item of every file. */
export const STREAM_PROOF_VERSION = 'writ-stream-proof/v1';
export const STREAM_PROOF_TYPE = 'application/vnd.writ.stream-proof+cbor';
/** Statements that one file may hold. */
export const MAX_STREAM_PROOF_ENTRIES = 500;
/** Size of the largest file. */
export const MAX_STREAM_PROOF_BYTES: number = 64 * 1024 * 1024;

const ITEMS = 10;
/** Arrays inside of each other: the file, the tail, its hashes. */
const DEPTH = 3;

/** The newest statement of the stream, as the stream index has it. */
export interface ProvenHead {
  readonly seq: number;
  readonly leafIndex: number;
  readonly statementId: Uint8Array;
}

/** Where the last statement of a page lies in the log, when it is not the head. */
export interface ProvenTail {
  readonly leafIndex: number;
  readonly proof: readonly Uint8Array[];
}

/** A stream proof in its parts. Nothing in it is verified. */
export interface StreamProof {
  readonly stream: string;
  /** Signed note, verbatim. */
  readonly checkpoint: Uint8Array;
  /** The last entry of the tree of `checkpoint`, a state-root statement, and its inclusion proof. */
  readonly stateRoot: Uint8Array;
  readonly stateRootProof: readonly Uint8Array[];
  readonly indexProof: IndexProof;
  /** null: there is no such stream. */
  readonly head: ProvenHead | null;
  /** Sequence number of the first of `entries`; one behind the head when there is none. */
  readonly from: number;
  /** Statements of the stream in a row, without a gap. */
  readonly entries: readonly Uint8Array[];
  /** null when the last of `entries` is the head. */
  readonly tail: ProvenTail | null;
}

/** The one encoding of a stream proof. Throws RangeError for parts that do not fit together. */
export function encodeStreamProof(parts: StreamProof): Uint8Array {
  const { stream, checkpoint, stateRoot, stateRootProof, head, from, entries, tail } = parts;
  const items: CborValue = [
    STREAM_PROOF_VERSION,
    stream,
    checkpoint,
    stateRoot,
    [...stateRootProof],
    encodeIndexProof(parts.indexProof),
    head === null ? null : [head.seq, head.leafIndex, head.statementId],
    from,
    [...entries],
    tail === null ? null : [tail.leafIndex, [...tail.proof]],
  ];
  const bytes = encodeCbor(items);
  try {
    decodeStreamProof(bytes);
  } catch (error) {
    if (!isLogError(error)) throw error;
    throw new RangeError(error.message, { cause: error });
  }
  return bytes;
}

/**
 * Reads a stream proof that fills `bytes`; byte fields are views of it. Throws LogError `stream-proof-malformed`
 * with field and offset. A proof that is read may still prove nothing.
 */
export function decodeStreamProof(bytes: Uint8Array): StreamProof {
  if (bytes.length > MAX_STREAM_PROOF_BYTES)
    fail('envelope', `a file has at most ${MAX_STREAM_PROOF_BYTES} bytes`, MAX_STREAM_PROOF_BYTES);
  checkEnvelope(bytes);
  const reader = new CborReader(bytes);
  if (reader.major !== MAJOR.array) fail('envelope', 'the file is not an array', 0);
  if (reader.length() !== ITEMS) fail('envelope', `the array does not have ${ITEMS} items`, 0);
  const version = readText(reader, 'version');
  if (version !== STREAM_PROOF_VERSION) fail('version', `is not ${STREAM_PROOF_VERSION}`, 1);
  const start = reader.at;
  const stream = readText(reader, 'stream');
  if (parseStreamId(stream) === undefined) fail('stream', 'is not a stream id', start);
  const proof: StreamProof = {
    stream,
    checkpoint: readBytes(reader, 'checkpoint', 1, MAX_NOTE_BYTES),
    stateRoot: readBytes(reader, 'state root', 1, MAX_STATEMENT_SIZE),
    stateRootProof: readHashes(reader, 'state root proof'),
    indexProof: readIndexProof(reader),
    head: readHead(reader),
    from: readCount(reader, 'from'),
    entries: readEntries(reader),
    tail: readTail(reader),
  };
  checkParts(proof);
  return proof;
}

// What no true proof can look like, whatever the log holds.
function checkParts({ indexProof, head, from, entries, tail }: StreamProof): void {
  if ((indexProof.end.kind === 'present') !== (head !== null))
    fail('head', 'the index proof is for the opposite: present or absent', 0);
  const next = head === null ? 0 : head.seq + 1;
  if (from > next) fail('from', `the stream ends before ${from}`, 0);
  if (from + entries.length > next) fail('entries', 'there are more than the stream has', 0);
  if (entries.length === 0 && from < next)
    fail('entries', 'there are none, but the stream goes on', 0);
  const isPage = from + entries.length < next;
  if (isPage !== (tail !== null)) fail('tail', isPage ? 'is missing' : 'is not needed', 0);
  if (head !== null && tail !== null && tail.leafIndex >= head.leafIndex)
    fail('tail', 'lies behind the head', 0);
}

function checkEnvelope(bytes: Uint8Array): void {
  try {
    checkCbor(bytes, { maxDepth: DEPTH });
  } catch (error) {
    if (!isLogError(error, 'cbor-malformed')) throw error;
    const offset = error.detail['offset'];
    fail('envelope', error.message, typeof offset === 'number' ? offset : 0, error);
  }
}

function readIndexProof(reader: CborReader): IndexProof {
  const bytes = readBytes(reader, 'index proof', 1, MAX_INDEX_PROOF_BYTES);
  const start = reader.at - bytes.length;
  try {
    return decodeIndexProof(bytes);
  } catch (error) {
    if (!isLogError(error, 'stream-proof-malformed')) throw error;
    const offset = error.detail['offset'];
    return fail(
      'index proof',
      error.message,
      start + (typeof offset === 'number' ? offset : 0),
      error,
    );
  }
}

function readHead(reader: CborReader): ProvenHead | null {
  if (isNull(reader)) return null;
  readArray(reader, 'head', 3, 3);
  return {
    seq: readCount(reader, 'head'),
    leafIndex: readCount(reader, 'head'),
    statementId: readBytes(reader, 'head', HASH_SIZE, HASH_SIZE),
  };
}

function readEntries(reader: CborReader): Uint8Array[] {
  const count = readArray(reader, 'entries', 0, MAX_STREAM_PROOF_ENTRIES);
  return Array.from({ length: count }, () => readBytes(reader, 'entries', 1, MAX_STATEMENT_SIZE));
}

function readTail(reader: CborReader): ProvenTail | null {
  if (isNull(reader)) return null;
  readArray(reader, 'tail', 2, 2);
  return { leafIndex: readCount(reader, 'tail'), proof: readHashes(reader, 'tail') };
}

function readHashes(reader: CborReader, field: string): Uint8Array[] {
  const count = readArray(reader, field, 0, MAX_PROOF_HASHES);
  return Array.from({ length: count }, () => readBytes(reader, field, HASH_SIZE, HASH_SIZE));
}

function isNull(reader: CborReader): boolean {
  if (reader.initial !== SIMPLE.null) return false;
  reader.at++;
  return true;
}

function readArray(reader: CborReader, field: string, least: number, most: number): number {
  const start = reader.at;
  if (reader.major !== MAJOR.array) fail(field, 'expected an array', start);
  const length = reader.length();
  if (length < least || length > most)
    fail(field, `expected ${least === most ? most : `at most ${most}`} items`, start);
  return length;
}

function readText(reader: CborReader, field: string): string {
  if (reader.major !== MAJOR.text) fail(field, 'expected text', reader.at);
  return reader.text();
}

// One less than the largest safe integer, so that the position behind it is still exact.
function readCount(reader: CborReader, field: string): number {
  const start = reader.at;
  if (reader.major !== MAJOR.uint) fail(field, 'expected an unsigned integer', start);
  const value = reader.argument();
  if (typeof value === 'number' && value < Number.MAX_SAFE_INTEGER) return value;
  return fail(field, 'the number is too large', start);
}

function readBytes(reader: CborReader, field: string, least: number, most: number): Uint8Array {
  const start = reader.at;
  if (reader.major !== MAJOR.bytes) fail(field, 'expected a byte string', start);
  const bytes = reader.byteString();
  if (bytes.length < least || bytes.length > most) {
    const wanted = least === most ? `${most}` : `${least} to ${most}`;
    fail(field, `expected ${wanted} bytes, got ${bytes.length}`, start);
  }
  return bytes;
}

function fail(field: string, message: string, offset: number, cause?: unknown): never {
  const detail = { field, offset };
  throw new LogError('stream-proof-malformed', `stream proof ${field}: ${message}`, detail, cause);
}
