// The projection (spec/policy-api.md section 2): the same rows however it came to them, and nothing that stops it.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatHex } from '@writ/core/bytes';
import type { Payload } from '@writ/core/statements/kinds';
import { checkProjection } from '@writ/log-server/projections/check';
import { openLevelRows } from '@writ/log-server/projections/level-rows';
import { MemoryRows } from '@writ/log-server/projections/memory-rows';
import { Projection } from '@writ/log-server/projections/projection';
import { allRows, type RowStore, rowsDigest } from '@writ/log-server/projections/rows';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  changeTo,
  HOST,
  hostsOf,
  jsonOf,
  NODE,
  NODE_STREAM,
  POLICY_A,
  POLICY_B,
  type PolicyWorld,
  policyWorld,
  specOf,
} from './policy-world.ts';
import { addEntries } from './world.ts';

const test = suite('projection');
const POLICIES = [POLICY_A, POLICY_B];
const OTHER_HOST = '0d9e4c6a-7b21-4e83-a5f6-93c8d1e07b33';
const HASH = new Uint8Array(32).fill(7);

/** What may happen in a village, as numbers that fast-check chooses. */
interface Step {
  readonly what: number;
  readonly which: number;
  readonly value: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  what: fc.nat(9),
  which: fc.nat(1),
  value: fc.nat(3),
});

function intentOf(policy: string, version: number): Payload {
  return {
    kind: 'execution-intent',
    ...{ policy, version, ir: HASH, driver: HASH, event: HASH },
    checkpoint: { size: 1, root: HASH },
    ...{ villageSeq: 0, host: HOST, capability: 'lamp.power', verb: 'turn-off' },
    targets: { plain: ['outlet:desk'] },
    ...{ key: HASH, params: null, preconditions: null, transcript: null, correlation: null },
    timeMs: 1_790_000_000_000,
  };
}

/** Does one step; what the log refuses is part of the history too. */
async function take(
  world: PolicyWorld,
  { what, which, value }: Step,
  intents: Uint8Array[],
): Promise<void> {
  const policy = POLICIES[which] ?? POLICY_A;
  const version = versionOf(world, policy);
  const on = (payload: Payload, who: string, stream?: string): Promise<void> =>
    world.add(payload, who, stream).catch(() => undefined);
  const node = which === 0 ? NODE : 'node-b';
  const stream = `node/north/${node}`;
  const reason = 'because';
  if (what <= 2)
    await on(changeTo(policy, version + 1, specOf({ enabled: what > 0, priority: value })), 'ben');
  else if (what === 3) await on(changeTo(policy, version + 1, { notes: 'no policy' }), 'cid');
  else if (what === 4)
    await on({ kind: 'policy-disable', policy, version: version + 1, reason }, 'ben');
  else if (what === 5)
    await on(
      {
        kind: 'policy-rollback',
        policy,
        version: version + 1,
        toVersion: Math.max(1, version - 1),
        reason,
      },
      'ben',
    );
  else if (what === 6)
    await on(hostsOf(...(value > 1 ? [HOST, OTHER_HOST] : value > 0 ? [HOST] : [])), node, stream);
  else if (what === 7) {
    const severity = value > 2 ? 'error' : 'info';
    const of = value === 0 ? null : Math.max(1, version);
    await on(
      { kind: 'dry-run', policy, version: of, ir: HASH, transcript: HASH, severity, timeMs: 1 },
      node,
      stream,
    );
  } else if (what === 8) {
    await on(intentOf(policy, Math.max(1, version)), node, stream);
    const id = world.log.streamHead(stream)?.statementId;
    if (id !== undefined) intents.push(id);
  } else {
    const intent = intents.splice(0, 1)[0] ?? HASH;
    await on({ kind: 'execution-unknown', intent, reason: 'restart', timeMs: 2 }, node, stream);
  }
}

function versionOf({ log }: PolicyWorld, policy: string): number {
  const state = log.ledger?.states.get('village/north');
  return state?.family === 'village' ? (state.policies.get(policy)?.version ?? 0) : 0;
}

async function rebuilt(world: PolicyWorld): Promise<string> {
  const rows = new MemoryRows();
  const projection = await Projection.open(rows, world.log);
  await projection.reach(world.log.head.size);
  return rowsDigest(rows);
}

test('a projection that followed a random history is the same, row for row, as one that is built again', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.boolean(), async (steps, isPrivate) => {
      const world = await policyWorld({ isPrivate });
      const intents: Uint8Array[] = [];
      const { projection } = world.services;
      for (const [i, now] of steps.entries()) {
        await take(world, now, intents);
        if (i % 3 === 0) await projection.reach(world.log.head.size);
      }
      await projection.reach(world.log.head.size);
      const check = await checkProjection(projection, world.log);
      assert.equal(check.differences, []);
      assert.ok(check.isSame);
      assert.is(await rebuilt(world), check.kept);
    }),
    { numRuns: 15 },
  );
});

test('rows in LevelDB go on where they ended, may be deleted, and are then the same again', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'writ-rows-'));
  const world = await policyWorld();
  await jsonOf(await world.save(POLICY_A, 1, specOf()), 201);
  let rows = await openLevelRows(dir);
  const first = await Projection.open(rows, world.log);
  await first.reach(world.log.head.size);
  const size = first.size;
  await first.close();
  await jsonOf(await world.save(POLICY_A, 2, specOf({ priority: 4 })), 201);
  rows = await openLevelRows(dir);
  const second = await Projection.open(rows, world.log);
  assert.is(second.size, size, 'nothing is read again');
  await second.reach(world.log.head.size);
  assert.is(await rowsDigest(rows), await rebuilt(world));
  await second.close();
  rmSync(dir, { recursive: true });
  rows = await openLevelRows(dir);
  const third = await Projection.open(rows, world.log);
  assert.is(third.size, 0);
  await third.reach(world.log.head.size);
  assert.is(await rowsDigest(rows), await rebuilt(world));
  await third.close();
  rmSync(dir, { recursive: true });
});

