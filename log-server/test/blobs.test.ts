// Blob stores: what they take, what they give, and what a crash or a damaged disk leaves.

import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { concatBytes, formatHex, utf8 } from '@writ/core/bytes';
import { isLogError } from '@writ/core/errors';
import { sha256 } from '@writ/core/sha256';
import { BlobFiles } from '@writ/log-server/blobs/files';
import { HeldOpenings, MAX_WRITES } from '@writ/log-server/blobs/held-openings';
import { openMemoryBlobs } from '@writ/log-server/blobs/memory';
import { type BlobStore, MAX_BLOB_BYTES } from '@writ/log-server/blobs/store';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const BLOB = utf8('what is kept');
const DIGEST = sha256(BLOB);
const dir = mkdtempSync(join(tmpdir(), 'writ-blobs-'));
let folders = 0;

function files(limit?: number): { readonly store: BlobFiles; readonly folder: string } {
  const folder = join(dir, String(folders++));
  return { store: new BlobFiles(folder, limit), folder };
}

async function codeOf(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    return isLogError(error) ? error.code : String(error);
  }
  return 'done';
}

/** All that a stream gives, which has to be as long as it says. */
async function streamed(store: BlobStore): Promise<Uint8Array> {
  const { length = 0, chunks = [] } = (await store.stream(DIGEST)) ?? {};
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  const bytes = concatBytes(...parts);
  assert.is(bytes.length, length);
  return bytes;
}

interface Named {
  readonly digest: Uint8Array;
  readonly blob: Uint8Array;
}

/** Two blobs whose digests begin alike. */
function twoInOneFolder(): readonly [Named, Named] {
  const seen = new Map<number, Named>();
  for (let i = 0; ; i++) {
    const blob = utf8(`blob ${i}`);
    const named = { digest: sha256(blob), blob };
    const [start = 0] = named.digest;
    const other = seen.get(start);
    if (other !== undefined) return [other, named];
    seen.set(start, named);
  }
}

const STORES: readonly (readonly [string, () => BlobStore])[] = [
  ['files', () => files().store],
  ['memory', () => openMemoryBlobs().shared],
];

for (const [name, open] of STORES) {
  const test = suite(`blobs in ${name}`);

  test('are given back as they were taken, in pieces or whole, once or again', async () => {
    const store = open();
    assert.is(await store.read(DIGEST), undefined);
    assert.is(store.readSync(DIGEST), undefined);
    assert.is(await store.has(DIGEST), false);
    await store.write(DIGEST, [BLOB.subarray(0, 5), BLOB.subarray(5)]);
    await Promise.all([store.write(DIGEST, [BLOB]), store.write(DIGEST, [BLOB])]);
    assert.equal(await store.read(DIGEST), BLOB);
    assert.equal(store.readSync(DIGEST), BLOB);
    assert.is(await store.has(DIGEST), true);
    assert.equal(await streamed(store), BLOB);
    await store.remove(DIGEST);
    await store.remove(DIGEST);
    assert.is(await store.read(DIGEST), undefined);
    assert.is(await store.stream(DIGEST), undefined);
  });

  test('are kept under no other digest than their own', async () => {
    const store = open();
    const other = sha256(utf8('other'));
    assert.is(await codeOf(() => store.write(other, [BLOB])), 'request-invalid');
    assert.is(await store.has(other), false);
    assert.is(await store.has(DIGEST), false);
    assert.match(await codeOf(() => store.write(utf8('../../x'), [BLOB])), 'RangeError');
  });

  test('are not kept when the source breaks off', async () => {
    const store = open();
    async function* source(): AsyncGenerator<Uint8Array> {
      yield BLOB;
      throw new Error('gone');
    }
    assert.is.not(await codeOf(() => store.write(DIGEST, source())), 'done');
    assert.is(await store.has(DIGEST), false);
  });

  test('have a limit that holds exactly', async () => {
    const store = open();
    const full = new Uint8Array(MAX_BLOB_BYTES);
    await store.write(sha256(full), [full]);
    const more = new Uint8Array(MAX_BLOB_BYTES + 1);
    assert.is(await codeOf(() => store.write(sha256(more), [more])), 'body-too-large');
    assert.is(await store.has(sha256(more)), false);
  });

  test.run();
}

const disk = suite('blobs on a disk');

disk.after(() => rmSync(dir, { recursive: true }));

disk('survive a start, which clears what a crash left half written', async () => {
  const { store, folder } = files();
  await store.write(DIGEST, [BLOB]);
  writeFileSync(join(folder, 'incoming', '7'), 'half');
  const again = new BlobFiles(folder);
  assert.equal(readdirSync(join(folder, 'incoming')), []);
  assert.equal(await again.read(DIGEST), BLOB);
});

