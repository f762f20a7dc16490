// The kill matrix of a node: it dies by kill -9 at every step, between any two, and starts again, over and over on one
// folder. Nothing destructive happens twice within its window, no intent stays without an end, and the log gets every
// record once, in order.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { utf8 } from '@writ/core/bytes';
import { parsePolicy } from '@writ/core/formats/tlog-policy';
import { decodePayload, type Payload } from '@writ/core/statements/kinds';
import { openStreamProof } from '@writ/verifier/stream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type KillPlan, NODE, POLICIES, VILLAGE, WINDOW_MS } from './node-kill-plan.ts';
import { WritWorld } from './writ-world.ts';

const CHILD = fileURLToPath(new URL('./node-kill-child.js', import.meta.url));
const RUNS = 120;
/** Between two runs: a policy comes round again about when its window ends. */
const STEP_MS = 700_000;

const STEPS = [
  ...['judge', 'write', 'written', 'recovered'],
  ...['look', 'looked', 'call', 'called'],
  ...['submit', 'submitted', 'proved', 'flush'],
];

/** How often a run comes by a step, where that is less than ten times. */
const FEW: ReadonlyMap<string, number> = new Map([
  ['recovered', 1],
  ['flush', 1],
  ['submit', 2],
  ['submitted', 2],
  ['proved', 2],
]);

test('a node that is killed at any step does nothing destructive twice and loses no record', async () => {
  const world = await WritWorld.start(['ada', NODE]);
  try {
    await world.done('ada', 'village', 'create', VILLAGE);
    const dir = world.path('node');
    await mkdir(dir);
    const firstMs = Date.now() - (RUNS + 1) * STEP_MS;
    const base = { dir, url: world.service.url, keys: world.dir };
    let next = 0;
    const killed = new Map<string, number>();
    for (let run = 0; run < RUNS; run++) {
      const step = STEPS[run % STEPS.length] ?? '';
      const count = 1 + (Math.floor(run / STEPS.length) % (FEW.get(step) ?? 10));
      // The sender repeats what it heard no end of.
      const events = Array.from({ length: 6 }, (_, i) => next + i);
      const wallMs = firstMs + run * STEP_MS;
      const { signal, code } = await child({ ...base, step, count, run, events, wallMs });
      if (signal === 'SIGKILL') killed.set(step, (killed.get(step) ?? 0) + 1);
      else assert.is(code, 0);
      next += signal === 'SIGKILL' ? 2 : 4;
    }
    for (const step of STEPS)
      assert.ok((killed.get(step) ?? 0) >= 2, `${step}: ${killed.get(step)}`);
    const end = await child({
      ...base,
      ...{ step: null, count: 0, run: RUNS, events: [], wallMs: firstMs + RUNS * STEP_MS },
    });
    assert.is(end.code, 0, end.out);
    const status = JSON.parse(end.out);
    assert.equal(
      [status.open, status.unsent, status.rows, status.stopped, status.lost],
      [0, 0, 0, null, null],
    );
    await checkCalls(dir);
    checkRecords(await recordsInLog(world), status.next, await callsOf(dir));
  } finally {
    await world.close();
  }
});

test.run();

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
}

/** The log is in this process, so the child must not be waited for in one go. */
async function child(plan: KillPlan): Promise<Ended> {
  const running = spawn(process.execPath, [CHILD, JSON.stringify(plan)]);
  let [out, err] = ['', ''];
  running.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  running.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  await once(running, 'close');
  const { exitCode: code, signalCode: signal } = running;
  if (signal !== 'SIGKILL' && code !== 0) throw new Error(`run ${plan.run}: ${err}`);
  return { code, signal, out };
}

async function callsOf(dir: string): Promise<{ readonly key: string; readonly ms: number }[]> {
  const text = await readFile(`${dir}/calls`, 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => {
      const place = line.lastIndexOf(' ');
      return { key: line.slice(0, place), ms: Number(line.slice(place + 1)) };
    });
}

/** Each machine is shut down at most once in its window, and again after it. */
async function checkCalls(dir: string): Promise<void> {
  const last = new Map<string, number>();
  const calls = await callsOf(dir);
  for (const { key, ms } of calls) {
    const before = last.get(key);
    // A call is a little later than its intent.
    if (before !== undefined)
      assert.ok(ms - before > WINDOW_MS - 5000, `${key}: again after ${ms - before} ms`);
    last.set(key, ms);
  }
  assert.ok(last.size > POLICIES, `${last.size} machines`);
  assert.ok(calls.length > 2 * last.size, `${calls.length} calls`);
}

/** The whole stream as the log proves it. */
async function recordsInLog(world: WritWorld): Promise<Payload[]> {
  const stream = `node/${VILLAGE}/${NODE}`;
  const policy = parsePolicy(utf8(await readFile(world.path('trust.policy'), 'utf8')));
  const records: Payload[] = [];
  for (;;) {
    const url = `${world.service.url}/streams/${stream}?from=${records.length}&limit=100`;
    const response = await fetch(url);
    assert.is(response.status, 200);
    const proof = new Uint8Array(await response.arrayBuffer());
    const { head, statements } = openStreamProof(proof, policy, { stream });
    for (const statement of statements) {
      assert.is(statement.seq, records.length, 'the stream has a gap');
      records.push(decodePayload(statement));
    }
    if (head !== null && records.length > head.seq) return records;
  }
}

function checkRecords(
  records: readonly Payload[],
  written: number,
  calls: readonly { readonly key: string }[],
): void {
  assert.is(records.length, written, 'every record that was written is in the log');
  const ends = new Map<string, number>();
  let intents = 0;
  for (const record of records) {
    if (record.kind === 'execution-intent') intents++;
    else if (record.kind === 'execution-outcome' || record.kind === 'execution-unknown') {
      const intent = record.intent.toString();
      ends.set(intent, (ends.get(intent) ?? 0) + 1);
    } else assert.is(record.kind, 'execution-suppressed');
  }
  assert.is(ends.size, intents, 'every intent has an end');
  assert.ok([...ends.values()].every((count) => count === 1));
  assert.ok(intents >= calls.length, 'no call without an intent');
  const reasons = new Set(
    records.flatMap((record) => (record.kind === 'execution-suppressed' ? [record.reason] : [])),
  );
  assert.ok(reasons.has('suppressed-idempotent') && reasons.has('event-interrupted'));
}
