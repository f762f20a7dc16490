// C2SP tlog-witness, "add-checkpoint": the rules one by one, through the HTTP server.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { concatBytes, utf8 } from '@writ/core/bytes';
import { formatAddCheckpoint, MAX_ADD_CHECKPOINT_BYTES } from '@writ/core/formats/add-checkpoint';
import { openNote, signText } from '@writ/core/formats/cosignature';
import { parseVkey, type SignerKey, verifierOf } from '@writ/core/formats/key';
import { formatNote, formatSignatureLine, parseNote } from '@writ/core/formats/note';
import { originHash } from '@writ/witness/heads';
import { type RunningWitness, startWitness } from '@writ/witness/server';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openCosignatures, post, read, START_MS, TestLog, testEnv, testSigner } from './world.ts';

const test = suite('add-checkpoint');
const START_SECONDS = BigInt(START_MS / 1000);
const ED25519 = testSigner('w.example/1', 0x04, 7);
const BOTH = [ED25519, testSigner('w.example/1', 0x06, 8)];

interface World {
  readonly witness: RunningWitness;
  readonly env: ReturnType<typeof testEnv>;
  readonly log: TestLog;
}

/** Runs `body` against a fresh witness that knows one log. */
async function withWitness(
  body: (world: World) => Promise<void>,
  keys: SignerKey[] = [ED25519],
): Promise<void> {
  const log = new TestLog('log.example/a');
  const env = testEnv();
  const witness = await startWitness({ keys, logs: [log.key], memory: true, port: 0, env });
  try {
    await body({ witness, env, log });
  } finally {
    await witness.close();
  }
}

function rule(title: string, body: (world: World) => Promise<void>, keys?: SignerKey[]): void {
  test(title, () => withWitness(body, keys));
}

rule(
  'keys of both types cosign the whole tree with the time of the clock',
  async ({ witness, log }) => {
    const body = log.body(0n, 5n);
    const reply = await post(witness.url, body);
    assert.is(reply.status, 200);
    assert.is(openCosignatures(witness.vkeys, body, reply.body), START_SECONDS);
  },
  BOTH,
);

rule(
  'the monitoring endpoint serves the log signature and the cosignatures that were returned',
  async ({ witness, log }) => {
    const path = `${witness.url}/${originHash(log.origin)}/checkpoint`;
    assert.is((await fetch(path)).status, 404);
    const reply = await post(witness.url, log.body(0n, 5n));
    const note = parseNote(utf8(await (await fetch(path)).text()));
    assert.is(note.text, log.text(5n));
    assert.is(openNote(note, [log.key, ...witness.vkeys.map(parseVkey)]).length, 3);
    assert.ok(note.signatures.map(formatSignatureLine).join('').endsWith(reply.body));
  },
  BOTH,
);

rule('a wrong old size is a conflict that tells the right one', async ({ witness, log }) => {
  await post(witness.url, log.body(0n, 5n));
  const reply = await post(witness.url, log.body(0n, 9n));
  assert.equal([reply.status, reply.type, reply.body], [409, 'text/x.tlog.size', '5\n']);
  assert.is((await post(witness.url, log.body(5n, 9n))).status, 200);
  assert.is((await post(witness.url, log.body(5n, 9n))).body, '9\n');
});

rule(
  'the same tree may be cosigned again, later and with a later time',
  async ({ witness, env, log }) => {
    await post(witness.url, log.body(0n, 5n));
    env.ms += 3_000;
    const again = log.body(5n, 5n);
    const reply = await post(witness.url, again);
    assert.is(openCosignatures(witness.vkeys, again, reply.body), START_SECONDS + 3n);
    const twice = await post(witness.url, again);
    assert.equal([twice.status, twice.body], [200, reply.body]);
  },
);

rule(
  'a second root for one size is refused and both notes are logged',
  async ({ witness, env, log }) => {
    const fork = new TestLog(log.origin, { forkAt: 3n });
    await post(witness.url, log.body(0n, 5n));
    const reply = await post(witness.url, fork.body(5n, 5n));
    assert.is(reply.status, 422);
    const [line] = env.lines.filter(({ level }) => level === 'error');
    const evidence = JSON.stringify(line?.fields);
    for (const text of [log.text(5n), fork.text(5n)])
      assert.ok(
        evidence.includes(JSON.stringify(text).slice(1, -1)),
        'the evidence has both trees',
      );
  },
);

rule('a fork that grew is refused with its own proof', async ({ witness, log }) => {
  const fork = new TestLog(log.origin, { forkAt: 3n });
  await post(witness.url, log.body(0n, 5n));
  assert.is((await post(witness.url, fork.body(5n, 9n))).status, 422);
  assert.is((await post(witness.url, log.body(5n, 9n))).status, 200);
});

