import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isLogError } from '@writ/core/errors';
import { openLevelStore } from '@writ/log-server/storage/level';
import { openMemoryStore } from '@writ/log-server/storage/memory';
import { SEGMENT_ENTRIES } from '@writ/log-server/storage/port';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AppendMaker, entriesOf, runStorageContract } from './storage-contract.ts';

runStorageContract('memory', { open: async () => openMemoryStore(), clean: async () => {} });

let dir = '';
const newDir = (): string => {
  dir = mkdtempSync(join(tmpdir(), 'writ-store-'));
  return dir;
};
const clean = async (): Promise<void> => rmSync(dir, { recursive: true, force: true });

runStorageContract('level', {
  open: () => openLevelStore(newDir()),
  reopen: async (store) => {
    await store.close();
    return openLevelStore(dir);
  },
  clean,
});

const test = suite('storage: level on the disk');
test.after.each(clean);

async function storeOf(count: number): Promise<AppendMaker> {
  const maker = new AppendMaker();
  const store = await openLevelStore(newDir());
  await store.append(maker.next(entriesOf(0, count)));
  await store.close();
  return maker;
}

async function openError(): Promise<unknown> {
  return openLevelStore(dir).then(
    () => undefined,
    (error: unknown) => error,
  );
}

const segment = (): string => join(dir, 'entries', '000000.entries');

test('bytes behind the tail, from a commit that never was, are cut off at the next start', async () => {
  const maker = await storeOf(300);
  const length = statSync(segment()).size;
  appendFileSync(segment(), 'half an ent');
  const store = await openLevelStore(dir);
  assert.is(store.head.size, 300);
  assert.is(statSync(segment()).size, length);
  await store.append(maker.next(entriesOf(300, 2)));
  await store.close();
  const again = await openLevelStore(dir);
  assert.is(again.head.size, 302);
  await again.close();
});

test('derived files that are short, long or wrong are made again from the entries', async () => {
  await storeOf(700);
  const level0 = join(dir, 'hashes', 'level-0');
  const whole = readFileSync(level0);
  for (const spoil of [
    () => truncateSync(level0, 999),
    () => appendFileSync(level0, 'more'),
    () =>
      writeFileSync(
        level0,
        whole.map((byte) => byte ^ 0xff),
      ),
    () => rmSync(level0),
    () => rmSync(join(dir, 'entries', 'offsets')),
  ]) {
    spoil();
    await (await openLevelStore(dir)).close();
    assert.equal(readFileSync(level0), whole);
  }
});

test('a hash file that is gone is made again although it was noted as durable', async () => {
  const maker = new AppendMaker();
  const store = await openLevelStore(newDir());
  for (let size = 0; size <= SEGMENT_ENTRIES; size += 4096) {
    await store.append(maker.next(entriesOf(size, 4096)));
  }
  await store.close();
  const level0 = join(dir, 'hashes', 'level-0');
  const whole = readFileSync(level0);
  rmSync(level0);
  await (await openLevelStore(dir)).close();
  assert.ok(readFileSync(level0).equals(whole));
});

test('a flipped, missing or truncated entry is refused as corruption', async () => {
  await storeOf(700);
  const whole = readFileSync(segment());
  for (const spoil of [
    () =>
      writeFileSync(
        segment(),
        whole.map((byte, i) => (i === 4321 ? byte ^ 1 : byte)),
      ),
    () => writeFileSync(segment(), whole.subarray(0, whole.length - 1)),
    () => rmSync(segment()),
  ]) {
    spoil();
    assert.ok(isLogError(await openError(), 'storage-corrupt'));
    writeFileSync(segment(), whole);
  }
  await (await openLevelStore(dir)).close();
});

test('a second process-like open of the same folder is refused as locked', async () => {
  const store = await openLevelStore(newDir());
  assert.ok(isLogError(await openError(), 'storage-locked'));
  await store.close();
  await (await openLevelStore(dir)).close();
});

test('the store keeps its files where the documentation says', async () => {
  await storeOf(1);
  assert.equal(readdirSync(dir).sort(), ['entries', 'hashes', 'level']);
});

test.run();
