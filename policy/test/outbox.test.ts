// The outbox of a node and its courier: order, exactly once, room, and heads that are not ours (spec/node-records.md
// section 7).

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatHex } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { decodeStatement } from '@writ/core/statements/statement';
import { Courier } from '@writ/policy/agent/courier';
import type { StreamLog, Verdict } from '@writ/policy/agent/stream-log';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  after,
  digest,
  fresh,
  kept,
  type Node,
  type NodeOptions,
  payloads,
  RuleLog,
  START,
  STREAM,
  SUCCESS,
  startNode,
} from './node-world.ts';

interface World {
  dir: string;
  node: Node;
  log: RuleLog;
}

const test = suite<World>('outbox');
const DRIFT = {
  kind: 'drift-report',
  report: digest('r'),
  class: 'aligned',
  exit: 0,
  timeMs: 5,
} as const;

test.before.each(async (world) => {
  world.dir = await mkdtemp(join(tmpdir(), 'writ-outbox-'));
  world.node = await startNode(world.dir);
  world.log = new RuleLog();
});

test.after.each(async ({ dir, node }) => {
  await node.close();
  await rm(dir, { recursive: true });
});

async function restart(world: World, options: NodeOptions = {}): Promise<Node> {
  await world.node.close();
  world.node = await startNode(world.dir, options);
  return world.node;
}

function courierOf({ node, log }: Pick<World, 'node'> & { log: StreamLog }): Courier {
  return new Courier(node.journal, node.outbox, log);
}

/** Begins and finishes `count` calls, `from` on. */
async function work({ ledger }: Node, count: number, from = 0): Promise<void> {
  const calls = Array.from({ length: count }, async (_, i) => {
    const begun = await ledger.begin(fresh(from + i), START);
    if (begun.kind === 'begun') await ledger.finish(begun.id, SUCCESS, after(1));
  });
  await Promise.all(calls);
}

/** Submits until there is nothing more to do. */
async function drain(courier: Courier): Promise<string> {
  for (;;) {
    const round = await courier.submit();
    if (round.kind !== 'more') return round.kind;
  }
}

function away(): never {
  throw new LogError('network-failed', 'the log is under water');
}

test('records reach the log in their order, and the rules of the log let them in', async (world) => {
  await work(world.node, 700);
  const before = await payloads(world.node);
  assert.is(await drain(courierOf(world)), 'done');
  assert.equal(world.log.payloads, before);
  assert.equal(world.log.state.counts.succeeded, 700);
  assert.is(world.log.submissions, 1400);
});

test('nothing is lost while the log is away, and all of it goes in afterwards', async (world) => {
  const courier = courierOf(world);
  world.log.beforeSubmit = away;
  await work(world.node, 3);
  assert.is((await courier.submit()).kind, 'away');
  await work(world.node, 3, 10);
  const node = await restart(world, { now: after(9) });
  const before = await payloads(node);
  world.log.beforeSubmit = () => {};
  assert.is(await drain(courierOf(world)), 'done');
  assert.equal(world.log.payloads, before);
});

test('an answer that was lost makes nothing twice', async (world) => {
  const courier = courierOf(world);
  await work(world.node, 3);
  world.log.afterSubmit = away;
  assert.is((await courier.submit()).kind, 'away');
  world.log.afterSubmit = () => {};
  await work(world.node, 1, 10);
  assert.is(await drain(courier), 'done');
  assert.is(world.log.entries.length, 8);
});

test('what is not proved in the log is kept and submitted again after a start', async (world) => {
  await work(world.node, 2);
  await drain(courierOf(world));
  assert.is((await kept(world.node)).length, 4);
  await restart(world);
  // Meanwhile the log lost what it had said it had.
  world.log = new RuleLog();
  assert.is(await drain(courierOf(world)), 'done');
  assert.is(world.log.entries.length, 4);
});

test('what is proved in the log is let go, and the stream goes on behind it', async (world) => {
  const courier = courierOf(world);
  await work(world.node, 2);
  await drain(courier);
  assert.is((await courier.settle()).kind, 'done');
  assert.equal(await kept(world.node), []);
  assert.equal({ ...world.node.outbox.status, head: '' }.bytes, 0);
  const node = await restart(world);
  await work(node, 1, 10);
  assert.is(await drain(courierOf(world)), 'done');
  assert.is(world.log.entries.length, 6);
});

