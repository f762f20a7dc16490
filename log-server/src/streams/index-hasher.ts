// Hashes of the index tree. Inner nodes share their hash with RFC 6962, so whole levels go through the same bulk
// hash as the log's tiles.

import { hashPairs } from '@writ/core/merkle/interior';
import { HASH_SIZE, sha256Into } from '@writ/core/sha256';
import { emptyIndexRoot, INDEX_LEAF_PREFIX } from '@writ/core/streams/stream-index';
import { EMPTY, HASH_WORDS, type IndexNodes, isLeaf, type Ref } from './index-nodes.ts';

/** Pairs of one round of `hashPairs`. */
const ROUND = 512;
/** Where the prefix of a leaf's message stands: key and value hash follow on a word boundary. */
const LEAF_PREFIX_AT = 3;

export class IndexHasher {
  readonly #nodes: IndexNodes;
  readonly #empty = new Uint32Array(Uint8Array.from(emptyIndexRoot()).buffer);
  readonly #leaf = new Uint32Array(1 + 2 * HASH_WORDS);
  readonly #leafMessage: Uint8Array = new Uint8Array(this.#leaf.buffer, LEAF_PREFIX_AT);
  readonly #round = new Uint32Array(2 * ROUND * HASH_WORDS);
  readonly #roundBytes: Uint8Array = new Uint8Array(this.#round.buffer);

  constructor(nodes: IndexNodes) {
    this.#nodes = nodes;
    this.#leafMessage[0] = INDEX_LEAF_PREFIX;
  }

  /** Hashes the new inner nodes of each depth; what lies below them is new as well, or hashed already. */
  hashCreated(created: readonly (readonly Ref[])[]): void {
    for (const level of created.toReversed()) {
      for (let done = 0; done < level.length; done += ROUND)
        this.#hashRound(level, done, Math.min(done + ROUND, level.length));
    }
  }

  #hashRound(level: readonly Ref[], from: number, to: number): void {
    for (let i = from; i < to; i++) {
      const ref = level[i] ?? EMPTY;
      const at = 2 * (i - from) * HASH_WORDS;
      this.#writeHash(this.#nodes.child(ref, 0), at);
      this.#writeHash(this.#nodes.child(ref, 1), at + HASH_WORDS);
    }
    hashPairs(this.#roundBytes, to - from, this.#roundBytes);
    for (let i = from; i < to; i++)
      this.#nodes.setHash(level[i] ?? EMPTY, this.#round, (i - from) * HASH_WORDS);
  }

  /** Hash of a subtree: a new array; undefined for the empty one. */
  hashOf(ref: Ref): Uint8Array | undefined {
    if (ref === EMPTY) return undefined;
    this.#writeHash(ref, 0);
    return this.#roundBytes.slice(0, HASH_SIZE);
  }

  /** Puts the hash of a subtree at word `to` of the round. */
  #writeHash(ref: Ref, to: number): void {
    if (ref === EMPTY) {
      this.#round.set(this.#empty, to);
    } else if (isLeaf(ref)) {
      this.#nodes.copyLeaf(ref, this.#leaf, 1);
      sha256Into(this.#leafMessage, this.#roundBytes, 4 * to);
    } else {
      this.#nodes.copyHash(ref, this.#round, to);
    }
  }
}
