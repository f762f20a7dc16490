// The hashes of the tree on disk: one append-only file for each tile level, 32 bytes a hash, so that a tile
// is a byte range. All of it is derived from the entries.

import { closeSync, fstatSync, ftruncateSync, mkdirSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { LogError } from '@writ/core/errors';
import { hashesAtLevel } from '@writ/core/merkle/tile';
import { HASH_SIZE } from '@writ/core/sha256';
import { dataSync, writeFully } from './entry-files.ts';

/** Levels that a log of 2^53 entries has at most. */
const LEVELS = 7;

export class HashFiles {
  readonly #fds: readonly number[];

  /** Opens the files and cuts them to a tree of `size`. LogError storage-corrupt when one lacks hashes of it. */
  constructor(dir: string, size: number) {
    mkdirSync(dir, { recursive: true });
    this.#fds = Array.from({ length: LEVELS }, (_, level) => {
      const path = join(dir, `level-${level}`);
      closeSync(openSync(path, 'a'));
      const fd = openSync(path, 'r+');
      cutTo(fd, levelSize(level, size) * HASH_SIZE);
      return fd;
    });
  }

  /** Writes the hashes that complete when a tree of `size` grows by a batch. */
  write(size: number, hashes: readonly Uint8Array[]): void {
    for (const [level, row] of hashes.entries()) {
      writeFully(this.#fd(level), row, levelSize(level, size) * HASH_SIZE);
    }
  }

  read(level: number, start: number, count: number): Uint8Array {
    const bytes = new Uint8Array(count * HASH_SIZE);
    if (readSync(this.#fd(level), bytes, 0, bytes.length, start * HASH_SIZE) !== bytes.length) {
      throw new LogError(
        'storage-corrupt',
        `hashes: level ${level} ends before hash ${start + count}`,
      );
    }
    return bytes;
  }

  async sync(): Promise<void> {
    await Promise.all(this.#fds.map(dataSync));
  }

  close(): void {
    for (const fd of this.#fds) closeSync(fd);
  }

  #fd(level: number): number {
    const fd = this.#fds[level];
    if (fd === undefined) throw new RangeError(`there is no tile level ${level}`);
    return fd;
  }
}

function cutTo(fd: number, length: number): void {
  const { size } = fstatSync(fd);
  if (size < length) throw new LogError('storage-corrupt', 'hashes: a file is too short');
  ftruncateSync(fd, length);
}

function levelSize(level: number, size: number): number {
  return Number(hashesAtLevel(level, BigInt(size)));
}