rule('a tree beside the truth in its proof is refused', async ({ witness, log }) => {
  await post(witness.url, log.body(0n, 5n));
  const checkpoint = log.checkpoint(9n);
  const proof = log.proof(5n, 9n);
  const [first = new Uint8Array(32), ...others] = proof;
  const wrong = first.map((byte, i) => (i === 31 ? byte ^ 1 : byte));
  for (const lines of [[], proof.slice(1), [...proof, first], [wrong, ...others]]) {
    const reply = await post(
      witness.url,
      formatAddCheckpoint({ oldSize: 5n, proof: lines, checkpoint }),
    );
    assert.is(reply.status, 422);
  }
  const early = formatAddCheckpoint({
    oldSize: 5n,
    proof: [first],
    checkpoint: log.checkpoint(5n),
  });
  assert.is((await post(witness.url, early)).status, 422);
});

rule('an empty tree has the one root that an empty tree can have', async ({ witness, log }) => {
  const text = `${log.origin}\n0\n${'A'.repeat(43)}=\n`;
  const note = formatNote({ text, signatures: [signText(log.signer, text, 1n)] });
  const bad = formatAddCheckpoint({ oldSize: 0n, proof: [], checkpoint: note });
  assert.is((await post(witness.url, bad)).status, 422);
  assert.is((await post(witness.url, log.body(0n, 0n))).status, 200);
  assert.is((await post(witness.url, log.body(0n, 0n))).status, 200);
  assert.is((await post(witness.url, log.body(0n, 7n))).status, 200);
});

rule(
  'form comes before origin, origin before signature, signature before sizes',
  async ({ witness, log }) => {
    const stranger = new TestLog('log.example/b', { fill: 2 });
    const send = (oldSize: bigint, checkpoint: Uint8Array): Promise<number> =>
      post(witness.url, formatAddCheckpoint({ oldSize, proof: [], checkpoint })).then(
        (r) => r.status,
      );
    const unsigned = new TextEncoder().encode(`${stranger.text(5n)}\n`);
    assert.is(await send(9n, unsigned), 400);
    assert.is(await send(9n, stranger.checkpoint(5n)), 404);
    assert.is(await send(9n, log.checkpoint(5n, [stranger.signer])), 403);
    assert.is(await send(9n, log.checkpoint(5n)), 400);
    assert.is(await send(4n, log.checkpoint(5n)), 409);
  },
);

rule(
  'a broken line of a known key spoils a checkpoint, lines of strangers do not',
  async ({ witness, log }) => {
    const text = log.text(5n);
    const good = signText(log.signer, text, 1n);
    const broken = { ...good, bytes: good.bytes.map((byte, i) => (i === 9 ? byte ^ 4 : byte)) };
    const strangers = [testSigner('x.example', 0x01, 3), ED25519].map((s) => signText(s, text, 9n));
    const forged = strangers.map((line) => ({
      ...line,
      bytes: line.bytes.map((byte) => byte ^ 1),
    }));
    const send = (signatures: (typeof good)[]): Promise<number> => {
      const checkpoint = formatNote({ text, signatures });
      return post(witness.url, formatAddCheckpoint({ oldSize: 0n, proof: [], checkpoint })).then(
        (r) => r.status,
      );
    };
    assert.is(await send([good, broken]), 403);
    assert.is(await send([broken]), 403);
    assert.is(await send([...forged, good, ...Array.from({ length: 90 }, () => good)]), 200);
    const stored = await fetch(`${witness.url}/${originHash(log.origin)}/checkpoint`);
    const note = parseNote(utf8(await stored.text()));
    assert.equal(
      note.signatures.map(({ name }) => name),
      [log.origin, 'w.example/1'],
    );
    assert.equal(note.signatures[0], good);
    assert.is(openNote(note, witness.vkeys.map(parseVkey)).length, 1);
  },
);

rule('either key of a log in rotation is enough', async ({ witness, log }) => {
  const next = testSigner(log.origin, 0x06, 5);
  const rotated = new TestLog(log.origin);
  witness.setLogs([log.key, verifierOf(next)]);
  await post(witness.url, rotated.body(0n, 5n));
  const proof = rotated.proof(5n, 6n);
  const checkpoint = rotated.checkpoint(6n, [next]);
  const reply = await post(witness.url, formatAddCheckpoint({ oldSize: 5n, proof, checkpoint }));
  assert.is(reply.status, 200, reply.body);
});

rule(
  'extension lines are cosigned, as the documents ask',
  async ({ witness, log }) => {
    const checkpoint = log.checkpoint(5n, [log.signer], ['an extension line']);
    const body = formatAddCheckpoint({ oldSize: 0n, proof: [], checkpoint });
    const reply = await post(witness.url, body);
    assert.is(reply.status, 200);
    openCosignatures(witness.vkeys, body, reply.body);
  },
  BOTH,
);

rule('sizes up to 2^63-1 keep their exact value', async ({ witness, log }) => {
  const size = 2n ** 63n - 1n;
  const text = `${log.origin}\n${size}\n${'A'.repeat(43)}=\n`;
  const note = formatNote({ text, signatures: [signText(log.signer, text, 1n)] });
  const body = formatAddCheckpoint({ oldSize: 0n, proof: [], checkpoint: note });
  assert.is((await post(witness.url, body)).status, 200);
  assert.is((await post(witness.url, body)).body, '9223372036854775807\n');
  const above = utf8(new TextDecoder().decode(body).replace(`${size}`, `${size + 1n}`));
  assert.is((await post(witness.url, above)).status, 400);
});

