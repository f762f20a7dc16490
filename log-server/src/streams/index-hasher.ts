// Hashes of the index tree. Inner nodes share their hash with RFC 6962, so whole levels go through the same bulk
// hash as the log's tiles.

import { hashPairs } from '@writ/core/merkle/interior';
import { HASH_SIZE, sha256Into } from '@writ/core/sha256';
import { emptyIndexRoot, INDEX_LEAF_PREFIX } from '@writ/core/streams/stream-index';
import { EMPTY, type IndexNodes, isLeaf, type Ref } from './index-nodes.ts';

/** Inner nodes to be hashed, by depth. */
export type Created = Ref[][];

/** Pairs of one round of `hashPairs`. */
const ROUND = 512;

export class IndexHasher {
  readonly #nodes: IndexNodes;
  readonly #empty = emptyIndexRoot();
  readonly #leafMessage: Uint8Array = new Uint8Array(1 + 2 * HASH_SIZE).fill(
    INDEX_LEAF_PREFIX,
    0,
    1,
  );
  readonly #round = new Uint8Array(2 * ROUND * HASH_SIZE);

  constructor(nodes: IndexNodes) {
    this.#nodes = nodes;
  }

  /** Hashes nodes whose children below are either among them or hashed already. */
  hashCreated(created: Created): void {
    for (const level of created.toReversed()) {
      for (let done = 0; done < level.length; done += ROUND)
        this.#hashRound(level, done, Math.min(done + ROUND, level.length));
    }
  }

  #hashRound(level: readonly Ref[], from: number, to: number): void {
    const round = this.#round;
    for (let i = from; i < to; i++) {
      const ref = level[i] ?? EMPTY;
      const at = 2 * (i - from) * HASH_SIZE;
      this.#writeHash(this.#nodes.child(ref, 0), round, at);
      this.#writeHash(this.#nodes.child(ref, 1), round, at + HASH_SIZE);
    }
    hashPairs(round, to - from, round);
    for (let i = from; i < to; i++)
      this.#nodes.setHash(level[i] ?? EMPTY, round, (i - from) * HASH_SIZE);
  }

  /** Hash of a subtree: a new array; undefined for the empty one. */
  hashOf(ref: Ref): Uint8Array | undefined {
    if (ref === EMPTY) return undefined;
    const hash = new Uint8Array(HASH_SIZE);
    this.#writeHash(ref, hash, 0);
    return hash;
  }

  #writeHash(ref: Ref, target: Uint8Array, offset: number): void {
    if (ref === EMPTY) {
      target.set(this.#empty, offset);
    } else if (isLeaf(ref)) {
      this.#nodes.copyLeaf(ref, this.#leafMessage, 1);
      sha256Into(this.#leafMessage, target, offset);
    } else {
      this.#nodes.copyHash(ref, target, offset);
    }
  }
}
