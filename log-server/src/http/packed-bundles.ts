// Bundles in gzip. Compression runs on the threads that sync the log to disk, so few run at a time, and what
// cannot change is kept.

import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

const compress = promisify(gzip);
const LEVEL = 6;
/** Of the four threads that Node has by default, two are left to the log. */
const MAX_AT_A_TIME = 2;
const DEFAULT_CACHE_BYTES: number = 32 * 1024 * 1024;

export class PackedBundles {
  readonly #maxBytes: number;
  /** In the order of their last use. */
  readonly #kept = new Map<string, Uint8Array>();
  readonly #underWay = new Map<string, Promise<Uint8Array>>();
  #bytes = 0;

  constructor(maxBytes: number = DEFAULT_CACHE_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /**
   * The bundle of `path` in gzip, from `read` unless it is at hand; undefined when enough are being packed
   * already: the plain bundle is as good an answer. `isFull` ones are kept.
   */
  async pack(
    path: string,
    isFull: boolean,
    read: () => Uint8Array,
  ): Promise<Uint8Array | undefined> {
    const kept = this.#kept.get(path);
    if (kept !== undefined) {
      this.#kept.delete(path);
      this.#kept.set(path, kept);
      return kept;
    }
    const underWay = this.#underWay.get(path);
    if (underWay !== undefined) return underWay;
    if (this.#underWay.size >= MAX_AT_A_TIME) return undefined;
    const packing = compress(read(), { level: LEVEL }).then((bytes) => new Uint8Array(bytes));
    this.#underWay.set(path, packing);
    try {
      const packed = await packing;
      if (isFull) this.#keep(path, packed);
      return packed;
    } finally {
      this.#underWay.delete(path);
    }
  }

  #keep(path: string, packed: Uint8Array): void {
    this.#kept.set(path, packed);
    this.#bytes += packed.length;
    for (const [oldest, { length }] of this.#kept) {
      if (this.#bytes <= this.#maxBytes) return;
      this.#kept.delete(oldest);
      this.#bytes -= length;
    }
  }
}
