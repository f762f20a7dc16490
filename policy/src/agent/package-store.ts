// Driver packages on the node's disk, by digest, so that it can start and act while the log is away. What is read back is
// hashed again where it is opened.

import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { formatHex } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { sha256 } from '@writ/core/sha256';

const DIGEST = /^[0-9a-f]{64}$/;

export class PackageStore {
  readonly #folder: string;
  readonly #fetch: (digest: string) => Promise<Uint8Array>;
  /** Two that write the same file would be in each other's way. */
  readonly #going = new Map<string, Promise<Uint8Array>>();

  /** `fetch` asks the log. */
  constructor(folder: string, fetch: (digest: string) => Promise<Uint8Array>) {
    this.#folder = folder;
    this.#fetch = fetch;
  }

  /** The package, from the disk or else from the log. LogError hash-mismatch, not-found, network-failed, storage-failed. */
  get(digest: string): Promise<Uint8Array> {
    if (!DIGEST.test(digest)) throw new RangeError('not a digest in hexadecimal');
    const known = this.#going.get(digest);
    if (known !== undefined) return known;
    const going = this.#get(digest).finally(() => this.#going.delete(digest));
    this.#going.set(digest, going);
    return going;
  }

  async #get(digest: string): Promise<Uint8Array> {
    const kept = await this.#read(digest);
    if (kept !== undefined) return kept;
    const bytes = await this.#fetch(digest);
    if (formatHex(sha256(bytes)) !== digest)
      throw new LogError('hash-mismatch', 'the log sent another driver package', {
        expected: digest,
      });
    await this.#write(digest, bytes);
    return bytes;
  }

  async #read(digest: string): Promise<Uint8Array | undefined> {
    const path = join(this.#folder, digest);
    const bytes = await readFile(path).catch(() => undefined);
    if (bytes === undefined || formatHex(sha256(bytes)) === digest) return bytes;
    // Damaged: the log has another.
    await rm(path, { force: true });
    return undefined;
  }

  async #write(digest: string, bytes: Uint8Array): Promise<void> {
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      const path = join(this.#folder, digest);
      const file = await open(`${path}.new`, 'w', 0o600);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(`${path}.new`, path);
    } catch (error) {
      throw new LogError('storage-failed', 'the driver package cannot be kept', {}, error);
    }
  }
}
