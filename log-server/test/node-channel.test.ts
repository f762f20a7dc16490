// Dry runs and inventories over the connection of a node (spec/policy-api.md sections 5 to 7).

import { formatHex, utf8 } from '@writ/core/bytes';
import { sha256 } from '@writ/core/sha256';
import { MAX_NODE_REQUESTS } from '@writ/log-server/http/node-channel';
import {
  formatNodeAnswer,
  type NodeAnswer,
  type NodeRequest,
} from '@writ/policy/engine/transcript';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  inventoryOf,
  type NodeDouble,
  putAnswer,
  recordOf,
  runNode,
  type Send,
  transcriptOf,
} from './node-double.ts';
import {
  changeTo,
  HOST,
  hostsOf,
  jsonOf,
  NODE,
  NODE_STREAM,
  POLICY_A,
  type PolicyWorld,
  policyWorld,
  refusalOf,
  specOf,
} from './policy-world.ts';

const test = suite('requests to nodes');
const DRY_RUN = `/api/policies/${POLICY_A}/dry-run?village=north`;
const INVENTORY = `/api/hosts/${HOST}/inventory?village=north`;
const POST: RequestInit = { method: 'POST' };

const sendOf =
  (world: PolicyWorld, who = NODE): Send =>
  (path, init) =>
    world.ask(path, who, init);

async function worldWithPolicy(): Promise<PolicyWorld> {
  const world = await policyWorld();
  await jsonOf(await world.save(POLICY_A, 1, specOf()), 201);
  return world;
}

/** A node that answers with `answer`, while `work` runs. */
async function withNode<T>(
  world: PolicyWorld,
  answer: (request: NodeRequest) => NodeAnswer | undefined,
  work: (node: NodeDouble) => Promise<T>,
): Promise<T> {
  const node = runNode(sendOf(world), async (request) => answer(request));
  try {
    return await work(node);
  } finally {
    await node.stop();
  }
}

test('a dry run is the transcript of the node with its id, kept, and with its place in the log', async () => {
  const world = await worldWithPolicy();
  const node = runNode(sendOf(world), async (request) => {
    const transcript = transcriptOf(request, specOf());
    await world.add(recordOf(transcript), NODE, NODE_STREAM);
    return transcript;
  });
  const body = await jsonOf(await world.ask(DRY_RUN, 'cid', POST));
  await node.stop();
  const [request] = node.requests;
  assert.is(request?.kind === 'dry-run' && request.version, 1);
  const { transcript_id, record, ...transcript } = body;
  assert.equal(record, {
    node: NODE,
    leaf_index: world.log.head.size - 1,
    time: world.log.ledger?.timeSeconds,
  });
  assert.is(transcript['severity'], 'info');
  const kept = await world.ask(`/api/transcripts/${transcript_id}?village=north`);
  const bytes = new Uint8Array(await kept.arrayBuffer());
  assert.is(formatHex(sha256(bytes)), transcript_id);
  assert.equal(JSON.parse(new TextDecoder().decode(bytes)), transcript);
  const row = await jsonOf(await world.ask(`/api/policies/${POLICY_A}?village=north`));
  assert.match(JSON.stringify(row['last_dry_run']), String(transcript_id));
});

test('a dry run without the signature of a member is 403, with that of a stranger too', async () => {
  const world = await worldWithPolicy();
  for (const who of [undefined, 'eve', NODE])
    assert.is((await refusalOf(await world.ask(DRY_RUN, who, POST))).code, '403 author-unknown');
  const refresh = await world.ask(`${INVENTORY}&refresh=true`);
  assert.is((await refusalOf(refresh)).code, '403 author-unknown');
});

test('a dry run of a policy that is not there is 404, of a draft of a stranger 403, with a blocker 400', async () => {
  const world = await policyWorld();
  assert.is((await refusalOf(await world.ask(DRY_RUN, 'ben', POST))).code, '404 not-found');
  const draft = (who: string, spec = specOf()): RequestInit => {
    const [body, headers] = world.signedBody(changeTo(POLICY_A, 1, spec), who);
    return { method: 'POST', body: new Uint8Array(body), headers };
  };
  const foreign = await refusalOf(await world.ask(DRY_RUN, 'ben', draft('eve')));
  assert.is(foreign.code, '403 author-unknown');
  const bad = specOf({ actions: [] });
  const blocked = await refusalOf(await world.ask(DRY_RUN, 'ben', draft('ben', bad)));
  assert.is(blocked.code, '400 policy-blocked');
});

