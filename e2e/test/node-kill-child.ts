// A node that works and kills itself at a step: node node-kill-child.js '<json of KillPlan>'
//
// It handles its events, two at a time, while its courier works; the driver writes each real call into a file, synced,
// before it answers.

import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { utf8 } from '@writ/core/bytes';
import { parseSignerKey } from '@writ/core/formats/key';
import { parsePolicy } from '@writ/core/formats/tlog-policy';
import type { JsonValue } from '@writ/core/statements/jcs';
import { CallQueue } from '@writ/policy/agent/call-queue';
import { Courier } from '@writ/policy/agent/courier';
import { Engine } from '@writ/policy/agent/engine';
import { Facts } from '@writ/policy/agent/facts';
import { Journal } from '@writ/policy/agent/journal';
import { Ledger } from '@writ/policy/agent/ledger';
import { MatchState } from '@writ/policy/agent/match-state';
import { NodeLog } from '@writ/policy/agent/node-log';
import { type Instant, Outbox } from '@writ/policy/agent/outbox';
import type { DriverPort } from '@writ/policy/agent/policy-run';
import type { StreamLog } from '@writ/policy/agent/stream-log';
import type { EngineEvent } from '@writ/policy/engine/event';
import {
  hostId,
  makeVillage,
  policy,
  policyId,
  snapshotOf,
} from '@writ/policy/test/engine-village';
import { answerTo } from '@writ/policy/test/engine-world';
import { Level } from 'level';
import { type KillPlan, NODE, POLICIES, VILLAGE } from './node-kill-plan.ts';

/** Policy i shuts two machines down: with a dry run first where i is even, and without one. */
function villagePolicy(i: number): JsonValue {
  const action =
    i % 2 === 0
      ? { capability_id: 'vm.lifecycle', verb: 'shutdown' }
      : { capability_id: 'vm.kill', verb: 'kill' };
  return policy(
    {
      name: `policy ${i}`,
      trigger_group: { triggers: [{ type: 'webhook.custom', name: `hook-${i}` }] },
      actions: [{ ...action, idempotency: { key_hint: `p${i}` } }],
      idempotency_window: '1h',
      suppression_window: '1s',
    },
    { host_id: hostId(i % 3), selector: { mode: 'list', value: `${100 + i}, ${200 + i}` } },
  );
}

await main(JSON.parse(process.argv[2] ?? ''));

async function main(plan: KillPlan): Promise<void> {
  let left = plan.count;
  const at = (step: string): void => {
    if (step === plan.step && --left === 0) process.kill(process.pid, 'SIGKILL');
  };
  const startedMs = performance.now();
  const now = (): Instant => {
    const ms = Math.floor(performance.now() - startedMs);
    return { wallMs: plan.wallMs + ms, steadyMs: ms };
  };
  const random = (size: number): Uint8Array => crypto.getRandomValues(new Uint8Array(size));
  const db = new Level<string, Uint8Array>(join(plan.dir, 'records'), { valueEncoding: 'view' });
  await db.open();
  const journal = new Journal(db, at);
  const key = parseSignerKey(readFileSync(join(plan.keys, `${NODE}.key`), 'utf8').trimEnd());
  const signer = { publicKey: key.publicKey, sign: (message: Uint8Array) => key.signRaw(message) };
  const outbox = new Outbox(journal, {
    ...{ village: VILLAGE, node: NODE, issuer: NODE, signer, isPrivate: false, random },
  });
  const { ledger } = await Ledger.open(journal, outbox, {
    random,
    now: now(),
    hidesTargets: false,
  });
  at('recovered');
  const state = await MatchState.open(journal, outbox.prefix, now().wallMs);
  const engine = new Engine({
    ...{ ledger, state, now },
    queue: new CallQueue(() => now().steadyMs),
    facts: new Facts(() => now().steadyMs),
    drivers: driversOf(plan, at, now),
    targets: { index: () => undefined, refresh: async () => {} },
    maxEvents: 100,
  });
  const documents = Array.from({ length: POLICIES }, (_, i): [string, JsonValue] => [
    policyId(i),
    villagePolicy(i),
  ]);
  const witnessedSeconds = Math.floor(plan.wallMs / 1000);
  engine.swap(snapshotOf(makeVillage(new Map(documents), { witnessedSeconds, treeSize: 2 })));
  const courier = new Courier(journal, outbox, logOf(plan, at));
  const sending = send(courier, plan.step === null);
  for (let i = 0; i < plan.events.length; i += 2)
    await Promise.all(
      plan.events
        .slice(i, i + 2)
        .map((number) => engine.handle(eventOf(plan, number, now()), true)),
    );
  at('flush');
  await ledger.suppressions.flush(now());
  await sending;
  await send(courier, plan.step === null);
  console.log(JSON.stringify({ open: ledger.open, ...outbox.status }));
  await db.close();
}

/** The sender tries again under another id, so that the windows have to see it. */
function eventOf({ run }: KillPlan, number: number, { wallMs }: Instant): EngineEvent {
  return {
    type: 'webhook',
    kind: 'webhook.custom',
    subject: { kind: 'integration', id: 'sender' },
    attrs: { name: `hook-${number % POLICIES}`, 'webhook-id': `${run} ${number}` },
    ts: new Date(wallMs).toISOString(),
    correlation_id: null,
  };
}

function driversOf({ dir }: KillPlan, at: (step: string) => void, now: () => Instant): DriverPort {
  const file = openSync(join(dir, 'calls'), 'a');
  process.on('exit', () => closeSync(file));
  return {
    call: async (host, _digest, call) => {
      at(call.dryRun ? 'look' : 'call');
      // A call takes a while.
      await new Promise((resolve) => setTimeout(resolve, 1));
      if (!call.dryRun) {
        writeSync(file, `${host} ${call.verb} ${call.target} ${now().wallMs}\n`);
        fsyncSync(file);
      }
      at(call.dryRun ? 'looked' : 'called');
      return { answer: answerTo(call) };
    },
  };
}

function logOf({ url, keys }: KillPlan, at: (step: string) => void): StreamLog {
  const key = parseSignerKey(readFileSync(join(keys, `${NODE}.key`), 'utf8').trimEnd());
  const policyText = readFileSync(join(keys, 'trust.policy'), 'utf8');
  const world = {
    nowSeconds: () => Math.floor(Date.now() / 1000),
    fetch,
    timeout: (ms: number) => AbortSignal.timeout(ms),
  };
  const stream = `node/${VILLAGE}/${NODE}`;
  const log = new NodeLog(world, {
    ...{ url, policy: parsePolicy(utf8(policyText)), key, stream, maxAgeSeconds: 600 },
  });
  return {
    submit: async (items) => {
      at('submit');
      const verdicts = await log.submit(items);
      at('submitted');
      return verdicts;
    },
    provenHead: async () => {
      const head = await log.provenHead();
      at('proved');
      return head;
    },
  };
}

/** Submits and settles; with `mustEnd` until the log is proved to have all. */
async function send(courier: Courier, mustEnd: boolean): Promise<void> {
  for (let i = 0; i < (mustEnd ? 1000 : 3); i++) {
    const submitted = await courier.submit();
    const settled = await courier.settle();
    for (const round of [submitted, settled])
      if (round.kind === 'stopped' || round.kind === 'blocked')
        throw new Error(JSON.stringify(round));
    if (submitted.kind === 'done' && settled.kind === 'done') return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
