// Reads over HTTP: the static resources of C2SP tlog-tiles, proofs, history, health, errors.

import { gunzipSync } from 'node:zlib';
import { equalBytes, formatHex, parseBase64, utf8 } from '@writ/core/bytes';
import { bug } from '@writ/core/errors';
import { decodeBundle } from '@writ/core/formats/entry-bundle';
import { formatTilePath } from '@writ/core/formats/tile-path';
import { parseTlogProof } from '@writ/core/formats/tlog-proof';
import { checkConsistency } from '@writ/core/merkle/consistency';
import { leafHash } from '@writ/core/merkle/hash';
import { checkInclusion } from '@writ/core/merkle/inclusion';
import { tileNodeSource, tilesOfTree } from '@writ/core/merkle/tile';
import { treeRoot } from '@writ/core/merkle/tree';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type AppWorld, appWorld, problemCode } from './app-world.ts';
import { addEntries } from './world.ts';

const reads = suite('reads');
const IMMUTABLE = 'public, max-age=31536000, immutable';

/** A log of `published` published and a few more durable entries. */
async function logOf(published: number, more = 0): Promise<AppWorld> {
  const world = appWorld('raw');
  if (published > 0) await addEntries(world.log, published);
  await world.publisher.publishNow('start');
  if (more > 0) await addEntries(world.log, more);
  return world;
}

async function bytesOf(response: Response): Promise<Uint8Array> {
  return new Uint8Array(await response.arrayBuffer());
}

reads('every tile and bundle of the published tree is served and gives its root', async () => {
  const size = 600;
  const { request, log } = await logOf(size, 5);
  const tiles = new Map<string, Uint8Array>();
  for (const tile of tilesOfTree(BigInt(size))) {
    const response = await request(`/${formatTilePath(tile)}`);
    assert.is(response.status, 200);
    assert.is(response.headers.get('content-type'), 'application/octet-stream');
    assert.is(response.headers.get('cache-control'), IMMUTABLE);
    assert.is(response.headers.get('access-control-allow-origin'), '*');
    tiles.set(formatTilePath(tile), await bytesOf(response));
    if (tile.level !== 0) continue;
    const bundle = await request(`/${formatTilePath({ ...tile, level: 'entries' })}`);
    for (const [i, entry] of decodeBundle(await bytesOf(bundle), tile.width).entries())
      assert.equal(entry, utf8(`entry ${Number(tile.index) * 256 + i}`));
  }
  const source = tileNodeSource(
    BigInt(size),
    (tile) => tiles.get(formatTilePath(tile)) ?? bug('a tile was not listed'),
  );
  assert.ok(equalBytes(treeRoot(BigInt(size), source), log.rootAt(size)));
});

reads('partial widths up to the published size are served, beyond it nothing is', async () => {
  const { request } = await logOf(300, 20);
  for (const [path, status] of [
    ['/tile/0/001.p/44', 200],
    ['/tile/0/001.p/1', 200],
    ['/tile/0/001.p/45', 404],
    ['/tile/0/001', 404],
    ['/tile/0/000', 200],
    ['/tile/0/000.p/255', 200],
    ['/tile/1/000.p/1', 200],
    ['/tile/1/000.p/2', 404],
    ['/tile/63/000.p/1', 404],
    ['/tile/entries/001.p/44', 200],
    ['/tile/entries/001.p/45', 404],
    ['/tile/0/x009/x007/x199/x254/x740/992', 404],
  ] as const) {
    assert.is((await request(path)).status, status, path);
  }
  const partial = await bytesOf(await request('/tile/0/000.p/7'));
  const full = await bytesOf(await request('/tile/0/000'));
  assert.ok(equalBytes(partial, full.subarray(0, 7 * 32)));
});

reads('bundles are compressed for those who ask', async () => {
  const { request } = await logOf(256);
  const plain = await request('/tile/entries/000', { headers: { 'accept-encoding': 'br, gzip;q=0' } });
  assert.is(plain.headers.get('content-encoding'), null);
  assert.is(plain.headers.get('vary'), 'accept-encoding');
  const packed = await request('/tile/entries/000', { headers: { 'accept-encoding': 'br, gzip' } });
  assert.is(packed.headers.get('content-encoding'), 'gzip');
  const body = await bytesOf(packed);
  assert.is(packed.headers.get('content-length'), String(body.length));
  assert.ok(equalBytes(gunzipSync(body), await bytesOf(plain)));
});

