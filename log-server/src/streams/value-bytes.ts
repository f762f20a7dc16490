// Key and value hash of many streams without an object for each: the stream id is written once, inside of the
// deterministic CBOR that the leaf commits to, and hashed from there twice. What it cannot do fast it leaves to
// core's own functions, which say the same.

import { assertBytes } from '@writ/core/bytes';
import { HASH_SIZE, sha256Into } from '@writ/core/sha256';
import { indexValueHash, streamKey } from '@writ/core/streams/stream-index';
import type { StreamHead } from '../storage/port.ts';

/** Longest stream id of the fast path, in characters; its CBOR head is then at most two bytes. */
const FAST_LENGTH = 255;
const ARRAY_OF_4 = 0x84;
const TEXT = 0x60;
const BYTES_32 = [0x58, HASH_SIZE] as const;

export class ValueBytes {
  readonly #bytes = new Uint8Array(FAST_LENGTH + 64);
  #length = 0;

  /**
   * Writes SHA-256 of the stream id, unless `key` is given, and then the value hash, to `target` at `offset`. Positions
   * are below 2^32: our caller has checked them.
   */
  hash(
    stream: string,
    head: StreamHead,
    target: Uint8Array,
    offset: number,
    key?: Uint8Array,
  ): void {
    assertBytes(head.statementId, 'statementId', HASH_SIZE);
    const start = this.#writeStream(stream);
    if (key !== undefined) target.set(key, offset);
    else if (start < 0) target.set(streamKey(stream), offset);
    else sha256Into(this.#bytes.subarray(start, this.#length), target, offset);
    if (start < 0) {
      const { seq, index: leafIndex, statementId } = head;
      target.set(indexValueHash({ stream, seq, leafIndex, statementId }), offset + HASH_SIZE);
      return;
    }
    this.#writeUint(0, head.seq);
    this.#writeUint(0, head.index);
    for (const byte of BYTES_32) this.#bytes[this.#length++] = byte;
    this.#bytes.set(head.statementId, this.#length);
    this.#length += HASH_SIZE;
    sha256Into(this.#bytes.subarray(0, this.#length), target, offset + HASH_SIZE);
  }

  /** Begins the value with an ASCII stream id; answers where the id starts, or -1 for one that is not or is too long. */
  #writeStream(stream: string): number {
    if (stream.length > FAST_LENGTH) return -1;
    this.#bytes[0] = ARRAY_OF_4;
    this.#length = 1;
    this.#writeUint(TEXT, stream.length);
    const start = this.#length;
    for (let i = 0; i < stream.length; i++) {
      const code = stream.charCodeAt(i);
      if (code > 0x7f) return -1;
      this.#bytes[this.#length++] = code;
    }
    return start;
  }

  /** A CBOR head in its shortest form for an argument below 2^32. */
  #writeUint(major: number, value: number): void {
    if (value < 24) {
      this.#bytes[this.#length++] = major | value;
      return;
    }
    const exponent = value < 0x100 ? 0 : value < 0x1_0000 ? 1 : 2;
    this.#bytes[this.#length++] = major | (24 + exponent);
    for (let shift = (8 << exponent) - 8; shift >= 0; shift -= 8)
      this.#bytes[this.#length++] = (value >>> shift) & 0xff;
  }
}
