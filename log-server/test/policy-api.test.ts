// Reading and checking policies by the API (spec/policy-api.md sections 1 to 3): status, body and pages of each route.

import { formatHex, utf8 } from '@writ/core/bytes';
import { sha256 } from '@writ/core/sha256';
import type { Payload } from '@writ/core/statements/kinds';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { post } from './app-world.ts';
import {
  changeTo,
  DRIVER,
  HOST,
  jsonOf,
  NODE,
  NODE_STREAM,
  POLICY_A,
  POLICY_B,
  type PolicyWorld,
  policyWorld,
  refusalOf,
  specOf,
} from './policy-world.ts';

const test = suite('the API of policies');
const ONE = `/api/policies/${POLICY_A}?village=north`;
const JSON_BODY = { 'content-type': 'application/json' };

const validate = (world: PolicyWorld, body: unknown): Promise<Response> =>
  world.request('/api/policies/validate?village=north', post(JSON.stringify(body), JSON_BODY));

async function worldWith(...specs: readonly ReturnType<typeof specOf>[]): Promise<PolicyWorld> {
  const world = await policyWorld();
  for (const [i, spec] of specs.entries())
    await jsonOf(await world.save(i === 0 ? POLICY_A : POLICY_B, 1, spec), 201);
  return world;
}

/** The items of a list and where its next page is. */
async function pageOf(
  response: Response,
  name: string,
): Promise<{ items: Record<string, unknown>[]; next: string | undefined }> {
  const link = /<([^>]+)>; rel="next"/.exec(response.headers.get('link') ?? '')?.[1];
  const body = await jsonOf(response);
  const items: unknown = body[name];
  assert.ok(Array.isArray(items));
  assert.is(body['next'] === null, link === undefined, 'next and Link agree');
  return { items, next: link };
}

test('a policy has all the columns of its row, with what it compiles to', async () => {
  const spec = specOf({ priority: 4, stop_on_match: true });
  const world = await worldWith(spec);
  const row = await jsonOf(await world.ask(ONE));
  const { index, time } = { index: world.log.head.size - 1, time: world.log.ledger?.timeSeconds };
  const at = { leaf_index: index, time };
  const expected: Record<string, unknown> = {
    ...{ id: POLICY_A, village: 'north', name: 'Lamp off on battery', version_int: 1 },
    ...{ status: 'disabled', priority: 4, stop_on_match: true, dynamic_resolution: true },
    ...{ suppression_window_s: 300, idempotency_window_s: 600, host_id: HOST, severity: 'info' },
    ...{ spec, last_dry_run: null, created_at: at, updated_at: at, ...at },
  };
  for (const [name, value] of Object.entries(expected)) assert.equal(row[name], value, name);
  assert.match(JSON.stringify(row['compiled_ir']), '"verb":"turn-off"');
  assert.match(JSON.stringify(row['last_validation']), '"schema":[]');
  assert.match(String(row['ir_digest']), /^[0-9a-f]{64}$/);
});

test('an ETag spares the answer, and changes with the policy', async () => {
  const world = await worldWith(specOf());
  const etag = (await world.ask(ONE)).headers.get('etag') ?? '';
  const again = await world.ask(ONE, undefined, { headers: { 'if-none-match': etag } });
  assert.is(again.status, 304);
  assert.is(await again.text(), '');
  await jsonOf(await world.save(POLICY_A, 2, specOf({ priority: 1 })), 201);
  const changed = await world.ask(ONE, undefined, { headers: { 'if-none-match': etag } });
  assert.is(changed.status, 200);
});

test('each version that was in force stays readable, and one that was not is 404', async () => {
  const world = await worldWith(specOf());
  await jsonOf(await world.save(POLICY_A, 2, specOf({ name: 'Second' })), 201);
  const version = (number: string): Promise<Response> =>
    world.ask(`/api/policies/${POLICY_A}/versions/${number}?village=north`);
  assert.is((await jsonOf(await version('1')))['name'], 'Lamp off on battery');
  assert.is((await jsonOf(await version('2')))['name'], 'Second');
  assert.is((await refusalOf(await version('3'))).code, '404 not-found');
  assert.is((await refusalOf(await version('01'))).code, '400 request-invalid');
});