reads('the checkpoint has an ETag and is not sent twice', async () => {
  const { request, publisher, log } = await logOf(3);
  const response = await request('/checkpoint');
  assert.is(response.headers.get('content-type'), 'text/plain; charset=utf-8');
  assert.is(response.headers.get('cache-control'), 'no-cache');
  assert.ok(equalBytes(await bytesOf(response), publisher.published?.note ?? new Uint8Array(0)));
  const etag = response.headers.get('etag') ?? '';
  for (const tag of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
    const again = await request('/checkpoint', { headers: { 'if-none-match': tag } });
    assert.is(again.status, 304);
    assert.is(await again.text(), '');
  }
  await addEntries(log, 1);
  await publisher.publishNow();
  assert.is((await request('/checkpoint', { headers: { 'if-none-match': etag } })).status, 200);
});

reads('HEAD answers as GET does, without the body', async () => {
  const { request } = await logOf(300);
  for (const path of ['/checkpoint', '/tile/0/000', '/tile/entries/000', '/entries/0', '/livez']) {
    const head = await request(path, { method: 'HEAD' });
    const get = await request(path);
    assert.is(head.status, 200);
    assert.is(await head.text(), '');
    assert.is(head.headers.get('content-length'), String((await bytesOf(get)).length), path);
    assert.is(head.headers.get('content-type'), get.headers.get('content-type'));
  }
});

reads('an entry comes as its bytes, with a proof file that leads to the checkpoint', async () => {
  const { request, log } = await logOf(20, 2);
  const entry = await bytesOf(await request('/entries/7'));
  assert.equal(entry, utf8('entry 7'));
  const proof = parseTlogProof(await bytesOf(await request('/entries/7/proof')));
  const claim = { index: 7n, size: 20n, leafHash: leafHash(entry), root: log.rootAt(20) };
  assert.ok(checkInclusion({ ...claim, proof: proof.hashes }));
  assert.is(await problemCode(await request('/entries/20')), 'not-published');
  assert.is(await problemCode(await request('/entries/21/proof')), 'not-published');
  assert.is(await problemCode(await request('/entries/22')), 'entry-absent');
});

async function hashesOf(response: Response): Promise<Uint8Array[]> {
  const { hashes }: { hashes: string[] } = JSON.parse(await response.text());
  return hashes.map((text) => parseBase64(text) ?? bug('not base64'));
}

reads('proofs between published sizes hold', async () => {
  const { request, log } = await logOf(50, 1);
  for (const [index, size] of [[0, 1], [3, 17], [49, 50]] as const) {
    const proof = await hashesOf(await request(`/proof/inclusion/${index}/${size}`));
    const leaf = leafHash(log.readEntry(index));
    const claim = { index: BigInt(index), size: BigInt(size), leafHash: leaf, root: log.rootAt(size) };
    assert.ok(checkInclusion({ ...claim, proof }));
  }
  for (const [oldSize, size] of [[0, 50], [1, 2], [31, 50], [50, 50]] as const) {
    const proof = await hashesOf(await request(`/proof/consistency/${oldSize}/${size}`));
    const sizes = { oldSize: BigInt(oldSize), size: BigInt(size) };
    const roots = { oldRoot: log.rootAt(oldSize), root: log.rootAt(size) };
    assert.ok(checkConsistency({ ...sizes, ...roots, proof }));
  }
  assert.is(await problemCode(await request('/proof/inclusion/5/5')), 'request-invalid');
  assert.is(await problemCode(await request('/proof/consistency/6/5')), 'request-invalid');
  assert.is(await problemCode(await request('/proof/consistency/1/51')), 'not-published');
  assert.is(await problemCode(await request('/proof/inclusion/1/51')), 'not-published');
});

reads('an entry is found by its leaf hash', async () => {
  const { request } = await logOf(5, 1);
  const find = (entry: string): Promise<Response> => request(`/leaf/${formatHex(leafHash(utf8(entry)))}`);
  assert.equal(await (await find('entry 4')).json(), { index: 4, published: true });
  assert.equal(await (await find('entry 5')).json(), { index: 5, published: false });
  assert.is(await problemCode(await find('entry 6')), 'entry-absent');
});

