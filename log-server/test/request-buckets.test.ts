// How many requests a village gets (spec/private-villages.md section 7).

import { concatBytes } from '@writ/core/bytes';
import { isLogError } from '@writ/core/errors';
import { decodeFollowPage } from '@writ/core/streams/follow-page';
import type { StreamStates } from '@writ/core/streams/reduce';
import {
  MAX_BUCKETS,
  RequestBuckets,
  type RequestKind,
} from '@writ/log-server/admission/request-buckets';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { COSE, post, problemCode, SEQUENCE } from './app-world.ts';
import { bodyOf, makePrivateVillage, sealedOf, signed } from './private-world.ts';
import { change, constitution, keyOf, statementOf } from './village-statements.ts';
import { makeVillage, VILLAGE } from './village-world.ts';

const test = suite('requests of villages');

/** The states of a log whose villages have so many requests a minute; a state is read for its limits alone. */
async function statesOf(perMinute: Readonly<Record<string, number>>): Promise<StreamStates> {
  const world = await makeVillage();
  const state = world.log.ledger?.states.get(VILLAGE);
  if (state?.family !== 'village') throw new Error('no village');
  return new Map(
    Object.entries(perMinute).map(([village, requestsPerMinute]) => {
      const limits = { ...state.law.limits, requestsPerMinute };
      return [`village/${village}`, { ...state, law: { ...state.law, limits } }];
    }),
  );
}

/** 0, or the seconds to wait. */
function take(
  buckets: RequestBuckets,
  states: StreamStates,
  village: string,
  kind: RequestKind = 'read',
): number {
  try {
    buckets.take(states, kind, village);
    return 0;
  } catch (error) {
    if (!isLogError(error, 'rate-limited')) throw error;
    return Number(error.detail['retryAfterSeconds']);
  }
}

test('a village has as many at once as in a minute, then one at a time', async () => {
  const states = await statesOf({ north: 6, south: 6 });
  let nowMs = 5000;
  const buckets = new RequestBuckets(() => nowMs);
  for (let i = 0; i < 6; i++) assert.is(take(buckets, states, 'north'), 0);
  assert.is(take(buckets, states, 'north'), 10);
  assert.is(take(buckets, states, 'south'), 0);
  assert.is(take(buckets, states, 'north', 'village'), 0);
  nowMs += 9999;
  assert.is(take(buckets, states, 'north'), 1);
  nowMs += 1;
  assert.is(take(buckets, states, 'north'), 0);
  assert.is(take(buckets, states, 'north'), 10);
  nowMs += 3_600_000;
  for (let i = 0; i < 6; i++) assert.is(take(buckets, states, 'north'), 0);
  assert.is(take(buckets, states, 'north'), 10);
});

test('in no minute a village gets more than twice its requests, whoever asks when', async () => {
  const states = await statesOf({ north: 10 });
  fc.assert(
    fc.property(fc.array(fc.nat(5000), { minLength: 1, maxLength: 200 }), (pauses) => {
      let nowMs = 0;
      const buckets = new RequestBuckets(() => nowMs);
      const taken: number[] = [];
      for (const pause of pauses) {
        nowMs += pause;
        if (take(buckets, states, 'north') === 0) taken.push(nowMs);
      }
      for (const start of taken)
        assert.ok(taken.filter((at) => at >= start && at < start + 60_000).length <= 20);
    }),
    { numRuns: 30 },
  );
});

test('memory has a bound, and unknown villages take none', async () => {
  const villages = Array.from({ length: MAX_BUCKETS + 10 }, (_, i) => [`v${i}`, 1] as const);
  const states = await statesOf(Object.fromEntries(villages));
  const buckets = new RequestBuckets(() => 0);
  for (const [village] of villages) take(buckets, states, village);
  assert.is(buckets.size, MAX_BUCKETS);
  assert.is(take(buckets, states, villages.at(-1)?.[0] ?? ''), 60);
  assert.is(take(buckets, states, 'v0'), 0);
  const empty = new RequestBuckets(() => 0);
  for (let i = 0; i < 10; i++) assert.is(take(empty, states, `x${i}`), 0);
  assert.is(empty.size, 0);
});

/** A public village beside one that has three requests a minute. */
async function smallVillage() {
  const world = await makeVillage();
  const law = constitution();
  const limits = { ...law.limits, requestsPerMinute: 3 };
  const found = { kind: 'village-create', name: 'S', constitution: { ...law, limits } } as const;
  assert.is((await world.submit(found, 'ada', 'village/small')).status, 200);
  await world.publish();
  return world;
}

test('submissions beyond the limit get 429 and when to come again; other villages go on', async () => {
  const world = await smallVillage();
  const submit = (version: number) => world.submit(change(version), 'ben', 'village/small');
  for (let version = 1; version <= 3; version++) assert.is((await submit(version)).status, 200);
  const size = world.log.head.size;
  const refused = await submit(4);
  assert.is(await problemCode(refused.clone()), 'rate-limited');
  assert.is(refused.status, 429);
  const wait = Number(refused.headers.get('retry-after'));
  assert.ok(wait >= 1 && wait <= 20, String(wait));
  assert.is(world.log.head.size, size);
  assert.is((await world.submit(change(1), 'ben')).status, 200);
  world.env.shiftMs += wait * 1000;
  assert.is((await submit(4)).status, 200);
});

