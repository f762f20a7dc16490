// Villages on the server: rules at admission, a state root at the end of every published tree, stream proofs, and
// the same after a restart.

import { equalBytes, formatHex, parseBase64, utf8 } from '@writ/core/bytes';
import { verifyEd25519 } from '@writ/core/ed25519';
import { isLogError } from '@writ/core/errors';
import { parsePolicy } from '@writ/core/formats/tlog-policy';
import { sha256 } from '@writ/core/sha256';
import { decodePayload } from '@writ/core/statements/kinds';
import { decodeStatement } from '@writ/core/statements/statement';
import { decodeStreamProof } from '@writ/core/streams/stream-proof';
import { openMemoryStore } from '@writ/log-server/storage/memory';
import { openStreamProof } from '@writ/verifier/stream';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { appWorld, COSE, post, problemCode } from './app-world.ts';
import { change, moveOf } from './village-statements.ts';
import {
  appWorldWithSteadyClock,
  jsonOf,
  makeVillage,
  proofOf,
  refusalOf,
  VILLAGE,
} from './village-world.ts';
import { LOG_KEY } from './world.ts';

const test = suite('villages');

test('every published tree ends with a state root over the entries before it', async () => {
  const world = await makeVillage();
  for (let version = 1; version <= 3; version++) {
    assert.is((await world.submit(change(version), 'ben')).status, 200);
    await world.publish();
    const { size = 0 } = world.publisher.published ?? {};
    const last = decodeStatement(world.log.readEntry(size - 1));
    const payload = decodePayload(last);
    assert.is(payload.kind, 'state-root');
    assert.is(payload.kind === 'state-root' && payload.size, size - 1);
    assert.is(size, world.log.head.size);
  }
});

test('a log that stands still publishes no new tree', async () => {
  const world = await makeVillage();
  await world.publish();
  const size = world.log.head.size;
  await world.publish();
  await world.publisher.publishNow('refresh');
  assert.is(world.log.head.size, size);
});

test('an idle log puts a fresh state root before the next entry', async () => {
  const world = await makeVillage();
  await world.publish();
  const size = world.log.head.size;
  world.env.shiftMs += 61_000;
  await world.submit(change(1), 'ben');
  assert.is(world.log.head.size, size + 2);
  assert.is(decodeStatement(world.log.readEntry(size)).kind, 'state-root');
});

test('the rules of the village decide who may do what, and the refusal names the rule', async () => {
  const world = await makeVillage();
  const size = world.log.head.size;
  assert.is(await refusalOf(await world.submit(change(1), 'ada')), 'author-lacks-role');
  assert.is(await refusalOf(await world.submit(change(2), 'ben')), 'version-wrong');
  assert.is(await problemCode(await world.submit(change(1), 'eve')), 'author-not-permitted');
  assert.is(await problemCode(await world.submit(change(1), 'mallory')), 'author-unknown');
  assert.is(world.log.head.size, size);
  assert.is((await world.submit(change(1), 'ben')).status, 200);
});

test('a refusal is on record where the constitution says so, and a flood of them is not', async () => {
  const world = await makeVillage(openMemoryStore(), 1, true);
  for (let tries = 0; tries < 15; tries++) await world.submit(change(7 + tries), 'ben');
  await world.submit(change(1), 'ben');
  await world.publish();
  const { denials } = await jsonOf(world, '/villages/north/denials');
  assert.ok(Array.isArray(denials));
  assert.is(denials.length, 10);
  assert.is(denials[0].code, 'version-wrong');
});

test('a key of the log is of no use to anybody else', async () => {
  const world = await makeVillage();
  const root = world.log.readEntry(0);
  const flipped = root.slice();
  flipped[flipped.length - 1] = (flipped[flipped.length - 1] ?? 0) ^ 1;
  assert.is(
    await problemCode(await world.request('/add', post(flipped, COSE))),
    'author-not-permitted',
  );
});

test('a policy below its quorum is not in force, and is with one more approval', async () => {
  const world = await makeVillage(openMemoryStore(), 2);
  await world.submit(change(1), 'ben');
  const proposal = world.log.streamHead(VILLAGE)?.statementId ?? new Uint8Array(32);
  await world.publish();
  assert.equal((await jsonOf(world, '/villages/north/policy/latest'))['policies'], []);
  assert.is(
    await refusalOf(await world.submit({ kind: 'approve', proposal }, 'ben')),
    'already-voted',
  );
  assert.is((await world.submit({ kind: 'approve', proposal }, 'cid')).status, 200);
  await world.publish();
  const policies = (await jsonOf(world, '/villages/north/policy/latest'))['policies'];
  assert.is(Array.isArray(policies) && policies.length, 1);
});

