// Reading a live log over HTTP and keeping what it said, to hold it against it later.

import { equalBytes, formatBase64, parseBase64 } from '@writ/core/bytes';
import { type Checkpoint, parseCheckpoint } from '@writ/core/formats/checkpoint';
import { openNote } from '@writ/core/formats/cosignature';
import { decodeBundle } from '@writ/core/formats/entry-bundle';
import type { VerifierKey } from '@writ/core/formats/key';
import { parseNote } from '@writ/core/formats/note';
import { formatTilePath } from '@writ/core/formats/tile-path';
import { checkConsistency } from '@writ/core/merkle/consistency';
import { leafHash } from '@writ/core/merkle/hash';
import { TILE_WIDTH } from '@writ/core/merkle/tile';
import { GrowingTree } from '@writ/core/merkle/tree';

/** The body of an answer with status 200. Throws with the status and body of any other. */
export async function read(url: string): Promise<Uint8Array> {
  const response = await fetch(url, { signal: AbortSignal.timeout(10_000) });
  const body = new Uint8Array(await response.arrayBuffer());
  if (response.status !== 200)
    throw new Error(`${url}: status ${response.status}: ${new TextDecoder().decode(body)}`);
  return body;
}

/** The checkpoint on a note that `key` signed. */
export function openSigned(note: Uint8Array, key: VerifierKey): Checkpoint {
  const parsed = parseNote(note);
  openNote(parsed, [key]);
  return parseCheckpoint(parsed.text);
}

/** Entries [start, end) of a log whose published checkpoint has `size`, from the entry bundles. */
export async function readEntries(
  url: string,
  size: number,
  start: number,
  end: number,
): Promise<Uint8Array[]> {
  const entries: Uint8Array[] = [];
  for (let at = start - (start % TILE_WIDTH); at < end; at += TILE_WIDTH) {
    const width = Math.min(TILE_WIDTH, size - at);
    const path = formatTilePath({ level: 'entries', index: BigInt(at / TILE_WIDTH), width });
    const bundle = decodeBundle(await read(`${url}/${path}`), width);
    entries.push(...bundle.slice(Math.max(0, start - at), Math.max(0, end - at)));
  }
  return entries;
}

/** The consistency proof that the log serves. */
export async function readConsistency(
  url: string,
  oldSize: bigint,
  size: bigint,
): Promise<Uint8Array[]> {
  const body = await read(`${url}/proof/consistency/${oldSize}/${size}`);
  const answer: unknown = JSON.parse(new TextDecoder().decode(body));
  if (typeof answer !== 'object' || answer === null || !('hashes' in answer))
    throw new Error('a proof has hashes');
  if (!Array.isArray(answer.hashes)) throw new Error('the hashes of a proof are a list');
  return answer.hashes.map((hash) => parseBase64(String(hash)) ?? new Uint8Array(0));
}

/** Every tree head that a log or a witness ever signed, as far as anybody saw it. */
export class SignedHeads {
  readonly #rootOf = new Map<bigint, Uint8Array>();

  /** Heads of different sizes. */
  get count(): number {
    return this.#rootOf.size;
  }

  get sizes(): bigint[] {
    return [...this.#rootOf.keys()].sort((a, b) => (a < b ? -1 : 1));
  }

  /** Keeps a head whose signature was verified. Throws for a second root of one size: a fork. */
  keep({ size, root }: Checkpoint): void {
    const known = this.#rootOf.get(size);
    if (known !== undefined && !equalBytes(known, root))
      throw new Error(`two roots of size ${size}: ${formatBase64(known)}, ${formatBase64(root)}`);
    this.#rootOf.set(size, root);
  }

  /** Checks each head against the next larger one, with the proofs that the log serves. */
  async checkByProofs(url: string): Promise<void> {
    const sizes = this.sizes.filter((size) => size > 0n);
    for (const [i, size] of sizes.entries()) {
      const oldSize = sizes[i - 1];
      if (oldSize === undefined) continue;
      const [oldRoot, root] = [this.#root(oldSize), this.#root(size)];
      const proof = await readConsistency(url, oldSize, size);
      if (!checkConsistency({ oldSize, oldRoot, size, root, proof }))
        throw new Error(`the heads of ${oldSize} and ${size} are not consistent`);
    }
  }

  /** Checks every head against the tree over `entries`, hashed anew. */
  checkByEntries(entries: readonly Uint8Array[]): void {
    const tree = new GrowingTree();
    for (let size = 0n; ; size++) {
      const root = this.#rootOf.get(size);
      if (root !== undefined && !equalBytes(root, tree.root()))
        throw new Error(`the signed root of size ${size} is not that of the entries`);
      const entry = entries[Number(size)];
      if (entry === undefined) break;
      tree.append(leafHash(entry));
    }
    const largest = this.sizes.at(-1) ?? 0n;
    if (largest > BigInt(entries.length))
      throw new Error(`${largest} entries were signed, the log has ${entries.length}`);
  }

  #root(size: bigint): Uint8Array {
    const root = this.#rootOf.get(size);
    if (root === undefined) throw new RangeError('no such head');
    return root;
  }
}
