import { equalBytes } from '@writ/core/bytes';
import { isLogError, LogError } from '@writ/core/errors';
import { checkConsistency } from '@writ/core/merkle/consistency';
import { leafHash } from '@writ/core/merkle/hash';
import { checkInclusion } from '@writ/core/merkle/inclusion';
import { GrowingTree } from '@writ/core/merkle/tree';
import { Log } from '@writ/log-server/log/log';
import { openMemoryStore } from '@writ/log-server/storage/memory';
import type { Append, LogStore } from '@writ/log-server/storage/port';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { entriesOf } from './storage-contract.ts';

const test = suite('log');

/** Recomputes everything that the log claims about itself from its entries alone. */
function checkWholeLog(log: Log): void {
  const tree = new GrowingTree();
  for (let i = 0; i < log.head.size; i++) {
    const hash = leafHash(log.readEntry(i));
    assert.is(log.findLeaf(hash), i);
    tree.append(hash);
  }
  assert.ok(equalBytes(tree.root(), log.head.root));
  assert.ok(equalBytes(log.rootAt(log.head.size), log.head.root));
}

async function code(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'accepted',
    (error: unknown) => (isLogError(error) ? error.code : String(error)),
  );
}

/** A store whose next append fails in a way of the test's choice, before or after it took effect. */
function failing(fail: (batch: Append, store: LogStore) => Promise<void>): LogStore {
  const store = openMemoryStore();
  const append = store.append.bind(store);
  let isArmed = true;
  store.append = async (batch) => {
    if (!isArmed) return append(batch);
    isArmed = false;
    return fail(batch, store);
  };
  return store;
}

test('entries get consecutive indexes in the order of submission', async () => {
  const log = new Log(openMemoryStore());
  const results = await Promise.all(entriesOf(0, 700).map((entry) => log.add(entry)));
  assert.equal(
    results.map((result) => result.index),
    Array.from({ length: 700 }, (_, i) => i),
  );
  checkWholeLog(log);
});

test('an entry submitted again gets the index it has, in the same batch and in a later one', async () => {
  const log = new Log(openMemoryStore());
  const [a, b, c] = entriesOf(0, 3) as [Uint8Array, Uint8Array, Uint8Array];
  const together = await Promise.all([log.add(a), log.add(b), log.add(a), log.add(c), log.add(b)]);
  assert.equal(
    together.map((result) => result.index),
    [0, 1, 0, 2, 1],
  );
  assert.equal(
    together.map((result) => result.isDuplicate),
    [false, false, true, false, true],
  );
  assert.equal(await log.add(c), { index: 2, isDuplicate: true });
  assert.equal(
    await log
      .addMany([...entriesOf(0, 3), ...entriesOf(3, 2)])
      .then((all) => all.map((r) => r.index)),
    [0, 1, 2, 3, 4],
  );
  assert.is(log.head.size, 5);
  checkWholeLog(log);
});

test('duplicates are known after a restart on the same store', async () => {
  const store = openMemoryStore();
  await new Log(store).addMany(entriesOf(0, 600));
  const log = new Log(store);
  assert.equal(await log.add(entriesOf(599, 1)[0] as Uint8Array), {
    index: 599,
    isDuplicate: true,
  });
  checkWholeLog(log);
});

test('proofs of the log check at every pair of sizes up to 70', async () => {
  const log = new Log(openMemoryStore());
  await log.addMany(entriesOf(0, 70));
  for (let size = 1; size <= 70; size++) {
    const root = log.rootAt(size);
    for (let index = 0; index < size; index++) {
      const proof = log.proveInclusion(index, size);
      const hash = leafHash(log.readEntry(index));
      assert.ok(
        checkInclusion({ index: BigInt(index), size: BigInt(size), leafHash: hash, root, proof }),
      );
    }
    for (let oldSize = 0; oldSize <= size; oldSize++) {
      const proof = log.proveConsistency(oldSize, size);
      assert.ok(
        checkConsistency({
          oldSize: BigInt(oldSize),
          oldRoot: log.rootAt(oldSize),
          size: BigInt(size),
          root,
          proof,
        }),
      );
    }
  }
});

test('proofs reach over tiles of two levels', async () => {
  const log = new Log(openMemoryStore());
  for (let at = 0; at < 70_000; at += 10_000) await log.addMany(entriesOf(at, 10_000));
  const root = log.head.root;
  for (const index of [0, 255, 256, 65_535, 65_536, 69_999]) {
    const claim = {
      index: BigInt(index),
      size: 70_000n,
      leafHash: leafHash(log.readEntry(index)),
      root,
    };
    assert.ok(checkInclusion({ ...claim, proof: log.proveInclusion(index, 70_000) }));
  }
  for (const oldSize of [1, 256, 4097, 65_536, 65_537]) {
    const claim = { oldSize: BigInt(oldSize), oldRoot: log.rootAt(oldSize), size: 70_000n, root };
    assert.ok(checkConsistency({ ...claim, proof: log.proveConsistency(oldSize, 70_000) }));
  }
});

