// Blobs as files: <folder>/<first two hex digits>/<all 64>, written beside under a name of our own, synced, renamed, and
// the folder synced. What a crash leaves behind is a file in <folder>/incoming, which the next start removes.

import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import {
  type FileHandle,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { assertBytes, equalBytes, formatHex, parseHex } from '@writ/core/bytes';
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
  const blobs = {
    shared: new BlobFiles(join(dir, 'shared')),
    openings: new BlobFiles(join(dir, 'openings')),
  };
  syncFolderSync(dirname(dir));
  return blobs;
}

/** How a folder is made durable. */
export type SyncFolder = (path: string) => Promise<void>;

export class BlobFiles implements BlobStore {
  readonly #dir: string;
  readonly #limit: number;
  readonly #sync: SyncFolder;
  /** Folders that are durable in `dir`, or on their way there. */
  readonly #folders = new Map<string, Promise<string>>();
  #written = 0;

  /** Makes the folder where it is missing, and clears what was never finished. LogError storage-failed. */
  constructor(dir: string, limit: number = MAX_BLOB_BYTES, sync: SyncFolder = syncFolder) {
    this.#dir = dir;
    this.#limit = limit;
    this.#sync = sync;
    try {
      rmSync(join(dir, INCOMING), { recursive: true, force: true });
      mkdirSync(join(dir, INCOMING), { recursive: true, mode: 0o700 });
    } catch (error) {
      throw storageError(error);
    }
    // Whoever made the folders, and whenever: they are there after a power cut.
    for (const folder of [dir, dirname(dir)]) syncFolderSync(folder);
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
    const folder = await this.#folder(name.slice(0, 2));
    await rename(incoming, join(folder, name));
    await this.#sync(folder);
  }

  // Once in each run, and for all who write to it: who finds a folder does not know whether a power cut would.
  #folder(name: string): Promise<string> {
    const made = this.#folders.get(name) ?? this.#makeFolder(name);
    this.#folders.set(name, made);
    return made;
  }

  async #makeFolder(name: string): Promise<string> {
    const folder = join(this.#dir, name);
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await this.#sync(this.#dir);
      return folder;
    } catch (error) {
      this.#folders.delete(name);
      throw error;
    }
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

  /** Files of another name are not ours, and left alone. */
  async *digests(): AsyncGenerator<Uint8Array> {
    for (const folder of await namesIn(this.#dir)) {
      if (!/^[0-9a-f]{2}$/.test(folder)) continue;
      for (const name of await namesIn(join(this.#dir, folder))) {
        const digest = parseHex(name);
        if (digest?.length === HASH_SIZE && name.startsWith(folder)) yield digest;
      }
    }
  }

  async writtenAtMs(digest: Uint8Array): Promise<number | undefined> {
    try {
      return (await stat(this.#path(digest))).mtimeMs;
    } catch (error) {
      return absentOr(error);
    }
  }

  #path(digest: Uint8Array): string {
    assertBytes(digest, 'digest', HASH_SIZE);
    const name = formatHex(digest);
    return join(this.#dir, name.slice(0, 2), name);
  }
}

async function namesIn(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    throw storageError(error);
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

/** LogError storage-failed. */
function syncFolderSync(path: string): void {
  try {
    const folder = openSync(path, 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  } catch (error) {
    throw storageError(error);
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
