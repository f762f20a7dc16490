// What holds a node back from doing a thing twice (spec/node-records.md section 8).

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatHex } from '@writ/core/bytes';
import { MAX_WINDOW_MS } from '@writ/policy/agent/ledger-windows';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  after,
  digest,
  fresh,
  idOf,
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

const test = suite<World>('windows of the ledger');

test.before.each(async (world) => {
  world.dir = await mkdtemp(join(tmpdir(), 'writ-windows-'));
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

test('of 1,000 concurrent duplicates one begins, and the others name it', async ({ node }) => {
  const all = Array.from({ length: 1000 }, () => node.ledger.begin(request(), START));
  const begun = await Promise.all(all);
  const ids = begun.flatMap((one) => (one.kind === 'begun' ? [one.id] : []));
  assert.is(ids.length, 1);
  const held = begun.filter((one) => one.kind === 'suppressed-idempotent');
  assert.is(held.length, 999);
  assert.ok(held.every(({ by }) => by === ids[0]));
  await node.ledger.suppressions.flush(START);
  const [, batch] = await payloads(node);
  assert.ok(batch?.kind === 'execution-suppressed' && batch.count === 999);
});

test('idempotency: the same key is held back for the window, whatever the policy', async ({
  node,
}) => {
  const by = await perform(node);
  const other = { policy: '00000000-0000-4000-8000-000000000002', event: digest('later') };
  assert.equal(await node.ledger.begin(request(other), after(59_999)), {
    kind: 'suppressed-idempotent',
    by,
  });
  assert.is((await node.ledger.begin(request(other), after(60_000))).kind, 'begun');
});

test('idempotency: a failed or unknown call holds back like any other, and an open one for as long as it is open', async ({
  node,
}) => {
  const failed = idOf(await node.ledger.begin(fresh(1), START));
  await node.ledger.finish(failed, { ...SUCCESS, result: 'failed', severity: 'error' }, after(1));
  assert.is((await node.ledger.begin(fresh(1), after(2))).kind, 'suppressed-idempotent');
  const open = idOf(await node.ledger.begin(fresh(2), START));
  assert.is((await node.ledger.begin(fresh(2), after(600_000))).kind, 'suppressed-idempotent');
  await node.ledger.unknown(open, 'deadline', after(600_001));
  assert.is((await node.ledger.begin(fresh(2), after(600_002))).kind, 'begun');
});

test('suppression: the same policy and subject are held back for the window', async ({ node }) => {
  const window = { suppressionWindowMs: 10_000 };
  const by = idOf(await node.ledger.begin(fresh(1, window), START));
  assert.equal(await node.ledger.begin(fresh(2, window), after(9_999)), {
    kind: 'suppressed-window',
    by,
  });
  const elsewhere = fresh(3, { ...window, subject: 'ups/other' });
  assert.is((await node.ledger.begin(elsewhere, after(1))).kind, 'begun');
  assert.is((await node.ledger.begin(fresh(4, window), after(10_000))).kind, 'begun');
});

test('suppression is judged behind idempotency', async ({ node }) => {
  const window = { suppressionWindowMs: 10_000 };
  await perform(node, fresh(1, window));
  const both = fresh(1, { ...window, event: digest('another') });
  assert.is((await node.ledger.begin(both, after(1))).kind, 'suppressed-idempotent');
});

test('suppression: the further actions of a match begin, and do not make the window longer', async ({
  node,
}) => {
  const window = { suppressionWindowMs: 10_000, event: digest('one') };
  const first = await perform(node, fresh(1, window));
  assert.is((await node.ledger.begin(fresh(2, window), after(9_000))).kind, 'begun');
  const next = { suppressionWindowMs: 10_000 };
  assert.equal(await node.ledger.begin(fresh(3, next), after(9_999)), {
    kind: 'suppressed-window',
    by: first,
  });
  assert.is((await node.ledger.begin(fresh(4, next), after(10_000))).kind, 'begun');
});

test('suppression: a match with nothing to do counts, and what was suppressed does not', async ({
  node,
}) => {
  const match = {
    policy: POLICY,
    version: 1,
    event: digest('a'),
    subject: 's',
    suppressionWindowMs: 1000,
  };
  assert.equal(await node.ledger.match(match, 'nothing-to-do', START), { kind: 'matched' });
  const again = { ...match, event: digest('b') };
  const by = formatHex(digest('a'));
  assert.equal(await node.ledger.match(again, 'nothing-to-do', after(900)), {
    kind: 'suppressed-window',
    by,
  });
  assert.equal(await node.ledger.match(again, 'nothing-to-do', after(1000)), { kind: 'matched' });
});

test('a look ahead says what begin would say and changes nothing', async ({ node }) => {
  assert.is(node.ledger.heldBack(request(), START), undefined);
  const by = await perform(node);
  assert.equal(node.ledger.heldBack(request(), after(1)), { kind: 'suppressed-idempotent', by });
  assert.is(node.ledger.suppressions.pending, 0);
});

test('regression 31: windows survive a restart', async (world) => {
  const window = { suppressionWindowMs: 60_000 };
  const by = await perform(world.node, request(window));
  const node = await restart(world, { now: { ...after(30_000), steadyMs: 0 } });
  const at = (ms: number) => ({ wallMs: START.wallMs + 30_000 + ms, steadyMs: ms });
  assert.equal(await node.ledger.begin(request(window), at(29_999)), {
    kind: 'suppressed-idempotent',
    by,
  });
  assert.equal(await node.ledger.begin(fresh(2, window), at(29_999)), {
    kind: 'suppressed-window',
    by,
  });
  assert.is((await node.ledger.begin(request(window), at(30_000))).kind, 'begun');
});

test('a wall clock that jumps within a run opens and closes nothing', async ({ node }) => {
  await perform(node);
  const jumped = (wall: number, steady: number) => ({
    wallMs: START.wallMs + wall,
    steadyMs: START.steadyMs + steady,
  });
  for (const wall of [-86_400_000, 86_400_000])
    assert.is(
      (await node.ledger.begin(request(), jumped(wall, 59_999))).kind,
      'suppressed-idempotent',
    );
  assert.is((await node.ledger.begin(request(), jumped(-86_400_000, 60_000))).kind, 'begun');
});

test('a wall clock that went back over a restart keeps a window closed, for its length and no longer', async (world) => {
  await perform(world.node);
  const back = START.wallMs - 86_400_000;
  const node = await restart(world, { now: { wallMs: back, steadyMs: 0 } });
  const at = (ms: number) => ({ wallMs: back + ms, steadyMs: ms });
  assert.is((await node.ledger.begin(request(), at(59_999))).kind, 'suppressed-idempotent');
  assert.is((await node.ledger.begin(request(), at(60_000))).kind, 'begun');
});

test('no policy has a window of less than nothing or more than 31 days', async ({ node }) => {
  for (const windowMs of [-1, MAX_WINDOW_MS + 1, Number.NaN])
    for (const name of ['idempotencyWindowMs', 'suppressionWindowMs'])
      assert.throws(
        () => node.ledger.begin(request({ [name]: windowMs }), START),
        (error: unknown) => error instanceof RangeError,
      );
});

test.run();
