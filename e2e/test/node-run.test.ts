// The real program writ-node against a real log: what is verified is acted on, and what was done is in the log.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NodeRunWorld } from './node-run-world.ts';

interface State {
  world: NodeRunWorld;
}

const run = suite<State>('writ-node');

run.before.each(async (state) => {
  state.world = await NodeRunWorld.start();
});

run.after.each(async ({ world }) => {
  await world.close();
});

run(
  'acts on verified policies, records it in the log, and goes on without the log',
  async ({ world }) => {
    const policy = await world.propose();
    const node = await world.ready();
    const handled = await world.loseMains();
    assert.is(handled.runs[0].actions[0].result, 'succeeded', node.said());
    const kinds = await world.logged('execution-outcome');
    assert.equal(kinds, ['state-applied', 'node-hosts', 'execution-intent', 'execution-outcome']);
    const shown = await world.node('executions', policy, '--json');
    assert.is(JSON.parse(shown.out).result.rows[0].state, 'succeeded');
    assert.is(await node.stop(), 0);

    await world.configure({ log: 'http://127.0.0.1:9' });
    const alone = await world.ready();
    const again = await world.loseMains();
    assert.is(again.runs[0].actions[0].result, 'succeeded', alone.said());
    assert.equal(await world.journal(), ['light', 'light']);
    const { pull, records } = await world.status();
    assert.equal([pull.ok, records.round.kind, records.unsent > 0], [false, 'away', true]);
    assert.is(await alone.stop(), 0);

    await world.configure();
    const back = await world.ready();
    await world.logged('execution-outcome', 2);
    assert.is(await back.stop(), 0);
  },
);

run('says what is wrong with its configuration, and ends with 2', async ({ world }) => {
  assert.is((await world.node('check')).exit, 0);
  const wrong = async (more: object): Promise<string> => {
    const path = await world.configure(more);
    const { exit, err } = await world.node('check');
    assert.is(exit, 2);
    assert.match(err, path);
    return err;
  };
  assert.match(await wrong({ pull_every: '1 second' }), 'pull_every: ');
  assert.match(await wrong({ trust_policy: 'nowhere' }), 'trust_policy: cannot read');
  const senders = [{ name: 'a', secret: { env: 'WRIT_NO_SUCH' }, may: ['webhook'] }];
  assert.match(await wrong({ senders }), 'senders.0.secret: the secret WRIT_NO_SUCH is not there');
  await world.configure();
  const { exit, err } = await world.node('status');
  assert.equal([exit, err.includes('start it with writ-node run')], [10, true]);
});

run.run();
