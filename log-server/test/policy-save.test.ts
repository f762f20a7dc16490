// Saving by the API (spec/policy-api.md section 4): the gates, and what the village has afterwards.

import { formatHex } from '@writ/core/bytes';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { COSE, post } from './app-world.ts';
import { recordOf, resultOf, runNode, transcriptOf } from './node-double.ts';
import {
  changeTo,
  HOST,
  hostsOf,
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
import { keyOf, statementOf } from './village-statements.ts';

const test = suite('saving policies');
const DRY_RUN = `/api/policies/${POLICY_A}/dry-run?village=north`;

/** Has the policy tried by a node that answers with `changes`. */
async function tried(
  world: PolicyWorld,
  spec: ReturnType<typeof specOf>,
  changes: Parameters<typeof transcriptOf>[2] = {},
  init: RequestInit = {},
): Promise<Response> {
  const send = (path: string, more?: RequestInit): Promise<Response> => world.ask(path, NODE, more);
  const node = runNode(send, async (request) => {
    const transcript = transcriptOf(request, spec, changes);
    await world.add(recordOf(transcript), NODE, NODE_STREAM);
    return transcript;
  });
  const response = await world.ask(DRY_RUN, 'ben', { method: 'POST', ...init });
  await node.stop();
  return response;
}

test('a new policy is 201 with its id, version, digests and leaf, and is in force', async () => {
  const world = await policyWorld();
  const response = await world.save(POLICY_A, 1, specOf());
  assert.is(response.headers.get('location'), `/api/policies/${POLICY_A}?village=north`);
  const saved = await jsonOf(response, 201);
  assert.is(saved['id'], POLICY_A);
  assert.is(saved['version_int'], 1);
  assert.is(saved['state'], 'in-force');
  assert.is(saved['status'], 'disabled');
  assert.is(saved['disabled_because'], null);
  assert.is(saved['leaf_index'], world.log.head.size - 1);
  const row = await jsonOf(await world.ask(`/api/policies/${POLICY_A}?village=north`));
  assert.is(row['hash'], saved['hash']);
  assert.is(row['leaf_index'], saved['leaf_index']);
  const digests: unknown = saved['digests'];
  assert.is(new Map(Object.entries(digests ?? {})).get('ir'), row['ir_digest']);
});

test('the same bytes again are 200 with the same leaf, and nothing is stored', async () => {
  const world = await policyWorld();
  const [body, headers] = world.signedBody(changeTo(POLICY_A, 1, specOf()), 'ben');
  const once = await jsonOf(
    await world.request('/api/policies?village=north', post(body, headers)),
    201,
  );
  const { size } = world.log.head;
  const again = await jsonOf(
    await world.request('/api/policies?village=north', post(body, headers)),
  );
  assert.equal(again, once);
  assert.is(world.log.head.size, size);
});

test('a blocker is 400 with its findings, and nothing is stored', async () => {
  const world = await policyWorld();
  const { size } = world.log.head;
  const action = { capability_id: 'lamp.power', verb: 'explode' };
  const { code, body } = await refusalOf(
    await world.save(POLICY_A, 1, specOf({ actions: [action] })),
  );
  assert.is(code, '400 policy-blocked');
  const findings: unknown = body['findings'];
  assert.ok(Array.isArray(findings));
  assert.is(findings[0].code, 'verb-unknown');
  assert.is(findings[0].path, '/actions/0/verb');
  assert.is(world.log.head.size, size);
});

test('what does the same on the same host is 409 with the id of the other, whatever its name', async () => {
  const world = await policyWorld();
  await jsonOf(await world.save(POLICY_A, 1, specOf()), 201);
  const { code, body } = await refusalOf(
    await world.save(POLICY_B, 1, specOf({ name: 'Another', notes: 'x' })),
  );
  assert.is(code, '409 policy-duplicate');
  assert.is(body['existing_id'], POLICY_A);
  await jsonOf(await world.save(POLICY_B, 1, specOf({ priority: 3 })), 201);
});

test('a policy that was changed or switched off is no duplicate any more', async () => {
  const world = await policyWorld();
  await jsonOf(await world.save(POLICY_A, 1, specOf()), 201);
  await jsonOf(await world.save(POLICY_A, 2, specOf({ priority: 1 })), 201);
  await jsonOf(await world.save(POLICY_B, 1, specOf()), 201);
  await world.add({ kind: 'policy-disable', policy: POLICY_B, version: 2, reason: 'off' }, 'ben');
  await jsonOf(await world.save(POLICY_A, 3, specOf()), 201);
});

test('an open proposal is a duplicate too, and a save that waits for approvals says so', async () => {
  const world = await policyWorld({ approvals: 2 });
  const saved = await jsonOf(await world.save(POLICY_A, 1, specOf()), 201);
  assert.is(saved['state'], 'proposed');
  assert.is((await world.ask(`/api/policies/${POLICY_A}?village=north`)).status, 404);
  const { code, body } = await refusalOf(await world.save(POLICY_B, 1, specOf(), 'cid'));
  assert.is(code, '409 policy-duplicate');
  assert.is(body['existing_id'], POLICY_A);
  const proposal = String(saved['statement_id']);
  const id = Uint8Array.from(proposal.match(/../g) ?? [], (hex) => Number(`0x${hex}`));
  await world.add({ kind: 'approve', proposal: id }, 'cid');
  const row = await jsonOf(await world.ask(`/api/policies/${POLICY_A}?village=north`));
  assert.is(row['statement_id'], proposal);
  assert.is(row['leaf_index'], world.log.head.size - 1);
});

test('of 20 concurrent saves of one meaning exactly one is 201', async () => {
  const world = await policyWorld();
  const id = (i: number): string => `cccccccc-1111-4222-8333-9444555566${String(10 + i)}`;
  // Each signed behind the head that a save before it would make, so that positions do not decide alone.
  const bodies = Array.from({ length: 20 }, (_, i) =>
    world.signedBody(
      changeTo(id(i), 1, specOf({ name: `Name ${i}` })),
      i % 2 === 0 ? 'ben' : 'cid',
    ),
  );
  const answers = await Promise.all(
    bodies.map(([body, headers]) =>
      world.request('/api/policies?village=north', post(body, headers)),
    ),
  );
  const statuses = answers.map(({ status }) => status).sort();
  assert.equal(statuses, [201, ...Array.from({ length: 19 }, () => 409)]);
  const again = await Promise.all(
    Array.from({ length: 20 }, async (_, i) =>
      refusalOf(await world.save(id(i), 1, specOf({ name: `Again ${i}` }))),
    ),
  );
  const codes = new Set(again.map(({ code }) => code));
  assert.equal([...codes], ['409 policy-duplicate']);
});

test('a new version of a policy that is not there is 404, and a first one of one that is 409', async () => {
  const world = await policyWorld();
  assert.is((await refusalOf(await world.save(POLICY_A, 2, specOf()))).code, '404 not-found');
  await jsonOf(await world.save(POLICY_A, 1, specOf()), 201);
  const { code, body } = await refusalOf(await world.save(POLICY_A, 1, specOf({ priority: 5 })));
  assert.is(code, '409 policy-duplicate');
  assert.is(body['existing_id'], POLICY_A);
});

test('a statement that is no change of this village and policy is 400, one behind another head 409', async () => {
  const world = await policyWorld();
  const path = '/api/policies?village=north';
  const [vote, cose] = world.signedBody({ kind: 'key-rotate', key: keyOf('new').publicKey }, 'ben');
  assert.is(
    (await refusalOf(await world.request(path, post(vote, cose)))).code,
    '400 request-invalid',
  );
  const [body] = world.signedBody(changeTo(POLICY_A, 1, specOf()), 'ben');
  const other = `/api/policies/${POLICY_B}?village=north`;
  const put = { ...post(body, COSE), method: 'PUT' };
  assert.is((await refusalOf(await world.request(other, put))).code, '400 request-invalid');
  await world.add({ kind: 'key-rotate', key: keyOf('new').publicKey }, 'ben');
  assert.is(
    (await refusalOf(await world.request(path, post(body, COSE)))).code,
    '409 stream-conflict',
  );
});

test('nothing but a signature of a member saves: others are 403, bearer tokens mean nothing', async () => {
  const world = await policyWorld();
  const path = '/api/policies?village=north';
  const body = statementOf(
    'village/north',
    changeTo(POLICY_A, 1, specOf()),
    'eve',
    world.log.streamHead('village/north'),
  );
  assert.is(
    (await refusalOf(await world.request(path, post(body, COSE)))).code,
    '403 author-unknown',
  );
  const [own] = world.signedBody(changeTo(POLICY_A, 1, specOf()), 'ben');
  const forged = own.with(-1, (own.at(-1) ?? 0) ^ 1);
  const headers = { ...COSE, authorization: 'Bearer admin' };
  const answer = await refusalOf(await world.request(path, post(forged, headers)));
  assert.is(answer.code, '403 statement-bad-signature');
  const json = await world.request(path, post('{}', { 'content-type': 'application/json' }));
  assert.is((await refusalOf(json)).code, '415 media-type-unsupported');
});

test('what is enabled and was never tried is stored disabled, with the reason', async () => {
  const world = await policyWorld();
  const saved = await jsonOf(await world.save(POLICY_A, 1, specOf({ enabled: true })), 201);
  assert.is(saved['status'], 'disabled');
  assert.match(JSON.stringify(saved['disabled_because']), 'transcript-missing');
  const row = await jsonOf(await world.ask(`/api/policies/${POLICY_A}?village=north`));
  assert.is(row['status'], 'disabled');
});

test('what is enabled after a good dry run of the same content is stored enabled', async () => {
  const world = await policyWorld();
  await jsonOf(await world.save(POLICY_A, 1, specOf()), 201);
  const transcript = await jsonOf(await tried(world, specOf()));
  const saved = await jsonOf(await world.save(POLICY_A, 2, specOf({ enabled: true })), 201);
  assert.is(saved['status'], 'enabled', JSON.stringify(saved));
  assert.is(saved['transcript_id'], transcript['transcript_id']);
  const row = await jsonOf(await world.ask(`/api/policies/${POLICY_A}?village=north`));
  assert.is(row['status'], 'enabled');
  assert.is(row['transcript_id'], transcript['transcript_id']);
});

test('a signed draft is tried before it is saved, and then saved enabled', async () => {
  const world = await policyWorld();
  const spec = specOf({ enabled: true });
  const [body, headers] = world.signedBody(changeTo(POLICY_A, 1, spec), 'ben');
  const { size } = world.log.head;
  const init = { body: new Uint8Array(body), headers };
  const transcript = await jsonOf(await tried(world, spec, {}, init));
  assert.is(transcript['version'], null);
  assert.is(world.log.head.size, size + 1, 'the record of the node and nothing else');
  const path = '/api/policies?village=north';
  const [first, type] = world.signedBody(changeTo(POLICY_A, 1, spec), 'ben');
  const saved = await jsonOf(await world.request(path, post(first, type)), 201);
  assert.is(saved['status'], 'enabled', JSON.stringify(saved));
  const again = await jsonOf(await world.request(path, post(first, type)));
  assert.is(again['status'], 'enabled');
  assert.is(again['disabled_because'], null);
});

test('a draft that was tried enables no other content than its own', async () => {
  const world = await policyWorld();
  const tame = specOf({ enabled: true });
  const [body, headers] = world.signedBody(changeTo(POLICY_A, 1, tame), 'ben');
  await jsonOf(await tried(world, tame, {}, { body: new Uint8Array(body), headers }));
  const other = specOf({
    enabled: true,
    actions: [{ capability_id: 'lamp.blink', verb: 'blink' }],
  });
  const saved = await jsonOf(await world.save(POLICY_A, 1, other), 201);
  assert.is(saved['status'], 'disabled');
  assert.match(JSON.stringify(saved['disabled_because']), 'transcript-foreign');
  const row = await jsonOf(await world.ask(`/api/policies/${POLICY_A}?village=north`));
  assert.is(row['status'], 'disabled');
});

test('an explicit enable behind a dry run with an error is 409 with the transcript, and not stored', async () => {
  const world = await policyWorld();
  await jsonOf(await world.save(POLICY_A, 1, specOf()), 201);
  const bad = { results: [resultOf({ ok: false, severity: 'error', reason: 'no route' })] };
  const transcript = await jsonOf(await tried(world, specOf(), bad));
  const { size } = world.log.head;
  const { code, body } = await refusalOf(await world.save(POLICY_A, 2, specOf({ enabled: true })));
  assert.is(code, '409 enable-refused');
  assert.is(body['gate'], 'preflight-error');
  assert.is(body['transcript_id'], transcript['transcript_id']);
  assert.is(world.log.head.size, size);
});

test('a change of content behind a dry run with an error is stored disabled', async () => {
  const world = await policyWorld();
  await jsonOf(await world.save(POLICY_A, 1, specOf()), 201);
  const bad = { results: [resultOf({ ok: false, severity: 'error', reason: 'no route' })] };
  await jsonOf(await tried(world, specOf(), bad));
  const saved = await jsonOf(
    await world.save(POLICY_A, 2, specOf({ enabled: true, priority: 9 })),
    201,
  );
  assert.is(saved['status'], 'disabled');
  assert.match(JSON.stringify(saved['disabled_because']), 'transcript-foreign');
});

test('a driver that was found broken is 422 at the dry run and at the save', async () => {
  const world = await policyWorld();
  await jsonOf(await world.save(POLICY_A, 1, specOf()), 201);
  const broken = {
    structural: true,
    results: [resultOf({ ok: false, severity: 'error', rule: 'answer-malformed', reason: 'x' })],
  };
  const dry = await refusalOf(await tried(world, specOf(), broken));
  assert.is(dry.code, '422 driver-structural-mismatch');
  const kept = await world.ask(`/api/transcripts/${dry.body['transcript_id']}?village=north`);
  assert.is(kept.status, 200);
  const draft = specOf({ enabled: true, priority: 1 });
  const [body, headers] = world.signedBody(changeTo(POLICY_A, 2, draft), 'ben');
  const again = await tried(world, draft, broken, { body: new Uint8Array(body), headers });
  assert.is(again.status, 422);
  const { code } = await refusalOf(await world.save(POLICY_A, 2, draft));
  assert.is(code, '422 driver-structural-mismatch');
});

test('a dry run of a quarter of an hour ago enables nothing any more', async () => {
  const world = await policyWorld();
  await jsonOf(await world.save(POLICY_A, 1, specOf()), 201);
  await jsonOf(await tried(world, specOf()));
  world.env.shiftMs += 1000 * 1000;
  await world.publisher.publishNow();
  await world.add({ kind: 'key-rotate', key: keyOf('new').publicKey }, 'ben');
  const { code, body } = await refusalOf(await world.save(POLICY_A, 2, specOf({ enabled: true })));
  assert.is(code, '409 enable-refused');
  assert.is(body['gate'], 'transcript-old');
});

test('another name for what is enabled leaves it enabled, however long ago it was tried', async () => {
  const world = await policyWorld();
  await jsonOf(await world.save(POLICY_A, 1, specOf()), 201);
  await jsonOf(await tried(world, specOf()));
  await jsonOf(await world.save(POLICY_A, 2, specOf({ enabled: true })), 201);
  world.env.shiftMs += 1000 * 1000;
  const renamed = specOf({ enabled: true, name: 'Another name' });
  const saved = await jsonOf(await world.save(POLICY_A, 3, renamed), 201);
  assert.is(saved['status'], 'enabled', JSON.stringify(saved));
  assert.is(saved['disabled_because'], null);
  const other = specOf({ enabled: true, priority: 8 });
  const changed = await jsonOf(await world.save(POLICY_A, 4, other), 201);
  assert.is(changed['status'], 'disabled');
});

test('the dry run of a node that does not serve the host counts for nothing', async () => {
  const world = await policyWorld();
  await jsonOf(await world.save(POLICY_A, 1, specOf()), 201);
  await world.add(hostsOf(HOST), 'node-b', 'node/north/node-b');
  const good = {
    kind: 'dry-run',
    policy: POLICY_A,
    version: 1,
    severity: 'info',
    timeMs: 1,
  } as const;
  const digests = { ir: new Uint8Array(32), transcript: new Uint8Array(32) };
  await world.add({ ...good, ...digests }, 'node-b', 'node/north/node-b');
  const { code, body } = await refusalOf(await world.save(POLICY_A, 2, specOf({ enabled: true })));
  assert.is(code, '409 enable-refused');
  assert.is(body['gate'], 'transcript-missing');
});

test('a driver that is not at hand is a blocker, and one that is not pinned keeps the policy disabled', async () => {
  const world = await policyWorld();
  const targets = { ...Object(specOf()['targets']), driver: `sha256:${'00'.repeat(32)}` };
  const unknown = await refusalOf(await world.save(POLICY_A, 1, specOf({ targets })));
  assert.is(unknown.code, '400 policy-blocked');
  const unpinned = { ...Object(specOf()['targets']), driver: null };
  const saved = await jsonOf(
    await world.save(POLICY_A, 1, specOf({ targets: unpinned, enabled: true })),
    201,
  );
  assert.is(saved['severity'], 'error');
  assert.is(saved['status'], 'disabled');
  assert.match(JSON.stringify(saved['disabled_because']), 'policy-erroneous');
});

test('a private village saves sealed, and only for members who sign the request', async () => {
  const world = await policyWorld({ isPrivate: true });
  const saved = await jsonOf(await world.save(POLICY_A, 1, specOf()), 201);
  assert.is(saved['state'], 'in-force');
  const path = `/api/policies/${POLICY_A}?village=north`;
  for (const who of [undefined, 'eve']) assert.is((await world.ask(path, who)).status, 404);
  const row = await jsonOf(await world.ask(path, 'cid'));
  assert.is(row['name'], 'Lamp off on battery');
  const [body, headers] = world.signedBody(changeTo(POLICY_B, 1, specOf({ priority: 2 })), 'ben');
  assert.is((await world.request('/api/policies?village=north', post(body, headers))).status, 404);
});

test('the opening of a save that is refused is gone again', async () => {
  const world = await policyWorld({ isPrivate: true });
  const writes: string[] = [];
  const { openings } = world.blobs;
  const write = openings.write.bind(openings);
  Object.assign(openings, {
    write: async (digest: Uint8Array, chunks: Iterable<Uint8Array>) => {
      writes.push(formatHex(digest));
      await write(digest, chunks);
    },
  });
  const actions = [{ capability_id: 'lamp.power', verb: 'explode' }];
  assert.is((await world.save(POLICY_A, 1, specOf({ actions }))).status, 400);
  assert.is(writes.length, 1);
  await new Promise((resolve) => setTimeout(resolve, 20));
  const digest = Uint8Array.from(writes[0]?.match(/../g) ?? [], (hex) => Number(`0x${hex}`));
  assert.not.ok(await openings.has(digest));
});

test.run();
