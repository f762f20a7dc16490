// node engine-ready.js DIR: starts the works of a node from what is stored in DIR, and says how many milliseconds after
// its process they were ready. Imports nothing that a node does not.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ed25519Signer } from '@writ/core/ed25519';
import { parsePolicy } from '@writ/core/formats/tlog-policy';
import { CallQueue } from '@writ/policy/agent/call-queue';
import { DriverPool } from '@writ/policy/agent/driver-pool';
import { Engine } from '@writ/policy/agent/engine';
import { Facts } from '@writ/policy/agent/facts';
import { Journal } from '@writ/policy/agent/journal';
import { Ledger } from '@writ/policy/agent/ledger';
import { MatchState } from '@writ/policy/agent/match-state';
import { type Instant, Outbox } from '@writ/policy/agent/outbox';
import { PackageStore } from '@writ/policy/agent/package-store';
import { putInForce } from '@writ/policy/agent/put-in-force';
import { StateStore } from '@writ/policy/agent/state-store';
import { Level } from 'level';

const [dir = ''] = process.argv.slice(2);
const { village, hosts: ids }: { village: string; hosts: string[] } = JSON.parse(
  readFileSync(join(dir, 'hosts.json'), 'utf8'),
);
const now = (): Instant => ({ wallMs: Date.now(), steadyMs: performance.now() });
const random = (size: number): Uint8Array => crypto.getRandomValues(new Uint8Array(size));
const away = async (): Promise<Uint8Array> => {
  throw new Error('the log is away');
};

const store = await StateStore.open(join(dir, 'store'), { create: true });
const kept = new PackageStore(join(dir, 'packages'), away, () => Date.now() / 1000);
const hosts = ids.map((id) => ({ id, driver: 'org.example.lamp', connection: {} }));
const pool = new DriverPool({ hosts, fetchPackage: (digest) => kept.get(digest) });
const inForce = await putInForce({
  village,
  policy: parsePolicy(readFileSync(join(dir, 'trust.policy'))),
  ...{ store, pool, hosts },
  inventoryOf: () => undefined,
  before: undefined,
});
if (inForce === undefined || inForce.snapshot.idle.length > 0) throw new Error('not all is active');
const records = new Level<string, Uint8Array>(join(dir, 'records'), { valueEncoding: 'view' });
await records.open();
const journal = new Journal(records);
const signer = new Ed25519Signer(new Uint8Array(32).fill(7));
const identity = { village, node: 'node-1', issuer: 'node-1', signer, isPrivate: false, random };
const outbox = new Outbox(journal, identity);
const { ledger } = await Ledger.open(journal, outbox, { random, now: now(), hidesTargets: false });
const engine = new Engine({
  ...{ ledger, now, drivers: pool },
  state: await MatchState.open(journal, outbox.prefix, Date.now()),
  queue: new CallQueue(() => performance.now()),
  facts: new Facts(() => performance.now()),
  targets: { index: () => undefined, refresh: async () => {} },
  maxEvents: 1000,
});
engine.swap(inForce.snapshot);
console.log(performance.now());
await records.close();
await store.close();
