// SHA-256 (FIPS 180-4) for RFC 6962 trees, four messages at a time in the lanes of WASM SIMD.
//
// AssemblyScript, built by tools/build-wasm.mjs into core/src/merkle/interior-wasm.ts. The caller
// (core/src/merkle/interior-kernel.ts) writes into the memory at `input`, calls, and reads at `output`.
//
//   climb   interior nodes, SHA-256(0x01 || left || right): 65 bytes, two blocks
//   leaves  leaf hashes, SHA-256(0x00 || entry), of an entry bundle (u16 length || entry, repeated)

/** Bytes the caller may use at `input`: 128 KiB. A whole entry (65,537 bytes with its length) fits. */
const INPUT_SIZE: i32 = 131072;
/** Most leaf hashes of one call. */
const MAX_LEAVES: i32 = 256;

const K = memory.data<u32>([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
], 16);
const H = memory.data<u32>([
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
], 16);

// One vector per word, one lane per message.
const STATE = memory.data(8 * 16, 16);
const SCHEDULE = memory.data(64 * 16, 16); // W[t]
const KEYED = memory.data(64 * 16, 16); // W[t] + K[t]
/** W[t] + K[t] of an interior node's second block, for each value of its first byte. */
const SECOND = memory.data(256 * 64 * 4, 16);
/** The padded end of each leaf message: two blocks a lane. */
const TAIL = memory.data(4 * 128, 16);
const OUTPUT = memory.data(MAX_LEAVES * 32, 16);
// The vector loads of `climb` begin one byte early and those of a last lane may run on.
const INPUT = memory.data(INPUT_SIZE + 512, 16);

export const input: i32 = i32(INPUT) + 256;
export const inputSize: i32 = INPUT_SIZE;
export const output: i32 = i32(OUTPUT);

buildSecond();

/**
 * Replaces the `2 * pairs` hashes at `input` by the `pairs` nodes above them, `levels` times, halving
 * `pairs` each time. Up to three further pairs are hashed for nothing; their results mean nothing.
 */
export function climb(pairs: i32, levels: i32): void {
  for (let level = 0; level < levels; level++) {
    // In place: a group writes 128 bytes where it or an earlier group has read 256.
    for (let i = 0; i < pairs; i += 4) hashFourPairs(input + 64 * i, input + 32 * i);
    pairs >>= 1;
  }
}

/** Writes the leaf hashes of the `count` entries of the bundle at `input` to `output`. Spoils the bundle. */
export function leaves(count: i32): void {
  let at = input;
  for (let i = 0; i < count; i += 4) at = hashFourLeaves(at, min(count - i, 4), i32(OUTPUT) + 32 * i);
}

function hashFourPairs(from: i32, to: i32): void {
  // The last byte of `right` opens the second block. Read before the results overwrite the pairs.
  const r0 = secondOf(from + 63);
  const r1 = secondOf(from + 127);
  const r2 = secondOf(from + 191);
  const r3 = secondOf(from + 255);
  resetState();
  loadBlock(from - 1, from + 63, from + 127, from + 191);
  const first = v128.and(v128.load(SCHEDULE), i32x4.splat(0x00ffffff));
  v128.store(SCHEDULE, v128.or(first, i32x4.splat(0x01000000)));
  expand();
  compress(i32x4.splat(-1));
  for (let t = 0; t < 256; t += 16) loadSquare(r0 + t, r1 + t, r2 + t, r3 + t, i32(KEYED) + 4 * t);
  compress(i32x4.splat(-1));
  storeHashes(to);
}

/** Hashes up to four entries from `at` on; answers where the next entry begins. */
function hashFourLeaves(at: i32, lanes: i32, to: i32): i32 {
  let p0 = 0, p1 = 0, p2 = 0, p3 = 0;
  let n0 = 0, n1 = 0, n2 = 0, n3 = 0;
  p0 = at + 1; n0 = openEntry(at, 0); at += n0 + 1;
  if (lanes > 1) { p1 = at + 1; n1 = openEntry(at, 1); at += n1 + 1; }
  if (lanes > 2) { p2 = at + 1; n2 = openEntry(at, 2); at += n2 + 1; }
  if (lanes > 3) { p3 = at + 1; n3 = openEntry(at, 3); at += n3 + 1; }
  const blocks = i32x4.splat(0);
  const totals = i32x4.replace_lane(i32x4.replace_lane(i32x4.replace_lane(i32x4.replace_lane(blocks,
    0, totalBlocks(n0)), 1, totalBlocks(n1)), 2, totalBlocks(n2)), 3, totalBlocks(n3));
  const most = max(max(totalBlocks(n0), totalBlocks(n1)), max(totalBlocks(n2), totalBlocks(n3)));
  resetState();
  for (let b = 0; b < most; b++) {
    loadBlock(blockAt(p0, n0, b, 0), blockAt(p1, n1, b, 1), blockAt(p2, n2, b, 2), blockAt(p3, n3, b, 3));
    expand();
    // A lane whose message has ended keeps its state.
    compress(i32x4.gt_s(totals, i32x4.splat(b)));
  }
  storeHashes(to);
  return at;
}

