// Shared blobs over HTTP: who may put them, who may read them.

import { formatHex, utf8 } from '@writ/core/bytes';
import { sha256 } from '@writ/core/sha256';
import { MAX_BLOB_BYTES } from '@writ/log-server/blobs/store';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bytesOf, problemCode } from './app-world.ts';
import { makePrivateVillage, signed } from './private-world.ts';

const test = suite('shared blobs');
const pathOf = (blob: Uint8Array): string => `/blobs/sha256/${formatHex(sha256(blob))}`;
const put = (body: Uint8Array, headers: Record<string, string>): RequestInit => {
  return { method: 'PUT', body: new Uint8Array(body), headers };
};

test('an author of packages puts a blob, everybody reads it, and caches keep it for good', async () => {
  const { request } = await makePrivateVillage();
  const blob = crypto.getRandomValues(new Uint8Array(60_000));
  const path = pathOf(blob);
  assert.is((await request(path)).status, 404);
  for (let i = 0; i < 2; i++)
    assert.is((await request(path, put(blob, signed('pat', 'PUT', path)))).status, 200);
  const response = await request(path);
  assert.is(response.headers.get('cache-control'), 'public, max-age=31536000, immutable');
  const etag = response.headers.get('etag') ?? '';
  assert.equal(await bytesOf(response), blob);
  assert.is((await request(path, { headers: { 'if-none-match': etag } })).status, 304);
});

test('nobody else puts one, and nothing else under its digest', async () => {
  const { request } = await makePrivateVillage();
  const blob = utf8('a blob');
  const path = pathOf(blob);
  const send = async (headers: Record<string, string>, body = blob): Promise<string> =>
    problemCode(await request(path, put(body, headers)));
  assert.is(await send({}), 'author-unknown');
  assert.is(await send(signed('mallory', 'PUT', path)), 'author-unknown');
  assert.is(await send(signed('eve', 'PUT', path)), 'author-not-permitted');
  assert.is(await send(signed('pat', 'GET', path)), 'author-unknown');
  assert.is(await send(signed('pat', 'PUT', pathOf(utf8('other')))), 'author-unknown');
  assert.is(await send(signed('pat', 'PUT', path), utf8('other')), 'request-invalid');
  const large = new Uint8Array(MAX_BLOB_BYTES + 1);
  assert.is(await send(signed('pat', 'PUT', path), large), 'body-too-large');
  const said = { 'content-length': String(MAX_BLOB_BYTES + 1) };
  assert.is(await send({ ...signed('pat', 'PUT', path), ...said }), 'body-too-large');
  assert.is((await request(path)).status, 404);
});

test('no path but that of a digest names a blob', async () => {
  const { request } = await makePrivateVillage();
  const hex = formatHex(sha256(utf8('')));
  for (const name of ['x', hex.slice(1), `${hex}0`, hex.toUpperCase().replace(/[0-9]/g, 'A')])
    assert.is((await request(`/blobs/sha256/${name}`)).status, 400, name);
  for (const name of ['..', '%2e%2e', '../../ed25519.key'])
    assert.is((await request(`/blobs/sha256/${name}`)).status, 404, name);
});

test.run();
