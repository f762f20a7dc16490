import { LogError } from '@writ/core/errors';
import { type AuditProgress, type AuditState, audit } from '@writ/verifier/audit';
import { SEGMENT_ENTRIES } from '@writ/verifier/audit-segment';
import { openCheckpoint } from '@writ/verifier/checkpoint';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { failsWith, memorySource, policy, SmallLog, someEntries } from './world.ts';

const test = suite('audit');

test('accepts trees of every shape around the edges of tiles', async () => {
  for (const size of [0, 1, 2, 3, 255, 256, 257, 511, 512, 513, 700]) {
    const log = new SmallLog(someEntries(size));
    const checkpoint = openCheckpoint(log.note(), policy);
    const { entries } = await audit(memorySource(log.files()), checkpoint);
    assert.is(entries, BigInt(size));
  }
});

test('finds any changed byte of any entry bundle and tile', async () => {
  const log = new SmallLog(someEntries(259).map((entry) => entry.subarray(5)));
  const files = log.files();
  const checkpoint = openCheckpoint(log.note(), policy);
  await audit(memorySource(files), checkpoint);
  for (const [path, bytes] of files) {
    if (path === 'checkpoint') continue;
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice();
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
      const source = memorySource(new Map(files).set(path, changed));
      const error = await failure(() => audit(source, checkpoint));
      assert.ok(
        error.code === 'hash-mismatch' || error.code === 'bundle-malformed',
        `${path} byte ${at}: ${error.code}`,
      );
    }
  }
});

async function failure(act: () => Promise<unknown>): Promise<LogError> {
  try {
    await act();
  } catch (error) {
    if (error instanceof LogError) return error;
    throw error;
  }
  return assert.unreachable('the audit found nothing') as never;
}

test('finds resources that are missing, cut short or too long', async () => {
  const log = new SmallLog(someEntries(300));
  const files = log.files();
  const checkpoint = openCheckpoint(log.note(), policy);
  for (const [path, bytes] of files) {
    if (path === 'checkpoint') continue;
    const without = new Map(files);
    without.delete(path);
    const missing = path.includes('entries') ? 'entry-absent' : 'not-found';
    await failsWith(() => audit(memorySource(without), checkpoint), missing);
    const malformed = path.includes('entries') ? 'bundle-malformed' : 'hash-mismatch';
    const longer = new Uint8Array(bytes.length + 1);
    longer.set(bytes);
    for (const wrong of [bytes.subarray(0, -1), longer, new Uint8Array(0)]) {
      const source = memorySource(new Map(files).set(path, wrong));
      const error = await failsWith(() => audit(source, checkpoint), malformed);
      assert.match(error.message, path);
    }
  }
});

test('takes a full tile where the partial one is gone', async () => {
  const grown = new SmallLog(someEntries(600));
  const files = grown.files();
  const checkpoint = openCheckpoint(grown.note(300n), policy);
  // The log has grown past 300 entries and keeps no partial tile of that size.
  const { entries } = await audit(memorySource(withParents(grown, files)), checkpoint);
  assert.is(entries, 300n);
});

/** The one partial tile of level 1 that a tree of 300 entries needs. */
function withParents(log: SmallLog, files: Map<string, Uint8Array>): Map<string, Uint8Array> {
  return files.set('tile/1/000.p/1', log.node({ level: 8, index: 0n }));
}

test('refuses a tree whose tiles are right but whose root is another', async () => {
  const log = new SmallLog(someEntries(300));
  const other = new SmallLog(someEntries(300, ' rewritten', 299));
  const checkpoint = openCheckpoint(other.note(), policy);
  const error = await failsWith(
    () => audit(memorySource(log.files()), checkpoint),
    'hash-mismatch',
  );
  assert.match(error.message, 'root of the checkpoint');
});

const large = new SmallLog(someEntries(2 * SEGMENT_ENTRIES + 300));
const largeFiles = large.files();

test('goes on where an earlier audit ended, and still folds to the root', async () => {
  const first = openCheckpoint(large.note(BigInt(SEGMENT_ENTRIES + 7)), policy);
  const source = memorySource(largeFiles);
  const partial = new Map(largeFiles);
  const grownSource = memorySource(addPartials(partial, BigInt(SEGMENT_ENTRIES + 7)));
  const { state } = await audit(grownSource, first);
  const saved: AuditState = JSON.parse(JSON.stringify(state()));
  assert.is(saved.size, String(SEGMENT_ENTRIES));
  const head = openCheckpoint(large.note(), policy);
  const seen: AuditProgress[] = [];
  const asked: bigint[] = [];
  const result = await audit(
    {
      read: (path) => {
        if (path === 'tile/entries/000') asked.push(0n);
        return source.read(path);
      },
    },
    head,
    { resumeFrom: saved, onProgress: (progress) => seen.push(progress) },
  );
  assert.is(result.entries, head.size);
  assert.equal(asked, [], 'entries of the first segment are not read again');
  assert.is(result.state().size, String(2 * SEGMENT_ENTRIES));
});

/** Adds the partial tiles that a checkpoint of `size` needs beyond the first segment. */
function addPartials(files: Map<string, Uint8Array>, size: bigint): Map<string, Uint8Array> {
  const rest = Number(size) - SEGMENT_ENTRIES;
  const smaller = new SmallLog(large.entries.slice(0, Number(size)));
  for (const [path, bytes] of smaller.files()) if (path.includes('.p/')) files.set(path, bytes);
  assert.ok(files.has(`tile/0/256.p/${rest}`));
  return files;
}

test('refuses a state whose hashes are not those of the log', async () => {
  const head = openCheckpoint(large.note(), policy);
  const source = memorySource(largeFiles);
  const { state } = await audit(source, head);
  const good = state();
  const [hashes = ''] = good.unfinished;
  const flipped = `${hashes.startsWith('A') ? 'B' : 'A'}${hashes.slice(1)}`;
  await failsWith(
    () => audit(source, head, { resumeFrom: { ...good, unfinished: [flipped] } }),
    'hash-mismatch',
  );
});

test('refuses a state that cannot be one, of another log or of a larger tree', async () => {
  const head = openCheckpoint(large.note(), policy);
  const source = memorySource(largeFiles);
  const { state } = await audit(source, head);
  const good = state();
  const wrong: [Partial<AuditState>, string][] = [
    [{ size: '1' }, 'json-malformed'],
    [{ size: '065536' }, 'json-malformed'],
    [{ size: '65536' }, 'json-malformed'],
    [{ unfinished: [] }, 'json-malformed'],
    [{ unfinished: ['AAAA'] }, 'json-malformed'],
    [{ unfinished: [...good.unfinished, 'AAAA'] }, 'json-malformed'],
    [{ origin: 'other.example' }, 'origin-unknown'],
  ];
  for (const [change, code] of wrong)
    await failsWith(() => audit(source, head, { resumeFrom: { ...good, ...change } }), code);
  const small = openCheckpoint(large.note(9n), policy);
  await failsWith(() => audit(source, small, { resumeFrom: good }), 'checkpoint-rolled-back');
});

test('stops at the first failure, whatever else is under way', async () => {
  const head = openCheckpoint(large.note(), policy);
  const options = {
    concurrency: 3,
    auditSegment: (segment: bigint): Promise<Uint8Array[]> =>
      Promise.reject(new LogError('hash-mismatch', `segment ${segment}`)),
  };
  const error = await failsWith(
    () => audit(memorySource(largeFiles), head, options),
    'hash-mismatch',
  );
  assert.is(error.message, 'segment 0');
});

test.run();
