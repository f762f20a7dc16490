// A log in a folder: the static resources of C2SP tlog-tiles as files, as a mirror or a backup holds them.

import { closeSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { compareBytes, parseDecimal, utf8 } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { MAX_BUNDLE_SIZE } from '@writ/core/formats/entry-bundle';
import type { TileSource } from '../tiles.ts';
import { codeOf, reasonOf } from './inputs.ts';

/**
 * A TileSource over the folder `dir`. Reads without yielding: an audit gives it threads instead. `room` says
 * where the bytes of a resource go; a new array by default.
 */
export function folderSource(dir: string, room: Room = newRoom): TileSource {
  const prefix = join(dir, '/');
  return {
    read: (path) => {
      try {
        return Promise.resolve(readResourceFile(`${prefix}${path}`, room));
      } catch (error) {
        return Promise.reject(error);
      }
    },
  };
}

/** Answers an array of `size` bytes, whatever they are. */
export type Room = (size: number) => Uint8Array;
const newRoom: Room = (size) => new Uint8Array(size);

/** Bytes of one file, or undefined when there is none. LogError storage-failed. */
export function readResourceFile(file: string, room: Room = newRoom): Uint8Array | undefined {
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return undefined;
    throw failed(file, error);
  }
  try {
    const { size } = fstatSync(fd);
    if (size > MAX_BUNDLE_SIZE)
      throw new LogError('bundle-malformed', `${file} is larger than any resource of a log`, {
        expected: MAX_BUNDLE_SIZE,
        got: size,
      });
    const bytes = room(size);
    let length = 0;
    while (length < size) {
      const count = readSync(fd, bytes, length, size - length, null);
      if (count === 0) break;
      length += count;
    }
    return bytes.subarray(0, length);
  } catch (error) {
    throw error instanceof LogError ? error : failed(file, error);
  } finally {
    closeSync(fd);
  }
}

/** The older checkpoints that a folder keeps, as `checkpoint.N` or `checkpoints/N`, by N. */
export function* folderHistory(dir: string): Generator<{ name: string; note: Uint8Array }> {
  const names = [
    ...namesIn(dir).filter((name) => isNumbered(name, 'checkpoint.')),
    ...namesIn(join(dir, 'checkpoints')).flatMap((name) =>
      isNumbered(name, '') ? [`checkpoints/${name}`] : [],
    ),
  ];
  // Shorter names are smaller numbers.
  names.sort((a, b) => a.length - b.length || compareBytes(utf8(a), utf8(b)));
  for (const name of names) {
    const note = readResourceFile(join(dir, name));
    if (note !== undefined) yield { name, note };
  }
}

function isNumbered(name: string, prefix: string): boolean {
  return name.startsWith(prefix) && parseDecimal(name.slice(prefix.length)) !== undefined;
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return [];
    throw failed(dir, error);
  }
}

function failed(file: string, error: unknown): LogError {
  return new LogError('storage-failed', `cannot read ${file}: ${reasonOf(error)}`, { file }, error);
}
