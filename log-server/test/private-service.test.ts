// A private village and shared blobs over a real socket, in a folder as the command makes it.

import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatBase64, formatHex, utf8 } from '@writ/core/bytes';
import { formatVkey } from '@writ/core/formats/key';
import { parsePolicy } from '@writ/core/formats/tlog-policy';
import { sha256 } from '@writ/core/sha256';
import { decodeStatement } from '@writ/core/statements/statement';
import { parseAuthors } from '@writ/log-server/admission/authors';
import { openBlobFiles } from '@writ/log-server/blobs/files';
import { MAX_BLOB_BYTES } from '@writ/log-server/blobs/store';
import { type Service, startService } from '@writ/log-server/service';
import { openLevelStore } from '@writ/log-server/storage/level';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bytesOf, SEQUENCE } from './app-world.ts';
import { bodyOf, sealedOf, signed } from './private-world.ts';
import { change, constitution, keyOf } from './village-statements.ts';
import { LOG_KEY, testEnv } from './world.ts';

const test = suite('a service with private villages');

async function start(dir: string): Promise<Service> {
  const policyText = `log ${formatVkey(LOG_KEY)}\nquorum none\n`;
  const line = (who: string, stream: string): string =>
    `author ${who} ed25519 ${formatBase64(keyOf(who).publicKey)} ${stream}\n`;
  const authors = parseAuthors(utf8(line('ada', 'village/*') + line('pat', 'package/*')));
  return startService(testEnv(), {
    store: await openLevelStore(join(dir, 'store')),
    blobs: openBlobFiles(join(dir, 'blobs')),
    signers: [LOG_KEY],
    profile: 'statements',
    policy: parsePolicy(utf8(policyText)),
    policyText,
    quorumRule: 'require',
    checkpointIntervalMs: 20,
    refreshIntervalMs: 60_000,
    witnessTimeoutMs: 1000,
    grease: false,
    host: '127.0.0.1',
    port: 0,
    softwareVersion: '0.0.0-test',
    authors: () => authors,
  });
}

test('answers ids outside of their grammar with 400, however they are spelled', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'writ-service-'));
  const service = await start(dir);
  const { hostname: host, port } = new URL(service.url);
  // As it stands: fetch would resolve dots and escape what is not ASCII.
  const statusOf = (path: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const sent = request({ host, port, path, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      sent.on('error', reject).end();
    });
  const ids = [
    ...['a.b', 'x'.repeat(65), 'north~', '.', '..', '../..', 'a/../north', './north', 'north/.'],
    ...['%2e%2e', '%2e%2e%2fnorth', '..%2fnorth', 'n%6Frth', 'north%00', '%c0%ae%c0%ae', '%uff0e'],
    ...['', '/north', 'north/', 'north;x', 'north\\..', '..\\north', 'n\u00f6rth', '\u00adnorth'],
    ...['%ef%bd%8eorth', '%e2%80%8bnorth', 'north%0d%0a', "north'--", '*', '$ne', '{north}'],
  ];
  for (const id of ids) {
    assert.is(await statusOf(`/villages/${id}/policy/latest`), 400, `village ${id}`);
    assert.is(await statusOf(`/streams/village/${id}/follow`), 400, `stream ${id}`);
    assert.is(await statusOf(`/streams/${id}/head`), 400, `stream ${id}`);
  }
  await service.close();
  rmSync(dir, { recursive: true });
});

test('keeps openings and blobs over a restart, and answers members who sign', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'writ-service-'));
  let service = await start(dir);
  const found = {
    kind: 'village-create',
    name: 'North',
    constitution: { ...constitution(), visibility: 'private' },
  } as const;
  const founding = sealedOf('village/north', found, 'ada', undefined);
  const add = (body: Uint8Array, query = ''): Promise<Response> =>
    fetch(`${service.url}/add${query}`, {
      method: 'POST',
      body: new Uint8Array(body),
      headers: SEQUENCE,
    });
  assert.is((await add(bodyOf(founding))).status, 200);
  const head = { seq: 0, statementId: decodeStatement(founding.bytes).id };
  const policy = sealedOf('village/north', change(1), 'ben', head);
  assert.match(await (await add(bodyOf(policy), '?wait=5')).text(), 'c2sp.org/tlog-proof');
  const blob = new Uint8Array(300_000).fill(7);
  const blobPath = `/blobs/sha256/${formatHex(sha256(blob))}`;
  const put = (body: Uint8Array): Promise<Response> =>
    fetch(`${service.url}${blobPath}`, {
      method: 'PUT',
      body: new Uint8Array(body),
      headers: signed('pat', 'PUT', blobPath),
    });
  assert.is((await put(blob)).status, 200);
  // Refused before it is read: the answer comes, or the connection ends first.
  const large = await put(new Uint8Array(MAX_BLOB_BYTES + 1)).catch(() => undefined);
  assert.ok(large === undefined || large.status === 413);
  await service.close();
  service = await start(dir);
  const path = '/villages/north/policy/updates?limit=10';
  const read = (who?: string): Promise<Response> =>
    fetch(`${service.url}${path}`, who === undefined ? {} : { headers: signed(who, 'GET', path) });
  assert.is((await read()).status, 404);
  assert.is((await read('eve')).status, 404);
  const answer = await read('cid');
  assert.is(answer.status, 200);
  assert.match(await answer.text(), 'policy-change');
  const blobs = await Promise.all(
    Array.from({ length: 8 }, async () => bytesOf(await fetch(`${service.url}${blobPath}`))),
  );
  for (const got of blobs) assert.equal(got, blob);
  const bare = await fetch(`${service.url}${blobPath}`, { method: 'HEAD' });
  assert.is(bare.headers.get('content-length'), String(blob.length));
  assert.is(await bare.text(), '');
  await service.close();
  rmSync(dir, { recursive: true });
});

test.run();
