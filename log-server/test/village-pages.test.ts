// Pages of streams and villages: bounded in statements and bytes, complete when followed, and never a stall.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { equalBytes, formatHex, parseBase64, utf8 } from '@writ/core/bytes';
import { verifyEd25519 } from '@writ/core/ed25519';
import { isLogError } from '@writ/core/errors';
import { sha256 } from '@writ/core/sha256';
import type { Payload } from '@writ/core/statements/kinds';
import { decodeStreamProof } from '@writ/core/streams/stream-proof';
import { BundleCache } from '@writ/log-server/log/bundle-cache';
import { Log } from '@writ/log-server/log/log';
import { openMemoryStore } from '@writ/log-server/storage/memory';
import { MAX_PAGE_BYTES } from '@writ/log-server/streams/prove';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type AppWorld, appWorld, problemCode } from './app-world.ts';
import { change, constitution, moveOf, statementOf } from './village-statements.ts';
import { addEntries, LOG_KEY } from './world.ts';

const test = suite('pages');
const VILLAGE = 'village/north';

/** Sequences a statement at the head of the village. */
async function add(world: AppWorld, payload: Payload, who: string): Promise<void> {
  const entry = statementOf(VILLAGE, payload, who, world.log.streamHead(VILLAGE));
  await world.log.add(entry, moveOf(entry));
}

/** A published village of `versions` policy changes, each with `words`, behind its foundation. */
async function villageOf(
  versions: number,
  words = 'night',
  law = constitution(),
): Promise<AppWorld> {
  const world = appWorld('statements');
  await add(world, { kind: 'village-create', name: 'North', constitution: law }, 'ada');
  for (let version = 1; version <= versions; version++)
    await add(world, change(version, words), 'ben');
  await world.publisher.publishNow();
  return world;
}

async function jsonOf(world: AppWorld, path: string): Promise<Record<string, unknown>> {
  const response = await world.request(path);
  assert.is(response.status, 200, await response.clone().text());
  const body: Record<string, unknown> = JSON.parse(await response.text());
  return body;
}

/** The `seq` of everything under `member`, page after page. */
async function follow(world: AppWorld, path: string, member: string): Promise<number[][]> {
  const pages: number[][] = [];
  for (let since = ''; pages.length < 50; ) {
    const page = await jsonOf(world, `${path}${since}`);
    const rows = page[member];
    assert.ok(Array.isArray(rows));
    pages.push(rows.map(({ seq }: { seq: number }) => seq));
    if (page['next'] === null) return pages;
    since = `&since=${page['next']}`;
  }
  throw new Error('there is always a next page');
}

/** A village that allows specs of 60 kB, and so many statements of that size. */
function largeVillage(versions: number): Promise<AppWorld> {
  const law = constitution();
  const limits = { ...law.limits, specBytes: 64_000 };
  return villageOf(versions, 'x'.repeat(60_000), { ...law, limits });
}

test('a page of large statements ends before its limit, and its proof says so', async () => {
  const count = Math.ceil(MAX_PAGE_BYTES / 60_000) + 5;
  const world = await largeVillage(count);
  const response = await world.request(`/streams/${VILLAGE}?limit=500`);
  const proof = decodeStreamProof(new Uint8Array(await response.arrayBuffer()));
  const bytes = proof.entries.reduce((sum, { length }) => sum + length, 0);
  assert.ok(bytes <= MAX_PAGE_BYTES);
  assert.ok(bytes > MAX_PAGE_BYTES - 65_536, 'no statement more would fit');
  assert.ok(proof.tail !== null);
  const updates = await follow(world, '/villages/north/policy/updates?limit=500', 'statements');
  assert.is(updates.length, 2);
  assert.equal(
    updates.flat(),
    Array.from({ length: count + 1 }, (_, seq) => seq),
  );
});

test('the audit export pages through a village without gap or repetition', async () => {
  const world = await villageOf(6);
  assert.equal(await follow(world, '/villages/north/audit?limit=3', 'rows'), [
    [0, 1, 2],
    [3, 4, 5],
    [6],
  ]);
  assert.equal(await follow(world, '/villages/north/audit?limit=7', 'rows'), [
    [0, 1, 2, 3, 4, 5, 6],
  ]);
});

test('each page of the audit export in CSV is signed and links to the next', async () => {
  const world = await villageOf(3);
  const seen: string[] = [];
  let path = '/villages/north/audit?format=csv&limit=2';
  for (let pages = 0; pages < 2; pages++) {
    const response = await world.request(path);
    const text = await response.text();
    const lines = text.trimEnd().split('\r\n');
    seen.push(...lines.slice(1).map((line) => line.split(',')[0] ?? ''));
    const message = utf8(`writ audit export\n${VILLAGE}\n${formatHex(sha256(utf8(text)))}\n`);
    const signature = parseBase64(response.headers.get('x-writ-signature') ?? '');
    assert.ok(verifyEd25519(message, signature ?? new Uint8Array(0), LOG_KEY.publicKey));
    const link = response.headers.get('link');
    assert.is(link === null, pages === 1);
    path = /^<(.+)>; rel="next"$/.exec(link ?? '')?.[1] ?? '';
  }
  assert.equal(seen, ['0', '1', '2', '3']);
});