reads('before the first checkpoint nothing is shown', async () => {
  const { request, log } = appWorld('raw');
  await addEntries(log, 3);
  assert.is(await problemCode(await request('/checkpoint')), 'not-published');
  assert.is((await request('/tile/0/000.p/3')).status, 404);
  assert.is((await request('/entries/0')).status, 404);
  assert.is((await request('/readyz')).status, 503);
  assert.is((await request('/livez')).status, 200);
});

// ---- malformed paths

const PATHS: readonly string[] = [
  '/tile/0/0',
  '/tile/0/00',
  '/tile/0/0000',
  '/tile/00/000',
  '/tile/64/000',
  '/tile/-1/000',
  '/tile/0/x000/000',
  '/tile/0/000.p/0',
  '/tile/0/000.p/256',
  '/tile/0/000.p/01',
  '/tile/0/000.p/',
  '/tile/0/000/',
  '/tile/entries/0',
  '/tile/ENTRIES/000',
  '/tile/0/000.P/1',
  '/tile/0/٠٠٠',
  '/tile/0/%30%30%30',
  '/tile/0/000%00',
  '/tile/0/000%2ep/1',
  '/tile/..%2fcheckpoint',
  '/tile//0/000',
  '//tile/0/000',
  '/tile/0/x00a/000',
  '/tile/0/1e1',
  '/checkpoint/',
  '/checkpoint%00',
  '/Checkpoint',
  '/entries/',
  '/entries/00',
  '/entries/-1',
  '/entries/1.0',
  '/entries/0x1',
  '/entries/१',
  '/entries/9007199254740993',
  '/entries/99999999999999999999999',
  '/entries/0/proofs',
  '/proof/inclusion/0',
  '/proof/inclusion/a/1',
  '/proof/consistency/1/',
  '/leaf/00',
  `/leaf/${'A'.repeat(64)}`,
  `/leaf/${'g'.repeat(64)}`,
  '/streams/head',
  '/streams/no-such-family/x/head',
  '/streams/village/a/b/c/head',
  '/checkpoints/01',
  '/checkpoints/x',
  '/checkpoints/999',
  '/.env',
  '/constructor',
  '/__proto__',
];

for (const path of PATHS) {
  reads(`the path ${path} is refused as a problem`, async () => {
    const { request } = await logOf(10);
    const response = await request(`http://log.example${path}`);
    assert.ok(response.status === 400 || response.status === 404, String(response.status));
    assert.is.not(await problemCode(response), 'no problem');
  });
}

reads('a method that a resource does not take is told what it takes', async () => {
  const { request } = await logOf(1);
  for (const [method, path, allow] of [
    ['POST', '/checkpoint', 'GET, HEAD'],
    ['GET', '/add', 'POST'],
    ['DELETE', '/tile/0/000.p/1', 'GET, HEAD'],
    ['PUT', '/entries/0', 'GET, HEAD'],
    ['OPTIONS', '/streams/audit/one/head', 'GET, HEAD'],
  ] as const) {
    const response = await request(path, { method });
    assert.is(response.status, 405, path);
    assert.is(response.headers.get('allow'), allow);
    assert.is(await problemCode(response), 'method-not-allowed');
  }
});

reads('a request id is echoed when it is harmless and made when it is not', async () => {
  const { request } = await logOf(1);
  const echo = async (id: string): Promise<string> =>
    (await request('/livez', { headers: { 'x-request-id': id } })).headers.get('x-request-id') ?? '';
  assert.is(await echo('abc-1.2_3'), 'abc-1.2_3');
  for (const id of ['', 'a b', 'a\tb', '<script>', 'x'.repeat(65), 'ä'])
    assert.match(await echo(id), /^[0-9a-f]{16}$/);
  const response = await request('/nothing', { headers: { 'x-request-id': 'me' } });
  const problem: Record<string, unknown> = JSON.parse(await response.text());
  assert.is(problem['instance'], 'me');
});

reads('a fault of ours is a bare 500 that the log knows more about', async () => {
  const { request, publisher, env } = await logOf(1);
  Object.defineProperty(publisher, 'published', {
    get: () => {
      throw new Error('secret detail');
    },
  });
  const response = await request('/checkpoint');
  assert.is(response.status, 500);
  const body = await response.text();
  assert.not.match(body, /secret|\.ts|\.js|at /);
  assert.match(body, /urn:writ:error:internal/);
  assert.equal(env.said, ['a request failed']);
});

// ---- history

