// Private villages on the server: openings beside the log, members who sign what they ask, strangers who learn nothing.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { concatBytes, equalBytes, formatHex, parseBase64, utf8 } from '@writ/core/bytes';
import { isLogError } from '@writ/core/errors';
import { sha256 } from '@writ/core/sha256';
import { formatCanonicalJson } from '@writ/core/statements/jcs';
import { openPayload, type Payload } from '@writ/core/statements/kinds';
import { decodeStatement } from '@writ/core/statements/statement';
import { openBlobFiles } from '@writ/log-server/blobs/files';
import { openMemoryBlobs } from '@writ/log-server/blobs/memory';
import { openMemoryStore } from '@writ/log-server/storage/memory';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { appWorld, bytesOf, COSE, post, problemCode, SEQUENCE } from './app-world.ts';
import {
  bodyOf,
  entriesOf,
  jsonOf,
  keptOpenings,
  makePrivateVillage,
  sealedOf,
  signed,
  VILLAGE,
} from './private-world.ts';
import { change, constitution, keyOf, POLICY, statementOf } from './village-statements.ts';
import { refusalOf } from './village-world.ts';
import { ledgerOf } from './world.ts';

const test = suite('private villages');
const LATEST = '/villages/north/policy/latest';
const PATHS = [
  LATEST,
  '/villages/north/policy/updates?since=0',
  `/villages/north/policies/${'0'.repeat(64)}`,
  '/villages/north/members',
  '/villages/north/quarantine',
  '/villages/north/denials',
  '/villages/north/audit?format=csv',
  `/villages/north/openings/${'0'.repeat(64)}`,
];

test('live by the same rules, and their openings are kept before the answer', async () => {
  const village = await makePrivateVillage();
  assert.is((await village.submit(change(1), 'ben')).status, 200);
  assert.is(await refusalOf(await village.submit(change(1), 'ben')), 'version-wrong');
  assert.is(await refusalOf(await village.submit(change(2), 'ada')), 'author-lacks-role');
  assert.is((await keptOpenings(village)).size, 2);
});

test('say nothing in the log: neither words nor names', async () => {
  const village = await makePrivateVillage();
  const secret = utf8(formatCanonicalJson({ notes: 'the password is swordfish' }));
  await village.submit({ kind: 'policy-change', policy: POLICY, version: 1, spec: secret }, 'ben');
  await village.publish();
  const log = formatHex(concatBytes(...entriesOf(village).map(({ bytes }) => bytes)));
  for (const word of ['swordfish', 'policy-change', 'North', 'admin', POLICY, 'ben'])
    assert.not.match(log, formatHex(utf8(word)));
});

test('answer strangers as if there were no village, word for word', async () => {
  const village = await makePrivateVillage();
  for (const path of PATHS) {
    const elsewhere = path.replace('north', 'south');
    for (const who of [undefined, 'eve', 'mallory']) {
      const ask = (of: string) => (who === undefined ? village.request(of) : village.ask(of, who));
      const [here, nowhere] = [await ask(path), await ask(elsewhere)];
      assert.is(here.status, 404, path);
      assert.is(nowhere.status, 404, path);
      const stable = (text: string): string => text.replace(/"instance":"[^"]*"/, '');
      assert.is(
        stable((await here.text()).replaceAll('north', 'south')),
        stable(await nowhere.text()),
      );
      const headers = (response: Response): string =>
        [...response.headers].filter(([name]) => name !== 'x-request-id').join('\n');
      assert.is(headers(here), headers(nowhere));
    }
  }
});

