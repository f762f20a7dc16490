// The ledger of a node: intents and their ends, suppressions, the index (spec/node-records.md section 8).

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { equalBytes, formatHex, parseHex, utf8 } from '@writ/core/bytes';
import { isLogError } from '@writ/core/errors';
import { leafHash } from '@writ/core/merkle/hash';
import { GrowingTree } from '@writ/core/merkle/tree';
import { MAX_OPEN_INTENTS } from '@writ/core/streams/node-state';
import { commit } from '@writ/policy/agent/commitment';
import { NO_POLICY } from '@writ/policy/agent/execution-index';
import { MAX_WINDOW_MS } from '@writ/policy/agent/ledger-windows';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  after,
  digest,
  fresh,
  idOf,
  kept,
  type Node,
  type NodeOptions,
  payloads,
  perform,
  request,
  START,
  SUCCESS,
  startNode,
} from './node-world.ts';
import { POLICY } from './villages.ts';

interface World {
  dir: string;
  node: Node;
}

const test = suite<World>('ledger');

test.before.each(async (world) => {
  world.dir = await mkdtemp(join(tmpdir(), 'writ-ledger-'));
  world.node = await startNode(world.dir);
});

test.after.each(async ({ dir, node }) => {
  await node.close();
  await rm(dir, { recursive: true });
});

/** Stops the node and starts it again. */
async function restart(world: World, options: NodeOptions = {}): Promise<Node> {
  await world.node.close();
  world.node = await startNode(world.dir, options);
  return world.node;
}

function bytesOf(hex: string): Uint8Array {
  const bytes = parseHex(hex);
  if (bytes === undefined) throw new Error('not hexadecimal');
  return bytes;
}

test('the intent is durable when begin resolves', async (world) => {
  const id = idOf(await world.node.ledger.begin(request(), START));
  const [first] = await payloads(world.node);
  assert.is(first?.kind, 'execution-intent');
  const [item] = await kept(world.node);
  assert.is(formatHex(leafHash(item?.statement ?? new Uint8Array(0))), id);
});

test('regression 24: what was open when the node stopped is unknown, and is not tried again', async (world) => {
  const done = await perform(world.node, fresh(1));
  const open = [
    idOf(await world.node.ledger.begin(fresh(2), START)),
    idOf(await world.node.ledger.begin(fresh(3), START)),
  ];
  const node = await restart(world, { now: after(10) });
  assert.equal(node.unknown, open);
  assert.equal(
    (await payloads(node)).slice(-2).map(({ kind }) => kind),
    ['execution-unknown', 'execution-unknown'],
  );
  const { rows } = await node.ledger.index.page(POLICY);
  assert.equal(
    rows.map(({ id, state }) => [id, state]),
    [
      [open[1], 'unknown'],
      [open[0], 'unknown'],
      [done, 'succeeded'],
    ],
  );
  assert.equal(await node.ledger.finish(open[0] ?? '', SUCCESS, after(11)), { kind: 'closed' });
  assert.is((await node.ledger.begin(fresh(2), after(12))).kind, 'suppressed-idempotent');
  assert.equal((await restart(world, { now: after(20) })).unknown, []);
});

test('an intent ends once', async ({ node }) => {
  const id = idOf(await node.ledger.begin(request(), START));
  const ends = await Promise.all([
    node.ledger.finish(id, SUCCESS, after(1)),
    node.ledger.unknown(id, 'deadline', after(1)),
    node.ledger.finish(id, SUCCESS, after(2)),
  ]);
  assert.equal(
    ends.map(({ kind }) => kind),
    ['ended', 'closed', 'closed'],
  );
  assert.is((await payloads(node)).length, 2);
  assert.equal(await node.ledger.finish('ab'.repeat(32), SUCCESS, START), { kind: 'closed' });
});

test('the outcome says what happened to which target, and for how long it took', async ({
  node,
}) => {
  const targets = ['vm:1', 'vm:2', 'vm:3'];
  const id = idOf(await node.ledger.begin(request({ targets }), START));
  const effects = [
    { target: 'vm:3', from: 'running', to: 'stopped' },
    { target: 'vm:1', from: null, to: 'x'.repeat(500) },
  ];
  // The wall clock goes back meanwhile.
  const end = { wallMs: 0, steadyMs: START.steadyMs + 1500 };
  await node.ledger.finish(id, { ...SUCCESS, effects, reason: 'all\nwell' }, end);
  const [, outcome] = await payloads(node);
  if (outcome?.kind !== 'execution-outcome') throw new Error('no outcome');
  assert.equal(outcome.effects, {
    list: [
      { target: 0, from: null, to: 'x'.repeat(64) },
      { target: 2, from: 'running', to: 'stopped' },
    ],
  });
  assert.is(outcome.finishedMs - outcome.startedMs, 1500);
  assert.is(outcome.reason, 'all well');
});

