// Logs on web servers, good and bad ones: a server on loopback that can be told to lie.

import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { report } from './command.ts';
import { logSigner, policyText, SmallLog, scratchFolder, someEntries } from './world.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => boolean;

const test = suite('writ-verify --online');
const folder = scratchFolder();
const log = new SmallLog(someEntries(700));
const files = log.files();
const policy = join(folder, 'policy');
writeFileSync(policy, policyText);

/** Serves the log; `special` may answer first. */
async function withServer(special: Answer, act: (url: string) => Promise<void>): Promise<void> {
  const server: Server = createServer((request, response) => {
    if (special(request, response)) return;
    const bytes = files.get((request.url ?? '').slice(1));
    response.statusCode = bytes === undefined ? 404 : 200;
    response.end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    await act(`http://127.0.0.1:${port}`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const honest: Answer = () => false;
const audit = (url: string): string[] => ['log', url, '-p', policy, '--online'];

test('audits a log at a URL, with or without a final slash', async () => {
  await withServer(honest, async (url) => {
    assert.is((await report(audit(url))).exit, 0);
    assert.is((await report(audit(`${url}/`))).exit, 0);
    assert.is((await report(['checkpoint', url, '-p', policy, '--online'])).exit, 0);
    assert.is((await report(['entry', '699', '--log', url, '-p', policy, '--online'])).exit, 0);
  });
});

test('does not touch the network unless it is told to', async () => {
  let asked = 0;
  const count: Answer = () => ++asked < 0;
  await withServer(count, async (url) => {
    const { exit, error } = await report(['log', url, '-p', policy]);
    assert.is(exit, 2);
    assert.match(error?.message ?? '', '--online');
    assert.is(asked, 0);
  });
});

test('reads every page of the history', async () => {
  const sizes = Array.from({ length: 120 }, (_, i) => BigInt(i * 5));
  const rows = sizes.map((size, number) => ({
    number,
    note: new TextDecoder().decode(log.note(size, { signers: [logSigner] })),
  }));
  const asked: string[] = [];
  const paged: Answer = (request, response) => {
    const url = new URL(request.url ?? '', 'http://x');
    if (url.pathname !== '/checkpoints') return false;
    asked.push(url.search);
    const from = Number(url.searchParams.get('from'));
    const checkpoints = rows.slice(from, from + 50);
    const next = from + 50 < rows.length ? from + 50 : null;
    response.end(JSON.stringify({ checkpoints, next }));
    return true;
  };
  await withServer(paged, async (url) => {
    const got = await report(audit(url));
    assert.is(got.exit, 0);
    assert.is(got.claim?.facts['historyChecked'], '120');
    assert.is(asked.length, 3);
  });
});

test('refuses a history that is not one', async () => {
  const note = new TextDecoder().decode(log.note(5n));
  const bodies: [string, number][] = [
    ['not json', 8],
    ['[]', 8],
    ['{"checkpoints":[{}],"next":null}', 8],
    ['{"checkpoints":[],"next":0}', 8],
    [JSON.stringify({ checkpoints: [{ note: note.slice(0, -9) }], next: null }), 8],
    [JSON.stringify({ checkpoints: [{ note: note.replace('\n5\n', '\n6\n') }], next: null }), 1],
  ];
  for (const [body, exit] of bodies) {
    const lie: Answer = (request, response) => {
      if (!request.url?.startsWith('/checkpoints')) return false;
      response.end(body);
      return true;
    };
    await withServer(lie, async (url) => {
      assert.is((await report(audit(url))).exit, exit, body);
    });
  }
});

test('asks a second time for what does not verify, past the caches', async () => {
  const path = '/tile/entries/001';
  const poisoned: Answer = (request, response) => {
    if (request.url !== path || request.headers['cache-control'] === 'no-cache') return false;
    response.end(files.get('tile/entries/000'));
    return true;
  };
  await withServer(poisoned, async (url) => assert.is((await report(audit(url))).exit, 0));
});

test('never verifies what a poisoned server answers', async () => {
  const tile = files.get('tile/0/000') ?? new Uint8Array(0);
  const lies: [string, Answer, number][] = [
    ['another tile', swap('/tile/0/000', files.get('tile/0/001')), 1],
    ['a cut tile', swap('/tile/0/000', tile.subarray(0, -32)), 1],
    ['an empty tile', swap('/tile/0/000', new Uint8Array(0)), 1],
    ['another bundle', swap('/tile/entries/000', files.get('tile/entries/001')), 1],
    ['an error page', swap('/tile/entries/000', new TextEncoder().encode('<html>')), 8],
    ['no tile', gone('/tile/1/000.p/2'), 9],
    ['no bundle', gone('/tile/entries/001'), 4],
    ['a redirect', redirect('/tile/0/000', '/tile/0/000.p/9'), 10],
    ['an older checkpoint', swap('/checkpoint', log.note(300n)), 9],
  ];
  for (const [what, lie, exit] of lies) {
    await withServer(lie, async (url) => {
      const got = await report(audit(url));
      assert.is(got.exit, exit, `${what}: ${JSON.stringify(got.error)}`);
    });
  }
});

function swap(path: string, bytes: Uint8Array | undefined): Answer {
  return (request, response) => {
    if (request.url !== path) return false;
    response.end(bytes);
    return true;
  };
}

function gone(path: string): Answer {
  return (request, response) => {
    if (request.url !== path) return false;
    response.statusCode = 404;
    response.end();
    return true;
  };
}

function redirect(path: string, to: string): Answer {
  return (request, response) => {
    if (request.url !== path) return false;
    response.writeHead(302, { location: to }).end();
    return true;
  };
}

test('takes bundles that come compressed without having been asked for', async () => {
  const zipped: Answer = (request, response) => {
    const bytes = files.get((request.url ?? '').slice(1));
    if (bytes === undefined || !request.url?.includes('entries')) return false;
    response.setHeader('content-encoding', 'gzip');
    response.end(gzipSync(bytes));
    return true;
  };
  await withServer(zipped, async (url) => assert.is((await report(audit(url))).exit, 0));
});

test('tries again after a server error, and reports one that stays', async () => {
  let left = 2;
  const shaky: Answer = (request, response) => {
    if (request.url !== '/checkpoint' || left-- <= 0) return false;
    response.statusCode = 503;
    response.end();
    return true;
  };
  await withServer(shaky, async (url) => {
    assert.is((await report(['checkpoint', url, '-p', policy, '--online'])).exit, 0);
  });
  const down = await report(['checkpoint', 'http://127.0.0.1:9/', '-p', policy, '--online']);
  assert.is(down.exit, 10);
  assert.is(down.error?.code, 'network-failed');
});

test.run();
