import { leafHash } from '@writ/core/merkle/hash';
import { openCheckpoint } from '@writ/verifier/checkpoint';
import { findLeaf } from '@writ/verifier/cli/find-leaf';
import { proveConsistency, proveInclusion, readEntry } from '@writ/verifier/tiles';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { failsWith, memorySource, policy, SmallLog, someEntries } from './world.ts';

const test = suite('proofs from tiles');
const log = new SmallLog(someEntries(600));
const source = memorySource(log.files());

test('are those that the log itself would give', async () => {
  for (const index of [0n, 1n, 255n, 256n, 511n, 512n, 599n])
    assert.equal(await proveInclusion(source, index, 600n), log.inclusion(index));
  for (const oldSize of [1n, 2n, 255n, 256n, 257n, 512n, 599n, 600n])
    assert.equal(await proveConsistency(source, oldSize, 600n), log.consistency(oldSize));
});

test('find an entry by its index and by its bytes', async () => {
  const checkpoint = openCheckpoint(log.note(), policy);
  for (const index of [0, 255, 256, 599]) {
    const entry = log.entries[index] ?? new Uint8Array(0);
    assert.equal(await readEntry(source, BigInt(index), 600n), entry);
    assert.is(await findLeaf(source, leafHash(entry), checkpoint), BigInt(index));
  }
});

test('say that an entry is absent only when the tiles are those of the checkpoint', async () => {
  const checkpoint = openCheckpoint(log.note(), policy);
  const absent = new Uint8Array(32);
  await failsWith(() => findLeaf(source, absent, checkpoint), 'entry-absent');
  await failsWith(() => readEntry(source, 600n, 600n), 'entry-absent');
  const files = log.files();
  const tile = files.get('tile/0/001')?.slice() ?? new Uint8Array(0);
  tile[0] = (tile[0] ?? 0) ^ 1;
  const changed = memorySource(files.set('tile/0/001', tile));
  await failsWith(() => findLeaf(changed, absent, checkpoint), 'hash-mismatch');
});

test.run();
