// A node that is killed, or whose disk fails, at any step: no call begins twice, no record is lost, none is told that was
// not written (spec/node-records.md sections 7 and 8).

import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatHex } from '@writ/core/bytes';
import { isLogError } from '@writ/core/errors';
import { leafHash } from '@writ/core/merkle/hash';
import { Courier } from '@writ/policy/agent/courier';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  after,
  fresh,
  kept,
  type Node,
  payloads,
  RuleLog,
  START,
  SUCCESS,
  startNode,
} from './node-world.ts';
import { POLICY } from './villages.ts';

const test = suite<{ dir: string }>('ledger after a crash', { dir: '' });
const STEPS = ['judge', 'write', 'written'];
test.before.each(async (world) => {
  world.dir = await mkdtemp(join(tmpdir(), 'writ-crash-'));
});

test.after.each(async ({ dir }) => {
  await rm(dir, { recursive: true });
});

/** The whole stream goes into a log that knows the rules, once; the index says the same. */
async function checkWhole(node: Node): Promise<RuleLog> {
  const before = await payloads(node);
  const log = new RuleLog();
  const courier = new Courier(node.journal, node.outbox, log);
  for (let round = await courier.submit(); round.kind !== 'done'; round = await courier.submit())
    assert.is(round.kind, 'more');
  assert.equal(log.payloads, before);
  if (before.length === 0) return log;
  const { counts, open } = log.state;
  assert.is(open.size, node.ledger.open);
  const { rows } = await node.ledger.index.page(POLICY, { limit: 10_000 });
  const inState = (state: string) => rows.filter((row) => row.state === state).length;
  assert.equal(
    [counts.succeeded, counts.unknown, open.size],
    [inState('succeeded'), inState('unknown'), inState('open')],
  );
  return log;
}

for (const step of STEPS) {
  for (const count of [3, 4, 6]) {
    test(`holds what it said when it is killed at "${step}" for the ${count}th time`, async ({
      dir,
    }) => {
      const child = new URL('./work-and-die.js', import.meta.url).pathname;
      const { signal, stdout } = spawnSync(process.execPath, [child, dir, step, String(count)], {
        encoding: 'utf8',
      });
      assert.is(signal, 'SIGKILL');
      const node = await startNode(dir, { now: after(1000) });
      try {
        const log = await checkWhole(node);
        const said = stdout
          .trim()
          .split('\n')
          .filter((line) => line !== '');
        const ids = new Set(log.entries.map(({ statement }) => formatHex(leafHash(statement))));
        const { rows } = await node.ledger.index.page(POLICY, { limit: 10_000 });
        for (const line of said) {
          const [word, id = '', ...key] = line.split(' ');
          const row = rows.find((candidate) => candidate.id === id);
          assert.ok(ids.has(id), `${line}: not in the stream`);
          if (word === 'ended') assert.is(row?.state, 'succeeded');
          else assert.not.equal(row?.state, 'open');
          if (word !== 'begun') continue;
          const again = await node.ledger.begin(fresh(0, { key: key.join(' ') }), after(1001));
          assert.equal(again, { kind: 'suppressed-idempotent', by: id });
        }
        assert.is(node.ledger.open, 0);
      } finally {
        await node.close();
      }
    });
  }

  test(`begins nothing after a write that failed at "${step}", and says so until it is started anew`, async ({
    dir,
  }) => {
    let isBroken = false;
    const node = await startNode(dir, {
      onStep: (at) => {
        if (isBroken && at === step) throw new Error('out of luck');
      },
    });
    const first = await node.ledger.begin(fresh(1), START);
    isBroken = true;
    const codes = await Promise.all(
      [
        node.ledger.begin(fresh(2), START),
        node.ledger.begin(fresh(2), START),
        node.ledger.finish(first.kind === 'begun' ? first.id : '', SUCCESS, START),
      ].map((run) =>
        run.then(
          ({ kind }) => kind,
          (error: unknown) => (isLogError(error) ? error.code : error),
        ),
      ),
    );
    assert.equal(codes, ['storage-failed', 'storage-failed', 'storage-failed']);
    isBroken = false;
    const late = await node.ledger.begin(fresh(3), START).catch((error: unknown) => error);
    assert.ok(isLogError(late, 'storage-failed'));
    await node.close();
    const again = await startNode(dir, { now: after(1) });
    await checkWhole(again);
    const isThere = step === 'written';
    assert.equal(again.unknown.length, 1);
    assert.is((await kept(again)).length, isThere ? 4 : 2);
    assert.is(
      (await again.ledger.begin(fresh(2), after(2))).kind,
      isThere ? 'suppressed-idempotent' : 'begun',
    );
    await again.close();
  });
}

test.run();