/** Makes the entry with its u16 length at `at` a leaf message; answers the length of that message. */
function openEntry(at: i32, lane: i32): i32 {
  const size = (i32(load<u8>(at)) << 8) | i32(load<u8>(at + 1));
  // The low byte of the length stands where the leaf prefix must stand, and has been read.
  store<u8>(at + 1, 0);
  const length = size + 1;
  const rest = length & 63;
  const tail = i32(TAIL) + 128 * lane;
  memory.copy(tail, at + 1 + (length & ~63), rest);
  store<u8>(tail + rest, 0x80);
  const end = rest < 56 ? 64 : 128;
  memory.fill(tail + rest + 1, 0, end - rest - 1);
  store<u32>(tail + end - 4, bswap<u32>(length << 3));
  return length;
}

@inline
function totalBlocks(length: i32): i32 {
  // A lane without an entry has no length.
  return length == 0 ? 0 : (length + 72) >> 6;
}

@inline
function blockAt(message: i32, length: i32, block: i32, lane: i32): i32 {
  const whole = length >> 6;
  return block < whole ? message + 64 * block : i32(TAIL) + 128 * lane + 64 * ((block - whole) & 1);
}

@inline
function secondOf(at: i32): i32 {
  return i32(SECOND) + 256 * i32(load<u8>(at));
}

function resetState(): void {
  for (let i = 0; i < 8; i++) v128.store(STATE + 16 * i, v128.load32_splat(H + 4 * i));
}

/** Reads one 64-byte block a lane into SCHEDULE. */
function loadBlock(p0: i32, p1: i32, p2: i32, p3: i32): void {
  for (let i = 0; i < 64; i += 16) {
    loadSquare(p0 + i, p1 + i, p2 + i, p3 + i, i32(SCHEDULE) + 4 * i);
    for (let j = 0; j < 64; j += 16) {
      const at = SCHEDULE + 4 * i + j;
      v128.store(at, swapBytes(v128.load(at)));
    }
  }
}

/** Four words of each of four lanes, turned into four vectors. */
@inline
function loadSquare(p0: i32, p1: i32, p2: i32, p3: i32, to: i32): void {
  const a = v128.load(p0), b = v128.load(p1), c = v128.load(p2), d = v128.load(p3);
  storeSquare(a, b, c, d, to, to + 16, to + 32, to + 48);
}

@inline
function storeSquare(a: v128, b: v128, c: v128, d: v128, t0: i32, t1: i32, t2: i32, t3: i32): void {
  const ab = v128.shuffle<u32>(a, b, 0, 4, 1, 5);
  const cd = v128.shuffle<u32>(c, d, 0, 4, 1, 5);
  const AB = v128.shuffle<u32>(a, b, 2, 6, 3, 7);
  const CD = v128.shuffle<u32>(c, d, 2, 6, 3, 7);
  v128.store(t0, v128.shuffle<u64>(ab, cd, 0, 2));
  v128.store(t1, v128.shuffle<u64>(ab, cd, 1, 3));
  v128.store(t2, v128.shuffle<u64>(AB, CD, 0, 2));
  v128.store(t3, v128.shuffle<u64>(AB, CD, 1, 3));
}

@inline
function swapBytes(x: v128): v128 {
  return v128.shuffle<u8>(x, x, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);
}

@inline
function hashWord(i: i32): v128 {
  return swapBytes(v128.load(STATE + 16 * i));
}

/** Writes the hash of each lane, 32 bytes each. */
function storeHashes(to: i32): void {
  storeSquare(hashWord(0), hashWord(1), hashWord(2), hashWord(3), to, to + 32, to + 64, to + 96);
  storeSquare(hashWord(4), hashWord(5), hashWord(6), hashWord(7), to + 16, to + 48, to + 80, to + 112);
}

