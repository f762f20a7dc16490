// A set of positions of an inventory, one bit each.

const WORD_BITS = 32;

/** Positions 0 to `size` - 1. */
export class PositionSet {
  readonly size: number;
  readonly #words: Uint32Array;

  constructor(size: number, words: Uint32Array = new Uint32Array(Math.ceil(size / WORD_BITS))) {
    this.size = size;
    this.#words = words;
  }

  /** The positions from `start` up to, not including, `end`. */
  static between(size: number, start: number, end: number): PositionSet {
    const set = new PositionSet(size);
    const first = Math.min(end, Math.ceil(start / WORD_BITS) * WORD_BITS);
    const last = Math.max(first, Math.floor(end / WORD_BITS) * WORD_BITS);
    for (let at = start; at < first; at++) set.add(at);
    set.#words.fill(0xffff_ffff, first / WORD_BITS, last / WORD_BITS);
    for (let at = last; at < end; at++) set.add(at);
    return set;
  }

  add(position: number): void {
    const word = Math.floor(position / WORD_BITS);
    this.#words[word] = (this.#words[word] ?? 0) | (1 << (position % WORD_BITS));
  }

  has(position: number): boolean {
    const word = this.#words[Math.floor(position / WORD_BITS)] ?? 0;
    return ((word >>> (position % WORD_BITS)) & 1) === 1;
  }

  /** How many are in it. */
  get count(): number {
    let count = 0;
    for (const word of this.#words) {
      // Sums of neighbouring bits, of pairs, of fours, then of all bytes.
      const pairs = word - ((word >>> 1) & 0x5555_5555);
      const fours = (pairs & 0x3333_3333) + ((pairs >>> 2) & 0x3333_3333);
      count += Math.imul((fours + (fours >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
    }
    return count;
  }

  /** What is in this set and not in `other`. */
  minus(other: PositionSet): PositionSet {
    return new PositionSet(
      this.size,
      this.#words.map((word, i) => word & ~(other.#words[i] ?? 0)),
    );
  }

  /** What is in either. */
  plus(other: PositionSet): PositionSet {
    return new PositionSet(
      this.size,
      this.#words.map((word, i) => word | (other.#words[i] ?? 0)),
    );
  }

  /** Calls `visit` with each position, in order. */
  forEach(visit: (position: number) => void): void {
    for (const [i, word] of this.#words.entries()) {
      for (let rest = word; rest !== 0; rest &= rest - 1)
        visit(i * WORD_BITS + WORD_BITS - 1 - Math.clz32(rest & -rest));
    }
  }

  /** The first positions, at most `limit` of them. */
  first(limit: number): number[] {
    const found: number[] = [];
    for (const [i, word] of this.#words.entries()) {
      for (let rest = word; rest !== 0; rest &= rest - 1) {
        if (found.length === limit) return found;
        found.push(i * WORD_BITS + WORD_BITS - 1 - Math.clz32(rest & -rest));
      }
    }
    return found;
  }
}