test('a policy that is switched off, and one that is no policy at all, say so', async () => {
  const world = await worldWith(specOf());
  const reason = 'maintenance';
  await world.add({ kind: 'policy-disable', policy: POLICY_A, version: 2, reason }, 'ben');
  const off = await jsonOf(await world.ask(ONE));
  assert.is(off['status'], 'disabled');
  assert.is(off['spec'], null);
  assert.is(off['name'], 'Lamp off on battery');
  // By POST /add anything goes that is canonical JSON: the gates are those of this API.
  await world.add(changeTo(POLICY_B, 1, { lamp: 'off' }), 'ben');
  const bad = await jsonOf(await world.ask(`/api/policies/${POLICY_B}?village=north`));
  assert.is(bad['status'], 'invalid');
  assert.match(JSON.stringify(bad['last_validation']), 'field-missing');
});

test('the list has a page, a cursor and a Link, and stays good while policies come', async () => {
  const world = await worldWith(specOf(), specOf({ priority: 2 }));
  const first = await pageOf(await world.ask('/api/policies?village=north&limit=1'), 'policies');
  assert.equal(
    first.items.map(({ id }) => id),
    [POLICY_A],
  );
  const earlier = '00000000-1111-4222-8333-944455556666';
  await jsonOf(await world.save(earlier, 1, specOf({ priority: 3 })), 201);
  const second = await pageOf(await world.ask(first.next ?? ''), 'policies');
  assert.equal(
    second.items.map(({ id }) => id),
    [POLICY_B],
  );
  assert.is(second.next, undefined);
  assert.is(second.items[0]?.['spec'], undefined);
});

test('executions come newest first, 30 to a page, and the cursor leads to all of them', async () => {
  const world = await worldWith(specOf());
  const HASH = new Uint8Array(32).fill(3);
  for (let i = 0; i < 33; i++) {
    const batch: Payload = {
      kind: 'execution-suppressed',
      ...{ policy: POLICY_A, version: 1, reason: 'suppressed-window', count: i + 1 },
      ...{ firstMs: 1, lastMs: 2, digest: HASH },
    };
    await world.add(batch, NODE, NODE_STREAM);
  }
  const path = `/api/policies/${POLICY_A}/executions?village=north`;
  const first = await pageOf(await world.ask(path), 'executions');
  assert.is(first.items.length, 30);
  assert.is(first.items[0]?.['count'], 33);
  const indexes = first.items.map((row) => Number(row['leaf_index']));
  assert.equal(
    indexes,
    [...indexes].sort((a, b) => b - a),
  );
  const second = await pageOf(await world.ask(first.next ?? ''), 'executions');
  assert.equal(
    second.items.map(({ count }) => count),
    [3, 2, 1],
  );
  await world.publisher.publishNow();
  const proof = await world.request(`/entries/${first.items[0]?.['leaf_index']}/proof`);
  assert.is(proof.status, 200);
});

test('limits and cursors out of bounds are 400 on every list', async () => {
  const world = await worldWith(specOf());
  const lists = ['policies', `policies/${POLICY_A}/executions`, 'hosts', `hosts/${HOST}/inventory`];
  for (const list of lists)
    for (const query of [
      'limit=0',
      'limit=501',
      'limit=x',
      'limit=-1',
      'cursor=',
      'cursor=~',
      'page=2',
    ]) {
      const response = await world.ask(`/api/${list}?village=north&${query}`);
      assert.is((await refusalOf(response)).code, '400 request-invalid', `${list} ${query}`);
    }
});