rule('a body over the limit is refused, declared or not', async ({ witness, log }) => {
  const big = new Uint8Array(MAX_ADD_CHECKPOINT_BYTES + 1).fill(0x61);
  const declared = await fetch(`${witness.url}/add-checkpoint`, { method: 'POST', body: big }).then(
    read,
    () => undefined,
  );
  assert.ok(declared === undefined || declared.status === 413);
  const chunked = new ReadableStream({
    pull: (controller) => controller.enqueue(big.subarray(0, 65_536)),
  });
  const init = { method: 'POST', body: chunked, duplex: 'half' } as const;
  const endless = await fetch(`${witness.url}/add-checkpoint`, init).then(read, () => undefined);
  assert.ok(endless === undefined || endless.status === 413);
  assert.is((await post(witness.url, log.body(0n, 5n))).status, 200);
});

/** Connections that have sent `request` and stay open. */
async function openConnections(url: string, count: number, request: string): Promise<Socket[]> {
  const { port, hostname } = new URL(url);
  const sockets = Array.from({ length: count }, () => connect(Number(port), hostname));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  for (const socket of sockets) socket.on('error', () => {}).write(request);
  await new Promise((resolve) => setTimeout(resolve, 200));
  return sockets;
}

rule('idle uploads keep nobody out', async ({ witness, log }) => {
  const head = 'POST /add-checkpoint HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nold';
  const sockets = await openConnections(witness.url, 300, head);
  assert.is((await post(witness.url, log.body(0n, 5n))).status, 200);
  for (const socket of sockets) socket.destroy();
});

rule('large uploads that never end keep a small one out no more', async ({ witness, log }) => {
  const head = 'POST /add-checkpoint HTTP/1.1\r\nhost: x\r\ncontent-length: 500001\r\n\r\n';
  const sockets = await openConnections(witness.url, 160, head + 'x'.repeat(500_000));
  const large = new Uint8Array(400_000).fill(0x61);
  assert.is((await post(witness.url, large)).status, 503);
  assert.is((await post(witness.url, log.body(0n, 5n))).status, 200);
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.is((await post(witness.url, large)).status, 400, 'the memory was given back');
});

rule(
  'every prefix, extension and bit flip of a request is refused, and then the request works',
  async ({ witness, log }) => {
    await post(witness.url, log.body(0n, 5n));
    const good = log.body(5n, 9n);
    const cuts = Array.from({ length: 40 }, (_, i) =>
      good.subarray(0, Math.floor((good.length * i) / 40)),
    );
    const flips = Array.from({ length: good.length }, (_, i) =>
      good.map((byte, at) => (at === i ? byte ^ (1 << (i % 7)) : byte)),
    );
    const extended = ['\n', ' ', '\u2014 a b\n', 'x'].map((tail) => concatBytes(good, utf8(tail)));
    for (const bad of [...cuts, ...flips, ...extended]) {
      const { status, body } = await post(witness.url, bad);
      // A flip in the name or the key ID of the line leaves no known signature; never may it be 200.
      assert.ok([400, 403, 404, 409, 422].includes(status), `${status} ${body}`);
      assert.not.match(body, /at .*\.js|Error:/);
    }
    assert.is((await post(witness.url, good)).status, 200);
  },
);

rule('other paths and methods get 404 and 405 with Allow', async ({ witness }) => {
  const ask = async (path: string, method = 'GET'): Promise<string> => {
    const { status, headers, type } = await read(await fetch(witness.url + path, { method }));
    assert.ok(type === null || type.startsWith('text/plain'), `${path}: ${type}`);
    return `${status} ${headers.get('allow') ?? ''}`.trim();
  };
  assert.is(await ask('/add-checkpoint'), '405 POST');
  assert.is(await ask('/metrics', 'DELETE'), '405 GET, HEAD');
  assert.is(await ask(`/${'a'.repeat(64)}/checkpoint`, 'PUT'), '405 GET, HEAD');
  assert.is(await ask(`/${'a'.repeat(64)}/checkpoint`), '404');
  assert.is(await ask(`/${'A'.repeat(64)}/checkpoint`), '404');
  assert.is(await ask('/nothing'), '404');
  for (const path of ['/', '/livez', '/readyz', '/metrics']) assert.is(await ask(path), '200');
});

test('a witness without a key that can cosign does not start', async () => {
  const env = testEnv();
  const config = { logs: [], memory: true, port: 0, env } as const;
  for (const keys of [[], [testSigner('w.example/1', 0x01, 7)]]) {
    const failure = await startWitness({ ...config, keys }).then(
      () => undefined,
      (error: unknown) => error,
    );
    assert.instance(failure, TypeError);
  }
});

test.run();