/** Fills SCHEDULE from its first 16 words, and KEYED (§6.2.2 step 1). */
function expand(): void {
  for (let t = 0; t < 16; t++) {
    v128.store(KEYED + 16 * t, i32x4.add(v128.load(SCHEDULE + 16 * t), v128.load32_splat(K + 4 * t)));
  }
  for (let t = 16; t < 64; t++) {
    const p = SCHEDULE + 16 * t;
    const x = v128.load(p - 240);
    const y = v128.load(p - 32);
    const s0 = v128.xor(v128.xor(rotate(x, 7), rotate(x, 18)), i32x4.shr_u(x, 3));
    const s1 = v128.xor(v128.xor(rotate(y, 17), rotate(y, 19)), i32x4.shr_u(y, 10));
    const w = i32x4.add(i32x4.add(v128.load(p - 256), s0), i32x4.add(v128.load(p - 112), s1));
    v128.store(p, w);
    v128.store(KEYED + 16 * t, i32x4.add(w, v128.load32_splat(K + 4 * t)));
  }
}

/** The 64 rounds over KEYED (§6.2.2 steps 2 to 4); lanes outside of `active` keep their state. */
function compress(active: v128): void {
  let a = v128.load(STATE), b = v128.load(STATE, 16), c = v128.load(STATE, 32), d = v128.load(STATE, 48);
  let e = v128.load(STATE, 64), f = v128.load(STATE, 80), g = v128.load(STATE, 96), h = v128.load(STATE, 112);
  // Maj(a, b, c) = b ^ ((a ^ b) & (b ^ c)), and a ^ b is the b ^ c of the next round.
  let x = v128.xor(b, c), y: v128;
  for (let p = i32(KEYED), end = i32(KEYED) + 1024; p < end; p += 128) {
    h = first(h, e, f, g, v128.load(p)); d = i32x4.add(d, h); y = v128.xor(a, b);
    h = second(h, a, b, y, x);
    g = first(g, d, e, f, v128.load(p, 16)); c = i32x4.add(c, g); x = v128.xor(h, a);
    g = second(g, h, a, x, y);
    f = first(f, c, d, e, v128.load(p, 32)); b = i32x4.add(b, f); y = v128.xor(g, h);
    f = second(f, g, h, y, x);
    e = first(e, b, c, d, v128.load(p, 48)); a = i32x4.add(a, e); x = v128.xor(f, g);
    e = second(e, f, g, x, y);
    d = first(d, a, b, c, v128.load(p, 64)); h = i32x4.add(h, d); y = v128.xor(e, f);
    d = second(d, e, f, y, x);
    c = first(c, h, a, b, v128.load(p, 80)); g = i32x4.add(g, c); x = v128.xor(d, e);
    c = second(c, d, e, x, y);
    b = first(b, g, h, a, v128.load(p, 96)); f = i32x4.add(f, b); y = v128.xor(c, d);
    b = second(b, c, d, y, x);
    a = first(a, f, g, h, v128.load(p, 112)); e = i32x4.add(e, a); x = v128.xor(b, c);
    a = second(a, b, c, x, y);
  }
  accumulate(0, a, active); accumulate(16, b, active); accumulate(32, c, active); accumulate(48, d, active);
  accumulate(64, e, active); accumulate(80, f, active); accumulate(96, g, active); accumulate(112, h, active);
}

/** T1 of FIPS 180-4 §6.2.2, with the word and its constant in one. */
@inline
function first(h: v128, e: v128, f: v128, g: v128, keyed: v128): v128 {
  const sum = v128.xor(v128.xor(rotate(e, 6), rotate(e, 11)), rotate(e, 25));
  return i32x4.add(i32x4.add(i32x4.add(h, keyed), v128.bitselect(f, g, e)), sum);
}

/** T1 + T2. */
@inline
function second(t1: v128, a: v128, b: v128, ab: v128, bc: v128): v128 {
  const sum = v128.xor(v128.xor(rotate(a, 2), rotate(a, 13)), rotate(a, 22));
  return i32x4.add(i32x4.add(t1, v128.xor(b, v128.and(ab, bc))), sum);
}

@inline
function rotate(x: v128, n: i32): v128 {
  return v128.or(i32x4.shr_u(x, n), i32x4.shl(x, 32 - n));
}

@inline
function accumulate(offset: i32, value: v128, active: v128): void {
  const at = STATE + offset;
  v128.store(at, i32x4.add(v128.load(at), v128.and(value, active)));
}

/**
 * The second block of an interior node is the last byte of `right`, padding and the length: 256
 * possible blocks, so their schedules are computed once.
 */
function buildSecond(): void {
  for (let byte = 0; byte < 256; byte++) {
    memory.fill(SCHEDULE, 0, 256);
    store<u32>(SCHEDULE, (byte << 24) | 0x00800000);
    store<u32>(SCHEDULE + 15 * 16, 65 * 8);
    expand();
    for (let t = 0; t < 64; t++) store<u32>(SECOND + 256 * byte + 4 * t, load<u32>(KEYED + 16 * t));
  }
}