test('tell nobody whose keys are those of members', async () => {
  const village = await makePrivateVillage();
  const answerTo = async (who: string, isSealed: boolean): Promise<string> => {
    const head = village.log.streamHead(VILLAGE);
    const sealed = sealedOf(VILLAGE, change(1), who, head);
    const bytes = (isSealed ? sealed.bytes : statementOf(VILLAGE, change(1), who, head)).slice();
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    const body = isSealed ? concatBytes(bytes, sealed.opening) : bytes;
    const response = await village.request('/add', post(body, isSealed ? SEQUENCE : COSE));
    const { instance: _, got: __, ...problem } = JSON.parse(await response.text());
    return JSON.stringify(problem);
  };
  for (const isSealed of [true, false]) {
    const unknown = await answerTo('mallory', isSealed);
    assert.match(unknown, 'author-unknown');
    for (const who of ['cid', 'pat']) assert.is(await answerTo(who, isSealed), unknown);
  }
});

test('have no openings for what stood in their audit stream before them', async () => {
  const [store, blobs] = [openMemoryStore(), openMemoryBlobs()];
  const before = appWorld('statements', { store, blobs });
  await before.publisher.publishNow('start');
  const note = { kind: 'note', text: 'nobody lives here' } as const;
  const entry = statementOf('audit/north', note, 'ben', undefined);
  const statement = decodeStatement(entry);
  const step = { statement, payload: note };
  const move = { stream: 'audit/north', seq: 0, previous: null, step };
  await before.log.add(entry, move);
  const village = await makePrivateVillage({ store, blobs });
  const path = '/streams/audit/north/follow';
  assert.is((await village.request(path)).status, 200);
  assert.is((await village.ask(path, 'ben')).status, 400);
});

test('answer members who sign, and let no cache keep it', async () => {
  const village = await makePrivateVillage();
  await village.submit(change(1), 'ben');
  await village.publish();
  const latest = await village.ask(LATEST, 'cid');
  assert.is(latest.headers.get('cache-control'), 'private, no-store');
  const { policies } = await jsonOf(latest);
  assert.ok(Array.isArray(policies) && policies.length === 1);
  const [policy] = policies;
  const spec = await jsonOf(
    await village.ask(`/villages/north/policies/${policy.specDigest}`, 'ada'),
  );
  assert.ok(typeof spec['spec'] === 'string');
  await jsonOf(await village.ask('/villages/north/members', 'ben'));
  const csv = await (await village.ask('/villages/north/audit?format=csv', 'ben')).text();
  assert.match(csv, 'village-create');
  assert.match(csv, 'policy-change');
});

test('give members the opening beside each statement, and one by one', async () => {
  const village = await makePrivateVillage();
  await village.submit(change(1), 'ben');
  await village.publish();
  const { statements } = await jsonOf(await village.ask('/villages/north/policy/updates', 'ben'));
  if (!Array.isArray(statements)) return assert.unreachable();
  assert.equal(
    statements.map(({ kind }) => kind),
    ['village-create', 'policy-change'],
  );
  for (const { bytes, opening, statementId } of statements) {
    const [statement, opened] = [parseBase64(bytes), parseBase64(opening)];
    if (statement === undefined || opened === undefined) return assert.unreachable();
    assert.is.not(openPayload(decodeStatement(statement), opened).kind, 'sealed');
    const one = await village.ask(`/villages/north/openings/${statementId}`, 'ben');
    assert.is(one.headers.get('content-type'), 'application/vnd.writ.opening+cbor');
    assert.ok(equalBytes(await bytesOf(one), opened));
  }
  const other = await village.ask(`/villages/north/openings/${'0'.repeat(64)}`, 'ben');
  assert.is(other.status, 404);
});

test('show their openings to members of no other village', async () => {
  const village = await makePrivateVillage();
  const law = { ...constitution(), visibility: 'private' as const };
  const founding: Payload = { kind: 'village-create', name: 'South', constitution: law };
  assert.is((await village.submit(founding, 'ada', 'village/south')).status, 200);
  await village.publish();
  const id = formatHex(village.log.streamHead('village/south')?.statementId ?? new Uint8Array(0));
  assert.is((await village.ask(`/villages/north/openings/${id}`, 'ben')).status, 404);
  assert.is((await village.ask(`/villages/south/openings/${id}`, 'ben')).status, 200);
  const digest = formatHex(sha256([...(await keptOpenings(village)).values()][0] ?? utf8('')));
  assert.is((await village.request(`/blobs/sha256/${digest}`)).status, 404);
});