disk('leave nothing behind when they are refused', async () => {
  const { store, folder } = files(4);
  assert.is(await codeOf(() => store.write(DIGEST, [BLOB])), 'body-too-large');
  assert.equal(readdirSync(join(folder, 'incoming')), []);
  assert.equal(readdirSync(folder), ['incoming']);
});

disk('are never given when they were damaged, and mended when they come again', async () => {
  const { store, folder } = files();
  await store.write(DIGEST, [BLOB]);
  const name = formatHex(DIGEST);
  const path = join(folder, name.slice(0, 2), name);
  for (const damage of ['', 'what is kepT', 'what is kept and more']) {
    writeFileSync(path, damage);
    assert.is(await codeOf(() => store.read(DIGEST)), 'storage-corrupt');
    assert.is(await codeOf(() => store.readSync(DIGEST)), 'storage-corrupt');
    assert.is(await codeOf(() => store.stream(DIGEST)), 'storage-corrupt');
  }
  await store.write(DIGEST, [BLOB]);
  assert.equal(await store.read(DIGEST), BLOB);
});

disk('say when the folder cannot be written', async () => {
  const { store, folder } = files();
  rmSync(folder, { recursive: true });
  assert.is(await codeOf(() => store.write(DIGEST, [BLOB])), 'storage-failed');
  mkdirSync(join(folder, 'incoming'), { recursive: true });
  await store.write(DIGEST, [BLOB]);
});

disk('are durable when they say so, whoever made their folder', async () => {
  const folder = join(dir, String(folders++));
  const durable: string[] = [];
  const store = new BlobFiles(folder, undefined, async (path) => {
    await sleep(path === folder ? 20 : 0);
    durable.push(path);
  });
  const [first, second] = twoInOneFolder();
  await Promise.all(
    [first, second].map(async ({ digest, blob }) => {
      await store.write(digest, [blob]);
      assert.is(durable[0], folder, 'the folder of the blob is in its parent');
      assert.ok(durable.includes(join(folder, formatHex(digest).slice(0, 2))));
    }),
  );
});

disk.run();

const held = suite('openings under way');

held('go with the last statement that was refused, and stay with one that was not', async () => {
  const store = openMemoryBlobs().openings;
  const keeper = new HeldOpenings(store);
  const first = await keeper.hold(DIGEST, BLOB);
  const second = await keeper.hold(DIGEST, BLOB);
  await first(false);
  assert.is(await store.has(DIGEST), true);
  await second(false);
  assert.is(await store.has(DIGEST), false);
  const [third, fourth] = [await keeper.hold(DIGEST, BLOB), await keeper.hold(DIGEST, BLOB)];
  await third(true);
  await fourth(false);
  assert.is(await store.has(DIGEST), true);
});

held('that were there before belong to a statement in the log', async () => {
  const store = openMemoryBlobs().openings;
  await store.write(DIGEST, [BLOB]);
  const release = await new HeldOpenings(store).hold(DIGEST, BLOB);
  await release(false);
  assert.is(await store.has(DIGEST), true);
});

held('that come while they are being removed are there afterwards', async () => {
  const { store } = files();
  const keeper = new HeldOpenings(store);
  for (let round = 0; round < 20; round++) {
    const first = await keeper.hold(DIGEST, BLOB);
    const removal = first(false);
    const second = await keeper.hold(DIGEST, BLOB);
    await removal;
    assert.is(await store.has(DIGEST), true);
    await second(false);
  }
});

held('that cannot be written hold up nobody', async () => {
  const store = openMemoryBlobs().openings;
  const keeper = new HeldOpenings(store);
  assert.is(await codeOf(() => keeper.hold(sha256(utf8('x')), BLOB)), 'request-invalid');
  const release = await keeper.hold(DIGEST, BLOB);
  await release(true);
  assert.is(await store.has(DIGEST), true);
});

held('are written a few at a time, however many come at once', async () => {
  const { store } = files();
  let [open, most] = [0, 0];
  const counted: BlobStore = Object.assign(Object.create(store), {
    has: (digest: Uint8Array) => store.has(digest),
    async write(digest: Uint8Array, chunks: Iterable<Uint8Array>) {
      most = Math.max(most, ++open);
      await store.write(digest, chunks).finally(() => open--);
    },
  });
  const keeper = new HeldOpenings(counted);
  const blobs = Array.from({ length: 300 }, (_, i) => utf8(`opening ${i}`));
  const releases = await Promise.all(blobs.map((blob) => keeper.hold(sha256(blob), blob)));
  await Promise.all(releases.map((release) => release(true)));
  for (const blob of blobs) assert.is(await store.has(sha256(blob)), true);
  assert.ok(most <= MAX_WRITES, String(most));
});

held.run();
