// The reducer of node streams (spec/node-records.md section 4) and the encoding of their states.

import { formatHex } from '@writ/core/bytes';
import { isLogError } from '@writ/core/errors';
import {
  MAX_CLOSED_INTENTS,
  MAX_OPEN_INTENTS,
  type NodeState,
} from '@writ/core/streams/node-state';
import { replay } from '@writ/core/streams/replay';
import { decodeStreamState, encodeStreamState } from '@writ/core/streams/state-codec';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  APPLIED,
  hash,
  intent,
  LOST,
  NODE,
  NODE_SAMPLES,
  outcome,
  SUPPRESSED,
  unknown,
} from './node-records.ts';
import { flip, foundedWorld, LOG_KEY, type World } from './village-world.ts';

const test = suite('node streams');

function stateOf(world: World): NodeState {
  const state = world.states.get(NODE);
  if (state?.family !== 'node') throw new Error('there is no node');
  return state;
}

test('an intent is open until its outcome, and ends once', () => {
  const world = foundedWorld();
  const first = world.add(NODE, intent(), 'node');
  const second = world.add(NODE, intent(), 'node');
  assert.equal(
    [...stateOf(world).open].map(([id]) => id).sort(),
    [first, second].map(formatHex).sort(),
  );
  world.add(NODE, outcome(first), 'node');
  assert.is(world.why(NODE, outcome(first), 'node'), 'intent-closed by node.execution-outcome');
  assert.is(world.why(NODE, unknown(first), 'node'), 'intent-closed by node.execution-unknown');
  world.add(NODE, unknown(second), 'node');
  assert.is(world.why(NODE, outcome(second), 'node'), 'intent-closed by node.execution-outcome');
  assert.is(stateOf(world).open.size, 0);
});

test('nothing ends that was not begun on this stream', () => {
  const world = foundedWorld();
  const elsewhere = world.add('node/north-grid/other', intent(), 'other');
  assert.is(
    world.why(NODE, outcome(elsewhere), 'node'),
    'intent-unknown by node.execution-outcome',
  );
  const drift = world.add(
    NODE,
    NODE_SAMPLES.find(({ kind }) => kind === 'drift-report') ?? LOST,
    'node',
  );
  assert.is(world.why(NODE, unknown(drift), 'node'), 'intent-unknown by node.execution-unknown');
});

test('an outcome speaks of the targets of its intent', () => {
  const world = foundedWorld();
  const id = world.add(NODE, intent(), 'node');
  const list = [{ target: 2, from: null, to: null }];
  assert.is(
    world.why(NODE, outcome(id, { effects: { list } }), 'node'),
    'target-unknown by node.execution-outcome',
  );
  const digested = outcome(id, { effects: { count: 3, digest: hash('x') } });
  assert.is(world.refusal(NODE, digested, 'node').code, 'target-unknown');
  world.add(NODE, outcome(id, { effects: { list: [] } }), 'node');
});

test('no node has verified more than the log had', () => {
  const world = foundedWorld();
  const checkpoint = { size: world.entries.length, root: hash('root') };
  const ahead = { ...checkpoint, size: checkpoint.size + 1 };
  assert.is(
    world.why(NODE, intent({ checkpoint: ahead }), 'node'),
    'checkpoint-ahead by node.execution-intent',
  );
  assert.is(
    world.why(NODE, { ...APPLIED, checkpoint: ahead }, 'node'),
    'checkpoint-ahead by node.state-applied',
  );
  world.add(NODE, intent({ checkpoint }), 'node');
});

test(`no more than ${MAX_OPEN_INTENTS} intents are open at a time`, () => {
  const world = foundedWorld();
  const first = world.add(NODE, intent(), 'node');
  for (let i = 1; i < MAX_OPEN_INTENTS; i++) world.add(NODE, intent(), 'node');
  assert.is(world.why(NODE, intent(), 'node'), 'too-many-intents by node.execution-intent');
  world.add(NODE, outcome(first), 'node');
  world.add(NODE, intent(), 'node');
});

test(`the last ${MAX_CLOSED_INTENTS} ends are remembered`, () => {
  const world = foundedWorld();
  const first = world.add(NODE, intent(), 'node');
  world.add(NODE, outcome(first), 'node');
  for (let i = 1; i < MAX_CLOSED_INTENTS; i++)
    world.add(NODE, unknown(world.add(NODE, intent(), 'node')), 'node');
  assert.is(world.refusal(NODE, outcome(first), 'node').code, 'intent-closed');
  world.add(NODE, unknown(world.add(NODE, intent(), 'node')), 'node');
  assert.is(world.refusal(NODE, outcome(first), 'node').code, 'intent-unknown');
});

test('the stream belongs to one key, and to a village that exists', () => {
  const world = foundedWorld();
  world.add(NODE, APPLIED, 'node');
  assert.is(world.why(NODE, APPLIED, 'oz'), 'author-not-owner by stream.owner');
  assert.is(world.why('node/nowhere/ups', APPLIED, 'node'), 'village-unknown by node.village');
});

function busyNode(): World {
  const world = foundedWorld();
  for (const result of ['succeeded', 'failed', 'failed', 'skipped'] as const)
    world.add(NODE, outcome(world.add(NODE, intent(), 'node'), { result }), 'node');
  world.add(NODE, unknown(world.add(NODE, intent(), 'node')), 'node');
  for (const kind of ['drift-report', 'policy-override', 'dry-run', 'node-hosts'])
    world.add(NODE, NODE_SAMPLES.find((sample) => sample.kind === kind) ?? LOST, 'node');
  for (const payload of [SUPPRESSED, SUPPRESSED, APPLIED, LOST, intent()])
    world.add(NODE, payload, 'node');
  return world;
}

test('the state counts what happened and keeps what was applied last', () => {
  const { counts, applied, closed, open } = stateOf(busyNode());
  assert.equal(counts, {
    intents: 6,
    succeeded: 1,
    failed: 2,
    skipped: 1,
    unknown: 1,
    suppressed: 8,
    lost: 2,
  });
  assert.equal(applied, { villageSeq: 4, villageHead: hash('head'), size: 1 });
  assert.is(closed.length, 5);
  assert.is(open.size, 1);
});

test('a count that no state could hold stays at the largest', () => {
  const world = foundedWorld();
  const count = Number.MAX_SAFE_INTEGER;
  for (let i = 0; i < 2; i++) world.add(NODE, { ...SUPPRESSED, count }, 'node');
  assert.is(stateOf(world).counts.suppressed, count);
  assert.equal(decodeStreamState(encodeStreamState(stateOf(world))), stateOf(world));
});

test('replay and the encoding of states know nodes', () => {
  const world = busyNode();
  const replayed = replay(world.entries, { logKey: LOG_KEY.publicKey }).states.get(NODE);
  assert.equal(replayed, stateOf(world));
  const bytes = encodeStreamState(stateOf(world));
  assert.equal(encodeStreamState(decodeStreamState(bytes)), bytes);
  for (let at = 0; at < bytes.length; at++) {
    try {
      assert.equal(encodeStreamState(decodeStreamState(flip(bytes, at))), flip(bytes, at));
    } catch (error) {
      if (!isLogError(error, 'storage-corrupt')) throw error;
    }
    if (at % 7 !== 0) continue;
    assert.throws(
      () => decodeStreamState(bytes.slice(0, at)),
      (error: unknown) => isLogError(error, 'storage-corrupt'),
    );
  }
});

test.run();