test('believe no signature that is stale, forged, of another request or of a revoked key', async () => {
  const village = await makePrivateVillage();
  const ask = (headers: Record<string, string>, path = LATEST) =>
    village.request(path, { headers });
  assert.is((await ask(signed('ben', 'GET', LATEST))).status, 200);
  assert.is(
    await problemCode(await ask(signed('ben', 'GET', LATEST, Date.now() - 301_000))),
    'request-invalid',
  );
  assert.is((await ask(signed('ben', 'HEAD', LATEST))).status, 404);
  assert.is((await ask(signed('ben', 'GET', '/villages/north/members'))).status, 404);
  assert.is((await ask(signed('ben', 'GET', LATEST), '/villages/north/audit')).status, 404);
  const page = '/villages/north/policy/updates?limit=1';
  assert.is((await ask(signed('ben', 'GET', page), page)).status, 200);
  assert.is((await ask(signed('ben', 'GET', page), `${page}0`)).status, 404);
  const forged = signed('eve', 'GET', LATEST);
  const ben = signed('ben', 'GET', LATEST);
  const stolen = { ...forged, 'signature-input': ben['signature-input'] ?? '' };
  assert.is((await ask(stolen)).status, 404);
  const bad = await ask({ ...ben, signature: 'writ=:AA==:' }, '/villages/nowhere/members');
  assert.is(await problemCode(bad), 'request-invalid');
  const key = keyOf('ben').publicKey;
  await village.submit({ kind: 'key-revoke', member: 'ben', key, reason: '' }, 'ben');
  assert.is((await village.ask(LATEST, 'ben')).status, 404);
  assert.is((await village.ask(LATEST, 'cid')).status, 200);
});

test('take what is sealed with its opening alone, and keep nothing of what they refuse', async () => {
  const village = await makePrivateVillage();
  const head = village.log.streamHead(VILLAGE);
  const size = village.log.head.size;
  const sealed = sealedOf(VILLAGE, change(1), 'ben', head);
  const add = async (body: Uint8Array, type = SEQUENCE): Promise<string> =>
    problemCode(await village.request('/add', post(body, type)));
  assert.is(await add(sealed.bytes, COSE), 'opening-missing');
  assert.is(await add(sealed.bytes), 'opening-missing');
  assert.is(
    await add(concatBytes(sealed.bytes, sealedOf(VILLAGE, change(1), 'ben', head).opening)),
    'opening-failed',
  );
  assert.is(await add(sealed.opening), 'statement-malformed');
  assert.is(await add(concatBytes(bodyOf(sealed), sealed.opening)), 'batch-too-large');
  assert.is(await add(bodyOf(sealed).slice(0, -1)), 'cbor-malformed');
  const refused = [
    sealedOf(VILLAGE, change(2), 'ben', head),
    sealedOf(VILLAGE, change(1), 'ben', undefined),
    sealedOf(VILLAGE, change(1), 'eve', head),
  ];
  assert.equal(await Promise.all(refused.map((item) => add(bodyOf(item)))), [
    'statement-refused',
    'stream-conflict',
    'author-not-permitted',
  ]);
  for (const { opening } of refused)
    assert.is(await village.blobs.openings.has(sha256(opening)), false);
  assert.is(
    await refusalOf(
      await village.request('/add', post(statementOf(VILLAGE, change(1), 'ben', head), COSE)),
    ),
    'not-sealed',
  );
  assert.is(village.log.head.size, size);
  assert.is((await village.request('/add', post(bodyOf(sealed), SEQUENCE))).status, 200);
  const again = await jsonOf(await village.request('/add', post(bodyOf(sealed), SEQUENCE)));
  assert.is(again['duplicate'], true);
  assert.is(await village.blobs.openings.has(sha256(sealed.opening)), true);
});

