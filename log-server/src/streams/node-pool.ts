// Nodes of the index tree in flat memory: numbered rows in chunks that are never moved, so that growth copies
// nothing and a million nodes are a few dozen objects for the garbage collector.

import { bug } from '@writ/core/errors';

const CHUNK_BITS = 15;
const CHUNK_ROWS = 2 ** CHUNK_BITS;
const IN_CHUNK = CHUNK_ROWS - 1;

/** Rows of `wordSize` uint32 words and `byteSize` bytes. A freed row is given out again first. */
export class NodePool {
  readonly #wordSize: number;
  readonly #byteSize: number;
  readonly #words: Uint32Array[] = [];
  readonly #bytes: Uint8Array[] = [];
  readonly #free: number[] = [];
  #used = 0;

  constructor(wordSize: number, byteSize: number) {
    this.#wordSize = wordSize;
    this.#byteSize = byteSize;
  }

  /** Rows in use. */
  get count(): number {
    return this.#used - this.#free.length;
  }

  /** A row; what stands in it is left over. */
  take(): number {
    const freed = this.#free.pop();
    if (freed !== undefined) return freed;
    if (this.#used === this.#words.length * CHUNK_ROWS) {
      this.#words.push(new Uint32Array(CHUNK_ROWS * this.#wordSize));
      this.#bytes.push(new Uint8Array(CHUNK_ROWS * this.#byteSize));
    }
    return this.#used++;
  }

  release(row: number): void {
    this.#free.push(row);
  }

  word(row: number, column: number): number {
    return (
      this.#words[row >>> CHUNK_BITS]?.[(row & IN_CHUNK) * this.#wordSize + column] ?? noRow(row)
    );
  }

  setWord(row: number, column: number, value: number): void {
    const words = this.#words[row >>> CHUNK_BITS] ?? noRow(row);
    words[(row & IN_CHUNK) * this.#wordSize + column] = value;
  }

  /** The chunk that holds the bytes of a row; they begin at `byteOffset(row)`. */
  bytesOf(row: number): Uint8Array {
    return this.#bytes[row >>> CHUNK_BITS] ?? noRow(row);
  }

  byteOffset(row: number): number {
    return (row & IN_CHUNK) * this.#byteSize;
  }
}

function noRow(row: number): never {
  return bug(`the index tree has no row ${row}`);
}
