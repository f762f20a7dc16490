// Readers of private villages: members reach the state of the log, strangers are told that they cannot judge.

import { equalBytes, formatHex, utf8 } from '@writ/core/bytes';
import { isLogError } from '@writ/core/errors';
import { parsePolicy } from '@writ/core/formats/tlog-policy';
import { decodeFollowPage, encodeFollowPage } from '@writ/core/streams/follow-page';
import { replay } from '@writ/core/streams/replay';
import { encodeStreamState } from '@writ/core/streams/state-codec';
import { VillageReading } from '@writ/verifier/follow/reading';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bytesOf } from './app-world.ts';
import {
  entriesOf,
  jsonOf,
  keptOpenings,
  makePrivateVillage,
  type PrivateVillage,
  VILLAGE,
} from './private-world.ts';
import { change, constitution } from './village-statements.ts';
import { LOG_KEY } from './world.ts';

const test = suite('readers of private villages');

/** What a reader makes of the pages that `who` gets. */
async function follow(village: PrivateVillage, who: string | undefined) {
  const policy = parsePolicy(utf8(village.policyText));
  const reading = new VillageReading({ village: 'north', policy });
  for (let { want } = reading; want !== undefined; want = reading.want) {
    const path = `/streams/${want.stream}/follow?from=${want.from}&limit=2&since=${want.since}`;
    const response = await (who === undefined ? village.request(path) : village.ask(path, who));
    reading.add(await bytesOf(response));
  }
  return reading.finish();
}

test('log, member and replay reach the same state; strangers are told that they cannot judge', async () => {
  const village = await makePrivateVillage();
  await village.submit(change(1), 'ben');
  await village.submit(change(5), 'eve', 'inbox/north');
  await village.submit(change(2), 'cid');
  await village.publish();
  const { state, news } = await follow(village, 'ben');
  assert.is(news.length, 4);
  const openings = await keptOpenings(village);
  const replayed = replay(entriesOf(village), {
    logKey: LOG_KEY.publicKey,
    opening: (commitment) => openings.get(formatHex(commitment)),
  });
  const own = village.log.ledger?.states.get(VILLAGE);
  const other = replayed.states.get(VILLAGE);
  if (state === null || own === undefined || other === undefined) return assert.unreachable();
  assert.ok(equalBytes(encodeStreamState(state), encodeStreamState(own)));
  assert.ok(equalBytes(encodeStreamState(other), encodeStreamState(own)));
  for (const who of [undefined, 'eve']) {
    const error: unknown = await follow(village, who).catch((reason: unknown) => reason);
    assert.ok(isLogError(error, 'opening-missing'), String(error));
  }
  const page = await bytesOf(await village.request('/streams/village/north/follow'));
  assert.equal(decodeFollowPage(page).openings, []);
  assert.is(replay(entriesOf(village), { logKey: LOG_KEY.publicKey }).notJudged, 4);
});

test('a page with the openings of other statements is refused', async () => {
  const village = await makePrivateVillage();
  await village.submit(change(1), 'ben');
  await village.publish();
  const policy = parsePolicy(utf8(village.policyText));
  const path = '/streams/village/north/follow?from=0&limit=10&since=0';
  const page = decodeFollowPage(await bytesOf(await village.ask(path, 'ben')));
  const [first = utf8(''), second = utf8('')] = page.openings;
  const codeFor = (openings: readonly Uint8Array[]): string => {
    try {
      new VillageReading({ village: 'north', policy }).add(encodeFollowPage({ ...page, openings }));
    } catch (error) {
      return isLogError(error) ? error.code : String(error);
    }
    return 'accepted';
  };
  assert.is(codeFor([first, second]), 'accepted');
  assert.is(codeFor([second, first]), 'opening-failed');
  assert.is(codeFor([first, second.with(-1, 0)]), 'opening-failed');
  assert.is(codeFor([]), 'opening-missing');
});

test('pages with large openings are cut, and the next one goes on', async () => {
  const law = constitution();
  const limits = { ...law.limits, specBytes: 64_000 };
  const village = await makePrivateVillage({ law: { limits } });
  const text = 'x'.repeat(60_000);
  for (let version = 1; version <= 75; version++)
    assert.is((await village.submit(change(version, text), 'ben')).status, 200);
  await village.publish();
  const path = '/streams/village/north/follow?from=0&limit=500&since=0';
  const { openings, places } = decodeFollowPage(await bytesOf(await village.ask(path, 'ben')));
  assert.is(openings.length, places.length);
  assert.ok(openings.length > 60 && openings.length < 75, String(openings.length));
  const updates = await jsonOf(
    await village.ask('/villages/north/policy/updates?limit=500', 'ben'),
  );
  assert.is(updates['next'], openings.length - 1);
  const since = `/villages/north/policy/updates?limit=500&since=${updates['next']}`;
  const { statements, next } = await jsonOf(await village.ask(since, 'ben'));
  assert.ok(Array.isArray(statements) && statements.length === 76 - openings.length);
  assert.is(next, null);
});

test.run();
