// Openings without a statement: which of them a start removes.

import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatHex, utf8 } from '@writ/core/bytes';
import { sha256 } from '@writ/core/sha256';
import { BlobFiles, openBlobFiles } from '@writ/log-server/blobs/files';
import { DigestSet, MIN_ORPHAN_AGE_MS, sweepOpenings } from '@writ/log-server/blobs/sweep';
import { openMemoryStore } from '@writ/log-server/storage/memory';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { keptOpenings, makePrivateVillage } from './private-world.ts';
import { change } from './village-statements.ts';
import { ledgerOf } from './world.ts';

const test = suite('openings without a statement');
const PUBLISHED_MS = 1_800_000_000_000;

async function put(dir: string, store: BlobFiles, text: string, atMs: number): Promise<Uint8Array> {
  const digest = sha256(utf8(text));
  await store.write(digest, [utf8(text)]);
  const name = formatHex(digest);
  utimesSync(join(dir, name.slice(0, 2), name), atMs / 1000, atMs / 1000);
  return digest;
}

test('go when they are old and nobody refers to them, and else stay', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'writ-sweep-'));
  const store = new BlobFiles(dir);
  const old = PUBLISHED_MS - MIN_ORPHAN_AGE_MS - 1000;
  const orphan = await put(dir, store, 'orphan', old);
  const young = await put(dir, store, 'young orphan', PUBLISHED_MS - MIN_ORPHAN_AGE_MS + 1000);
  const logged = await put(dir, store, 'logged', old);
  writeFileSync(join(dir, 'note'), 'of the operator');
  const known = new DigestSet();
  known.add(logged);
  assert.is(await sweepOpenings(store, known, PUBLISHED_MS), 1);
  assert.is(await store.has(orphan), false);
  assert.is(await store.has(young), true);
  assert.is(await store.has(logged), true);
  assert.ok(readdirSync(dir).includes('note'));
  assert.is(await sweepOpenings(store, known, PUBLISHED_MS), 0);
  rmSync(dir, { recursive: true });
});

test('a start keeps every opening of the log, however old, and reads it again', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'writ-sweep-'));
  const [store, blobs] = [openMemoryStore(), openBlobFiles(dir)];
  const village = await makePrivateVillage({ store, blobs });
  await village.submit(change(1), 'ben');
  await village.publish();
  const before = await keptOpenings(village);
  const orphan = sha256(utf8('orphan'));
  await blobs.openings.write(orphan, [utf8('orphan')]);
  const start = () => ledgerOf(village.env, store, village.env.nowMs, openBlobFiles(dir));
  const later = Date.now() + 2 * MIN_ORPHAN_AGE_MS;
  assert.is(await start().sweep(0), 0);
  assert.is(await start().sweep(later), 1);
  assert.is(await blobs.openings.has(orphan), false);
  assert.equal(await keptOpenings(village), before);
  assert.is(before.size, 2);
  start();
  rmSync(dir, { recursive: true });
});

test('a set of digests knows what was added, before and after it was asked', () => {
  const digestOf = (i: number): Uint8Array => sha256(utf8(`digest ${i}`));
  const set = new DigestSet();
  assert.is(set.has(digestOf(0)), false);
  for (let i = 0; i < 500; i++) set.add(digestOf(i));
  assert.is(set.has(digestOf(7)), true);
  for (let i = 500; i < 1000; i++) set.add(digestOf(i));
  for (let i = 0; i < 2000; i++) assert.is(set.has(digestOf(i)), i < 1000, String(i));
});

test.run();
