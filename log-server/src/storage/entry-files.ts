// The entries on disk: append-only segment files that hold entry bundle bytes as they are served.
//
// Segment s holds the entries [65536 s, 65536 (s+1)), each as u16 length and bytes (C2SP tlog-tiles, "Log
// Entries"); a bundle is a byte range. `offsets` has the start of every bundle in its segment (u32
// little-endian); it is derived and can be made again from the segments.

import {
  closeSync,
  fdatasync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { bug, LogError } from '@writ/core/errors';
import { bundleEntryEnd } from '@writ/core/formats/entry-bundle';
import { TILE_WIDTH } from '@writ/core/merkle/tile';
import { segmentOf } from './checks.ts';
import { SEGMENT_ENTRIES } from './port.ts';

const OPEN_SEGMENTS = 64;
const READ_CHUNK = 4 * 1024 * 1024;

export class EntryFiles {
  readonly #dir: string;
  readonly #open = new Map<number, number>();
  readonly #offsetsFd: number;
  #offsets: Uint32Array = new Uint32Array(1024);
  #bundles = 0;
  #size: number;
  /** Bytes used in the segment that the next entry goes to. */
  #tail: number;

  /** Opens the files of a log of `size` entries whose last segment has `tail` bytes; cuts off what is behind. */
  constructor(dir: string, size: number, tail: number) {
    mkdirSync(dir, { recursive: true });
    this.#dir = dir;
    this.#size = size;
    this.#tail = tail;
    this.#offsetsFd = openSync(join(dir, 'offsets'), 'a+');
    closeSync(this.#offsetsFd);
    this.#offsetsFd = openSync(join(dir, 'offsets'), 'r+');
    this.#cutTail();
  }

  get tail(): number {
    return this.#tail;
  }

  /** Loads the starts of the first `bundles` bundles, as far as they are known to be durable. */
  loadOffsets(bundles: number): void {
    const bytes = new Uint8Array(bundles * 4);
    if (readSync(this.#offsetsFd, bytes, 0, bytes.length, 0) !== bytes.length)
      throw corrupt('offsets is too short');
    this.#offsets = new Uint32Array(Math.max(1024, bundles * 2));
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < bundles; i++) this.#offsets[i] = view.getUint32(i * 4, true);
    this.#bundles = bundles;
  }

  /** Writes a batch behind the tail without moving it. Throws with the tail as it was. */
  write(entries: Uint8Array): void {
    const fd = this.#segment(segmentOf(this.#size));
    try {
      writeFully(fd, entries, this.#tail);
    } catch (error) {
      // What was written of it would stay behind a shorter batch, and a finished segment ends where its file ends.
      ftruncateSync(fd, this.#tail);
      throw error;
    }
  }

  /** Makes the segment durable. */
  sync(): Promise<void> {
    return dataSync(this.#segment(segmentOf(this.#size)));
  }

  /** Moves the tail over a batch of `count` entries that is durable now. */
  advance(entries: Uint8Array, count: number): void {
    this.noteBundles(entries, this.#size, this.#tail);
    this.#size += count;
    this.#tail = this.#size % SEGMENT_ENTRIES === 0 ? 0 : this.#tail + entries.length;
  }

  /** Records where bundles start among entries from `first` on that lie at `offset` of their segment. */
  noteBundles(entries: Uint8Array, first: number, offset: number): void {
    let index = first;
    const before = this.#bundles;
    for (let at = 0; at < entries.length; index++) {
      if (index % TILE_WIDTH === 0) this.#addOffset(offset + at);
      at = bundleEntryEnd(entries, at);
    }
    if (this.#bundles > before) this.#writeOffsets(before);
  }

  /** Bundle bytes of the entries [start, end) of one bundle. */
  readBundle(start: number, end: number): Uint8Array {
    const bundle = Math.floor(start / TILE_WIDTH);
    if (end > this.#size || start >= end || end > (bundle + 1) * TILE_WIDTH)
      bug('not a range of one bundle');
    const from = this.#offsets[bundle] ?? bug('every bundle has an offset');
    const bytes = new Uint8Array(this.#bundleEnd(bundle) - from);
    if (readSync(this.#segment(segmentOf(start)), bytes, 0, bytes.length, from) !== bytes.length) {
      throw corrupt(`bundle ${bundle} is cut off`);
    }
    if (end === Math.min(this.#size, (bundle + 1) * TILE_WIDTH) && start % TILE_WIDTH === 0)
      return bytes;
    const first = skip(bytes, 0, start % TILE_WIDTH);
    return bytes.subarray(first, skip(bytes, first, end - start));
  }

  /** The entries of a segment from its start to its end or the tail, in runs of whole entries. */
  *readSegment(segment: number): Generator<Uint8Array> {
    const fd = this.#segment(segment);
    const end = segment === segmentOf(this.#size) ? this.#tail : fstatSync(fd).size;
    let rest = new Uint8Array(0);
    for (let at = 0; at < end; ) {
      const chunk = new Uint8Array(rest.length + Math.min(READ_CHUNK, end - at));
      chunk.set(rest);
      const want = chunk.length - rest.length;
      if (readSync(fd, chunk, rest.length, want, at) !== want)
        throw corrupt(`segment ${segment} is cut off`);
      at += want;
      const whole = wholeEntries(chunk);
      if (whole > 0) yield chunk.subarray(0, whole);
      rest = chunk.slice(whole);
    }
    if (rest.length > 0) throw corrupt(`segment ${segment} ends inside an entry`);
  }

  /** Offset of the first byte behind bundle number `bundle` in its segment. */
  #bundleEnd(bundle: number): number {
    const next = bundle + 1;
    const isSegmentEnd = (next * TILE_WIDTH) % SEGMENT_ENTRIES === 0;
    if (!isSegmentEnd && next < this.#bundles) return this.#offsets[next] ?? 0;
    const segment = segmentOf(bundle * TILE_WIDTH);
    if (segment === segmentOf(this.#size)) return this.#tail;
    return fstatSync(this.#segment(segment)).size;
  }

  syncOffsets(): Promise<void> {
    return dataSync(this.#offsetsFd);
  }

  close(): void {
    for (const fd of this.#open.values()) closeSync(fd);
    this.#open.clear();
    closeSync(this.#offsetsFd);
  }

  #addOffset(offset: number): void {
    if (this.#bundles === this.#offsets.length) {
      const larger = new Uint32Array(this.#offsets.length * 2);
      larger.set(this.#offsets);
      this.#offsets = larger;
    }
    this.#offsets[this.#bundles++] = offset;
  }

  #writeOffsets(from: number): void {
    const bytes = new Uint8Array((this.#bundles - from) * 4);
    const view = new DataView(bytes.buffer);
    for (let i = from; i < this.#bundles; i++)
      view.setUint32((i - from) * 4, this.#offsets[i] ?? 0, true);
    writeFully(this.#offsetsFd, bytes, from * 4);
  }

  /** Cuts off what an interrupted batch left behind the tail; a missing part is corruption. */
  #cutTail(): void {
    const fd = this.#segment(segmentOf(this.#size));
    const { size } = fstatSync(fd);
    if (size < this.#tail)
      throw corrupt(`the last segment has ${size} bytes, the head needs ${this.#tail}`);
    if (size > this.#tail) ftruncateSync(fd, this.#tail);
  }

  #segment(number: number): number {
    const known = this.#open.get(number);
    if (known !== undefined) return known;
    if (this.#open.size >= OPEN_SEGMENTS) this.#closeOldest();
    const path = join(this.#dir, `${String(number).padStart(6, '0')}.entries`);
    const isNew = number === segmentOf(this.#size) && this.#tail === 0;
    const fd = openFile(path, isNew);
    if (isNew) syncDirectory(this.#dir);
    this.#open.set(number, fd);
    return fd;
  }

  #closeOldest(): void {
    for (const [number, fd] of this.#open) {
      if (number === segmentOf(this.#size)) continue;
      closeSync(fd);
      this.#open.delete(number);
      return;
    }
  }
}

function openFile(path: string, create: boolean): number {
  try {
    if (create) closeSync(openSync(path, 'a'));
    return openSync(path, 'r+');
  } catch (error) {
    throw new LogError(
      'storage-corrupt',
      `cannot open ${path}: restore it from a backup`,
      {},
      error,
    );
  }
}

/** Makes a new directory entry durable. */
function syncDirectory(dir: string): void {
  const fd = openSync(dir, 'r');
  fsyncSync(fd);
  closeSync(fd);
}

/** Length of the longest prefix that ends with an entry. */
function wholeEntries(bytes: Uint8Array): number {
  let at = 0;
  for (;;) {
    const length = (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
    if (at + 2 > bytes.length || at + 2 + length > bytes.length) return at;
    at += 2 + length;
  }
}

function skip(bundle: Uint8Array, offset: number, entries: number): number {
  let at = offset;
  for (let i = 0; i < entries; i++) at = bundleEntryEnd(bundle, at);
  return at;
}

/** writeSync may write less than asked, for example when the disk is nearly full. */
export function writeFully(fd: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.length; )
    at += writeSync(fd, bytes, at, bytes.length - at, position + at);
}

/** fdatasync in the thread pool. After a failure the page cache may lie: the caller must stop. */
export function dataSync(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fdatasync(fd, (error) => (error === null ? resolve() : reject(error)));
  });
}

function corrupt(message: string): LogError {
  return new LogError('storage-corrupt', `entries: ${message}`);
}
