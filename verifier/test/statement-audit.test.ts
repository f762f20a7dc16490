import { openCheckpoint } from '@writ/verifier/checkpoint';
import { isRight } from '@writ/verifier/cli/state-root-fault';
import { type ScannedEntry, scanStatements } from '@writ/verifier/cli/statement-audit';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { StatementLog } from './statement-world.ts';
import { failsWith, memorySource, policy } from './world.ts';

const test = suite('scan of statements');

/** Some 600 entries over three bundles, with a state root after every 37 notes to some twenty streams. */
const log = new StatementLog();
const published: number[] = [];
for (let i = 0; i < 600; i++) {
  log.note(`s${(i * i) % 50}`);
  if (i % 37 !== 36 && i !== 599) continue;
  log.stateRoot();
  published.push(log.size);
}
const files = log.tree().files();
const checkpoints = published.map((size) => openCheckpoint(log.tree(size).note(), policy));

test('shows every entry in order, and what each state root should say', async () => {
  const seen: ScannedEntry[] = [];
  const result = await scanStatements(memorySource(files), checkpoints, (entry) => {
    seen.push(entry);
  });
  assert.equal(
    seen.map(({ bytes }) => bytes),
    log.entries,
  );
  const roots = seen.filter(({ root }) => root !== null);
  assert.equal(
    roots.map(({ index }) => index + 1),
    published,
  );
  for (const { root } of roots) assert.ok(root !== null && isRight(root.claimed, root.computed));
  assert.equal(result, { streams: log.heads().size, stateRoots: published.length });
});

test('stops at the size of the last tree', async () => {
  let count = 0;
  const some = checkpoints.slice(0, 8);
  await scanStatements(memorySource(files), some, () => {
    count++;
  });
  assert.is(BigInt(count), some.at(-1)?.size);
  assert.equal(await scanStatements(memorySource(files), [], () => assert.unreachable()), {
    streams: 0,
    stateRoots: 0,
  });
});

test('finds entries that are not those of a tree on the way', async () => {
  const other = new StatementLog();
  other.note('elsewhere');
  other.stateRoot();
  const [first, ...rest] = checkpoints;
  if (first === undefined) return assert.unreachable();
  const foreign = openCheckpoint(other.tree().note(), policy);
  const trees = [foreign, first, ...rest];
  await failsWith(
    () => scanStatements(memorySource(files), trees, () => undefined),
    'hash-mismatch',
  );
});

test('finds a bundle that is missing, cut off or too long', async () => {
  for (const [change, code] of [
    [undefined, 'entry-absent'],
    [(bytes: Uint8Array) => bytes.slice(0, -1), 'bundle-malformed'],
    [(bytes: Uint8Array) => Uint8Array.from([...bytes, 0]), 'bundle-malformed'],
  ] as const) {
    const broken = new Map(files);
    const bytes = broken.get('tile/entries/001') ?? assert.unreachable();
    if (change === undefined) broken.delete('tile/entries/001');
    else broken.set('tile/entries/001', change(bytes ?? new Uint8Array(0)));
    await failsWith(() => scanStatements(memorySource(broken), checkpoints, () => undefined), code);
  }
});

test.run();
