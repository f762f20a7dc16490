// From a stored village to a driver process: the checkpoint is verified again, the package is the one that the policy
// names, and a driver that does not end is ended.

import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatHex, utf8 } from '@writ/core/bytes';
import { isLogError, LogError } from '@writ/core/errors';
import { sha256 } from '@writ/core/sha256';
import type { JsonValue } from '@writ/core/statements/jcs';
import { decodeStreamState } from '@writ/core/streams/state-codec';
import { DriverPool } from '@writ/policy/agent/driver-pool';
import { PackageStore } from '@writ/policy/agent/package-store';
import { type InForce, putInForce } from '@writ/policy/agent/put-in-force';
import { StateStore } from '@writ/policy/agent/state-store';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ANSWER, lampPackage } from './driver-world.ts';
import { type MadeVillage, makeVillage, policyId, TRUST } from './engine-village.ts';
import { EngineWorld, START_SECONDS, upsEvent } from './engine-world.ts';
import { VILLAGE } from './villages.ts';

const test = suite<{ dir: string }>('engine with drivers', { dir: '' });

test.before.each(async (world) => {
  world.dir = await mkdtemp(join(tmpdir(), 'writ-engine-'));
});

test.after.each(async ({ dir }) => {
  await rm(dir, { recursive: true });
});

const HOST = '6f1d1b54-3c1e-4f0a-9d57-0c9b3d2f7a11';

const digestOf = (bytes: Uint8Array): string => formatHex(sha256(bytes));

function packageOf(body: string): { readonly bytes: Uint8Array; readonly digest: string } {
  const bytes = lampPackage(`${ANSWER}
    process.on('SIGTERM', () => {});
    export const driver = { async call(call, context) { ${body} } };`);
  return { bytes, digest: formatHex(sha256(bytes)) };
}

function lampPolicy(digest: string, fields: { [name: string]: JsonValue } = {}): JsonValue {
  return {
    version: 1,
    name: 'Lamps off',
    trigger_group: { logic: 'ANY', triggers: [{ type: 'ups.state', equals: 'mains-lost' }] },
    targets: {
      host_id: HOST,
      target_type: 'outlet',
      selector: { mode: 'list', value: '1' },
      driver: `sha256:${digest}`,
    },
    actions: [{ capability_id: 'lamp.blink', verb: 'blink' }],
    suppression_window: '1s',
    ...fields,
  };
}

async function storeOf(dir: string, { saved, specs }: MadeVillage): Promise<StateStore> {
  const store = await StateStore.open(join(dir, 'store'), { create: true });
  const state = decodeStreamState(saved.state ?? new Uint8Array());
  const { seq, id, index } = state.head;
  const head = { seq, id: formatHex(id), index };
  const audit = {
    timeSeconds: START_SECONDS,
    class: 'behind',
    to: head,
    report: 'ab'.repeat(32),
  } as const;
  const snapshot = { state: saved.state, inbox: null };
  const next = { checkpoint: saved.checkpoint, head, active: head, snapshot, specs, audit };
  assert.ok(await store.apply(VILLAGE, undefined, next));
  return store;
}

interface Put {
  readonly pool: DriverPool;
  readonly store: StateStore;
  readonly inForce: InForce;
  close(): Promise<void>;
}

async function put(
  dir: string,
  made: MadeVillage,
  fetchPackage: (digest: string) => Promise<Uint8Array>,
  driver = 'org.example.lamp',
): Promise<Put> {
  const store = await storeOf(dir, made);
  const hosts = [{ id: HOST, driver, connection: {} }];
  const pool = new DriverPool({ hosts, fetchPackage, callTimeoutMs: 1500, scratch: dir });
  const inForce = await putInForce({
    village: VILLAGE,
    policy: TRUST,
    ...{ store, pool, hosts },
    inventoryOf: () => undefined,
    before: undefined,
  });
  if (inForce === undefined) throw new Error('nothing is stored');
  const close = async () => {
    await pool.close();
    await store.close();
  };
  return { pool, store, inForce, close };
}

const village = (document: JsonValue): MadeVillage =>
  makeVillage(new Map([[policyId(1), document]]), { witnessedSeconds: START_SECONDS });

test('a policy that is in force calls the driver process that it pins', async ({ dir }) => {
  const { bytes, digest } = packageOf('return answer(call, context);');
  const { pool, inForce, close } = await put(dir, village(lampPolicy(digest)), async () => bytes);
  assert.equal(inForce.snapshot.idle, []);
  const world = await EngineWorld.start(join(dir, 'records'), inForce.snapshot, { drivers: pool });
  assert.equal(await world.results(upsEvent(0)), ['succeeded']);
  await world.close();
  await close();
});

