// Nodes of the index tree in flat memory: numbered rows of uint32 words in chunks that are never moved, so that
// growth copies nothing and a million nodes are a few dozen objects for the garbage collector.

import { bug } from '@writ/core/errors';

const CHUNK_BITS = 14;
const CHUNK_ROWS = 2 ** CHUNK_BITS;
const IN_CHUNK = CHUNK_ROWS - 1;

/** Rows of `rowWords` words. A freed row is given out again first. */
export class NodePool {
  readonly #rowWords: number;
  readonly #chunks: Uint32Array<ArrayBuffer>[] = [];
  readonly #free: number[] = [];
  #used = 0;

  constructor(rowWords: number) {
    this.#rowWords = rowWords;
  }

  /** Rows in use. */
  get count(): number {
    return this.#used - this.#free.length;
  }

  /** A row; what stands in it is left over. */
  take(): number {
    const freed = this.#free.pop();
    if (freed !== undefined) return freed;
    if (this.#used === this.#chunks.length * CHUNK_ROWS)
      this.#chunks.push(new Uint32Array(CHUNK_ROWS * this.#rowWords));
    return this.#used++;
  }

  release(row: number): void {
    this.#free.push(row);
  }

  /** The chunk that holds a row; its words begin at `at(row)`. */
  chunk(row: number): Uint32Array<ArrayBuffer> {
    return this.#chunks[row >>> CHUNK_BITS] ?? bug(`the index tree has no row ${row}`);
  }

  at(row: number): number {
    return (row & IN_CHUNK) * this.#rowWords;
  }
}
