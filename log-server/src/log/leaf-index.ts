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
  fragments: Uint32Array;
  /** Index + 1; 0 marks an empty slot. */
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
    const { fragments, slots } = this.#partition(hashes, offset);
    const fragment = fragmentAt(hashes, offset);
    for (
      let slot = home(fragment, slots.length);
      slots[slot] !== 0;
      slot = (slot + 1) % slots.length
    ) {
      if (fragments[slot] !== fragment) continue;
      const index = (slots[slot] ?? 0) - 1;
      if (this.#isLeafAt(index, hashes, offset)) return index;
    }
    return undefined;
  }

  /** Adds an entry that `find` does not know. */
  insert(hashes: Uint8Array, offset: number, index: number): void {
    if (index > MAX_INDEXED) throw new RangeError('the leaf index numbers at most 2^32-2 entries');
    const partition = this.#partition(hashes, offset);
    if (partition.count >= partition.slots.length * MAX_LOAD) grow(partition);
    place(partition, fragmentAt(hashes, offset), index + 1);
    partition.count++;
  }

  /** Takes out an entry that `insert` added. */
  remove(hashes: Uint8Array, offset: number, index: number): void {
    const partition = this.#partition(hashes, offset);
    const { fragments, slots } = partition;
    const fragment = fragmentAt(hashes, offset);
    let hole = home(fragment, slots.length);
    while (slots[hole] !== index + 1) {
      if (slots[hole] === 0) return;
      hole = (hole + 1) % slots.length;
    }
    // Whoever was pushed behind the hole moves up, so that no search ends there too early.
    for (
      let slot = (hole + 1) % slots.length;
      slots[slot] !== 0;
      slot = (slot + 1) % slots.length
    ) {
      const from = home(fragments[slot] ?? 0, slots.length);
      const isAfterHole =
        (slot - from + slots.length) % slots.length < (slot - hole + slots.length) % slots.length;
      if (isAfterHole) continue;
      slots[hole] = slots[slot] ?? 0;
      fragments[hole] = fragments[slot] ?? 0;
      hole = slot;
    }
    slots[hole] = 0;
    partition.count--;
  }

  #partition(hashes: Uint8Array, offset: number): Partition {
    const number =
      ((hashes[offset] ?? 0) * 256 + (hashes[offset + 1] ?? 0)) >> (16 - PARTITION_BITS);
    return this.#partitions[number] ?? emptyPartition(FIRST_CAPACITY);
  }
}

function emptyPartition(capacity: number): Partition {
  return { fragments: new Uint32Array(capacity), slots: new Uint32Array(capacity), count: 0 };
}

function fragmentAt(hashes: Uint8Array, offset: number): number {
  const a = hashes[offset + 2] ?? 0;
  const b = hashes[offset + 3] ?? 0;
  const c = hashes[offset + 4] ?? 0;
  const d = hashes[offset + 5] ?? 0;
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}

function home(fragment: number, capacity: number): number {
  return Math.floor((fragment * capacity) / 2 ** 32);
}

function place(partition: Partition, fragment: number, value: number): void {
  const { fragments, slots } = partition;
  let slot = home(fragment, slots.length);
  while (slots[slot] !== 0) slot = (slot + 1) % slots.length;
  fragments[slot] = fragment;
  slots[slot] = value;
}

function grow(partition: Partition): void {
  const { fragments, slots } = partition;
  const capacity = Math.ceil(slots.length * GROWTH);
  partition.fragments = new Uint32Array(capacity);
  partition.slots = new Uint32Array(capacity);
  for (let i = 0; i < slots.length; i++) {
    const value = slots[i] ?? 0;
    if (value !== 0) place(partition, fragments[i] ?? 0, value);
  }
}