test('rows of another log, and those of a log that went back, are made anew', async () => {
  const [one, two] = [await policyWorld(), await policyWorld()];
  await jsonOf(await one.save(POLICY_A, 1, specOf()), 201);
  await jsonOf(await two.save(POLICY_B, 1, specOf()), 201);
  const rows = new MemoryRows();
  await (await Projection.open(rows, one.log)).reach(one.log.head.size);
  const moved = await Projection.open(rows, two.log);
  assert.is(moved.size, 0);
  await moved.reach(two.log.head.size);
  assert.is(await rowsDigest(rows), await rebuilt(two));
});

test('a checker names a row that was changed, one that is missing and one too many', async () => {
  const rows = new MemoryRows();
  const world = await policyWorld({ rows });
  await jsonOf(await world.save(POLICY_A, 1, specOf()), 201);
  const { projection } = world.services;
  const key = `p/north/${POLICY_A}`;
  await rows.apply(
    new Map<string, string | null>([
      [key, '{}'],
      [`h/north/${HOST}`, null],
      ['p/x/y', '{}'],
    ]),
  );
  const { isSame, differences } = await checkProjection(projection, world.log);
  assert.not.ok(isSame);
  assert.equal([...differences].sort(), [`h/north/${HOST}`, key, 'p/x/y'].sort());
});

test('entries that are no statements are skipped and counted, and what comes behind them is in the rows', async () => {
  const world = await policyWorld();
  await addEntries(world.log, 300, 'no statement of village/north');
  await jsonOf(await world.save(POLICY_A, 1, specOf()), 201);
  assert.is(world.services.projection.skipped, 300);
  assert.is(
    (await jsonOf(await world.ask(`/api/policies/${POLICY_A}?village=north`)))['version_int'],
    1,
  );
  assert.ok((await checkProjection(world.services.projection, world.log)).isSame);
});

test('a fault of the store stops it, and the next wake goes on', async () => {
  const rows = new MemoryRows();
  const world = await policyWorld();
  const failing: RowStore = Object.assign(Object.create(rows), {
    get: rows.get.bind(rows),
    range: rows.range.bind(rows),
    clear: rows.clear.bind(rows),
    apply: async () => {
      throw new Error('no room');
    },
  });
  const faults: unknown[] = [];
  const projection = await Projection.open(failing, world.log, (error) => faults.push(error));
  await projection.reach(world.log.head.size).then(
    () => assert.unreachable('it cannot have written'),
    (error: unknown) => assert.match(String(error), 'no room'),
  );
  assert.is(faults.length, 1);
  Object.assign(failing, { apply: rows.apply.bind(rows) });
  await projection.reach(world.log.head.size);
  assert.is(await rowsDigest(rows), await rebuilt(world));
});

test('regression 31: the windows in the row are those of the spec', async () => {
  const world = await policyWorld();
  const spec = specOf({ suppression_window: '90s', idempotency_window: '2h' });
  await jsonOf(await world.save(POLICY_A, 1, spec), 201);
  const row = await jsonOf(await world.ask(`/api/policies/${POLICY_A}?village=north`));
  assert.is(row['suppression_window_s'], 90);
  assert.is(row['idempotency_window_s'], 7200);
});

test('a host stays with the node that listed it first, until that node does so no more', async () => {
  const world = await policyWorld();
  const nodeOf = async (): Promise<unknown> => {
    const { hosts } = await jsonOf(await world.ask('/api/hosts?village=north'));
    return Array.isArray(hosts) ? hosts.map(({ node }) => node) : hosts;
  };
  await world.add(hostsOf(HOST), 'node-b', 'node/north/node-b');
  assert.equal(await nodeOf(), [NODE]);
  await world.add(hostsOf(), NODE, NODE_STREAM);
  assert.equal(await nodeOf(), ['node-b']);
  await world.add(hostsOf(HOST), NODE, NODE_STREAM);
  assert.equal(await nodeOf(), ['node-b']);
});

test('an intent is a row, its end goes into the same row, and another end changes nothing', async () => {
  const world = await policyWorld();
  await jsonOf(await world.save(POLICY_A, 1, specOf()), 201);
  await world.add(intentOf(POLICY_A, 1), NODE, NODE_STREAM);
  const intent = world.log.streamHead(NODE_STREAM)?.statementId ?? HASH;
  const path = `/api/policies/${POLICY_A}/executions?village=north`;
  const read = async (): Promise<Record<string, unknown>> => {
    const { executions } = await jsonOf(await world.ask(path));
    assert.ok(Array.isArray(executions) && executions.length === 1);
    return executions[0];
  };
  assert.is((await read())['end'], null);
  assert.is((await read())['statement_id'], formatHex(intent));
  await world.add(
    { kind: 'execution-unknown', intent, reason: 'restart', timeMs: 2 },
    NODE,
    NODE_STREAM,
  );
  const done = await read();
  assert.match(JSON.stringify(done['end']), 'execution-unknown');
  assert.is(done['kind'], 'execution-intent');
});

test('every row of a village has the village in its key, so that no page runs into the next one', async () => {
  const world = await policyWorld();
  await jsonOf(await world.save(POLICY_A, 1, specOf()), 201);
  for await (const [key] of allRows(world.services.projection.rows))
    assert.ok(key === 'm/cursor' || key.includes('/north/'), key);
});

test.run();
