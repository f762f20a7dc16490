// Blobs in memory, for logs whose entries are there too.

import { assertBytes, concatBytes, equalBytes, formatHex, parseHex } from '@writ/core/bytes';
import { bug } from '@writ/core/errors';
import { HASH_SIZE, sha256 } from '@writ/core/sha256';
import {
  type BlobStore,
  type BlobStream,
  type Blobs,
  type Chunks,
  MAX_BLOB_BYTES,
  otherDigest,
  tooLarge,
} from './store.ts';

export function openMemoryBlobs(): Blobs {
  return { shared: new MemoryBlobs(), openings: new MemoryBlobs() };
}

class MemoryBlobs implements BlobStore {
  readonly #blobs = new Map<string, Uint8Array>();

  async write(digest: Uint8Array, chunks: Chunks): Promise<void> {
    assertBytes(digest, 'digest', HASH_SIZE);
    const parts: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of chunks) {
      length += chunk.length;
      if (length > MAX_BLOB_BYTES) throw tooLarge(MAX_BLOB_BYTES);
      parts.push(chunk.slice());
    }
    const bytes = concatBytes(...parts);
    const got = sha256(bytes);
    if (!equalBytes(got, digest)) throw otherDigest(digest, got);
    this.#blobs.set(formatHex(digest), bytes);
  }

  async read(digest: Uint8Array): Promise<Uint8Array | undefined> {
    return this.readSync(digest);
  }

  async stream(digest: Uint8Array): Promise<BlobStream | undefined> {
    const bytes = this.readSync(digest);
    return bytes && { length: bytes.length, chunks: once(bytes) };
  }

  async has(digest: Uint8Array): Promise<boolean> {
    return this.#blobs.has(formatHex(digest));
  }

  async remove(digest: Uint8Array): Promise<void> {
    this.#blobs.delete(formatHex(digest));
  }

  async *digests(): AsyncGenerator<Uint8Array> {
    for (const name of [...this.#blobs.keys()]) yield parseHex(name) ?? bug('a name is hex');
  }

  async writtenAtMs(): Promise<undefined> {
    return undefined;
  }

  readSync(digest: Uint8Array): Uint8Array | undefined {
    return this.#blobs.get(formatHex(digest))?.slice();
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
