// What a log sends to a reader that follows one stream (spec/follow.md section 2): a stream proof, how its tree
// continues the one that the reader knows, and for each statement its place: leaf index, and the time of the log
// before it. With the places a reader reaches the very state that a replay of the whole log reaches.
//
// Extension .follow-page, media type application/vnd.writ.follow-page+cbor. Deterministic CBOR:
//
//   ["writ-follow-page/v1", stream proof, since, [hash ...], [place ...], [span ...], [opening ...]?]
//   place = [leaf index, number of the span, [hash ...]]
//   span  = [[log statement ...], null or anchor, null or anchor]
//   anchor = [leaf index, [hash ...]]

import { decodeCbor } from '../cbor/decode.ts';
import { encodeCbor } from '../cbor/encode.ts';
import type { CborValue } from '../cbor/value.ts';
import { isLogError, LogError } from '../errors.ts';
import { MAX_PROOF_HASHES } from '../merkle/inclusion.ts';
import { HASH_SIZE } from '../sha256.ts';
import { badShape, readBytes, readCount, readList, ShapeError } from '../statements/kinds/shape.ts';
import { readTuple } from './state-parts.ts';

export const FOLLOW_PAGE_VERSION = 'writ-follow-page/v1';
export const FOLLOW_PAGE_TYPE = 'application/vnd.writ.follow-page+cbor';
/** Most statements on a page. */
export const MAX_PAGE_ENTRIES = 500;
/** Largest page: 500 statements of 64 KiB with their places. */
export const MAX_FOLLOW_PAGE_BYTES: number = 64 * 1024 * 1024;
/** Most statements of the log between two that bracket a place: keys and protocols, no state roots. */
export const MAX_CHAIN = 64;
// A consistency proof has at most one hash more than twice the height of the tree.
const MAX_CONSISTENCY_HASHES = 2 * MAX_PROOF_HASHES;

/** A leaf with its inclusion proof under the checkpoint of the page. */
export interface Anchor {
  readonly leafIndex: number;
  readonly proof: readonly Uint8Array[];
}

/** Where a statement of the page stands. */
export interface Place extends Anchor {
  /** Number of its span. */
  readonly span: number;
}

/** A stretch of the log between two statements of the log itself. */
export interface Span {
  /**
   * Consecutive statements of stream `log`: from the newest state root before the stretch, or the first one of
   * all, to one that stands behind the stretch.
   */
  readonly chain: readonly Uint8Array[];
  /** The first of them; null: the stretch lies before the first state root. */
  readonly before: Anchor | null;
  /** The last of them; null: it is the state root of the stream proof, and left out of `chain`. */
  readonly after: Anchor | null;
}

/** A page. Nothing in it is verified. */
export interface FollowPage {
  /** A stream proof, encoded. */
  readonly streamProof: Uint8Array;
  /** Size of the tree that `consistency` starts from; 0: none. */
  readonly since: number;
  readonly consistency: readonly Uint8Array[];
  /** One for each statement of the stream proof, in order. */
  readonly places: readonly Place[];
  readonly spans: readonly Span[];
  /** Openings of the statements, one for each, in order; empty: none is sealed, or the reader is no member. */
  readonly openings: readonly Uint8Array[];
}

/** The one encoding of a page. Throws RangeError for one that cannot be read back. */
export function encodeFollowPage(page: FollowPage): Uint8Array {
  const { streamProof, since, consistency, places, spans, openings } = page;
  const items: CborValue[] = [
    FOLLOW_PAGE_VERSION,
    streamProof,
    since,
    consistency,
    places.map(({ leafIndex, span, proof }) => [leafIndex, span, proof]),
    spans.map(({ chain, before, after }) => [chain, anchorValue(before), anchorValue(after)]),
  ];
  if (openings.length > 0) items.push(openings);
  const bytes = encodeCbor(items);
  try {
    decodeFollowPage(bytes);
  } catch (error) {
    if (isLogError(error)) throw new RangeError(error.message, { cause: error });
    throw error;
  }
  return bytes;
}

function anchorValue(anchor: Anchor | null): CborValue {
  return anchor === null ? null : [anchor.leafIndex, anchor.proof];
}

/** Reads a page that fills `bytes`; byte strings are copies. Throws LogError `stream-proof-malformed`. */
export function decodeFollowPage(bytes: Uint8Array): FollowPage {
  try {
    if (bytes.length > MAX_FOLLOW_PAGE_BYTES)
      badShape(`page has more than ${MAX_FOLLOW_PAGE_BYTES} bytes`);
    return readPage(decodeCbor(bytes));
  } catch (error) {
    if (!(error instanceof ShapeError || isLogError(error, 'cbor-malformed'))) throw error;
    const offset = error instanceof LogError ? error.detail['offset'] : undefined;
    const detail = { field: 'page', ...(offset === undefined ? {} : { offset }) };
    throw new LogError('stream-proof-malformed', `follow page: ${error.message}`, detail, error);
  }
}

function readPage(value: CborValue): FollowPage {
  const hasOpenings = Array.isArray(value) && value.length === 7;
  const of = readTuple(value, 'page', hasOpenings ? 7 : 6);
  if (of(0) !== FOLLOW_PAGE_VERSION) badShape(`page is not ${FOLLOW_PAGE_VERSION}`);
  const spans = readList(of(5), 'spans', [0, MAX_PAGE_ENTRIES], readSpan);
  const places = readList(of(4), 'places', [0, MAX_PAGE_ENTRIES], readPlace);
  for (const { span } of places) if (span >= spans.length) badShape(`places name no span ${span}`);
  const openings = hasOpenings
    ? readList(of(6), 'openings', [1, MAX_PAGE_ENTRIES], readStatementBytes)
    : [];
  if (hasOpenings && openings.length !== places.length)
    badShape(`openings must be as many as places: ${places.length}`);
  return {
    streamProof: readBytes(of(1), 'stream proof'),
    since: readCount(of(2), 'since'),
    consistency: readList(of(3), 'consistency', [0, MAX_CONSISTENCY_HASHES], readHash),
    places,
    spans,
    openings,
  };
}

function readPlace(value: CborValue, field: string): Place {
  const of = readTuple(value, field, 3);
  return {
    leafIndex: readCount(of(0), `${field}.leafIndex`),
    span: readCount(of(1), `${field}.span`),
    proof: readProof(of(2), `${field}.proof`),
  };
}

function readSpan(value: CborValue, field: string): Span {
  const of = readTuple(value, field, 3);
  return {
    chain: readList(of(0), `${field}.chain`, [0, MAX_CHAIN], readStatementBytes),
    before: readAnchor(of(1), `${field}.before`),
    after: readAnchor(of(2), `${field}.after`),
  };
}

function readAnchor(value: CborValue, field: string): Anchor | null {
  if (value === null) return null;
  const of = readTuple(value, field, 2);
  return {
    leafIndex: readCount(of(0), `${field}.leafIndex`),
    proof: readProof(of(1), `${field}.proof`),
  };
}

function readProof(value: CborValue, field: string): readonly Uint8Array[] {
  return readList(value, field, [0, MAX_PROOF_HASHES], readHash);
}

function readHash(value: CborValue, field: string): Uint8Array {
  return readBytes(value, field, HASH_SIZE);
}

function readStatementBytes(value: CborValue, field: string): Uint8Array {
  return readBytes(value, field);
}