test('a stream proof opens under the trust policy and holds every statement', async () => {
  const world = await makeVillage();
  for (let version = 1; version <= 5; version++) await world.submit(change(version), 'ben');
  await world.publish();
  const policy = parsePolicy(utf8(world.policyText));
  const opened = openStreamProof(await proofOf(world, `/streams/${VILLAGE}`), policy);
  assert.is(opened.statements.length, 6);
  assert.ok(opened.isComplete);
  const newest = openStreamProof(await proofOf(world, `/streams/${VILLAGE}?from=head`), policy);
  assert.is(newest.statements.length, 1);
  const page = openStreamProof(await proofOf(world, `/streams/${VILLAGE}?from=1&limit=2`), policy);
  assert.not(page.isComplete);
  assert.is(page.statements.length, 2);
});

test('a stream that does not exist is proved absent', async () => {
  const world = await makeVillage();
  await world.publish();
  const proof = await proofOf(world, '/streams/village/nowhere');
  assert.is(decodeStreamProof(proof).head, null);
  const opened = openStreamProof(proof, parsePolicy(utf8(world.policyText)));
  assert.is(opened.head, null);
});

test('a cursor that is not there is an error', async () => {
  const world = await makeVillage();
  await world.publish();
  for (const path of [
    `/streams/${VILLAGE}?from=9`,
    `/streams/${VILLAGE}?from=-1`,
    `/streams/${VILLAGE}?limit=501`,
    `/streams/${VILLAGE}?limit=0`,
    '/villages/north/policy/updates?since=7',
    `/villages/north/policy/updates?since=${'ab'.repeat(32)}`,
    '/villages/north/policy/updates?since=x',
  ]) {
    assert.is(await problemCode(await world.request(path)), 'request-invalid', path);
  }
});

test('ids outside the grammar never reach a lookup', async () => {
  const world = await makeVillage();
  await world.publish();
  for (const id of [
    'a.b',
    'x'.repeat(65),
    'north~',
    'n%6Frth',
    'north%00',
    '..',
    'NORTH/..',
    'ｎorth',
  ]) {
    const response = await world.request(`/villages/${id}/policy/latest`);
    assert.ok(response.status === 400 || response.status === 404, id);
    assert.is(response.headers.get('content-type'), 'application/problem+json', id);
  }
});

