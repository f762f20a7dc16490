// Manifests of driver packages, out of the shared blobs. A package never changes, so what was read once is good.

import { parseHex } from '@writ/core/bytes';
import { isLogError } from '@writ/core/errors';
import type { DriverManifest } from '@writ/policy/engine/driver-manifest';
import { readDriverPackage } from '@writ/policy/engine/driver-package';
import type { BlobStore } from '../blobs/store.ts';

/** Manifests that are kept. */
const MAX_MANIFESTS = 128;

export class Manifests {
  readonly #blobs: BlobStore | undefined;
  /** By digest; null: the blob is no driver package. The one used longest ago first. */
  readonly #known = new Map<string, DriverManifest | null>();

  /** `blobs` undefined: this log keeps no packages. */
  constructor(blobs: BlobStore | undefined) {
    this.#blobs = blobs;
  }

  /** Those of `digests` that are at hand and sound, by digest in hexadecimal. LogError of the store. */
  async read(digests: Iterable<string>): Promise<Map<string, DriverManifest>> {
    const found = new Map<string, DriverManifest>();
    for (const digest of digests) {
      const manifest = await this.#find(digest);
      if (manifest !== undefined) found.set(digest, manifest);
    }
    return found;
  }

  async #find(digest: string): Promise<DriverManifest | undefined> {
    let manifest = this.#known.get(digest);
    if (manifest === undefined) {
      const bytes = await this.#blobs?.read(parseHex(digest) ?? new Uint8Array(32));
      // It may come yet.
      if (bytes === undefined) return undefined;
      manifest = manifestOf(bytes);
    }
    this.#known.delete(digest);
    this.#known.set(digest, manifest);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MAX_MANIFESTS && oldest !== undefined) this.#known.delete(oldest);
    return manifest ?? undefined;
  }
}

function manifestOf(bytes: Uint8Array): DriverManifest | null {
  try {
    return readDriverPackage(bytes).manifest;
  } catch (error) {
    if (!isLogError(error)) throw error;
    return null;
  }
}