test('are founded sealed, as public villages are founded in clear', async () => {
  const village = await makePrivateVillage();
  const found = (visibility: 'public' | 'private'): Payload => ({
    kind: 'village-create',
    name: 'X',
    constitution: { ...constitution(), visibility },
  });
  assert.is(
    await refusalOf(await village.submit(found('public'), 'ada', 'village/x')),
    'sealed-in-public',
  );
  const open = statementOf('village/x', found('private'), 'ada', undefined);
  assert.is(await refusalOf(await village.request('/add', post(open, COSE))), 'not-sealed');
});

test('take batches with openings among them', async () => {
  const village = await makePrivateVillage();
  const first = sealedOf(VILLAGE, change(1), 'ben', village.log.streamHead(VILLAGE));
  const { id } = decodeStatement(first.bytes);
  const second = sealedOf(VILLAGE, change(2), 'cid', { seq: 1, statementId: id });
  const lost = sealedOf('inbox/north', change(1), 'eve', undefined);
  const body = concatBytes(bodyOf(first), lost.bytes, bodyOf(second));
  const { results } = await jsonOf(await village.request('/add-batch', post(body, SEQUENCE)));
  if (!Array.isArray(results)) return assert.unreachable();
  assert.equal(
    results.map(({ error }) => error?.status ?? 200),
    [200, 422, 200],
  );
});

test('record denials behind a seal', async () => {
  const village = await makePrivateVillage({ law: { recordDenials: true } });
  await village.submit(change(7), 'ben');
  await village.submit(change(1), 'ben');
  await village.publish();
  assert.is(
    decodeStatement(village.log.readEntry(village.log.streamHead('audit/north')?.index ?? 0)).kind,
    'sealed',
  );
  const { denials } = await jsonOf(await village.ask('/villages/north/denials', 'ada'));
  assert.ok(Array.isArray(denials) && denials[0]?.code === 'version-wrong');
});

test('take proposals of outsiders behind a seal, which members alone can read', async () => {
  const village = await makePrivateVillage();
  assert.is((await village.submit(change(1), 'eve', 'inbox/north')).status, 200);
  await village.publish();
  const { proposals } = await jsonOf(await village.ask('/villages/north/quarantine', 'ben'));
  assert.ok(Array.isArray(proposals) && proposals.length === 1);
  assert.is((await village.ask('/villages/north/quarantine', 'eve')).status, 404);
});

test('survive a restart, and a log that lost an opening does not start', async () => {
  const store = openMemoryStore();
  const dir = mkdtempSync(join(tmpdir(), 'writ-private-'));
  const blobs = openBlobFiles(dir);
  const village = await makePrivateVillage({ store, blobs });
  await village.submit(change(1), 'ben');
  await village.publish();
  const again = await makePrivateVillage({ store, blobs: openBlobFiles(dir) });
  assert.is((await again.submit(change(2), 'ben')).status, 200);
  await again.publish();
  assert.is((await again.ask(LATEST, 'ben')).status, 200);
  const [first] = readdirSync(join(dir, 'openings')).filter((name) => name !== 'incoming');
  rmSync(join(dir, 'openings', first ?? 'none'), { recursive: true });
  let code = 'started';
  try {
    ledgerOf(village.env, store, village.env.nowMs, openBlobFiles(dir));
  } catch (error) {
    code = isLogError(error) ? error.code : String(error);
  }
  assert.is(code, 'storage-corrupt');
  rmSync(dir, { recursive: true });
});

test('are for logs that keep openings: without a store, and with a full one, nothing is taken', async () => {
  const blobs = openMemoryBlobs();
  const village = await makePrivateVillage({ blobs });
  const size = village.log.head.size;
  const { write } = blobs.openings;
  blobs.openings.write = async () => {
    const { LogError } = await import('@writ/core/errors');
    throw new LogError('storage-full', 'no room');
  };
  assert.is(await problemCode(await village.submit(change(1), 'ben')), 'storage-full');
  assert.is(village.log.head.size, size);
  blobs.openings.write = write;
  assert.is((await village.submit(change(1), 'ben')).status, 200);
});

test.run();