test('effects on targets that are not of the intent are left out and said', async ({ node }) => {
  const id = idOf(await node.ledger.begin(request(), START));
  const effects = [
    { target: 'vm:999', from: 'running', to: 'stopped' },
    { target: 'vm:101', from: 'running', to: 'stopped' },
    { target: 'vm:101', from: 'running', to: 'deleted' },
  ];
  await node.ledger.finish(id, { ...SUCCESS, effects }, START);
  const [, outcome] = await payloads(node);
  if (outcome?.kind !== 'execution-outcome') throw new Error('no outcome');
  assert.equal(outcome.effects, { list: [{ target: 0, from: 'running', to: 'stopped' }] });
  assert.is(outcome.severity, 'warn');
  assert.match(outcome.reason ?? '', '2 effects that are not of this intent');
});

test('thousands of targets become a digest that the node can open', async ({ node }) => {
  const targets = Array.from({ length: 4096 }, (_, i) => `vm:${i}`);
  const id = idOf(await node.ledger.begin(request({ targets }), START));
  const effects = targets.map((target) => ({ target, from: 'running', to: 'stopped' }));
  await node.ledger.finish(id, { ...SUCCESS, effects }, START);
  const [intent, outcome] = await payloads(node);
  assert.ok(intent?.kind === 'execution-intent' && 'digest' in intent.targets);
  assert.ok(outcome?.kind === 'execution-outcome' && 'digest' in outcome.effects);
  assert.is(node.ledger.index.reveal(0)?.targets.length, 4096);
  for (const wrong of [[], ['vm:1', 'vm:1'], [...targets, 'vm:x']])
    assert.match(
      await node.ledger.begin(fresh(9, { targets: wrong }), START).then(
        ({ kind }) => kind,
        (error: unknown) => String(error),
      ),
      'RangeError',
    );
});

test('secrets and parameters never enter a record; what was committed to can be opened one by one', async (world) => {
  const node = await restart(world, { hidesTargets: true });
  const params = { mode: 'soft', password: 'hunter2-very-secret', extra: 'not-in-the-schema' };
  const paramsSchema = {
    type: 'object',
    properties: { mode: { type: 'string' }, password: { type: 'string', secret: true } },
  };
  await perform(
    node,
    request({ params, paramsSchema, targets: ['vm:101', 'vm:102'], key: 'secret-key' }),
  );
  const everything: Uint8Array[] = [];
  for await (const value of node.db.values()) everything.push(value);
  const hex = everything.map(formatHex).join('\n');
  for (const secret of ['hunter2-very-secret', 'not-in-the-schema', 'secret-key'])
    assert.not.ok(hex.includes(formatHex(utf8(secret))), secret);
  const records = (await kept(node)).map(({ statement }) => formatHex(statement)).join('\n');
  for (const hidden of ['vm:101', 'soft']) assert.not.ok(records.includes(formatHex(utf8(hidden))));

  const [intent] = await payloads(node);
  if (intent?.kind !== 'execution-intent' || !('salted' in intent.targets))
    throw new Error('plain');
  const revealed = node.ledger.index.reveal(0);
  for (const [i, { target, salt }] of (revealed?.targets ?? []).entries())
    assert.equal(commit(bytesOf(salt), utf8(target)), intent.targets.salted[i]);
  const { view, salt } = revealed?.params ?? { view: '', salt: '' };
  assert.equal(commit(bytesOf(salt), utf8(view)), intent.params);
  assert.match(view, '"mode":"soft"');
  assert.match(view, /"password":\{"commitment":"[0-9a-f]{64}"\}/);
  assert.match(view, /"extra":\{"commitment":"[0-9a-f]{64}"\}/);
});

test('the same parameters and targets look different in every record, the same key does not', async (world) => {
  const node = await restart(world, { hidesTargets: true });
  await perform(node, request(), START);
  await perform(node, request(), after(60_000));
  const [one, , two] = await payloads(node);
  if (one?.kind !== 'execution-intent' || two?.kind !== 'execution-intent') throw new Error('?');
  assert.not.equal(one.params, two.params);
  assert.not.equal(one.targets, two.targets);
  assert.equal(one.key, two.key);
});

test('suppressions become one record for each policy, version and reason, each provable', async ({
  node,
}) => {
  const { ledger } = node;
  await perform(node);
  for (let i = 0; i < 5; i++) await ledger.begin(request(), after(i));
  for (let i = 0; i < 3; i++)
    await ledger.suppress(
      { event: digest(`e${i}`), policy: null, version: null },
      'queue-full',
      after(i),
    );
  assert.is(ledger.suppressions.pending, 8);
  assert.is(await ledger.suppressions.flush(after(9)), 2);
  assert.is(ledger.suppressions.pending, 0);
  assert.is(await ledger.suppressions.flush(after(9)), 0);
  const [, , first, second] = await payloads(node);
  if (first?.kind !== 'execution-suppressed' || second?.kind !== 'execution-suppressed')
    throw new Error('no batches');
  assert.equal([first.reason, first.count, first.policy], ['suppressed-idempotent', 5, POLICY]);
  assert.equal([second.reason, second.count, second.policy], ['queue-full', 3, null]);
  const tree = new GrowingTree();
  for (const record of ledger.index.batch(2) ?? []) tree.append(leafHash(utf8(record)));
  assert.ok(equalBytes(tree.root(), first.digest));
  const { rows } = await ledger.index.page(NO_POLICY);
  assert.equal(
    rows.map(({ state, count }) => [state, count]),
    [['suppressed', 3]],
  );
});

