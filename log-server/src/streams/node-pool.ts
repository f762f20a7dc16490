// Nodes of the index tree in flat memory: numbered rows of uint32 words in chunks that are never moved, so that
// growth copies nothing and a million nodes are a few dozen objects for the garbage collector.

import { bug } from '@writ/core/errors';

const CHUNK_BITS = 14;
const CHUNK_ROWS = 2 ** CHUNK_BITS;
const IN_CHUNK = CHUNK_ROWS - 1;

/**
 * Rows of a head and a body, in words, each in chunks of its own: heads alone are read far more often, and lie dense in
 * the cache. A freed row is given out again first.
 */
export class NodePool {
  readonly #headWords: number;
  readonly #bodyWords: number;
  readonly #heads: Uint32Array<ArrayBuffer>[] = [];
  readonly #bodies: Uint32Array<ArrayBuffer>[] = [];
  readonly #free: number[] = [];
  #used = 0;

  constructor(headWords: number, bodyWords: number) {
    this.#headWords = headWords;
    this.#bodyWords = bodyWords;
  }

  /** Rows in use. */
  get count(): number {
    return this.#used - this.#free.length;
  }

  /** A row; what stands in it is left over. */
  take(): number {
    const freed = this.#free.pop();
    if (freed !== undefined) return freed;
    if (this.#used === this.#heads.length * CHUNK_ROWS) {
      this.#heads.push(new Uint32Array(CHUNK_ROWS * this.#headWords));
      this.#bodies.push(new Uint32Array(CHUNK_ROWS * this.#bodyWords));
    }
    return this.#used++;
  }

  release(row: number): void {
    this.#free.push(row);
  }

  /** The chunk that holds the head of a row; it begins at `headAt(row)`. */
  heads(row: number): Uint32Array<ArrayBuffer> {
    return this.#heads[row >>> CHUNK_BITS] ?? noRow(row);
  }

  headAt(row: number): number {
    return (row & IN_CHUNK) * this.#headWords;
  }

  /** The chunk that holds the body of a row; it begins at `bodyAt(row)`. */
  bodies(row: number): Uint32Array<ArrayBuffer> {
    return this.#bodies[row >>> CHUNK_BITS] ?? noRow(row);
  }

  bodyAt(row: number): number {
    return (row & IN_CHUNK) * this.#bodyWords;
  }
}

function noRow(row: number): never {
  return bug(`the index tree has no row ${row}`);
}