test('a village that is missing or none, and ids of another form, are 400 before anything is looked up', async () => {
  const world = await worldWith(specOf());
  const wrong = [
    '/api/policies',
    '/api/policies?village=a/b',
    `/api/policies/${POLICY_A.toUpperCase()}?village=north`,
    '/api/policies/x?village=north',
    '/api/hosts/x/capabilities?village=north',
    '/api/transcripts/abc?village=north',
    '/api/policies?village=north&village=south',
  ];
  for (const path of wrong)
    assert.is((await refusalOf(await world.ask(path))).code, '400 request-invalid', path);
  assert.is(
    (await refusalOf(await world.ask('/api/policies?village=south'))).code,
    '404 not-found',
  );
});

test('a method that a resource does not have is 405 with those that it has', async () => {
  const world = await worldWith(specOf());
  const cases: readonly (readonly [string, string, string])[] = [
    ['DELETE', '/api/policies?village=north', 'GET, HEAD, POST'],
    ['POST', ONE, 'GET, HEAD, PUT'],
    ['GET', '/api/policies/validate?village=north', 'POST'],
    ['PUT', '/api/hosts?village=north', 'GET, HEAD'],
    ['GET', `/api/policies/${POLICY_A}/dry-run?village=north`, 'POST'],
  ];
  for (const [method, path, allow] of cases) {
    const response = await world.request(path, { method });
    assert.is(response.headers.get('allow'), allow, path);
    assert.is((await refusalOf(response)).code, '405 method-not-allowed', path);
  }
});

test('validating is 200 whatever is wrong, with findings that point into the spec', async () => {
  const world = await policyWorld();
  const good = await jsonOf(await validate(world, { spec: specOf(), id: POLICY_A, version: 3 }));
  assert.is(good['ok'], true);
  assert.match(JSON.stringify(good['ir']), `"policy_id":"${POLICY_A}"`);
  assert.match(String(good['hash']), /^[0-9a-f]{64}$/);
  const bad = await jsonOf(await validate(world, { spec: { ...specOf(), name: 'x', extra: 1 } }));
  assert.is(bad['ok'], false);
  assert.is(bad['ir'], null);
  const paths = Array.isArray(bad['schema']) ? bad['schema'].map(({ path }) => path) : [];
  assert.equal(paths.sort(), ['/extra', '/name']);
  const action = { capability_id: 'lamp.power', verb: 'explode' };
  const late = await jsonOf(await validate(world, { spec: specOf({ actions: [action] }) }));
  assert.equal(late['schema'], []);
  assert.match(JSON.stringify(late['compile']), 'verb-unknown');
  for (const spec of [null, 7, 'x', [], { version: 2 }])
    assert.is((await jsonOf(await validate(world, { spec })))['ok'], false);
});

test('a body that is no request to validate is 400, 413 or 415', async () => {
  const world = await policyWorld();
  for (const body of [
    {},
    [],
    { spec: {}, more: 1 },
    { spec: {}, id: 'x' },
    { spec: {}, version: 0 },
  ])
    assert.is((await refusalOf(await validate(world, body))).code, '400 request-invalid');
  const path = '/api/policies/validate?village=north';
  const send = (body: string, headers: Record<string, string>): Promise<Response> =>
    world.request(path, post(body, headers));
  assert.is((await refusalOf(await send('{', JSON_BODY))).code, '400 request-invalid');
  assert.is((await refusalOf(await send('{}', {}))).code, '415 media-type-unsupported');
  const large = JSON.stringify({ spec: 'x'.repeat(300_000) });
  assert.is((await refusalOf(await send(large, JSON_BODY))).code, '413 body-too-large');
});

