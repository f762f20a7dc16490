// What a log may ask of a node over the node's own connection: the real program, a real log, a member who asks.

import { signRequest } from '@writ/core/statements/signed-request';
import { readNodeAnswer } from '@writ/policy/engine/transcript-schema';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HOST, NodeRunWorld } from './node-run-world.ts';
import { LOG_KEY } from './writ-world.ts';

interface State {
  world: NodeRunWorld;
}

const test = suite<State>('writ-node and requests of the log');

test.before.each(async (state) => {
  state.world = await NodeRunWorld.start();
});

test.after.each(async ({ world }) => {
  await world.close();
});

// biome-ignore lint/suspicious/noExplicitAny: tests look into JSON of many shapes
type Answer = { readonly status: number; readonly json: any; readonly bytes: Uint8Array };

/** A request that `name` signs. */
async function ask(
  world: NodeRunWorld,
  name: string,
  method: string,
  path: string,
): Promise<Answer> {
  const key = world.log.keys.get(name);
  if (key === undefined) throw new RangeError(name);
  const query = 'village=north-quay';
  const target = {
    method,
    path,
    query: `${query}${path.endsWith('inventory') ? '&refresh=true' : ''}`,
  };
  const headers = signRequest({ ...target, origin: LOG_KEY.name }, Math.floor(Date.now() / 1000), {
    publicKey: key.publicKey,
    sign: (message) => key.signRaw(message),
  });
  const url = `${world.log.service.url}${path}?${target.query}`;
  const response = await fetch(url, { method, headers: { ...headers } });
  const bytes = new Uint8Array(await response.arrayBuffer());
  return { status: response.status, json: JSON.parse(new TextDecoder().decode(bytes)), bytes };
}

test('a dry run tries everything and does nothing, and is on record before it is answered', async ({
  world,
}) => {
  const policy = await world.propose({}, { selector: { mode: 'list', value: 'light, slow' } });
  const node = await world.ready();
  await world.logged('node-hosts');
  let answer: Answer | undefined;
  await world.until(
    async () => {
      answer = await ask(world, 'ada', 'POST', `/api/policies/${policy}/dry-run`);
      return answer.status === 200;
    },
    () => `${answer?.status} ${JSON.stringify(answer?.json)} ${node.said()}`,
  );
  const { json } = answer ?? {};
  assert.equal(
    json.results.map(({ target_id, ok }: { target_id: string; ok: boolean }) => [target_id, ok]),
    [
      ['command:light', true],
      ['command:slow', true],
    ],
  );
  assert.equal([json.policy, json.version, json.structural], [policy, 1, false]);
  assert.is(json.used_inventory.refreshed, true);
  assert.equal(await world.journal(), []);
  assert.ok((await world.logged('dry-run')).includes('dry-run'));
  assert.not.ok((await world.kinds()).includes('execution-intent'));

  const { transcript_id } = json;
  const url = `${world.log.service.url}/api/transcripts/${transcript_id}?village=north-quay`;
  const kept = await fetch(url);
  assert.is(kept.status, 200);
  const read = readNodeAnswer(new Uint8Array(await kept.arrayBuffer()));
  assert.ok('results' in read);

  const listed = await ask(world, 'ada', 'GET', `/api/hosts/${HOST}/inventory`);
  assert.is(listed.status, 200, JSON.stringify(listed.json));
  assert.is(listed.json.refreshed, true, node.said());
  assert.equal(
    listed.json.items.map(({ id }: { id: string }) => id),
    ['command:light', 'command:slow'],
  );
  assert.is((await ask(world, 'ben', 'POST', `/api/policies/${policy}/dry-run`)).status, 403);
  await node.stop();
});

test('a node whose operator says no is not asked', async ({ world }) => {
  const policy = await world.propose();
  await world.configure({ remote_requests: false });
  const node = await world.ready();
  await world.logged('node-hosts');
  const { status } = await ask(world, 'ada', 'POST', `/api/policies/${policy}/dry-run`);
  assert.is(status, 504);
  await node.stop();
});

test.run();
