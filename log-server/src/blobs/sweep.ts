// Openings that nobody refers to: a crash between an opening and its statement leaves one behind.

import type { BlobStore } from './store.ts';

/** How much older than the newest checkpoint an opening must be to be taken for forgotten. */
export const MIN_ORPHAN_AGE_MS: number = 60 * 60 * 1000;

/** Digests by their first 48 bits. What it never saw it may know all the same, once in 2^48 times its size. */
export class DigestSet {
  #added: number[] = [];
  #sorted = new Float64Array(0);

  add(digest: Uint8Array): void {
    this.#added.push(prefixOf(digest));
  }

  has(digest: Uint8Array): boolean {
    if (this.#added.length > 0) this.#sort();
    const wanted = prefixOf(digest);
    let [low, high] = [0, this.#sorted.length];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((this.#sorted[middle] ?? 0) < wanted) low = middle + 1;
      else high = middle;
    }
    return this.#sorted[low] === wanted;
  }

  #sort(): void {
    const all = new Float64Array(this.#sorted.length + this.#added.length);
    all.set(this.#sorted);
    all.set(this.#added, this.#sorted.length);
    this.#sorted = all.sort();
    this.#added = [];
  }
}

function prefixOf(digest: Uint8Array): number {
  let prefix = 0;
  for (let i = 0; i < 6; i++) prefix = prefix * 256 + (digest[i] ?? 0);
  return prefix;
}

/**
 * Removes the openings that are not `known`, and were written long before `publishedAtMs`, when the newest checkpoint was
 * published; gives their number. Only before the log takes statements: one that is submitted again may bring an opening
 * that is already there.
 *
 * Younger ones stay. A log that was started on a backup has openings of entries that the backup lacks, and they are
 * younger than its checkpoints: whoever finds the newer data then finds them too.
 */
export async function sweepOpenings(
  store: BlobStore,
  known: Pick<DigestSet, 'has'>,
  publishedAtMs: number,
): Promise<number> {
  let removed = 0;
  for await (const digest of store.digests()) {
    if (known.has(digest)) continue;
    const writtenAtMs = await store.writtenAtMs(digest);
    if (writtenAtMs === undefined || writtenAtMs > publishedAtMs - MIN_ORPHAN_AGE_MS) continue;
    await store.remove(digest);
    removed++;
  }
  return removed;
}
