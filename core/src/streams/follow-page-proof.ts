// Making follow pages (spec/follow.md section 2): what a log does with what it has stored.

import { bug } from '../errors.ts';
import { decodeStatement } from '../statements/statement.ts';
import { type Anchor, encodeFollowPage, MAX_CHAIN, type Place, type Span } from './follow-page.ts';
import { decodeStreamProof } from './stream-proof.ts';

/** A published tree, which ends with its state root. */
export interface FollowSource {
  /** Entries in the tree of the stream proof. */
  readonly size: number;
  /** Bytes of the entry at a leaf index. */
  entry(index: number): Uint8Array;
  /** Inclusion proof in the tree of `size`. */
  proveInclusion(index: number): readonly Uint8Array[];
  /** Consistency proof to the tree of `size`; `since` is at least 1. */
  proveConsistency(since: number): readonly Uint8Array[];
  /** Sequence number of the state root that ends the tree: the last of stream `log` in it. */
  readonly logSeq: number;
  /** Leaf index of a statement of stream `log`. */
  logLeaf(seq: number): number;
}

/** Where the statements of the page stand in the log. */
export interface FollowPlaces {
  /** An encoded stream proof for the tree of the source. */
  readonly streamProof: Uint8Array;
  /** Leaf indexes of its statements, in order. */
  readonly leaves: readonly number[];
  /** Size of the tree that the reader knows, at most that of the source; 0: none. */
  readonly since: number;
  /** Openings of the statements, for a member of a private village. */
  readonly openings?: readonly Uint8Array[];
}

/** The follow page for a stream proof, encoded. O(statements · log n) besides what the source does. */
export function proveFollowPage(
  source: FollowSource,
  { streamProof, leaves, since, openings = [] }: FollowPlaces,
): Uint8Array {
  const { entries } = decodeStreamProof(streamProof);
  if (entries.length !== leaves.length) throw new RangeError('one leaf index for each statement');
  const spans = new SpanList(source);
  const places = leaves.map((leafIndex): Place => {
    const proof = source.proveInclusion(leafIndex);
    return { leafIndex, span: spans.around(leafIndex), proof };
  });
  const consistency = since === 0 || since === source.size ? [] : source.proveConsistency(since);
  return encodeFollowPage({
    streamProof,
    since,
    consistency,
    places,
    spans: spans.spans,
    openings,
  });
}

/** The spans of one page; neighbours share theirs. */
class SpanList {
  readonly spans: Span[] = [];
  readonly #source: FollowSource;
  /** Number of the statement of the log behind the newest span. */
  #last = -1;

  constructor(source: FollowSource) {
    this.#source = source;
  }

  around(leafIndex: number): number {
    const after = this.#firstBehind(leafIndex);
    if (after !== this.#last) {
      this.spans.push(this.#spanBefore(after));
      this.#last = after;
    }
    return this.spans.length - 1;
  }

  /** Number of the first statement of the log behind a leaf, by bisection. */
  #firstBehind(leafIndex: number): number {
    let [low, high] = [0, this.#source.logSeq];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.#source.logLeaf(middle) > leafIndex) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #spanBefore(last: number): Span {
    const { logSeq } = this.#source;
    const chain = last === logSeq ? [] : [this.#bytes(last)];
    let seq = last;
    let before: Anchor | null = null;
    while (seq > 0 && before === null) {
      const bytes = this.#bytes(--seq);
      chain.unshift(bytes);
      if (chain.length > MAX_CHAIN) bug('too many statements of the log without a state root');
      if (decodeStatement(bytes).kind === 'state-root') before = this.#anchor(seq);
    }
    return { chain, before, after: last === logSeq ? null : this.#anchor(last) };
  }

  #bytes(seq: number): Uint8Array {
    return this.#source.entry(this.#source.logLeaf(seq));
  }

  #anchor(seq: number): Anchor {
    const leafIndex = this.#source.logLeaf(seq);
    return { leafIndex, proof: this.#source.proveInclusion(leafIndex) };
  }
}
