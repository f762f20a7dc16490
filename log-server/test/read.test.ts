// Reads over HTTP: the static resources of C2SP tlog-tiles, and proofs.

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
import { PackedBundles } from '@writ/log-server/http/packed-bundles';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { appWorld, bytesOf, logOf, problemCode } from './app-world.ts';
import { addEntries } from './world.ts';

const reads = suite('reads');
const IMMUTABLE = 'public, max-age=31536000, immutable';

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
  const plain = await request('/tile/entries/000', {
    headers: { 'accept-encoding': 'br, gzip;q=0' },
  });
  assert.is(plain.headers.get('content-encoding'), null);
  assert.is(plain.headers.get('vary'), 'accept-encoding');
  const packed = await request('/tile/entries/000', { headers: { 'accept-encoding': 'br, gzip' } });
  assert.is(packed.headers.get('content-encoding'), 'gzip');
  const body = await bytesOf(packed);
  assert.is(packed.headers.get('content-length'), String(body.length));
  assert.ok(equalBytes(gunzipSync(body), await bytesOf(plain)));
});

reads(
  'a full bundle is packed once, few are packed at a time, and the cache is bounded',
  async () => {
    const bundles = new PackedBundles(3000);
    let reads = 0;
    const random = (): Uint8Array => {
      reads++;
      return crypto.getRandomValues(new Uint8Array(1200)); // does not shrink
    };
    const [a, again, b, c] = await Promise.all(
      ['a', 'a', 'b', 'c'].map((path) => bundles.pack(path, true, random)),
    );
    assert.ok(a !== undefined && b !== undefined);
    assert.is(again, a, 'one compression answers all who ask meanwhile');
    assert.is(c, undefined, 'a third bundle is sent as it is');
    assert.is(await bundles.pack('a', true, random), a);
    assert.is(reads, 2);
    await bundles.pack('c', true, random);
    assert.is(await bundles.pack('a', true, random), a, 'the one used last stays');
    assert.is.not(await bundles.pack('b', true, random), b, 'the one used longest ago went');
    const partial = await bundles.pack('p', false, random);
    assert.is.not(await bundles.pack('p', false, random), partial);
  },
);

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
  for (const [index, size] of [
    [0, 1],
    [3, 17],
    [49, 50],
  ] as const) {
    const proof = await hashesOf(await request(`/proof/inclusion/${index}/${size}`));
    const leaf = leafHash(log.readEntry(index));
    const claim = {
      index: BigInt(index),
      size: BigInt(size),
      leafHash: leaf,
      root: log.rootAt(size),
    };
    assert.ok(checkInclusion({ ...claim, proof }));
  }
  for (const [oldSize, size] of [
    [0, 50],
    [1, 2],
    [31, 50],
    [50, 50],
  ] as const) {
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
  const find = (entry: string): Promise<Response> =>
    request(`/leaf/${formatHex(leafHash(utf8(entry)))}`);
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

reads.run();
