// Makes what engine-ready.ts starts from, and measures memory.
//
//   node engine-start-child.js prepare COUNT | memory COUNT | remove DIR

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatHex } from '@writ/core/bytes';
import { sha256 } from '@writ/core/sha256';
import type { JsonValue } from '@writ/core/statements/jcs';
import { decodeStreamState } from '@writ/core/streams/state-codec';
import { PackageStore } from '@writ/policy/agent/package-store';
import { StateStore } from '@writ/policy/agent/state-store';
import { ANSWER, lampPackage } from '@writ/policy/test/driver-world';
import {
  hostId,
  makeVillage,
  policy,
  policyId,
  snapshotOf,
  TRUST_TEXT,
} from '@writ/policy/test/engine-village';
import { START_SECONDS } from '@writ/policy/test/engine-world';
import { VILLAGE } from '@writ/policy/test/villages';

const PACKAGE = lampPackage(`${ANSWER}
export const driver = { async call(call, context) { return answer(call, context); } };`);
const DIGEST = formatHex(sha256(PACKAGE));
const HOSTS = 20;

const [verb, word = ''] = process.argv.slice(2);
if (verb === 'prepare') console.log(await prepare(Number(word)));
else if (verb === 'memory') console.log(memory(Number(word)));
else rmSync(word, { recursive: true });

function documents(count: number, digest?: string): ReadonlyMap<string, JsonValue> {
  return new Map(
    Array.from({ length: count }, (_, i) => {
      const lamp = {
        target_type: 'outlet',
        driver: `sha256:${digest}`,
        selector: { mode: 'list', value: '1-4' },
      };
      const actions = [{ capability_id: 'lamp.power', verb: 'turn-off' }];
      const fields = {
        name: `Lamps of rack ${i} off when the battery of its UPS is nearly empty`,
        trigger_group: {
          logic: 'ANY',
          triggers: [
            { type: 'ups.state', equals: 'low-battery', for: `${1 + (i % 60)}s` },
            { type: 'metric.threshold', metric: 'ups.charge_pct', op: '<=', value: i % 50 },
          ],
        },
        conditions: { all: [{ scope: 'ups', field: 'runtime_minutes', op: '<=', value: 10 }] },
        ...(digest === undefined ? {} : { actions }),
      };
      const host = { host_id: hostId(i % HOSTS) };
      return [policyId(i), policy(fields, { ...host, ...(digest === undefined ? {} : lamp) })];
    }),
  );
}

async function prepare(count: number): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'writ-bench-start-'));
  const { saved, specs } = makeVillage(documents(count, DIGEST), {
    witnessedSeconds: START_SECONDS,
  });
  const store = await StateStore.open(join(dir, 'store'), { create: true });
  const state = decodeStreamState(saved.state ?? new Uint8Array());
  const { seq, id, index } = state.head;
  const head = { seq, id: formatHex(id), index };
  await store.apply(VILLAGE, undefined, {
    checkpoint: saved.checkpoint,
    head,
    active: head,
    snapshot: { state: saved.state, inbox: null },
    specs,
    audit: { timeSeconds: START_SECONDS, class: 'behind', to: head, report: 'ab'.repeat(32) },
  });
  await store.close();
  const fetchPackage = async (): Promise<Uint8Array> => PACKAGE;
  await new PackageStore(join(dir, 'packages'), fetchPackage, () => START_SECONDS).get(DIGEST);
  writeFileSync(join(dir, 'trust.policy'), TRUST_TEXT);
  const hosts = Array.from({ length: HOSTS }, (_, i) => hostId(i));
  writeFileSync(join(dir, 'hosts.json'), JSON.stringify({ village: VILLAGE, hosts }));
  return dir;
}

/** Bytes of the heap that a snapshot with its verified village takes, for each byte of the specs. */
function memory(count: number): number {
  const made = makeVillage(documents(count), { witnessedSeconds: START_SECONDS });
  // Once for what is made once.
  snapshotOf(made);
  const before = used();
  const snapshot = snapshotOf(made);
  const after = used();
  if (snapshot.active.length !== count) throw new Error('a policy is not active');
  const json = [...made.specs.values()].reduce((sum, spec) => sum + spec.length, 0);
  return (after - before) / json;
}

function used(): number {
  for (let i = 0; i < 3; i++) globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