test('the last 30 executions of a policy come first, and a cursor leads to all', async ({
  node,
}) => {
  await Promise.all(Array.from({ length: 65 }, (_, i) => perform(node, fresh(i))));
  await perform(node, fresh(99, { policy: '00000000-0000-4000-8000-000000000002' }));
  const pages: number[] = [];
  const seen = new Set<string>();
  for (let before: number | undefined; ; ) {
    const { rows, next } = await node.ledger.index.page(
      POLICY,
      before === undefined ? {} : { before },
    );
    pages.push(rows.length);
    for (const { id } of rows) seen.add(id);
    if (next === null) break;
    before = next;
  }
  assert.equal(pages, [30, 30, 5]);
  assert.is(seen.size, 65);
  assert.equal((await node.ledger.index.policies()).length, 2);
});

test('regression 26: pruning spares what is unfinished, takes every type of row, and leaves the statements', async ({
  node,
}) => {
  const open = idOf(await node.ledger.begin(fresh(0), START));
  await Promise.all(Array.from({ length: 20 }, (_, i) => perform(node, fresh(1 + i))));
  for (let i = 0; i < 5; i++) {
    await node.ledger.suppress({ event: digest('e'), policy: POLICY, version: 1 }, 'stale', START);
    await node.ledger.suppress(
      { event: digest('e'), policy: null, version: null },
      'queue-full',
      START,
    );
    await node.ledger.suppressions.flush(START);
  }
  const before = await payloads(node);
  await node.ledger.prune({ rowsPerPolicy: 3, contentMs: 1000 }, after(MAX_WINDOW_MS + 1));
  const { rows } = await node.ledger.index.page(POLICY, { limit: 100 });
  assert.equal(
    rows.map(({ state }) => state),
    ['suppressed', 'suppressed', 'suppressed', 'open'],
  );
  assert.is((await node.ledger.index.page(NO_POLICY)).rows.length, 3);
  assert.is(node.ledger.index.reveal(1), undefined);
  const keys = await node.db.keys().all();
  assert.equal(
    keys.filter((key) => /\/l\/[rb]\//.test(key)),
    [],
  );
  assert.is(keys.filter((key) => key.includes('/l/w/')).length, 1, 'the window of the open intent');
  assert.equal(await payloads(node), before);
  assert.equal(await node.ledger.finish(open, SUCCESS, after(MAX_WINDOW_MS + 2)), {
    kind: 'ended',
    id: open,
  });
  await node.ledger.prune({ rowsPerPolicy: 0, contentMs: 1000 }, after(MAX_WINDOW_MS + 3));
  assert.equal(await node.ledger.index.policies(), []);
});

test(`no more than ${MAX_OPEN_INTENTS} intents are open`, async ({ node }) => {
  const begun = await Promise.all(
    Array.from({ length: MAX_OPEN_INTENTS + 1 }, (_, i) => node.ledger.begin(fresh(i), START)),
  );
  assert.equal(begun.at(-1), { kind: 'refused', code: 'too-many-intents' });
  assert.is(node.ledger.open, MAX_OPEN_INTENTS);
  await node.ledger.finish(
    idOf(begun[0] ?? { kind: 'refused', code: 'outbox-full' }),
    SUCCESS,
    START,
  );
  assert.is((await node.ledger.begin(fresh(-1), START)).kind, 'begun');
});

test('the state that is in force is recorded once', async (world) => {
  const state = {
    villageSeq: 3,
    villageHead: digest('head'),
    checkpoint: { size: 9, root: digest('root') },
    policies: digest('policies'),
  };
  assert.is((await world.node.ledger.applied(state, START)).kind, 'appended');
  assert.is((await world.node.ledger.applied(state, after(1))).kind, 'unchanged');
  const node = await restart(world, { now: after(2) });
  assert.is((await node.ledger.applied(state, after(3))).kind, 'unchanged');
  assert.is(
    (await node.ledger.applied({ ...state, villageHead: digest('next') }, after(4))).kind,
    'appended',
  );
});

for (const suffix of ['l/meta', 'o/meta', 'l/open/']) {
  test(`a damaged ${suffix} stops the node, and says so`, async (world) => {
    await world.node.ledger.begin(request(), START);
    const keys = await world.node.db.keys().all();
    const key = keys.find((candidate) => candidate.includes(`/${suffix}`)) ?? '';
    const value = (await world.node.db.get(key)) ?? new Uint8Array(0);
    await world.node.db.put(key, value.slice(0, -1));
    await world.node.close();
    const code = await startNode(world.dir).then(
      () => 'started',
      (error: unknown) => (isLogError(error) ? error.code : String(error)),
    );
    assert.is(code, 'storage-corrupt');
    world.node = { ...world.node, close: async () => {} };
  });
}

test.run();
