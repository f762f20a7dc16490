// The history of published checkpoints over HTTP.

import { equalBytes } from '@writ/core/bytes';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type AppWorld, appWorld, bytesOf, problemCode } from './app-world.ts';
import { addEntries } from './world.ts';

const pages = suite('history');
const IMMUTABLE = 'public, max-age=31536000, immutable';

async function history(
  world: AppWorld,
  query: string,
): Promise<{ numbers: number[]; next: number | null }> {
  const response = await world.request(`/checkpoints?${query}`);
  assert.is(response.status, 200, query);
  const page: { checkpoints: { number: number }[]; next: number | null } = JSON.parse(
    await response.text(),
  );
  const link = response.headers.get('link');
  assert.is(link === null, page.next === null);
  if (link !== null)
    assert.match(link, new RegExp(`^</checkpoints\\?.*from=${page.next}.*>; rel="next"$`));
  return { numbers: page.checkpoints.map(({ number }) => number), next: page.next };
}

async function withHistory(rows: number): Promise<AppWorld> {
  const world = appWorld('raw');
  for (let i = 0; i < rows; i++) {
    await addEntries(world.log, 1);
    await world.publisher.publishNow();
  }
  return world;
}

pages('pages of the history follow each other without gap, also while it grows', async () => {
  const world = await withHistory(7);
  assert.equal(await history(world, 'limit=3'), { numbers: [0, 1, 2], next: 3 });
  await addEntries(world.log, 1);
  await world.publisher.publishNow();
  assert.equal(await history(world, 'limit=3&from=3'), { numbers: [3, 4, 5], next: 6 });
  assert.equal(await history(world, 'limit=3&from=6'), { numbers: [6, 7], next: null });
  assert.equal(await history(world, 'limit=2&order=desc'), { numbers: [7, 6], next: 5 });
  assert.equal(await history(world, 'limit=9&order=desc&from=1'), { numbers: [1, 0], next: null });
  assert.equal(await history(world, 'from=99'), { numbers: [], next: null });
});

pages('the history is filtered by size, time and key', async () => {
  const world = await withHistory(6);
  assert.equal((await history(world, 'minSize=3&maxSize=4')).numbers, [2, 3]);
  assert.equal((await history(world, 'minSize=100')).numbers, []);
  assert.equal((await history(world, 'before=1')).numbers, []);
  assert.equal((await history(world, `after=${Date.now() + 9999}`)).numbers, []);
  const [row] = await world.log.store.readCheckpoints({ from: 0, to: 1, limit: 1 });
  assert.is((await history(world, `key=${row?.logKeyIds[0]}`)).numbers.length, 6);
  assert.equal((await history(world, 'key=00000000')).numbers, []);
  const note = await world.request('/checkpoints/0');
  assert.ok(equalBytes(await bytesOf(note), row?.note ?? new Uint8Array(0)));
  assert.is(note.headers.get('cache-control'), IMMUTABLE);
});

for (const query of [
  'limit=0',
  'limit=501',
  'limit=a',
  'order=up',
  'from=-1',
  'from=1&from=2',
  'page=2',
  'minSize=1.5',
  'after=now',
]) {
  pages(`the history refuses ${query}`, async () => {
    const world = await withHistory(1);
    assert.is(await problemCode(await world.request(`/checkpoints?${query}`)), 'request-invalid');
  });
}

pages.run();