test('an empty entry, one byte too much and a full pool are refused before an index is given', async () => {
  const log = new Log(openMemoryStore(), { limits: { queuedEntries: 3, queuedBytes: 1000 } });
  assert.is(await code(log.add(new Uint8Array(0))), 'entry-empty');
  assert.is(await code(log.add(new Uint8Array(65_536))), 'entry-too-large');
  const codes = await Promise.all(entriesOf(0, 5).map((entry) => code(log.add(entry))));
  assert.equal(codes, ['accepted', 'accepted', 'accepted', 'overloaded', 'overloaded']);
  assert.is(await code(log.add(new Uint8Array(1001))), 'overloaded');
  assert.is(log.head.size, 3);
  assert.is(await code(log.add(entriesOf(9, 1)[0] as Uint8Array)), 'accepted');
});

test('a statement is sequenced only at the head of its stream', async () => {
  const log = new Log(openMemoryStore());
  const [a, b, c, d] = entriesOf(0, 4) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  const move = (seq: number, previous: Uint8Array | null) => ({
    stream: 'village/x',
    seq,
    previous,
  });
  const results = await Promise.all([
    code(log.add(b, move(1, leafHash(a)))),
    code(log.add(a, move(0, null))),
    code(log.add(b, move(1, leafHash(a)))),
    code(log.add(c, move(1, leafHash(a)))),
    code(log.add(c, move(2, leafHash(a)))),
    code(log.add(d, move(0, null))),
  ]);
  assert.equal(results, [
    'stream-conflict',
    'accepted',
    'accepted',
    'stream-conflict',
    'stream-conflict',
    'stream-conflict',
  ]);
  assert.is(log.streamHead('village/x')?.seq, 1);
  assert.is(await code(log.add(c, move(2, leafHash(b)))), 'accepted');
  assert.equal(await log.add(a, move(0, null)), { index: 0, isDuplicate: true });
  checkWholeLog(log);
});

test('a conflict names the head to build on', async () => {
  const log = new Log(openMemoryStore());
  const [a, b] = entriesOf(0, 2) as [Uint8Array, Uint8Array];
  await log.add(a, { stream: 'log', seq: 0, previous: null });
  try {
    await log.add(b, { stream: 'log', seq: 0, previous: null });
    assert.unreachable();
  } catch (error) {
    assert.ok(isLogError(error, 'stream-conflict'));
    assert.is(error.detail['expectedSeq'], 1);
    assert.is(error.detail['headIndex'], 0);
  }
});

test('without room nothing is lost and the log goes on', async () => {
  const log = new Log(
    failing(async () => Promise.reject(new LogError('storage-full', 'no space left'))),
  );
  const [a, b] = entriesOf(0, 2) as [Uint8Array, Uint8Array];
  assert.equal(await Promise.all([code(log.add(a)), code(log.add(b))]), [
    'storage-full',
    'storage-full',
  ]);
  assert.is(log.head.size, 0);
  assert.equal(await log.add(b), { index: 0, isDuplicate: false });
  assert.equal(await log.add(a), { index: 1, isDuplicate: false });
  checkWholeLog(log);
});

test('after any other failure the log stops: nothing more is taken, reads go on', async () => {
  const log = new Log(failing(async () => Promise.reject(new Error('EIO'))));
  const [a, b] = entriesOf(0, 2) as [Uint8Array, Uint8Array];
  assert.is(await code(log.add(a)), 'log-stopped');
  assert.is(await code(log.add(b)), 'log-stopped');
  assert.match(log.stoppedBecause ?? '', 'EIO');
  assert.is(log.head.size, 0);
});

test('when another writer moved the head, the loser stops', async () => {
  const log = new Log(failing(async (batch, store) => store.append({ ...batch, previousSize: 5 })));
  assert.is(await code(log.add(entriesOf(0, 1)[0] as Uint8Array)), 'log-stopped');
  assert.is(log.head.size, 0);
});

test('a store whose hashes do not give its root is refused', async () => {
  const store = openMemoryStore();
  await new Log(store).addMany(entriesOf(0, 10));
  const readHashes = store.readHashes.bind(store);
  store.readHashes = (level, start, count) =>
    readHashes(level, start, count).map((byte) => byte ^ 1);
  assert.throws(
    () => new Log(store),
    (error: unknown) => isLogError(error, 'storage-corrupt'),
  );
});

test.run();