test('denials are paged', async () => {
  const world = await villageOf(0, '', constitution(1, true));
  for (let tries = 0; tries < 5; tries++) {
    const code = await add(world, change(7 + tries), 'ben').catch((error) =>
      isLogError(error) ? error.code : 'another',
    );
    assert.is(code, 'statement-refused');
  }
  await world.publisher.publishNow();
  const pages = await follow(world, '/villages/north/denials?limit=2', 'denials');
  assert.equal(pages, [[0, 1], [2, 3], [4]]);
  const first = await world.request('/villages/north/denials?limit=2');
  assert.is(first.headers.get('link'), '</villages/north/denials?limit=2&since=1>; rel="next"');
});

test('a village without a denial has one page of none', async () => {
  const page = await jsonOf(await villageOf(0), '/villages/north/denials');
  assert.equal(page['denials'], []);
  assert.is(page['next'], null);
});

test('a cursor or limit that is out of range is an error on every page', async () => {
  const world = await villageOf(1);
  for (const page of ['denials', 'audit', 'policy/updates']) {
    for (const query of ['since=2', 'since=x', `since=${'ab'.repeat(32)}`, 'limit=0', 'limit=501'])
      assert.is(
        await problemCode(await world.request(`/villages/north/${page}?${query}`)),
        'request-invalid',
        `${page} ${query}`,
      );
  }
});

test('the ETag of the policies in force is weak, because the proof changes while they do not', async () => {
  const world = await villageOf(1);
  const path = '/villages/north/policy/latest';
  const before = await world.request(path);
  const etag = before.headers.get('etag') ?? '';
  assert.match(etag, /^W\/"[0-9a-f]{64}"$/);
  await addEntries(world.log, 1, 'elsewhere');
  await world.publisher.publishNow();
  const after = await world.request(path);
  assert.is(after.headers.get('etag'), etag);
  assert.not(equalBytes(utf8(await after.text()), utf8(await before.text())));
  assert.is((await world.request(path, { headers: { 'if-none-match': etag } })).status, 304);
});

test('others have their turn while many entries are read', async () => {
  const log = new Log(openMemoryStore());
  await addEntries(log, 600);
  let isReading = true;
  let turns = 0;
  const others = (async () => {
    for (; isReading; turns++) await nextTurn();
  })();
  const positions = Array.from({ length: 600 }, (_, index) => index);
  let read = 0;
  for await (const entry of log.readEntries(positions))
    if (equalBytes(entry, log.readEntry(read))) read++;
  isReading = false;
  await others;
  assert.is(read, 600);
  assert.ok(turns >= 9, `${turns} turns`);
});

test('a bundle is read once for all its entries, and again when it has grown', async () => {
  const store = openMemoryStore();
  const log = new Log(store);
  await addEntries(log, 300);
  const cache = new BundleCache(store);
  for (let index = 0; index < 300; index++)
    assert.ok(equalBytes(cache.entry(index), store.readBundle(index, index + 1).subarray(2)));
  assert.is(cache.loads, 2);
  await addEntries(log, 300, 'more');
  assert.ok(equalBytes(cache.entry(299), store.readBundle(299, 300).subarray(2)));
  assert.is(cache.loads, 2);
  for (const index of [511, 300, 512, 599, 0])
    assert.ok(equalBytes(cache.entry(index), store.readBundle(index, index + 1).subarray(2)));
  assert.is(cache.loads, 4);
  assert.throws(() => cache.entry(600), RangeError);
});

test('bundles that were not used for long make room for others', async () => {
  const store = openMemoryStore();
  const log = new Log(store);
  const entries = (first: number): Uint8Array[] =>
    Array.from({ length: 256 }, (_, i) => {
      const entry = new Uint8Array(65_000);
      new DataView(entry.buffer).setUint32(0, first + i);
      return entry;
    });
  for (const first of [0, 256, 512]) await log.addMany(entries(first));
  const cache = new BundleCache(store);
  for (const [index, loads] of [
    [0, 1],
    [256, 2],
    [1, 2],
    [512, 3],
    [2, 3],
    [257, 4],
  ] as const) {
    assert.is(new DataView(cache.entry(index).slice().buffer).getUint32(0), index);
    assert.is(cache.loads, loads, `${index}`);
  }
});

test.run();
