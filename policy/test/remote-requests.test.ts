// A node that asks a log for requests, and a log that answers with anything: over real HTTP.

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { concatBytes, formatHex } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { createSigner } from '@writ/core/formats/key';
import { sha256 } from '@writ/core/sha256';
import { Inventories } from '@writ/policy/agent/inventory';
import type { NodeEnv, NodeSettings } from '@writ/policy/agent/node';
import { readNodeConfig } from '@writ/policy/agent/node-config';
import { NodeLog } from '@writ/policy/agent/node-log';
import { tryingPort } from '@writ/policy/agent/remote-dry-run';
import { RemoteRequests } from '@writ/policy/agent/remote-requests';
import type { NodeAnswer } from '@writ/policy/engine/transcript';
import { readNodeAnswer } from '@writ/policy/engine/transcript-schema';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ENGINE_MANIFESTS, makeVillage, snapshotOf, TRUST, verify } from './engine-village.ts';
import { RecordingDrivers } from './engine-world.ts';
import { HOST_ID } from './sample-policies.ts';
import { VILLAGE } from './villages.ts';

const KEY = createSigner('ups-17', 0x01, new Uint8Array(32).fill(7));
const ID = 'ab'.repeat(16);

interface Log {
  readonly server: Server;
  readonly url: string;
  /** What the next polls get: a body, or a status. */
  readonly queue: (string | number)[];
  readonly polls: string[];
  readonly answers: { readonly path: string; readonly body: Uint8Array }[];
}

async function startLog(): Promise<Log> {
  const queue: (string | number)[] = [];
  const polls: string[] = [];
  const answers: Log['answers'] = [];
  const server = createServer(async (request, response) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk);
    if (request.method === 'PUT') {
      answers.push({ path: request.url ?? '', body: concatBytes(...chunks) });
      response.end('{}');
      return;
    }
    polls.push(
      `${request.url} ${request.headers['signature'] === undefined ? 'unsigned' : 'signed'}`,
    );
    const next = queue.shift() ?? 204;
    if (typeof next === 'number') response.writeHead(next).end();
    else response.end(next);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { server, url: `http://127.0.0.1:${port}`, queue, polls, answers };
}

interface World {
  log: Log;
  said: string[];
  drivers: RecordingDrivers;
  remote: RemoteRequests;
}

const test = suite<World>('requests of a log');

test.before.each(async (world) => {
  const log = await startLog();
  const said: string[] = [];
  const env = envOf(said);
  const host = { id: HOST_ID, name: 'h', driver: 'example.hypervisor', connection: {} };
  const config = readNodeConfig(
    new TextEncoder().encode(
      JSON.stringify({
        ...{
          village: VILLAGE,
          node: 'ups-17',
          log: log.url,
          trust_policy: 'p',
          key: 'k',
          data: 'd',
        },
        hosts: [host],
      }),
    ),
  );
  const settings: NodeSettings = {
    ...{ config, policy: TRUST, key: KEY, hosts: [host], data: '', version: '0.0.0' },
  };
  const stream = `node/${VILLAGE}/ups-17`;
  const made = makeVillage(new Map(), { witnessedSeconds: 1_800_000_000 });
  const drivers = new RecordingDrivers();
  const inventories = new Inventories({
    env: { nowMs: env.now, random: env.randomBytes, sleep: env.sleep },
    discoverer: {
      discover: async () => ({ items: [], complete: ['vm'], absent: [], failures: [] }),
    },
    store: { load: async () => undefined, save: async () => {} },
  });
  await inventories.setHosts([{ id: HOST_ID, driver: null, types: ['vm'] }]);
  const remote = new RemoteRequests({
    ...{ env, settings, inventories },
    log: new NodeLog(env, { url: log.url, policy: TRUST, key: KEY, stream, maxAgeSeconds: 600 }),
    drivers: tryingPort({
      call: drivers.call.bind(drivers),
      manifest: async () => {
        throw new LogError('not-found', 'there is no such package');
      },
    }),
    inForce: () => ({
      snapshot: snapshotOf(made),
      verified: verify(made.saved),
      ...{ manifests: ENGINE_MANIFESTS, missing: new Map() },
    }),
    specOf: async () => undefined,
    record: async () => ({ kind: 'refused', code: 'outbox-full' }),
  });
  Object.assign(world, { log, said, drivers, remote });
});

