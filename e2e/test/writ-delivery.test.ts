import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { utf8 } from '@writ/core/bytes';
import { parseVkey } from '@writ/core/formats/key';
import { parsePolicy } from '@writ/core/formats/tlog-policy';
import { sha256 } from '@writ/core/sha256';
import { decodePayload } from '@writ/core/statements/kinds';
import { openReport } from '@writ/core/streams/reconciliation-report';
import { openStreamProof } from '@writ/verifier/stream';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WritWorld } from './writ-world.ts';

interface State {
  world: WritWorld;
  hook: Server;
  url: string;
  /** Status with which the webhook answers. */
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into JSON of many shapes
  got: any[];
}

const delivery = suite<State>('reports of a drift check');

delivery.before.each(async (state) => {
  const world = await WritWorld.start(['ada', 'eve']);
  await world.done('ada', 'village', 'create', 'north-quay');
  Object.assign(state, { world, status: 200, got: [] });
  state.hook = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    state.got.push(JSON.parse(body));
    response.writeHead(state.status).end();
  });
  await once(state.hook.listen(0, '127.0.0.1'), 'listening');
  const address = state.hook.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  state.url = `http://127.0.0.1:${port}/hooks/s3cret`;
});

delivery.after.each(async ({ world, hook }) => {
  hook.closeAllConnections();
  hook.close();
  await world.close();
});

delivery('a webhook gets the signed report, whatever the check finds', async (state) => {
  const { world, url, got } = state;
  const drift = ['policy', 'drift', '--webhook', url];
  const behind = await world.writ('ada', ...drift);
  assert.equal([behind.exit, behind.json.webhook], [1, { sent: true }]);
  await world.done('ada', 'policy', 'pull', '--apply', '--webhook', url);
  assert.is((await world.writ('ada', ...drift)).exit, 0);
  assert.equal(
    got.map(({ format, village, class: found, exit }) => [format, village, found, exit]),
    [
      ['writ-drift/v1', 'north-quay', 'behind', 1],
      ['writ-drift/v1', 'north-quay', 'behind', 0],
      ['writ-drift/v1', 'north-quay', 'aligned', 0],
    ],
  );
  const report = openReport(utf8(got[0].report), [parseVkey(world.vkey('ada'))]);
  assert.equal(report, behind.json.report);
});

delivery('a webhook hears that there is no report, and why', async (state) => {
  const { world, url, got } = state;
  world.lie = async () => {
    throw new TypeError('fetch failed');
  };
  const { exit } = await world.writ('ada', 'policy', 'drift', '--webhook', url);
  assert.is(exit, 2);
  const [{ error, report, ...rest }] = got;
  assert.equal([error.code, report, rest.exit, rest.class], ['network-failed', null, 2, null]);
  hookOff(state);
  const silent = await world.writ('ada', 'policy', 'drift', '--webhook', url);
  assert.is(silent.exit, 2);
  assert.match(silent.json.error.message, 'the webhook was not told');
});

function hookOff({ hook }: State): void {
  hook.closeAllConnections();
  hook.close();
}

delivery('a webhook that fails changes no exit code, and is told', async (state) => {
  const { world, url } = state;
  const drift = ['policy', 'drift', '--webhook', url];
  state.status = 503;
  for (const exit of [1, 0]) {
    const ran = await world.writ('ada', ...drift);
    assert.is(ran.exit, exit);
    assert.is(ran.json.webhook.sent, false);
    assert.match(ran.json.webhook.reason, 'status 503');
    assert.not.match(ran.out, 's3cret');
    await world.done('ada', 'policy', 'pull', '--apply');
  }
  hookOff(state);
  assert.is((await world.writ('ada', ...drift)).exit, 0);
});

delivery('nothing is asked of anybody where the webhook is no good address', async (state) => {
  const { world } = state;
  let asked = 0;
  world.lie = async (_path, honest) => {
    asked++;
    return honest();
  };
  const ran = await world.writ('ada', 'policy', 'drift', '--webhook', 'http://example.com/');
  assert.equal([ran.exit, ran.json.error.code, asked], [2, 'usage', 0]);
});

delivery('a report leaves its digest on the stream of the node', async ({ world }) => {
  const file = world.path('report.note');
  const submit = ['policy', 'drift', '--submit', '--node', 'ups-17'];
  for (const seq of [0, 1]) {
    const ran = await world.writ('ada', ...submit, '--report', file);
    assert.equal([ran.exit, ran.json.submission.logged.seq], [1, seq]);
  }
  const path = `${world.service.url}/streams/node/north-quay/ups-17?from=head&limit=1`;
  const proof = new Uint8Array(await (await fetch(path)).arrayBuffer());
  const policy = parsePolicy(Uint8Array.from(await readFile(world.path('trust.policy'))));
  const [statement] = openStreamProof(proof, policy).statements;
  assert.ok(statement);
  const payload = decodePayload(statement);
  const text = Uint8Array.from(await readFile(file));
  const { timeSeconds } = openReport(text, [parseVkey(world.vkey('ada'))]);
  assert.equal(payload, {
    kind: 'drift-report',
    report: sha256(text),
    class: 'behind',
    exit: 1,
    timeMs: timeSeconds * 1000,
  });
});

delivery('a report that does not get into the log is a fault', async ({ world }) => {
  const submit = ['--submit', '--node', 'ups-17'];
  assert.is((await world.writ('ada', 'policy', 'drift', ...submit)).exit, 1);
  // The stream of a node belongs to the key of its first statement.
  const ran = await world.writ('eve', 'policy', 'drift', ...submit);
  assert.is(ran.exit, 2);
  assert.is(ran.json.submission.error.code, 'statement-refused');
  assert.is(ran.json.report.class, 'behind');
  const pulled = await world.writ('eve', 'policy', 'pull', '--apply', ...submit);
  assert.equal([pulled.exit, pulled.json.isApplied], [1, true]);
});

delivery('a node without a name, or with a bad one, reports nothing', async ({ world }) => {
  for (const node of [[], ['--node', '../x'], ['--node', 'a/b'], ['--node', 'a.b']]) {
    const { exit, json } = await world.writ('ada', 'policy', 'pull', '--submit', ...node);
    assert.equal([exit, json.error.code], [2, 'usage']);
  }
});

delivery.run();