test('regression 32: the inverse has flipped verbs, is disabled, and leaves the source untouched', async () => {
  const world = await worldWith(specOf());
  const before = await (await world.ask(ONE)).text();
  const path = `/api/policies/${POLICY_A}/inverse?village=north`;
  const inverse = await jsonOf(await world.request(path, { method: 'POST' }));
  assert.is(inverse['enabled'], false);
  assert.equal(inverse['needs_input'], ['/trigger_group/triggers/0']);
  assert.match(JSON.stringify(inverse['spec_inverse']), '"verb":"turn-on"');
  assert.is(await (await world.ask(ONE)).text(), before);
  const checked = await jsonOf(await validate(world, { spec: inverse['spec_inverse'] }));
  assert.is(checked['ok'], true);
});

test('an action that nothing undoes refuses the whole inverse and is named', async () => {
  const actions = [
    { capability_id: 'lamp.power', verb: 'turn-off' },
    { capability_id: 'lamp.blink', verb: 'blink' },
  ];
  const world = await worldWith(specOf({ actions }));
  const path = `/api/policies/${POLICY_A}/inverse?village=north`;
  const { code, body } = await refusalOf(await world.request(path, { method: 'POST' }));
  assert.is(code, '422 inverse-refused');
  assert.match(JSON.stringify(body['findings']), '"path":"/actions/1"');
  assert.match(String(body['detail']), 'lamp.blink blink');
});

test('capabilities are those of the driver package of the host', async () => {
  const world = await policyWorld();
  const path = `/api/hosts/${HOST}/capabilities?village=north`;
  const body = await jsonOf(await world.ask(path));
  assert.match(JSON.stringify(body['driver']), formatHex(DRIVER));
  const text = JSON.stringify(body['capabilities']);
  assert.match(text, '"verbs":["turn-on","turn-off"]');
  assert.match(text, '"dry_run":"required"');
  assert.match(text, '"invertible":{"turn-on"');
  const other = path.replace(HOST, POLICY_A);
  assert.is((await refusalOf(await world.ask(other))).code, '404 not-found');
});

test('the schema is the one that specs are read with', async () => {
  const world = await policyWorld();
  const schema = await jsonOf(await world.ask('/api/policy-schema?village=north'));
  assert.match(JSON.stringify(schema), 'trigger_group');
});

test('a private village is open to members alone on every route, and to others as if it were not there', async () => {
  const world = await policyWorld({ isPrivate: true });
  await jsonOf(await world.save(POLICY_A, 1, specOf()), 201);
  const reads = [
    '/api/policies',
    `/api/policies/${POLICY_A}`,
    `/api/policies/${POLICY_A}/versions/1`,
    `/api/policies/${POLICY_A}/executions`,
    '/api/hosts',
    `/api/hosts/${HOST}/capabilities`,
    `/api/hosts/${HOST}/inventory`,
  ];
  for (const path of reads) {
    const inNorth = `${path}?village=north`;
    const mine = await world.ask(inNorth, 'cid');
    assert.is(mine.status, 200, path);
    assert.is(mine.headers.get('cache-control'), 'private, no-store', path);
    for (const who of [undefined, 'eve', NODE]) {
      const { code, body } = await refusalOf(await world.ask(inNorth, who));
      assert.is(code, '404 not-found', path);
      const none = await refusalOf(await world.ask(`${path}?village=south`, who));
      assert.is(String(body['detail']).replace('north', 'south'), none.body['detail']);
    }
  }
});

test('a transcript of one village is not to be had through another', async () => {
  const world = await policyWorld();
  const bytes = utf8('{}');
  await world.services.transcripts.write(sha256(bytes), [bytes]);
  const path = `/api/transcripts/${formatHex(sha256(bytes))}?village=north`;
  assert.is((await world.ask(path)).status, 404);
});

test('a log of any bytes has no policies, and a projection that does not come along is 503', async () => {
  const world = await policyWorld();
  Object.assign(world.services.projection, { reach: () => new Promise(() => {}) });
  await world.add(changeTo(POLICY_A, 1, specOf()), 'ben');
  const response = await world.ask('/api/policies?village=north');
  assert.is(response.headers.get('retry-after'), '1');
  assert.is((await refusalOf(response)).code, '503 overloaded');
});

test.run();