test.after.each(async ({ remote, log }) => {
  await remote.stop();
  log.server.closeAllConnections();
  log.server.close();
});

/** Real time, a hundred times as fast where the node waits. */
function envOf(said: string[]): NodeEnv {
  return {
    now: () => Date.now(),
    nowSeconds: () => Math.floor(Date.now() / 1000),
    monotonic: () => performance.now(),
    later: (ms, callback) => {
      const timer = setTimeout(callback, ms / 100);
      return () => clearTimeout(timer);
    },
    random: () => 0.5,
    randomBytes: (size) => crypto.getRandomValues(new Uint8Array(size)),
    fetch: (...request) => fetch(...request),
    timeout: (ms) => AbortSignal.timeout(ms),
    sleep: (ms, signal) =>
      sleep(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined),
    say: (event, { message }) => said.push(`${event}: ${message ?? ''}`),
  };
}

async function until(isSo: () => boolean): Promise<void> {
  for (let tries = 0; tries < 300 && !isSo(); tries++) await sleep(20);
  assert.ok(isSo());
}

function asked(fields: object): string {
  const deadline_ms = Date.now() + 5000;
  return JSON.stringify({ id: ID, kind: 'inventory', host: HOST_ID, deadline_ms, ...fields });
}

function answerAt({ answers }: Log, i: number): NodeAnswer {
  const answer = answers[i];
  if (answer === undefined) throw new Error('there is no such answer');
  const digest = formatHex(sha256(answer.body));
  assert.is(answer.path, `/api/nodes/${VILLAGE}/ups-17/answers/${ID}/${digest}`);
  return readNodeAnswer(answer.body);
}

test('lists the targets of a host of its own, and says no for another', async ({ log, remote }) => {
  log.queue.push(asked({}), asked({ host: '00000000-0000-4000-8000-000000000099' }));
  remote.start();
  await until(() => log.answers.length === 2);
  const [first, second] = [answerAt(log, 0), answerAt(log, 1)];
  assert.equal(
    [first.format, 'refreshed' in first && first.refreshed],
    ['writ-inventory/v1', true],
  );
  assert.is('code' in second && second.code, 'host-unknown');
  assert.is(log.polls[0], `/api/nodes/${VILLAGE}/ups-17/requests?wait=25 signed`);
});

const DRY_RUN = { kind: 'dry-run', policy: '00000000-0000-4000-8000-000000000001', draft: null };

test('survives whatever a log asks, calls nothing for it, and goes on asking', async ({
  log,
  remote,
  drivers,
  said,
}) => {
  log.queue.push(
    'no json',
    '[]',
    asked({ kind: 'reboot' }),
    asked({ kind: 'call', dryRun: false }),
    asked({ ...DRY_RUN, version: null, opening: null }),
    asked({ ...DRY_RUN, version: 1, opening: null, dryRun: false }),
    'x'.repeat(100_000),
    500,
    404,
    asked({ ...DRY_RUN, version: 1, opening: null }),
    asked({ ...DRY_RUN, version: null, draft: 'AAAA', opening: null }),
  );
  remote.start();
  await until(() => log.answers.length === 2);
  const codes = [answerAt(log, 0), answerAt(log, 1)].map(
    (answer) => 'code' in answer && answer.code,
  );
  assert.equal(codes, ['policy-unknown', 'draft-refused']);
  assert.equal([drivers.calls.length, drivers.dryRuns.length], [0, 0]);
  assert.ok(said.length >= 1 && said.length <= 11, said.join('\n'));
});

test('what is over before it begins is answered in time, or not at all', async ({
  log,
  remote,
}) => {
  log.queue.push(asked({ deadline_ms: 1 }), asked({}));
  remote.start();
  await until(() => log.answers.length >= 2);
  assert.ok(remote.answered >= 1);
});

test.run();
