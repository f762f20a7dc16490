// What senders push to the real program writ-node: signatures, repetitions, and what conditions make of it.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NodeRunWorld } from './node-run-world.ts';

interface State {
  world: NodeRunWorld;
}

const run = suite<State>('writ-node and its senders');

run.before.each(async (state) => {
  state.world = await NodeRunWorld.start();
});

run.after.each(async ({ world }) => {
  await world.close();
});

run('believes a sender once, and nobody else', async ({ world }) => {
  await world.propose({ trigger_group: { triggers: [{ type: 'webhook.custom', name: 'door' }] } });
  const first = await world.ready();
  const seconds = Math.floor(Date.now() / 1000);
  const path = '/webhooks/sensors/door';
  const accepted = await world.send(path, 'msg_1', { open: true }, { seconds });
  assert.equal(accepted, { status: 202, body: '{"result":"accepted"}\n' });
  await world.until(async () => (await world.journal()).length === 1, first.said);
  const again = { status: 202, body: '{"result":"duplicate"}\n' };
  assert.equal(await world.send(path, 'msg_1', { open: true }, { seconds }), again);
  // A sender that tries again signs anew, under the same id.
  assert.equal(await world.send(path, 'msg_1', { open: true }, { seconds: seconds + 1 }), again);

  const secret = new Uint8Array(32).fill(1);
  const wrong = await world.send(path, 'msg_2', { open: true }, { secret });
  const unknown = await world.send('/webhooks/nobody/door', 'msg_2', { open: true }, { secret });
  assert.equal([wrong.status, unknown.status], [401, 401]);
  assert.is(wrong.body.replace('sensors', 'nobody'), unknown.body);
  const late = { seconds: seconds - 600 };
  const old = await world.send(path, 'msg_3', {}, late);
  const oldUnknown = await world.send('/webhooks/nobody/door', 'msg_3', {}, late);
  assert.is(old.body.replace('sensors', 'nobody'), oldUnknown.body);
  const large = await world.send(path, 'msg_4', { text: 'x'.repeat(70_000) });
  assert.is(large.status, 413);
  assert.is((await world.send('/samples/doorbell', 'msg_5', [])).status, 403);
  assert.is((await world.send(path, 'msg_6', 'no json')).status, 400);
  assert.is((await world.get(path)).status, 405);
  assert.is((await world.get('/other')).status, 404);
  await first.stop();

  const second = await world.ready();
  assert.equal(await world.send(path, 'msg_1', { open: true }, { seconds }), again);
  assert.equal(await world.journal(), ['light']);
  await second.stop();
});

run(
  'judges conditions by what senders tell, and does not in silence when it cannot',
  async ({ world }) => {
    await world.propose({
      conditions: { all: [{ scope: 'ups', field: 'charge_pct', op: '<', value: 20 }] },
    });
    const node = await world.ready();
    const subject = { kind: 'ups', id: 'main' };
    assert.equal((await world.loseMains({ subject })).runs, []);
    assert.is((await world.status()).events.unknownConditions, 1);
    const tell = (id: string, percent: number): Promise<{ status: number }> =>
      world.send('/samples/sensors', id, [{ subject, samples: { 'ups.charge_pct': percent } }]);
    assert.is((await tell('msg_1', 80)).status, 202);
    assert.equal((await world.loseMains({ subject })).runs, []);
    assert.is((await tell('msg_2', 12)).status, 202);
    const { runs } = await world.loseMains({ subject });
    assert.is(runs[0]?.actions[0]?.result, 'succeeded', node.said());
    await node.stop();
  },
);

run.run();
