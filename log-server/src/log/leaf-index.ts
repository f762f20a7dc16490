// Where is the entry with this leaf hash? Answers resubmissions with the index of the first submission.
//
// An open-addressing table of (32-bit fragment of the hash, index + 1) in typed arrays: 8 bytes a slot. The
// table only finds candidates; the full 256-bit hash of a candidate is compared before anything is decided.
// It is cut in partitions that grow one at a time, so that no growth holds up the event loop.

const PARTITION_BITS = 10;
const PARTITIONS = 2 ** PARTITION_BITS;
const FIRST_CAPACITY = 16;
const MAX_LOAD = 0.8;
const GROWTH = 1.5;

interface Partition {
  /** Two words a slot, side by side since memory is slow: fragment, then index + 1, where 0 marks an empty slot. */
  slots: Uint32Array;
  count: number;
}

/** Largest number of entries that the table can number. */
export const MAX_INDEXED: number = 2 ** 32 - 2;

export class LeafIndex {
  readonly #partitions: Partition[] = Array.from({ length: PARTITIONS }, () =>
    emptyPartition(FIRST_CAPACITY),
  );
  readonly #isLeafAt: (index: number, hashes: Uint8Array, offset: number) => boolean;

  /** `isLeafAt` tells whether the entry at `index` has the leaf hash at `offset` of `hashes`. */
  constructor(isLeafAt: (index: number, hashes: Uint8Array, offset: number) => boolean) {
    this.#isLeafAt = isLeafAt;
  }

  /** Index of the entry with the 32-byte hash at `offset` of `hashes`, or undefined. */
  find(hashes: Uint8Array, offset: number): number | undefined {
    const { slots } = this.#partition(hashes, offset);
    const fragment = fragmentAt(hashes, offset);
    for (let at = home(fragment, slots); slots[at + 1] !== 0; at = next(at, slots)) {
      if (slots[at] !== fragment) continue;
      const index = (slots[at + 1] ?? 0) - 1;
      if (this.#isLeafAt(index, hashes, offset)) return index;
    }
    return undefined;
  }

  /** Adds an entry that `find` does not know. */
  insert(hashes: Uint8Array, offset: number, index: number): void {
    if (index > MAX_INDEXED) throw new RangeError('the leaf index numbers at most 2^32-2 entries');
    const partition = this.#partition(hashes, offset);
    if (partition.count * 2 >= partition.slots.length * MAX_LOAD) grow(partition);
    place(partition.slots, fragmentAt(hashes, offset), index + 1);
    partition.count++;
  }

  /** Takes out an entry that `insert` added. */
  remove(hashes: Uint8Array, offset: number, index: number): void {
    const partition = this.#partition(hashes, offset);
    const { slots } = partition;
    let hole = home(fragmentAt(hashes, offset), slots);
    while (slots[hole + 1] !== index + 1) {
      if (slots[hole + 1] === 0) return;
      hole = next(hole, slots);
    }
    // Whoever was pushed behind the hole moves up, so that no search ends there too early.
    for (let at = next(hole, slots); slots[at + 1] !== 0; at = next(at, slots)) {
      const pushed = distance(home(slots[at] ?? 0, slots), at, slots);
      if (pushed < distance(hole, at, slots)) continue;
      slots.copyWithin(hole, at, at + 2);
      hole = at;
    }
    slots[hole + 1] = 0;
    partition.count--;
  }

  #partition(hashes: Uint8Array, offset: number): Partition {
    const number =
      ((hashes[offset] ?? 0) * 256 + (hashes[offset + 1] ?? 0)) >> (16 - PARTITION_BITS);
    return this.#partitions[number] ?? emptyPartition(FIRST_CAPACITY);
  }
}

function emptyPartition(capacity: number): Partition {
  return { slots: new Uint32Array(2 * capacity), count: 0 };
}

function fragmentAt(hashes: Uint8Array, offset: number): number {
  const a = hashes[offset + 2] ?? 0;
  const b = hashes[offset + 3] ?? 0;
  const c = hashes[offset + 4] ?? 0;
  const d = hashes[offset + 5] ?? 0;
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}

/** Where the search for a fragment starts. */
function home(fragment: number, slots: Uint32Array): number {
  return 2 * Math.floor((fragment * (slots.length / 2)) / 2 ** 32);
}

function next(at: number, slots: Uint32Array): number {
  return at + 2 === slots.length ? 0 : at + 2;
}

/** How far `to` lies behind `from`, around the end. */
function distance(from: number, to: number, slots: Uint32Array): number {
  return to >= from ? to - from : to - from + slots.length;
}

function place(slots: Uint32Array, fragment: number, value: number): void {
  let at = home(fragment, slots);
  while (slots[at + 1] !== 0) at = next(at, slots);
  slots[at] = fragment;
  slots[at + 1] = value;
}

function grow(partition: Partition): void {
  const { slots } = partition;
  const larger = new Uint32Array(2 * Math.ceil((slots.length / 2) * GROWTH));
  for (let at = 0; at < slots.length; at += 2) {
    const value = slots[at + 1] ?? 0;
    if (value !== 0) place(larger, slots[at] ?? 0, value);
  }
  partition.slots = larger;
}
