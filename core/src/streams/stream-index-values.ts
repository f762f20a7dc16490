// Keys and value hashes of many streams without an object for each: the stream id is written once, inside of the
// deterministic CBOR that its leaf commits to, and hashed from there twice. What this cannot do fast it leaves to the
// plain functions, which say the same.

import { HASH_SIZE, sha256Into } from '../sha256.ts';
import { assertIndexValue, type IndexValue, indexValueHash, streamKey } from './stream-index.ts';

/** Longest stream id of the fast path, in characters; its CBOR head is then at most two bytes. */
const FAST_LENGTH = 255;
/** Numbers below this have CBOR heads of at most five bytes. */
const TWO_TO_32 = 2 ** 32;
const ARRAY_OF_4 = 0x84;
const TEXT = 0x60;
const UINT = 0x00;
const BYTES_32 = [0x58, HASH_SIZE] as const;

/** Reusable buffer for hashing the values of an index one after the other. */
export class IndexValueHasher {
  readonly #bytes = new Uint8Array(FAST_LENGTH + 64);
  #length = 0;

  /**
   * Writes the key of the value's stream, or `key` if it is given, and then the value hash to `target`: 64 bytes from
   * `offset` on. Throws as `indexValueHash` does.
   */
  write(value: IndexValue, target: Uint8Array, offset: number, key?: Uint8Array): void {
    assertIndexValue(value);
    const start = this.#writeStream(value.stream);
    const isFast = start > 0 && value.seq < TWO_TO_32 && value.leafIndex < TWO_TO_32;
    if (key !== undefined) target.set(key, offset);
    else if (isFast) sha256Into(this.#bytes.subarray(start, this.#length), target, offset);
    else target.set(streamKey(value.stream), offset);
    if (isFast) this.#writeRest(value, target, offset + HASH_SIZE);
    else target.set(indexValueHash(value), offset + HASH_SIZE);
  }

  /** Begins the value with an ASCII stream id; answers where the id starts, 0 when it is too long or not ASCII. */
  #writeStream(stream: string): number {
    if (stream.length > FAST_LENGTH) return 0;
    this.#bytes[0] = ARRAY_OF_4;
    this.#length = 1;
    this.#writeHead(TEXT, stream.length);
    const start = this.#length;
    for (let i = 0; i < stream.length; i++) {
      const code = stream.charCodeAt(i);
      if (code > 0x7f) return 0;
      this.#bytes[this.#length++] = code;
    }
    return start;
  }

  #writeRest(
    { seq, leafIndex, statementId }: IndexValue,
    target: Uint8Array,
    offset: number,
  ): void {
    this.#writeHead(UINT, seq);
    this.#writeHead(UINT, leafIndex);
    for (const byte of BYTES_32) this.#bytes[this.#length++] = byte;
    this.#bytes.set(statementId, this.#length);
    sha256Into(this.#bytes.subarray(0, this.#length + HASH_SIZE), target, offset);
  }

  /** A CBOR head in its shortest form for an argument below 2^32. */
  #writeHead(major: number, argument: number): void {
    if (argument < 24) {
      this.#bytes[this.#length++] = major | argument;
      return;
    }
    const exponent = argument < 0x100 ? 0 : argument < 0x1_0000 ? 1 : 2;
    this.#bytes[this.#length++] = major | (24 + exponent);
    for (let shift = (8 << exponent) - 8; shift >= 0; shift -= 8)
      this.#bytes[this.#length++] = (argument >>> shift) & 0xff;
  }
}