test('a batch has the verdict for each item', async () => {
  const world = await smallVillage();
  const head = world.log.streamHead('village/small');
  const items = [1, 2, 3, 4, 5].map((n) =>
    statementOf('village/small', change(1, `try ${n}`), 'ben', head),
  );
  const response = await world.request('/add-batch', post(concatBytes(...items), SEQUENCE));
  const { results }: { results: { error?: { status: number } }[] } = JSON.parse(
    await response.text(),
  );
  // Signatures are verified side by side, so which of them come too late is not certain.
  const verdicts = results.map(({ error }) => error?.status ?? 200);
  assert.equal(verdicts.sort(), [200, 409, 409, 429, 429]);
});

test('reads beyond the limit get 429, and do not keep authors out', async () => {
  const world = await smallVillage();
  const read = () => world.request('/villages/small/policy/latest');
  for (let i = 0; i < 3; i++) assert.is((await read()).status, 200);
  assert.is((await read()).status, 429);
  assert.is((await world.request('/streams/village/small/follow')).status, 429);
  assert.is((await world.request('/villages/north/policy/latest')).status, 200);
  assert.is((await world.request('/checkpoint')).status, 200);
  assert.is((await world.submit(change(1), 'ben', 'village/small')).status, 200);
});

test('outsiders share the inbox, and nothing else', async () => {
  const world = await smallVillage();
  const propose = (n: number) => world.submit(change(1, `p${n}`), 'eve', 'inbox/small');
  for (let n = 0; n < 3; n++) assert.is((await propose(n)).status, 200);
  assert.is((await propose(3)).status, 429);
  assert.is((await world.submit(change(1), 'ben', 'village/small')).status, 200);
});

test('what nobody signed costs the village nothing', async () => {
  const world = await smallVillage();
  const head = world.log.streamHead('village/small');
  const forged = statementOf('village/small', change(1), 'ben', head).slice();
  forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
  for (let i = 0; i < 10; i++)
    assert.is(
      await problemCode(await world.request('/add', post(forged, COSE))),
      'statement-bad-signature',
    );
  assert.is((await world.submit(change(1), 'ben', 'village/small')).status, 200);
});

test('a revoked key cannot use up what is left, and revoking is never rationed', async () => {
  const world = await smallVillage();
  const revoke = {
    kind: 'key-revoke',
    member: 'ben',
    key: keyOf('ben').publicKey,
    reason: '',
  } as const;
  for (let n = 0; n < 3; n++)
    assert.is((await world.submit(change(9), 'cid', 'village/small')).status, 403);
  assert.is((await world.submit(change(1), 'cid', 'village/small')).status, 429);
  assert.is((await world.submit(revoke, 'ben', 'village/small')).status, 200);
  world.env.shiftMs += 120_000;
  for (let n = 0; n < 10; n++) await world.submit(change(1), 'ben', 'village/small');
  assert.is((await world.submit(change(1), 'cid', 'village/small')).status, 200);
});

test('strangers to a private village cannot use up what its members have', async () => {
  const { limits } = constitution();
  const village = await makePrivateVillage({
    law: { limits: { ...limits, requestsPerMinute: 3 } },
  });
  const path = '/villages/north/policy/latest';
  for (let i = 0; i < 10; i++) assert.is((await village.request(path)).status, 404);
  for (let i = 0; i < 10; i++) await village.request('/streams/village/north/follow');
  for (let i = 0; i < 3; i++) assert.is((await village.ask(path, 'ben')).status, 200);
  assert.is((await village.ask(path, 'ben')).status, 429);
  assert.is((await village.request(path)).status, 404);
  const sealed = sealedOf(
    'village/north',
    change(1),
    'ben',
    village.log.streamHead('village/north'),
  );
  assert.is((await village.request('/add', post(bodyOf(sealed), SEQUENCE))).status, 200);
});

test('the public cannot keep members from reading, nor a signature of somebody else', async () => {
  const world = await smallVillage();
  const ask = (path: string, who: string) =>
    world.request(path, { headers: signed(who, 'GET', path, world.env.nowMs()) });
  const [latest, follow] = ['/villages/small/policy/latest', '/streams/village/small/follow'];
  for (let i = 0; i < 3; i++) assert.is((await ask(latest, 'eve')).status, 200);
  assert.is((await ask(latest, 'eve')).status, 429);
  assert.is((await world.request(latest)).status, 429);
  assert.is((await ask(latest, 'ben')).status, 200);
  const page = await ask(follow, 'cid');
  assert.is(page.status, 200);
  assert.is(page.headers.get('cache-control'), 'no-cache');
  assert.equal(decodeFollowPage(new Uint8Array(await page.arrayBuffer())).openings, []);
  assert.is((await ask(latest, 'ben')).status, 200);
  assert.is((await ask(latest, 'ben')).status, 429);
});

test('strangers cannot keep members from finding out that a village is private', async () => {
  const { limits } = constitution();
  const village = await makePrivateVillage({
    law: { limits: { ...limits, requestsPerMinute: 3 } },
  });
  const path = '/streams/village/north/follow';
  // Who reads asks without a signature first: that a village is public tells nobody who reads it.
  for (let i = 0; i < 20; i++) assert.is((await village.request(path)).status, 200);
  assert.is((await village.request('/streams/village/north?from=head&limit=1')).status, 200);
  assert.is((await village.ask(path, 'ben')).status, 200);
});

test.run();
