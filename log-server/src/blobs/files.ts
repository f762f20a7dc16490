// Blobs as files: <folder>/<first two hex digits>/<all 64>, written beside under a name of our own, synced, renamed, and
// the folder synced. What a crash leaves behind is a file in <folder>/incoming, which the next start removes.

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { type FileHandle, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { assertBytes, equalBytes, formatHex } from '@writ/core/bytes';
import { isLogError, LogError } from '@writ/core/errors';
import { HASH_SIZE, sha256 } from '@writ/core/sha256';
import {
  type BlobStore,
  type BlobStream,
  type Blobs,
  type Chunks,
  corruptBlob,
  MAX_BLOB_BYTES,
  otherDigest,
  tooLarge,
} from './store.ts';

const INCOMING = 'incoming';
const READ_CHUNK = 64 * 1024;

/** Both stores of a log, in `dir`, which one process has at a time. LogError storage-failed. */
export function openBlobFiles(dir: string): Blobs {
  return {
    shared: new BlobFiles(join(dir, 'shared')),
    openings: new BlobFiles(join(dir, 'openings')),
  };
}

export class BlobFiles implements BlobStore {
  readonly #dir: string;
  readonly #limit: number;
  #written = 0;

  /** Makes the folder where it is missing, and clears what was never finished. LogError storage-failed. */
  constructor(dir: string, limit: number = MAX_BLOB_BYTES) {
    this.#dir = dir;
    this.#limit = limit;
    try {
      rmSync(join(dir, INCOMING), { recursive: true, force: true });
      mkdirSync(join(dir, INCOMING), { recursive: true, mode: 0o700 });
    } catch (error) {
      throw storageError(error);
    }
  }

  async write(digest: Uint8Array, chunks: Chunks): Promise<void> {
    assertBytes(digest, 'digest', HASH_SIZE);
    const incoming = join(this.#dir, INCOMING, String(this.#written++));
    try {
      const got = await this.#receive(incoming, chunks);
      if (!equalBytes(got, digest)) throw otherDigest(digest, got);
      await this.#place(incoming, digest);
    } catch (error) {
      await rm(incoming, { force: true }).catch(() => undefined); // the next start removes it
      throw isLogError(error) ? error : storageError(error);
    }
  }

  /** Writes the file, durably, and gives its digest. */
  async #receive(path: string, chunks: Chunks): Promise<Uint8Array> {
    const file = await open(path, 'wx', 0o600);
    try {
      const hash = createHash('sha256');
      let length = 0;
      for await (const chunk of chunks) {
        length += chunk.length;
        if (length > this.#limit) throw tooLarge(this.#limit);
        hash.update(chunk);
        await writeFully(file, chunk);
      }
      await file.sync();
      return new Uint8Array(hash.digest());
    } finally {
      await file.close();
    }
  }

  // Over a file that is there already it puts the same bytes: nobody has to ask first, and a damaged one is mended.
  async #place(incoming: string, digest: Uint8Array): Promise<void> {
    const name = formatHex(digest);
    const folder = join(this.#dir, name.slice(0, 2));
    if ((await mkdir(folder, { recursive: true, mode: 0o700 })) !== undefined)
      await syncFolder(this.#dir);
    await rename(incoming, join(folder, name));
    await syncFolder(folder);
  }

  async read(digest: Uint8Array): Promise<Uint8Array | undefined> {
    try {
      return intact(digest, await readFile(this.#path(digest)));
    } catch (error) {
      return absentOr(error);
    }
  }

  readSync(digest: Uint8Array): Uint8Array | undefined {
    try {
      return intact(digest, readFileSync(this.#path(digest)));
    } catch (error) {
      return absentOr(error);
    }
  }

  async stream(digest: Uint8Array): Promise<BlobStream | undefined> {
    try {
      const path = this.#path(digest);
      const hash = createHash('sha256');
      let length = 0;
      for await (const chunk of chunksOf(path)) {
        hash.update(chunk);
        length += chunk.length;
      }
      if (!equalBytes(new Uint8Array(hash.digest()), digest)) throw corruptBlob(digest);
      return { length, chunks: chunksOf(path) };
    } catch (error) {
      return absentOr(error);
    }
  }

  async has(digest: Uint8Array): Promise<boolean> {
    try {
      return (await stat(this.#path(digest))).isFile();
    } catch (error) {
      return absentOr(error) ?? false;
    }
  }

  async remove(digest: Uint8Array): Promise<void> {
    await rm(this.#path(digest), { force: true }).catch((error: unknown) => {
      throw storageError(error);
    });
  }

  #path(digest: Uint8Array): string {
    assertBytes(digest, 'digest', HASH_SIZE);
    const name = formatHex(digest);
    return join(this.#dir, name.slice(0, 2), name);
  }
}

/** The bytes of a file, which is opened when the first of them are asked for, and closed whatever happens. */
async function* chunksOf(path: string): AsyncGenerator<Uint8Array> {
  const file = await open(path, 'r');
  try {
    for (;;) {
      const chunk = new Uint8Array(READ_CHUNK);
      const { bytesRead } = await file.read(chunk, 0, chunk.length);
      if (bytesRead === 0) return;
      yield chunk.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

function intact(digest: Uint8Array, bytes: Uint8Array): Uint8Array {
  if (equalBytes(sha256(bytes), digest)) return new Uint8Array(bytes);
  throw corruptBlob(digest);
}

function absentOr(error: unknown): undefined {
  if (hasCode(error, ['ENOENT'])) return undefined;
  throw isLogError(error) ? error : storageError(error);
}

async function writeFully(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length; )
    at += (await file.write(chunk, at, chunk.length - at)).bytesWritten;
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** storage-full where the system says so, storage-failed for anything else. */
function storageError(error: unknown): LogError {
  const isFull = hasCode(error, ['ENOSPC', 'EDQUOT']);
  return isFull
    ? new LogError('storage-full', 'there is no room for the blob', {}, error)
    : new LogError('storage-failed', 'the blob store failed', {}, error);
}

function hasCode(error: unknown, codes: readonly string[]): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    codes.includes(error.code)
  );
}