async function history(world: AppWorld, query: string): Promise<{ numbers: number[]; next: number | null }> {
  const response = await world.request(`/checkpoints?${query}`);
  assert.is(response.status, 200, query);
  const page: { checkpoints: { number: number }[]; next: number | null } = JSON.parse(
    await response.text(),
  );
  const link = response.headers.get('link');
  assert.is(link === null, page.next === null);
  if (link !== null) assert.match(link, new RegExp(`^</checkpoints\\?.*from=${page.next}.*>; rel="next"$`));
  return { numbers: page.checkpoints.map(({ number }) => number), next: page.next };
}

async function withHistory(rows: number): Promise<AppWorld> {
  const world = appWorld('raw');
  for (let i = 0; i < rows; i++) {
    await addEntries(world.log, 1);
    await world.publisher.publishNow();
  }
  return world;
}

reads('pages of the history follow each other without gap, also while it grows', async () => {
  const world = await withHistory(7);
  assert.equal(await history(world, 'limit=3'), { numbers: [0, 1, 2], next: 3 });
  await addEntries(world.log, 1);
  await world.publisher.publishNow();
  assert.equal(await history(world, 'limit=3&from=3'), { numbers: [3, 4, 5], next: 6 });
  assert.equal(await history(world, 'limit=3&from=6'), { numbers: [6, 7], next: null });
  assert.equal(await history(world, 'limit=2&order=desc'), { numbers: [7, 6], next: 5 });
  assert.equal(await history(world, 'limit=9&order=desc&from=1'), { numbers: [1, 0], next: null });
  assert.equal(await history(world, 'from=99'), { numbers: [], next: null });
});

reads('the history is filtered by size, time and key', async () => {
  const world = await withHistory(6);
  assert.equal((await history(world, 'minSize=3&maxSize=4')).numbers, [2, 3]);
  assert.equal((await history(world, 'minSize=100')).numbers, []);
  assert.equal((await history(world, 'before=1')).numbers, []);
  assert.equal((await history(world, `after=${Date.now() + 9999}`)).numbers, []);
  const [row] = await world.log.store.readCheckpoints({ from: 0, to: 1, limit: 1 });
  assert.is((await history(world, `key=${row?.logKeyIds[0]}`)).numbers.length, 6);
  assert.equal((await history(world, 'key=00000000')).numbers, []);
  const note = await world.request('/checkpoints/0');
  assert.ok(equalBytes(await bytesOf(note), row?.note ?? new Uint8Array(0)));
  assert.is(note.headers.get('cache-control'), IMMUTABLE);
});

for (const query of ['limit=0', 'limit=501', 'limit=a', 'order=up', 'from=-1', 'from=1&from=2', 'page=2', 'minSize=1.5', 'after=now']) {
  reads(`the history refuses ${query}`, async () => {
    const world = await withHistory(1);
    assert.is(await problemCode(await world.request(`/checkpoints?${query}`)), 'request-invalid');
  });
}

// ---- service

reads('readiness names what is wrong, and turns red first on shutdown', async () => {
  const { request, deps, env } = await logOf(1);
  const ready = await request('/readyz?verbose');
  assert.is(ready.status, 200);
  assert.match(await ready.text(), /\[\+\] quorum: ok\n/);
  env.shiftMs = 3_600_000;
  assert.match(await (await request('/readyz')).text(), /^\[-\] fresh: /);
  env.shiftMs = 0;
  deps.lifecycle.isStopping = true;
  const stopping = await request('/readyz');
  assert.is(stopping.status, 503);
  assert.match(await stopping.text(), /^\[-\] running: the server is shutting down\nnot ready\n$/);
});

reads('metrics count requests by route template, never by path', async () => {
  const { request } = await logOf(3);
  await request('/entries/1');
  await request('/entries/2');
  await request('/no/such/path');
  const response = await request('/metrics');
  assert.match(response.headers.get('content-type') ?? '', /^text\/plain/);
  const text = await response.text();
  assert.match(text, 'writ_http_requests_total{route="/entries/{index}",method="GET",status="200"} 2');
  assert.match(text, 'writ_http_requests_total{route="unknown",method="GET",status="404"} 1');
  assert.match(text, 'writ_log_size 3');
  assert.match(text, 'writ_quorum_met 1');
  assert.not.match(text, '/no/such/path');
});

reads('the trust policy and the page for people are served', async () => {
  const { request, policyText } = await logOf(1);
  assert.is(await (await request('/policy')).text(), policyText);
  assert.match(await (await request('/')).text(), /transparency log log\.example\/test/);
});

reads.run();