test('a driver that ignores SIGTERM and never answers is killed at its deadline; its outcome is unknown', async ({
  dir,
}) => {
  const { bytes, digest } = packageOf('return new Promise(() => setInterval(() => {}, 1000));');
  const { pool, inForce, close } = await put(dir, village(lampPolicy(digest)), async () => bytes);
  const world = await EngineWorld.start(join(dir, 'records'), inForce.snapshot, { drivers: pool });
  const startedMs = performance.now();
  assert.equal(await world.results(upsEvent(0)), ['unknown: driver-timeout']);
  assert.ok(performance.now() - startedMs < 10_000);
  assert.is(world.node.ledger.open, 0);
  assert.is((await pool.stats())[0]?.killed, 1);
  // The next call gets a process of its own.
  world.pass(3_600_000);
  assert.equal(await world.results(upsEvent(3_600_000)), ['unknown: driver-timeout']);
  await world.close();
  await close();
});

test('a package with other bytes than the pinned ones never runs, and its policy is idle', async ({
  dir,
}) => {
  const { digest } = packageOf('return answer(call, context);');
  const evil = packageOf('throw new Error("evil");');
  const { inForce, close } = await put(dir, village(lampPolicy(digest)), async () => evil.bytes);
  assert.equal(inForce.snapshot.active, []);
  assert.ok(inForce.missing.has(digest));
  assert.ok(inForce.snapshot.idle[0]?.findings.some(({ code }) => code === 'driver-unknown'));
  await close();
});

test('a policy cannot take the credentials of a host to another driver', async ({ dir }) => {
  const { bytes, digest } = packageOf('return answer(call, context);');
  const other = put(dir, village(lampPolicy(digest)), async () => bytes, 'org.example.safe');
  const { inForce, pool, close } = await other;
  assert.equal(inForce.snapshot.active, []);
  assert.ok(inForce.snapshot.idle[0]?.findings.some(({ code }) => code === 'driver-mismatch'));
  assert.equal(await pool.stats(), []);
  await close();
});

test('a package is kept on the disk, and one that was damaged there is fetched again', async ({
  dir,
}) => {
  const { bytes, digest } = packageOf('return answer(call, context);');
  let fetched = 0;
  const folder = join(dir, 'packages');
  const packages = new PackageStore(
    folder,
    async () => {
      fetched++;
      return bytes;
    },
    () => START_SECONDS,
  );
  const both = await Promise.all([packages.get(digest), packages.get(digest)]);
  assert.equal(both.map(digestOf), [digest, digest]);
  assert.is(fetched, 1);
  const away = new PackageStore(
    folder,
    async () => {
      throw new LogError('network-failed', 'the log is away');
    },
    () => START_SECONDS,
  );
  assert.is(digestOf(await away.get(digest)), digest);
  await writeFile(join(folder, digest), utf8('damaged'));
  assert.ok(isLogError(await away.get(digest).catch((error: unknown) => error), 'network-failed'));
  assert.is(digestOf(await packages.get(digest)), digest);
  assert.equal(await readdir(folder), [digest]);
  const liar = new PackageStore(
    join(dir, 'other'),
    async () => utf8('something else'),
    () => START_SECONDS,
  );
  assert.ok(isLogError(await liar.get(digest).catch((error: unknown) => error), 'hash-mismatch'));
});

test('regression 11: a spec that was damaged on the disk is not used and does not stop the start: the village is read again', async ({
  dir,
}) => {
  const { bytes, digest } = packageOf('return answer(call, context);');
  const made = village(lampPolicy(digest));
  const [spec] = made.specs.keys();
  const damaged = { ...made, specs: new Map([[spec ?? '', utf8('{}')]]) };
  const store = await storeOf(dir, damaged);
  const pool = new DriverPool({ hosts: [], fetchPackage: async () => bytes });
  const inForce = await putInForce({
    village: VILLAGE,
    policy: TRUST,
    ...{ store, pool, hosts: [] },
    inventoryOf: () => undefined,
    before: undefined,
  });
  assert.is(inForce, undefined);
  // What was accepted once is still what the next pull must not go behind.
  assert.equal((await store.load(VILLAGE))?.checkpoint, made.saved.checkpoint);
  await store.close();
});

test.run();