test('a proof of less than was proved before changes nothing, one of the unsent lets it go', async (world) => {
  const courier = courierOf(world);
  await work(world.node, 1);
  const items = await kept(world.node);
  await world.log.submit(items);
  assert.is((await courier.settle()).kind, 'done');
  const first = decodeStatement(items[0]?.statement ?? new Uint8Array(0));
  const old = { seq: 0, id: formatHex(first.id) };
  const stale: StreamLog = { submit: (all) => world.log.submit(all), provenHead: async () => old };
  await courierOf({ node: world.node, log: stale }).settle();
  assert.is(world.node.outbox.status.settled, 2);
  assert.is(world.node.outbox.status.stopped, null);
});

test('another head of our stream stops the node, over a restart, until an operator goes on', async (world) => {
  const thief = await startNode(`${world.dir}/thief`);
  await work(thief, 1, 50);
  await drain(courierOf({ node: thief, log: world.log }));
  await thief.close();
  await work(world.node, 1);
  const courier = courierOf(world);
  assert.equal(await courier.submit(), { kind: 'stopped', code: 'stream-taken' });
  assert.equal(await world.node.ledger.begin(fresh(3), START), {
    kind: 'refused',
    code: 'stream-taken',
  });
  const node = await restart(world);
  assert.equal(await node.ledger.begin(fresh(4), START), { kind: 'refused', code: 'stream-taken' });
  assert.equal(await courierOf(world).submit(), { kind: 'stopped', code: 'stream-taken' });
  assert.equal(await node.outbox.record(DRIFT, START), { kind: 'refused', code: 'stream-taken' });
  await courierOf(world).resume();
  assert.is((await node.ledger.begin(fresh(5), START)).kind, 'begun');
});

test('a node that was started from an old copy finds out before it does harm', async (world) => {
  await work(world.node, 1);
  await drain(courierOf(world));
  // As the folder was before: nothing.
  const old = await startNode(`${world.dir}/old`);
  await work(old, 1, 9);
  const round = await courierOf({ node: old, log: world.log }).submit();
  assert.equal(round, { kind: 'stopped', code: 'stream-taken' });
  assert.is(world.log.entries.length, 2);
  await old.close();
  // One that has nothing to submit finds out as well.
  const idle = await startNode(`${world.dir}/idle`);
  const look = await courierOf({ node: idle, log: world.log }).submit();
  assert.equal(look, { kind: 'stopped', code: 'stream-taken' });
  await idle.close();
});

test('a log that has less than it was proved to have stops the node', async (world) => {
  const courier = courierOf(world);
  await work(world.node, 1);
  await drain(courier);
  await courier.settle();
  world.log = new RuleLog();
  await work(world.node, 1, 10);
  assert.equal(await courierOf(world).submit(), { kind: 'stopped', code: 'stream-forgotten' });
});

test('an intent that is open when the node is stopped still gets its end', async (world) => {
  const begun = await world.node.ledger.begin(fresh(1), START);
  const log: StreamLog = {
    submit: async () => [{ kind: 'conflict', head: { seq: 0, id: 'ab'.repeat(32) } }],
    provenHead: async () => null,
  };
  await courierOf({ node: world.node, log }).submit();
  assert.is(world.node.outbox.status.stopped, 'stream-taken');
  if (begun.kind !== 'begun') throw new Error('not begun');
  assert.is((await world.node.ledger.finish(begun.id, SUCCESS, START)).kind, 'ended');
});

test('a refusal blocks what stands behind it, and goes in once the log lets it', async (world) => {
  const village = world.log.states;
  world.log.states = new Map();
  await work(world.node, 1);
  const courier = courierOf(world);
  const round = await courier.submit();
  assert.is(round.kind === 'blocked' ? round.code : '', 'village-unknown');
  assert.is(world.log.entries.length, 0);
  world.log.states = village;
  assert.is(await drain(courier), 'done');
  assert.is(world.log.entries.length, 2);
});

const LIES: readonly (readonly [string, readonly Verdict[]])[] = [
  ['nothing', []],
  ['a conflict where there is none', [{ kind: 'conflict', head: null }]],
];

for (const [what, verdicts] of LIES) {
  test(`a log that answers with ${what} gets no busy loop out of the courier`, async (world) => {
    await work(world.node, 1);
    const log: StreamLog = { submit: async () => verdicts, provenHead: async () => null };
    const round = await courierOf({ node: world.node, log }).submit();
    assert.ok(round.kind === 'away' || round.kind === 'blocked', round.kind);
    assert.is((await kept(world.node)).length, 2);
  });
}

