// Makes the derived files again from the entries: hashes of all tile levels and bundle offsets.

import { equalBytes } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { bundleEntryEnd } from '@writ/core/formats/entry-bundle';
import { hashBundleEntries } from '@writ/core/merkle/leaf-batch';
import { HASH_SIZE } from '@writ/core/sha256';
import { edgeOf } from '../log/edge.ts';
import { type Edge, edgeRoot, integrate } from '../log/integrate.ts';
import { segmentOf } from './checks.ts';
import type { EntryFiles } from './entry-files.ts';
import type { HashFiles } from './hash-files.ts';
import { SEGMENT_ENTRIES, type TreeHead } from './port.ts';

/**
 * Derives what a log with `head` needs beyond its first `derived` entries (a multiple of the segment size) and
 * checks that the root comes out as stored. LogError storage-corrupt when it does not.
 */
export function derive(
  entries: EntryFiles,
  hashes: HashFiles,
  derived: number,
  head: TreeHead,
): void {
  let edge: Edge = edgeOf(derived, (level, start, count) => hashes.read(level, start, count));
  let size = derived;
  for (let segment = segmentOf(derived); segment * SEGMENT_ENTRIES < head.size; segment++) {
    let offset = 0;
    for (const run of entries.readSegment(segment)) {
      const count = countEntries(run);
      const leafHashes = new Uint8Array(count * HASH_SIZE);
      hashBundleEntries(run, count, leafHashes, 0);
      const integrated = integrate(edge, leafHashes);
      hashes.write(size, integrated.hashes);
      entries.noteBundles(run, size, offset);
      edge = integrated.edge;
      size += count;
      offset += run.length;
    }
  }
  if (size !== head.size || !equalBytes(edgeRoot(edge), head.root)) {
    const detail = { expected: head.size, got: size };
    throw new LogError(
      'storage-corrupt',
      'the stored entries do not give the stored root: restore a backup',
      detail,
    );
  }
}

function countEntries(run: Uint8Array): number {
  let count = 0;
  for (let at = 0; at < run.length; count++) at = bundleEntryEnd(run, at);
  return count;
}