test('updates page through a village without gap or repetition while it grows', async () => {
  const world = await makeVillage();
  for (let version = 1; version <= 7; version++) await world.submit(change(version), 'ben');
  await world.publish();
  const seen: unknown[] = [];
  let since: unknown;
  for (let pages = 0; pages < 10; pages++) {
    const query = since === undefined ? '' : `&since=${since}`;
    const page = await jsonOf(world, `/villages/north/policy/updates?limit=3${query}`);
    const { statements } = page;
    assert.ok(Array.isArray(statements));
    seen.push(...statements.map(({ seq }: { seq: number }) => seq));
    if (pages === 0) {
      await world.submit(change(8), 'ben');
      await world.publish();
    }
    since = page['next'];
    if (since === null) break;
  }
  assert.equal(seen, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
});

test('latest has an ETag that changes with the head alone', async () => {
  const world = await makeVillage();
  await world.publish();
  const path = '/villages/north/policy/latest';
  const etag = (await world.request(path)).headers.get('etag') ?? '';
  assert.is((await world.request(path, { headers: { 'if-none-match': etag } })).status, 304);
  await world.submit(change(1), 'ben');
  assert.is(
    (await world.request(path, { headers: { 'if-none-match': etag } })).status,
    304,
    'not published yet',
  );
  await world.publish();
  assert.is((await world.request(path, { headers: { 'if-none-match': etag } })).status, 200);
});

test('what the log answers is that of the published tree, not of what came after', async () => {
  const world = await makeVillage();
  await world.submit(change(1), 'ben');
  await world.publish();
  await world.submit(change(2), 'ben');
  const latest = await jsonOf(world, '/villages/north/policy/latest');
  assert.equal(
    (latest['policies'] as { version: number }[]).map(({ version }) => version),
    [1],
  );
});

test('a proposal of an outsider waits in the inbox until the village takes it up', async () => {
  const world = await makeVillage();
  assert.is((await world.submit(change(1), 'eve', 'inbox/north')).status, 200);
  const proposal = world.log.streamHead('inbox/north')?.statementId ?? new Uint8Array(32);
  await world.publish();
  const quarantine = await jsonOf(world, '/villages/north/quarantine');
  assert.is((quarantine['proposals'] as unknown[]).length, 1);
  assert.equal((await jsonOf(world, '/villages/north/policy/latest'))['policies'], []);
  const payload = decodePayload(
    decodeStatement(world.log.readEntry(world.log.findLeaf(proposal) ?? 0)),
  );
  const digest = sha256(payload.kind === 'policy-change' ? payload.spec : new Uint8Array(0));
  const answer = await world.submit({ kind: 'quarantine-approve', proposal, digest }, 'ben');
  assert.is(answer.status, 200, await answer.text());
});

test('the audit export is signed by the log, in JSON and CSV', async () => {
  const world = await makeVillage();
  await world.submit(change(1), 'ben');
  await world.publish();
  for (const format of ['json', 'csv']) {
    const response = await world.request(`/villages/north/audit?format=${format}`);
    const text = await response.text();
    const digest = sha256(utf8(text));
    const message = utf8(`writ audit export\n${VILLAGE}\n${formatHex(digest)}\n`);
    const signature =
      parseBase64(response.headers.get('x-writ-signature') ?? '') ?? new Uint8Array(0);
    assert.ok(verifyEd25519(message, signature, LOG_KEY.publicKey), format);
    if (format === 'csv') continue;
    const { rows, proof } = JSON.parse(text);
    const { head } = openStreamProof(
      parseBase64(proof) ?? new Uint8Array(0),
      parsePolicy(utf8(world.policyText)),
      { stream: VILLAGE },
    );
    assert.is(formatHex(head?.statementId ?? new Uint8Array(0)), rows.at(-1).statementId);
  }
});

test('a restart knows the same streams and serves the same proofs', async () => {
  const store = openMemoryStore();
  const before = await makeVillage(store);
  for (let version = 1; version <= 3; version++) await before.submit(change(version), 'ben');
  await before.publish();
  const proof = await proofOf(before, `/streams/${VILLAGE}`);
  await before.submit(change(4), 'ben');
  const after = await makeVillage(store);
  assert.ok(equalBytes(await proofOf(after, `/streams/${VILLAGE}`), proof));
  await after.publish();
  assert.is((await after.submit(change(5), 'ben')).status, 200);
  const opened = openStreamProof(
    await proofOf(after, `/streams/${VILLAGE}`),
    parsePolicy(utf8(after.policyText)),
  );
  assert.is(opened.statements.length, 5);
});

test('an idle log renews its state root before readers refuse it', async () => {
  const world = await makeVillage();
  await world.publish();
  const size = world.log.head.size;
  world.env.shiftMs += 7 * 3_600_000;
  await world.publisher.publishNow('refresh');
  assert.is(world.log.head.size, size + 1);
  assert.is(world.publisher.published?.size, size + 1);
});

test('a log that was off for a day shows its readers no old state root', async () => {
  const store = openMemoryStore();
  const before = await makeVillage(store);
  await before.publish();
  const rows = store.latestCheckpoint?.number ?? 0;
  const after = appWorld('statements', { store });
  after.env.shiftMs += 90_000_000;
  await after.publisher.publishNow('start');
  assert.is(store.latestCheckpoint?.number, rows + 1);
  assert.is(store.latestCheckpoint?.size, store.head.size);
  const last = decodeStatement(after.log.readEntry(store.head.size - 1));
  assert.ok(last.issuedAtSeconds * 1000 > after.env.nowMs() - 60_000);
});

test('a clock that jumps writes no time into the log until witnesses have confirmed it', async () => {
  const world = await makeVillage();
  await world.publish();
  const size = world.log.head.size;
  const steady = appWorldWithSteadyClock(world.log.store);
  steady.env.shiftMs += 20 * 365 * 86_400_000;
  const refused = await steady.log
    .add(steady.next, moveOf(steady.next))
    .then(String, (error: unknown) => (isLogError(error) ? error.code : String(error)));
  assert.is(refused, 'clock-implausible');
  assert.is(steady.log.head.size, size);
  steady.env.shiftMs = 0;
  assert.is((await steady.log.add(steady.next, moveOf(steady.next))).isDuplicate, false);
});

test('what is being committed is not shown as published', async () => {
  const store = openMemoryStore();
  const world = await makeVillage(store);
  await world.publish();
  const append = store.append.bind(store);
  let latest: unknown;
  store.append = async (batch) => {
    latest = (await jsonOf(world, '/villages/north/policy/latest'))['policies'];
    return append(batch);
  };
  await world.submit(change(1), 'ben');
  assert.equal(latest, []);
});

test('a restart before the last seal was published still answers for what is published', async () => {
  const store = openMemoryStore();
  const before = await makeVillage(store);
  await before.submit(change(1), 'ben');
  await before.publish();
  const published = await jsonOf(before, '/villages/north/policy/latest');
  const proof = await proofOf(before, `/streams/${VILLAGE}`);
  await before.submit(change(2), 'ben');
  await before.log.seal();
  const after = appWorld('statements', { store });
  const answer = await after.request('/villages/north/policy/latest');
  assert.equal(JSON.parse(await answer.text()), published);
  const again = new Uint8Array(await (await after.request(`/streams/${VILLAGE}`)).arrayBuffer());
  assert.ok(equalBytes(again, proof));
});

test('a store whose state root does not fit its entries is refused', async () => {
  const store = openMemoryStore();
  const world = await makeVillage(store);
  await world.submit(change(1), 'ben');
  await world.publish();
  const readBundle = store.readBundle.bind(store);
  store.readBundle = (start, end) => {
    const bundle = readBundle(start, end);
    bundle[bundle.length - 70] = (bundle[bundle.length - 70] ?? 0) ^ 1;
    return bundle;
  };
  try {
    await makeVillage(store);
    assert.unreachable();
  } catch (error) {
    assert.ok(isLogError(error));
  }
});

test.run();
