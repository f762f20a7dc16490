// Driver packages on the node's disk, by digest, so that it can start and act while the log is away. What is read back is
// hashed again where it is opened.

import { mkdir, open, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { formatHex } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { sha256 } from '@writ/core/sha256';

const DIGEST = /^[0-9a-f]{64}$/;

/** What the folder holds at most; what was used longest ago goes first. */
export interface PackageLimits {
  readonly files: number;
  readonly bytes: number;
}

export const PACKAGE_LIMITS: PackageLimits = { files: 256, bytes: 1_073_741_824 };

export class PackageStore {
  readonly #folder: string;
  readonly #fetch: (digest: string) => Promise<Uint8Array>;
  /** Two that write the same file would be in each other's way. */
  readonly #going = new Map<string, Promise<Uint8Array>>();

  readonly #nowSeconds: () => number;
  readonly #limits: PackageLimits;
  /** Packages that policies in force name: the node acts with them while the log is away. */
  #wanted: ReadonlySet<string> = new Set();

  /** `fetch` asks the log. */
  constructor(
    folder: string,
    fetch: (digest: string) => Promise<Uint8Array>,
    nowSeconds: () => number,
    limits: PackageLimits = PACKAGE_LIMITS,
  ) {
    this.#nowSeconds = nowSeconds;
    this.#folder = folder;
    this.#fetch = fetch;
    this.#limits = limits;
  }

  /** These stay, whatever else comes. */
  protect(digests: Iterable<string>): void {
    this.#wanted = new Set(digests);
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
    if (bytes === undefined) return undefined;
    if (formatHex(sha256(bytes)) === digest) {
      // Its age is that of its last use. Where that cannot be written, it is that of its first.
      const seconds = this.#nowSeconds();
      await utimes(path, seconds, seconds).catch(() => {});
      return bytes;
    }
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
      await this.#evict(digest);
    } catch (error) {
      throw new LogError('storage-failed', 'the driver package cannot be kept', {}, error);
    }
  }

  async #evict(newest: string): Promise<void> {
    const kept = [];
    for (const name of await readdir(this.#folder)) {
      const { size, mtimeMs } = await stat(join(this.#folder, name));
      kept.push({ name, size, mtimeMs });
    }
    kept.sort((a, b) => a.mtimeMs - b.mtimeMs);
    let files = kept.length;
    let bytes = kept.reduce((sum, { size }) => sum + size, 0);
    for (const { name, size } of kept) {
      if (files <= this.#limits.files && bytes <= this.#limits.bytes) return;
      if (name === newest || this.#wanted.has(name)) continue;
      await rm(join(this.#folder, name), { force: true });
      files -= 1;
      bytes -= size;
    }
  }
}