test('no node, and a node that does not answer in time, are 504; one that cannot do it is 502 and says why', async () => {
  const lonely = await policyWorld({ hasHosts: false });
  await jsonOf(await lonely.save(POLICY_A, 1, specOf()), 201);
  assert.is((await refusalOf(await lonely.ask(DRY_RUN, 'ben', POST))).code, '504 node-silent');
  const world = await worldWithPolicy();
  // The manifest gives the refresh a second, and the log the node three more.
  const started = performance.now();
  assert.is((await refusalOf(await world.ask(DRY_RUN, 'ben', POST))).code, '504 node-silent');
  const took = performance.now() - started;
  assert.ok(took > 3900 && took < 8000, `${took} ms`);
  const origin = { village: 'north', node: NODE, host: HOST };
  const failure = {
    format: 'writ-node-failure/v1',
    ...origin,
    code: 'busy',
    reason: 'later',
  } as const;
  const refused = await withNode(
    world,
    () => failure,
    async () => refusalOf(await world.ask(DRY_RUN, 'ben', POST)),
  );
  assert.is(refused.code, '502 node-failed');
  assert.is(refused.body['reason'], 'busy');
});

test('a transcript of another content than was asked is not taken for one', async () => {
  const world = await worldWithPolicy();
  const answer = (request: NodeRequest): NodeAnswer =>
    transcriptOf(request, specOf({ priority: 7 }));
  const { code } = await withNode(world, answer, async () =>
    refusalOf(await world.ask(DRY_RUN, 'ben', POST)),
  );
  assert.is(code, '502 node-failed');
});

test('only the key that owns the stream of a node polls and answers for it; others see nothing', async () => {
  const world = await worldWithPolicy();
  await world.add(hostsOf(), 'node-b', 'node/north/node-b');
  const poll = `/api/nodes/north/${NODE}/requests?wait=0`;
  for (const who of [undefined, 'ben', 'node-b'])
    assert.is((await refusalOf(await world.ask(poll, who))).code, '404 not-found');
  assert.is((await world.ask('/api/nodes/north/none/requests?wait=0', NODE)).status, 404);
  assert.is((await world.ask(poll, NODE)).status, 204);
  const asked = world.ask(`${INVENTORY}&refresh=true`, 'ben');
  const request: NodeRequest = JSON.parse(
    await (await world.ask(`/api/nodes/north/${NODE}/requests?wait=5`, NODE)).text(),
  );
  const answer = inventoryOf(['desk'], world.env.nowMs());
  const stolen = await putAnswer(sendOf(world, 'node-b'), request, answer, 'node-b');
  assert.is((await refusalOf(stolen)).code, '404 not-found');
  const forged = await putAnswer(sendOf(world, 'node-b'), request, answer);
  assert.is((await refusalOf(forged)).code, '404 not-found');
  assert.is((await putAnswer(sendOf(world), request, answer)).status, 200);
  assert.is((await jsonOf(await asked))['stale'], false);
  assert.is(
    (await refusalOf(await putAnswer(sendOf(world), request, answer))).code,
    '410 node-answer-late',
  );
});

test('an answer of another shape, host, digest or size is refused, and the right one still counts', async () => {
  const world = await worldWithPolicy();
  const asked = world.ask(`${INVENTORY}&refresh=true`, 'ben');
  const send = sendOf(world);
  const polled = await send(`/api/nodes/north/${NODE}/requests?wait=5`);
  const request: NodeRequest = JSON.parse(await polled.text());
  const good = inventoryOf(['desk'], world.env.nowMs());
  const put = (body: Uint8Array, digest = formatHex(sha256(body))): Promise<Response> =>
    send(`/api/nodes/north/${NODE}/answers/${request.id}/${digest}`, {
      method: 'PUT',
      body: new Uint8Array(body),
    });
  const codes = [
    await put(utf8('{}')),
    await put(utf8(` ${new TextDecoder().decode(formatNodeAnswer(good))}`)),
    await put(formatNodeAnswer({ ...good, host: '0d9e4c6a-7b21-4e83-a5f6-93c8d1e07b33' })),
    await put(formatNodeAnswer(good), '00'.repeat(32)),
    await put(formatNodeAnswer(inventoryOf(['desk', 'desk'], 1))),
    await put(new Uint8Array(4 * 1024 * 1024 + 1)),
  ];
  const refused = await Promise.all(codes.map(async (answer) => (await refusalOf(answer)).code));
  const malformed = Array.from({ length: 5 }, () => '400 request-invalid');
  assert.equal(refused, [...malformed, '413 body-too-large']);
  assert.is((await put(formatNodeAnswer(good))).status, 200);
  assert.is((await asked).status, 200);
});

