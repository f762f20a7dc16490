// The API over real sockets, in a folder as the command makes it: a node that polls, and a restart without the rows.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatHex, utf8 } from '@writ/core/bytes';
import { formatVkey } from '@writ/core/formats/key';
import { parsePolicy } from '@writ/core/formats/tlog-policy';
import type { Payload } from '@writ/core/statements/kinds';
import { parseAuthors } from '@writ/log-server/admission/authors';
import { BlobFiles, openBlobFiles } from '@writ/log-server/blobs/files';
import { openLevelRows } from '@writ/log-server/projections/level-rows';
import { type Service, startService } from '@writ/log-server/service';
import { openLevelStore } from '@writ/log-server/storage/level';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { COSE } from './app-world.ts';
import {
  inventoryOf,
  type NodeDouble,
  recordOf,
  runNode,
  type Send,
  transcriptOf,
} from './node-double.ts';
import {
  AUTHORS,
  changeTo,
  DRIVER,
  HOST,
  hostsOf,
  jsonOf,
  NODE,
  NODE_STREAM,
  PACKAGE,
  POLICY_A,
  specOf,
  VILLAGE,
} from './policy-world.ts';
import { signed } from './private-world.ts';
import { constitution, statementOf } from './village-statements.ts';
import { LOG_KEY, testEnv } from './world.ts';

const test = suite('a service with policies');

async function start(dir: string): Promise<Service> {
  const policyText = `log ${formatVkey(LOG_KEY)}\nquorum none\n`;
  const authors = parseAuthors(utf8(AUTHORS));
  return startService(testEnv(), {
    store: await openLevelStore(join(dir, 'store')),
    blobs: openBlobFiles(join(dir, 'blobs')),
    rows: await openLevelRows(join(dir, 'projections')),
    transcripts: new BlobFiles(join(dir, 'blobs', 'transcripts')),
    signers: [LOG_KEY],
    profile: 'statements',
    policy: parsePolicy(utf8(policyText)),
    policyText,
    quorumRule: 'require',
    ...{ checkpointIntervalMs: 20, refreshIntervalMs: 60_000, witnessTimeoutMs: 1000 },
    ...{ grease: false, host: '127.0.0.1', port: 0, softwareVersion: '0.0.0-test' },
    authors: () => authors,
  });
}

function sendAs(service: Service, who: string): Send {
  return (path, init = {}) => {
    const by = signed(who, init.method ?? 'GET', path);
    const headers = { ...Object.fromEntries(new Headers(init.headers)), ...by };
    return fetch(`${service.url}${path}`, { ...init, headers });
  };
}

async function add(service: Service, payload: Payload, who: string, stream: string): Promise<void> {
  const body = statementOf(stream, payload, who, service.log.streamHead(stream));
  const init = { method: 'POST', body: new Uint8Array(body), headers: COSE };
  assert.is((await fetch(`${service.url}/add`, init)).status, 200);
}

test('a node over a real connection makes a dry run, and a restart without the rows shows the same', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'writ-policies-'));
  let service = await start(dir);
  await add(
    service,
    { kind: 'village-create', name: 'North', constitution: constitution() },
    'ada',
    VILLAGE,
  );
  const blob = `/blobs/sha256/${formatHex(DRIVER)}`;
  const upload = { method: 'PUT', body: new Uint8Array(PACKAGE) };
  assert.is((await sendAs(service, 'pat')(blob, upload)).status, 200);
  await add(service, hostsOf(HOST), NODE, NODE_STREAM);
  const save = async (version: number, enabled: boolean): Promise<Record<string, unknown>> => {
    const path = version === 1 ? '/api/policies' : `/api/policies/${POLICY_A}`;
    const change = changeTo(POLICY_A, version, specOf({ enabled }));
    const body = statementOf(VILLAGE, change, 'ben', service.log.streamHead(VILLAGE));
    const init = {
      method: version === 1 ? 'POST' : 'PUT',
      body: new Uint8Array(body),
      headers: COSE,
    };
    return jsonOf(await fetch(`${service.url}${path}?village=north`, init), 201);
  };
  await save(1, false);
  const begin = (): NodeDouble =>
    runNode(sendAs(service, NODE), async (request) => {
      if (request.kind === 'inventory') return inventoryOf(['desk', 'door'], Date.now());
      const transcript = transcriptOf(request, specOf());
      await add(service, recordOf(transcript), NODE, NODE_STREAM);
      return transcript;
    });
  const node = begin();
  const ben = sendAs(service, 'ben');
  const dry = await jsonOf(
    await ben(`/api/policies/${POLICY_A}/dry-run?village=north`, { method: 'POST' }),
  );
  assert.is.not(dry['record'], null);
  await node.stop();
  assert.equal(node.puts, [200]);
  assert.is((await save(2, true))['status'], 'enabled');
  const read = async (): Promise<string> => {
    const paths = [`policies/${POLICY_A}`, 'policies', 'hosts', `policies/${POLICY_A}/versions/1`];
    const transcript = `transcripts/${dry['transcript_id']}`;
    const answers = await Promise.all(
      [...paths, transcript].map((path) => fetch(`${service.url}/api/${path}?village=north`)),
    );
    assert.ok(answers.every(({ status }) => status === 200));
    return JSON.stringify(await Promise.all(answers.map((answer) => answer.text())));
  };
  const before = await read();
  await service.close();
  rmSync(join(dir, 'projections'), { recursive: true });
  service = await start(dir);
  assert.is(await read(), before);
  const again = begin();
  const inventory = await jsonOf(
    await sendAs(service, 'ben')(`/api/hosts/${HOST}/inventory?village=north&refresh=true`),
  );
  await again.stop();
  assert.is(inventory['stale'], false);
  await service.close();
  rmSync(dir, { recursive: true });
});

test('a service that stops lets go of a node that polls', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'writ-policies-'));
  const service = await start(dir);
  await add(
    service,
    { kind: 'village-create', name: 'North', constitution: constitution() },
    'ada',
    VILLAGE,
  );
  await add(service, hostsOf(HOST), NODE, NODE_STREAM);
  const poll = sendAs(service, NODE)(`/api/nodes/north/${NODE}/requests?wait=25`);
  await new Promise((resolve) => setTimeout(resolve, 200));
  const started = performance.now();
  await service.close();
  assert.is((await poll).status, 204);
  assert.ok(performance.now() - started < 4000);
  rmSync(dir, { recursive: true });
});

test.run();
