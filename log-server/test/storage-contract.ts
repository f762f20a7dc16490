// The contract of the storage port. Every driver runs it; a driver that survives a restart says how to reopen.

import { equalBytes } from '@writ/core/bytes';
import { isLogError } from '@writ/core/errors';
import { encodeBundle } from '@writ/core/formats/entry-bundle';
import { emptyRoot, leafHash } from '@writ/core/merkle/hash';
import { type Edge, edgeRoot, integrate } from '@writ/log-server/log/integrate';
import {
  type Append,
  type CheckpointRecord,
  type LogStore,
  SEGMENT_ENTRIES,
  type StreamHead,
} from '@writ/log-server/storage/port';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

/** How a suite gets a store: `open` gives a new one, `reopen` closes it and opens what is on the disk. */
export interface StoreFixture {
  open(): Promise<LogStore>;
  reopen?(store: LogStore): Promise<LogStore>;
  clean(): Promise<void>;
}

/** Builds appends that fit one behind the other. */
export class AppendMaker {
  #edge: Edge = [];
  #size = 0;

  next(
    entries: readonly Uint8Array[],
    streams: ReadonlyMap<string, StreamHead> = new Map(),
  ): Append {
    const leaves = new Uint8Array(entries.length * 32);
    for (const [i, entry] of entries.entries()) leaves.set(leafHash(entry), i * 32);
    const integrated = integrate(this.#edge, leaves);
    const append = {
      previousSize: this.#size,
      head: { size: this.#size + entries.length, root: edgeRoot(integrated.edge) },
      entries: encodeBundle(entries),
      hashes: integrated.hashes,
      streams,
      positions: [...streams].map(([stream, { seq, index }]) => ({ stream, seq, index })),
    };
    this.#edge = integrated.edge;
    this.#size = append.head.size;
    return append;
  }
}

export function entriesOf(from: number, count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => new TextEncoder().encode(`entry ${from + i}`));
}

function checkpointOf(number: number): CheckpointRecord {
  return {
    number,
    size: number * 10,
    root: leafHash(Uint8Array.of(number)),
    note: new TextEncoder().encode(`note ${number}\n`),
    publishedAtMs: 1_790_000_000_000 + number,
    cause: 'growth',
    quorumMet: number % 2 === 0,
    logKeyIds: ['0a1b2c3d'],
    witnesses: ['w1', 'w2'],
    softwareVersion: '0.1.0',
  };
}

async function refusal(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** Runs the contract for one driver. */
export function runStorageContract(name: string, fixture: StoreFixture): void {
  const test = suite(`storage: ${name}`);
  const reopened = async (store: LogStore): Promise<LogStore> =>
    fixture.reopen === undefined ? store : fixture.reopen(store);
  test.after.each(() => fixture.clean());

  test('a new store is the empty tree', async () => {
    const store = await fixture.open();
    assert.is(store.head.size, 0);
    assert.ok(equalBytes(store.head.root, emptyRoot()));
    assert.is(store.signed, undefined);
    assert.is(store.latestCheckpoint, undefined);
    await store.close();
  });

  test('what was appended is read back after a restart: head, entries, hashes of all levels', async () => {
    const maker = new AppendMaker();
    const opened = await fixture.open();
    for (const [from, count] of [
      [0, 1],
      [1, 254],
      [255, 1],
      [256, 300],
      [556, 144],
    ] as const) {
      await opened.append(maker.next(entriesOf(from, count)));
    }
    const store = await reopened(opened);
    assert.is(store.head.size, 700);
    assert.equal(store.readBundle(0, 256), encodeBundle(entriesOf(0, 256)));
    assert.equal(store.readBundle(512, 700), encodeBundle(entriesOf(512, 188)));
    assert.equal(store.readBundle(600, 601), encodeBundle(entriesOf(600, 1)));
    assert.equal(store.readHashes(0, 699, 1), leafHash(entriesOf(699, 1)[0] ?? new Uint8Array()));
    const first = integrate([], store.readHashes(0, 0, 256));
    assert.equal(store.readHashes(1, 0, 1), first.hashes[1]);
    await store.close();
  });

  test('an append that builds on another size is refused and changes nothing', async () => {
    const maker = new AppendMaker();
    const store = await fixture.open();
    const first = maker.next(entriesOf(0, 3));
    await store.append(first);
    assert.ok(isLogError(await refusal(store.append(first)), 'head-conflict'));
    const skipped = new AppendMaker();
    skipped.next(entriesOf(0, 7));
    assert.ok(
      isLogError(await refusal(store.append(skipped.next(entriesOf(7, 1)))), 'head-conflict'),
    );
    assert.is(store.head.size, 3);
    assert.equal(store.readBundle(0, 3), encodeBundle(entriesOf(0, 3)));
    await store.close();
  });

  test('entries up to the largest size and of a single byte are kept exactly', async () => {
    const maker = new AppendMaker();
    const opened = await fixture.open();
    const entries = [
      new Uint8Array(65_535).fill(7),
      Uint8Array.of(1),
      new Uint8Array(65_535).fill(9),
    ];
    await opened.append(maker.next(entries));
    const store = await reopened(opened);
    assert.equal(store.readBundle(0, 3), encodeBundle(entries));
    await store.close();
  });

  test('a log grows over the end of a segment', async () => {
    const maker = new AppendMaker();
    const opened = await fixture.open();
    for (let size = 0; size < SEGMENT_ENTRIES; size += 4096)
      await opened.append(maker.next(entriesOf(size, 4096)));
    await opened.append(maker.next(entriesOf(SEGMENT_ENTRIES, 300)));
    let store = await reopened(opened);
    await store.append(maker.next(entriesOf(SEGMENT_ENTRIES + 300, 5)));
    store = await reopened(store);
    assert.is(store.head.size, SEGMENT_ENTRIES + 305);
    for (const start of [0, SEGMENT_ENTRIES - 256, SEGMENT_ENTRIES]) {
      assert.equal(store.readBundle(start, start + 256), encodeBundle(entriesOf(start, 256)));
    }
    assert.equal(
      store.readBundle(SEGMENT_ENTRIES + 256, SEGMENT_ENTRIES + 305),
      encodeBundle(entriesOf(SEGMENT_ENTRIES + 256, 49)),
    );
    assert.is(store.readHashes(2, 0, 1).length, 32);
    await store.close();
  });

  test('stream heads move with the append that names them', async () => {
    const maker = new AppendMaker();
    const opened = await fixture.open();
    const head = { seq: 4, statementId: leafHash(Uint8Array.of(1)), index: 0 };
    await opened.append(maker.next(entriesOf(0, 1), new Map([['village/a', head]])));
    await refusal(
      opened.append({
        ...maker.next(entriesOf(1, 1), new Map([['village/b', head]])),
        previousSize: 9,
      }),
    );
    const store = await reopened(opened);
    assert.equal(store.readStream('village/a'), head);
    assert.is(store.readStream('village/b'), undefined);
    await store.close();
  });

  test('the profile is kept for life', async () => {
    const opened = await fixture.open();
    assert.is(opened.profile, undefined);
    await opened.putProfile('raw');
    const store = await reopened(opened);
    assert.is(store.profile, 'raw');
    await store.close();
  });

  test('the signed note is the one put last', async () => {
    const opened = await fixture.open();
    await opened.putSigned(Uint8Array.of(1, 2));
    await opened.putSigned(Uint8Array.of(3));
    const store = await reopened(opened);
    assert.equal(Uint8Array.from(store.signed ?? []), Uint8Array.of(3));
    await store.close();
  });

  test('the checkpoint history has every row, in both orders, and takes no gap and no second row', async () => {
    const opened = await fixture.open();
    for (let number = 0; number < 12; number++) await opened.putCheckpoint(checkpointOf(number));
    assert.ok(isLogError(await refusal(opened.putCheckpoint(checkpointOf(5))), 'head-conflict'));
    assert.ok(isLogError(await refusal(opened.putCheckpoint(checkpointOf(13))), 'head-conflict'));
    const store = await reopened(opened);
    assert.equal(store.latestCheckpoint, checkpointOf(11));
    const numbers = async (query: Parameters<LogStore['readCheckpoints']>[0]): Promise<number[]> =>
      (await store.readCheckpoints(query)).map((row) => row.number);
    assert.equal(await numbers({ from: 3, to: 7, limit: 10 }), [3, 4, 5, 6]);
    assert.equal(await numbers({ from: 0, to: 12, limit: 3, descending: true }), [11, 10, 9]);
    assert.equal(await numbers({ from: 12, to: 12, limit: 3 }), []);
    assert.equal(await store.readCheckpoints({ from: 4, to: 5, limit: 1 }), [checkpointOf(4)]);
    await store.close();
  });

  test.run();
}