test('an answer behind the deadline is 410', async () => {
  const world = await worldWithPolicy();
  const { nodes } = world.services;
  const question = { kind: 'inventory', host: HOST, deadline_ms: world.env.nowMs() + 50 } as const;
  const asked = nodes.ask(`north/${NODE}`, question);
  const request = await nodes.poll(`north/${NODE}`, 1000, () => true);
  assert.is(await asked, undefined);
  const answer = inventoryOf(['desk'], 1);
  const late = await putAnswer(sendOf(world), { id: request?.id ?? '' }, answer);
  assert.is((await refusalOf(late)).code, '410 node-answer-late');
});

test('a poll that is gone takes no request with it, and a newer poll ends an older one', async () => {
  const { services, env } = await worldWithPolicy();
  const { nodes } = services;
  const name = `north/${NODE}`;
  const gone = nodes.poll(name, 300, () => false);
  const asked = nodes.ask(name, { kind: 'inventory', host: HOST, deadline_ms: env.nowMs() + 2000 });
  assert.is(await nodes.poll(name, 0, () => false), undefined);
  assert.is(await gone, undefined);
  const request = await nodes.poll(name, 1000, () => true);
  const answer = inventoryOf(['desk'], 1);
  nodes.answer(name, request?.id ?? '', answer);
  assert.equal(await asked, answer);
});

test('requests that wait are bounded for a node', async () => {
  const { services, env } = await worldWithPolicy();
  const { nodes } = services;
  const ask = (): Promise<unknown> =>
    nodes.ask(`north/${NODE}`, { kind: 'inventory', host: HOST, deadline_ms: env.nowMs() + 300 });
  const waiting = Array.from({ length: MAX_NODE_REQUESTS }, ask);
  await ask().then(
    () => assert.unreachable(),
    (error: unknown) => assert.match(String(error), 'too many'),
  );
  await Promise.all(waiting);
});

test('a refresh without an answer is 200 with the old rows, stale and with the reason', async () => {
  const world = await worldWithPolicy();
  const empty = await jsonOf(await world.ask(INVENTORY));
  assert.is(empty['ts'], null);
  assert.is(empty['stale'], true);
  const nowMs = world.env.nowMs();
  await withNode(
    world,
    () => inventoryOf(['desk', 'door', 'hall'], nowMs),
    async () => {
      const fresh = await jsonOf(await world.ask(`${INVENTORY}&refresh=true`, 'ben'));
      assert.is(fresh['stale'], false);
      assert.is(fresh['ts'], nowMs);
      assert.is(fresh['refreshed'], true);
    },
  );
  const partial = inventoryOf(['desk', 'door', 'hall'], nowMs, {
    ...{ refreshed: false, stale: true, reason: 'outlet:hall: permission denied' },
  });
  await withNode(
    world,
    () => partial,
    async () => {
      const part = await jsonOf(await world.ask(`${INVENTORY}&refresh=true`, 'ben'));
      assert.is(part['stale'], true);
      assert.match(String(part['reason']), 'permission denied');
      assert.is(Array.isArray(part['items']) && part['items'].length, 3);
    },
  );
  world.env.shiftMs += 31_000;
  const old = await jsonOf(await world.ask(INVENTORY));
  assert.is(old['stale'], true);
  assert.is(Array.isArray(old['items']) && old['items'].length, 3);
});

test('an inventory is searched and paged with a cursor and a Link', async () => {
  const world = await worldWithPolicy();
  const names = ['desk', 'door', 'hall', 'dock'];
  await withNode(
    world,
    () => inventoryOf(names, world.env.nowMs()),
    () => world.ask(`${INVENTORY}&refresh=true`, 'ben'),
  );
  const first = await world.ask(`${INVENTORY}&q=d&limit=2`);
  const link = /<([^>]+)>; rel="next"/.exec(first.headers.get('link') ?? '')?.[1] ?? '';
  const second = await jsonOf(await world.ask(link));
  const idsOf = ({ items }: Record<string, unknown>): unknown =>
    Array.isArray(items) ? items.map(({ id }) => id) : items;
  assert.equal(idsOf(await jsonOf(first)), ['outlet:desk', 'outlet:dock']);
  assert.equal(idsOf(second), ['outlet:door']);
  assert.is(second['next'], null);
  assert.is((await world.ask(`${INVENTORY}&limit=501`)).status, 400);
  assert.is((await world.ask(`${INVENTORY}&cursor=x`)).status, 400);
});

test.run();