test('a log that says it took more than there was is not believed', async (world) => {
  await work(world.node, 1);
  const taken: Verdict = { kind: 'taken' };
  const log: StreamLog = { submit: async () => Array(9).fill(taken), provenHead: async () => null };
  assert.is((await courierOf({ node: world.node, log }).submit()).kind, 'done');
  assert.is(world.node.outbox.status.sent, 2);
});

test('regression 13: a full outbox refuses destructive verbs first, then all, and says so', async (world) => {
  const limits = { softRows: 4, hardRows: 6 };
  const node = await restart(world, { limits });
  await work(node, 2);
  const destructive = await node.ledger.begin(fresh(10, { isDestructive: true }), START);
  assert.equal(destructive, { kind: 'refused', code: 'outbox-full' });
  assert.equal(node.outbox.status.isFull, { destructive: true, ordinary: false });
  const ordinary = await node.ledger.begin(fresh(11), START);
  assert.is(ordinary.kind, 'begun');
  assert.is((await node.outbox.record(DRIFT, START)).kind, 'appended');
  assert.equal(await node.ledger.begin(fresh(12), START), { kind: 'refused', code: 'outbox-full' });
  // The end of what is open finds room in any case.
  if (ordinary.kind === 'begun') await node.ledger.finish(ordinary.id, SUCCESS, START);
  assert.is((await kept(node)).length, 7);
});

test('regression 13: records that found no room are counted, and the count becomes a record', async (world) => {
  const node = await restart(world, { limits: { softRows: 2, hardRows: 3 } });
  for (let i = 0; i < 3; i++) await node.outbox.record(DRIFT, after(i));
  for (let i = 3; i < 6; i++)
    assert.equal(await node.outbox.record(DRIFT, after(i)), {
      kind: 'refused',
      code: 'outbox-full',
    });
  await node.ledger.suppress(
    { event: digest('e'), policy: null, version: null },
    'queue-full',
    after(6),
  );
  assert.is(await node.ledger.suppressions.flush(after(6)), 0, 'it waits');
  assert.equal(node.outbox.status.lost, {
    count: 3,
    firstMs: after(3).wallMs,
    lastMs: after(5).wallMs,
  });
  const courier = courierOf(world);
  await drain(courier);
  await courier.settle();
  assert.is(await node.ledger.suppressions.flush(after(7)), 1);
  const [lost, suppressed] = await payloads(node);
  assert.equal(lost, {
    kind: 'records-lost',
    reason: 'outbox-full',
    count: 3,
    firstMs: after(3).wallMs,
    lastMs: after(5).wallMs,
  });
  assert.is(suppressed?.kind, 'execution-suppressed');
  assert.is(node.outbox.status.lost, null);
});

test('bytes count as rows do', async (world) => {
  const node = await restart(world, { limits: { softBytes: 1000, hardBytes: 3000 } });
  await work(node, 1);
  assert.is((await node.ledger.begin(fresh(2, { isDestructive: true }), START)).kind, 'refused');
  await work(node, 3, 10);
  assert.is((await node.ledger.begin(fresh(20), START)).kind, 'refused');
  assert.ok(node.outbox.status.bytes >= 3000);
});

test('records of a private village are sealed, and their openings go with them', async (world) => {
  const node = await restart(world, { isPrivate: true });
  await work(node, 2);
  const items = await kept(node);
  for (const { statement, opening } of items) {
    const { kind, issuer, issuedAtSeconds } = decodeStatement(statement);
    assert.equal([kind, issuer, issuedAtSeconds], ['sealed', '-', 0]);
    assert.ok(opening !== null);
  }
  assert.equal((await payloads(node)).map(({ kind }) => kind).sort(), [
    'execution-intent',
    'execution-intent',
    'execution-outcome',
    'execution-outcome',
  ]);
});

test('each statement continues the one before it, in the stream of the node', async (world) => {
  await work(world.node, 5);
  let previous: string | null = null;
  for (const [seq, { statement }] of (await kept(world.node)).entries()) {
    const decoded = decodeStatement(statement);
    assert.equal([decoded.stream, decoded.seq], [STREAM, seq]);
    assert.is(decoded.previous && formatHex(decoded.previous), previous);
    previous = formatHex(decoded.id);
  }
});

test.run();
