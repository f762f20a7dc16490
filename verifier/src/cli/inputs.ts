// What a command reads and writes on this machine.

import {
  closeSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { LogError } from '@writ/core/errors';

/** Largest file that is read whole: far above any entry, proof or policy. */
export const MAX_INPUT_BYTES: number = 64 * 1024 * 1024;
const CHUNK_BYTES = 64 * 1024;
const STDIN = 0;

/**
 * Bytes of a file that was named on the command line; `-` is standard input. LogError usage when there is no
 * such file, storage-failed when it cannot be read.
 */
export function readInput(path: string, title: string): Uint8Array {
  if (path === '-') return readAll(STDIN, title);
  const fd = open(path, title);
  try {
    return readAll(fd, title);
  } finally {
    closeSync(fd);
  }
}

function open(path: string, title: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    const message = `cannot read ${title} ${path}: ${reasonOf(error)}`;
    throw new LogError('usage', message, { field: title }, error);
  }
}

function readAll(fd: number, title: string): Uint8Array {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const chunk = new Uint8Array(Math.max(CHUNK_BYTES, sizeOf(fd) - length + 1));
    const count = readChunk(fd, chunk, title);
    if (count === 0) break;
    chunks.push(chunk.subarray(0, count));
    length += count;
    if (length > MAX_INPUT_BYTES)
      throw new LogError('usage', `${title} is larger than ${MAX_INPUT_BYTES} bytes`, {
        field: title,
      });
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

function sizeOf(fd: number): number {
  return Math.min(fstatSync(fd).size, MAX_INPUT_BYTES);
}

function readChunk(fd: number, chunk: Uint8Array, title: string): number {
  for (;;) {
    try {
      return readSync(fd, chunk);
    } catch (error) {
      const code = codeOf(error);
      if (code === 'EOF') return 0;
      // A terminal or pipe in non-blocking mode has nothing yet: ask again.
      if (code === 'EAGAIN') continue;
      const what = code === 'EISDIR' ? 'usage' : 'storage-failed';
      throw new LogError(what, `cannot read ${title}: ${reasonOf(error)}`, { field: title }, error);
    }
  }
}

/** Writes a file whole or not at all, and durably. LogError storage-failed, storage-full. */
export function writeAtomically(path: string, bytes: Uint8Array): void {
  const temporary = join(dirname(path), `.writ-verify-${process.pid}.tmp`);
  try {
    const fd = openSync(temporary, 'w');
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    const code = codeOf(error) === 'ENOSPC' ? 'storage-full' : 'storage-failed';
    throw new LogError(code, `cannot write ${path}: ${reasonOf(error)}`, { path }, error);
  }
}

/** The system's code for an error, such as ENOENT. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** A reason in words for the codes that people meet. */
export function reasonOf(error: unknown): string {
  const words: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file',
    ENOTDIR: 'there is no such file',
    EISDIR: 'it is a folder',
    EACCES: 'permission denied',
    ENOSPC: 'the disk is full',
  };
  const code = codeOf(error);
  return words[code] ?? (code === '' ? String(error) : code);
}
