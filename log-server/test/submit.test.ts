// Submission over HTTP: one entry, batches, waiting for the proof, and everything that is refused.

import { concatBytes, equalBytes, formatHex, utf8 } from '@writ/core/bytes';
import { Ed25519Signer } from '@writ/core/ed25519';
import { isLogError } from '@writ/core/errors';
import { parseCheckpoint } from '@writ/core/formats/checkpoint';
import { parseNote } from '@writ/core/formats/note';
import { parseTlogProof } from '@writ/core/formats/tlog-proof';
import { leafHash } from '@writ/core/merkle/hash';
import { checkInclusion } from '@writ/core/merkle/inclusion';
import { splitByteStrings } from '@writ/log-server/http/batch';
import { BodyReader } from '@writ/log-server/http/body';
import type { AppEnv } from '@writ/log-server/http/reply';
import { Waiters } from '@writ/log-server/log/waiters';
import { Hono } from 'hono';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type AppWorld, appWorld, COSE, post, problemCode, SEQUENCE } from './app-world.ts';
import { noteStatement, seed, testEnv } from './world.ts';

const raw = suite('submission in the raw profile');

raw('an entry is answered with its index in decimal, again with the same one', async () => {
  const { request, log } = appWorld('raw');
  const first = await request('/add', post('one'));
  assert.is(first.status, 200);
  assert.is(first.headers.get('content-type'), 'text/plain; charset=utf-8');
  assert.is(await first.text(), '0');
  assert.is(await (await request('/add', post('two'))).text(), '1');
  assert.is(await (await request('/add', post('one'))).text(), '0');
  assert.is(log.head.size, 2);
});

raw('with wait the answer is a proof file that leads to the published root', async () => {
  const { request, publisher } = appWorld('raw');
  await publisher.start();
  const response = await request('/add?wait=5', post('proved'));
  assert.is(response.status, 200);
  assert.is(response.headers.get('preference-applied'), 'wait=5');
  const proof = parseTlogProof(new Uint8Array(await response.arrayBuffer()));
  const { size, root } = parseCheckpoint(parseNote(proof.checkpoint).text);
  const { index, hashes } = proof;
  const claim = { index, size, leafHash: leafHash(utf8('proved')), root, proof: hashes };
  assert.ok(checkInclusion(claim));
  const preferred = await request('/add', post('preferred', { prefer: 'respond-async, wait=3' }));
  assert.match(await preferred.text(), /^c2sp.org\/tlog-proof@v1\n/);
  await publisher.stop();
});

raw('an entry that is not published in time is still durable, and the answer says so', async () => {
  const { request, log } = appWorld('raw');
  const response = await request('/add?wait=1', post('unpublished'));
  assert.is(response.status, 202);
  const problem: Record<string, unknown> = JSON.parse(await response.text());
  assert.is(problem['type'], 'urn:writ:error:not-published');
  assert.is(problem['index'], 0);
  assert.is(response.headers.get('retry-after'), '1');
  assert.is(log.head.size, 1);
});

raw('limits of one entry hold exactly, and nothing is stored beyond them', async () => {
  const { request, log } = appWorld('raw');
  assert.is((await request('/add', post(new Uint8Array(65_535)))).status, 200);
  const large = await request('/add', post(new Uint8Array(65_536)));
  assert.is(large.status, 413);
  assert.is(await problemCode(large), 'body-too-large');
  assert.is(await problemCode(await request('/add', post(''))), 'entry-empty');
  assert.is(log.head.size, 1);
});

raw('a body that says it is too large is refused before it is read', async () => {
  const { request } = appWorld('raw');
  let pulls = 0;
  const body = new ReadableStream({
    pull(controller) {
      pulls++;
      controller.enqueue(new Uint8Array(1024));
    },
  });
  const init: RequestInit = {
    method: 'POST',
    body,
    duplex: 'half',
    headers: { 'content-length': '65536' },
  };
  const response = await request('/add', init);
  assert.is(response.status, 413);
  assert.ok(pulls <= 1, `read ${pulls} chunks`);
});

raw('a body without a length is counted while it arrives', async () => {
  const { request } = appWorld('raw');
  let pulls = 0;
  const body = new ReadableStream({
    pull(controller) {
      pulls++;
      controller.enqueue(new Uint8Array(1024));
    },
  });
  const response = await request('/add', { method: 'POST', body, duplex: 'half' });
  assert.is(response.status, 413);
  assert.ok(pulls < 70, `read ${pulls} chunks`);
});

raw('bodies take what has arrived of them, share a limit, and give it back', async () => {
  const reader = new BodyReader(10_000);
  const app = new Hono<AppEnv>();
  app.post('/', async (c) => c.text(String((await reader.read(c, 8000)).length)));
  app.onError((error, c) => c.text(isLogError(error) ? error.code : String(error)));
  const send = async (
    body: ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer> | string,
    headers: Record<string, string> = {},
  ): Promise<string> =>
    (await app.request('/', { method: 'POST', body, duplex: 'half', headers })).text();
  const idle = Array.from({ length: 20 }, () => {
    let arrive: (bytes: number) => void = () => {};
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        arrive = (bytes) => {
          controller.enqueue(new Uint8Array(bytes));
          controller.close();
        };
      },
    });
    return { answer: send(body, { 'content-length': '8000' }), arrive };
  });
  assert.is(await send('x'), '1', 'announcements take nothing');
  const [first, second] = [send(new Uint8Array(7000)), send(new Uint8Array(7000))];
  assert.equal([await first, await second].sort(), ['7000', 'overloaded']);
  for (const { arrive, answer } of idle) {
    arrive(7000);
    assert.is(await answer, '7000', 'what was read and what was refused was given back');
  }
  const crumbs = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(1)),
  });
  assert.is(await send(crumbs), 'overloaded', 'a chunk costs more than its bytes');
});

raw('beyond the limit nobody waits, and places become free again', async () => {
  const env = testEnv();
  const waiters = new Waiters(env, 2);
  const waiting = [waiters.wait(1, 60), waiters.wait(1, 60)];
  const startMs = performance.now();
  assert.is(await waiters.wait(1, 10_000), undefined);
  assert.ok(performance.now() - startMs < 50);
  assert.equal(await Promise.all(waiting), [undefined, undefined]);
  const next = waiters.wait(1, 10_000);
  waiters.release();
  assert.is(await next, undefined);
});

for (const query of [
  'wait=0',
  'wait=61',
  'wait=x',
  'wait=',
  'wait=1&wait=2',
  'wait=01',
  'wait=1e1',
  'other=1',
]) {
  raw(`the query ${query} is refused and nothing is stored`, async () => {
    const { request, log } = appWorld('raw');
    assert.is(await problemCode(await request(`/add?${query}`, post('x'))), 'request-invalid');
    assert.is(log.head.size, 0);
  });
}

raw('a full pool answers 503 with Retry-After', async () => {
  const { request } = appWorld('raw', { limits: { queuedEntries: 0, queuedBytes: 0 } });
  const response = await request('/add', post('x'));
  assert.is(response.status, 503);
  assert.is(response.headers.get('retry-after'), '1');
  assert.is(await problemCode(response), 'overloaded');
});

raw('a stopped log answers 503 and goes on serving reads', async () => {
  const { request, log, publisher } = appWorld('raw');
  await publisher.publishNow('start');
  log.stop('a test said so');
  assert.is(await problemCode(await request('/add', post('x'))), 'log-stopped');
  assert.is((await request('/checkpoint')).status, 200);
  assert.is((await request('/readyz')).status, 503);
});

raw('a batch is answered with one index a line, duplicates with the index they have', async () => {
  const { request } = appWorld('raw');
  await request('/add', post('b'));
  const body = Uint8Array.of(0x41, 0x61, 0x41, 0x62, 0x41, 0x63);
  const response = await request('/add-batch', post(body, SEQUENCE));
  assert.is(response.status, 200);
  assert.is(await response.text(), '1\n0\n2\n');
});

const byteString = (length: number): Uint8Array =>
  length < 24
    ? concatBytes(Uint8Array.of(0x40 + length), new Uint8Array(length))
    : length < 256
      ? concatBytes(Uint8Array.of(0x58, length), new Uint8Array(length))
      : concatBytes(Uint8Array.of(0x59, length >> 8, length & 255), new Uint8Array(length));

raw('byte strings of every head size come out of a sequence as they went in', () => {
  const lengths = [1, 23, 24, 255, 256, 65_535];
  const items = splitByteStrings(concatBytes(...lengths.map(byteString)));
  assert.equal(
    items.map(({ length }) => length),
    lengths,
  );
});

const BAD_BATCHES: Readonly<Record<string, readonly [Uint8Array, string]>> = {
  nothing: [new Uint8Array(0), 'batch-malformed'],
  'an empty string': [Uint8Array.of(0x40), 'entry-empty'],
  text: [Uint8Array.of(0x61, 0x61), 'batch-malformed'],
  'an integer': [Uint8Array.of(0x01), 'batch-malformed'],
  'an indefinite string': [Uint8Array.of(0x5f, 0x41, 0x61, 0xff), 'batch-malformed'],
  'a long head for a short string': [Uint8Array.of(0x58, 0x01, 0x61), 'batch-malformed'],
  'a longer head for a string of 255': [
    concatBytes(Uint8Array.of(0x59, 0, 255), new Uint8Array(255)),
    'batch-malformed',
  ],
  'a head that is cut off': [Uint8Array.of(0x41, 0x61, 0x58), 'batch-malformed'],
  'a second head that is cut off': [Uint8Array.of(0x59, 0x01), 'batch-malformed'],
  'a string that is cut off': [Uint8Array.of(0x43, 0x61, 0x62), 'batch-malformed'],
  'a string over the limit': [Uint8Array.of(0x5a, 0, 1, 0, 0), 'entry-too-large'],
  'an announced exabyte': [
    Uint8Array.of(0x5b, 15, 255, 255, 255, 255, 255, 255, 255),
    'entry-too-large',
  ],
  'too many items': [
    new Uint8Array(2002).map((_, i) => (i % 2 === 0 ? 0x41 : i)),
    'batch-too-large',
  ],
};

for (const [name, [body, code]] of Object.entries(BAD_BATCHES)) {
  raw(`a batch with ${name} is refused whole`, async () => {
    const { request, log } = appWorld('raw');
    const sent = name === 'nothing' ? body : concatBytes(Uint8Array.of(0x41, 0x7a), body);
    assert.is(await problemCode(await request('/add-batch', post(sent, SEQUENCE))), code);
    assert.is(log.head.size, 0);
  });
}

raw('a batch needs its content type', async () => {
  const { request } = appWorld('raw');
  const response = await request('/add-batch', post(Uint8Array.of(0x41, 0x61)));
  assert.is(response.status, 415);
  assert.is(await problemCode(response), 'media-type-unsupported');
});

raw.run();

const signed = suite('submission of statements');

/** Statement `count` of a stream, each continuing the one before. */
function chain(count: number, stream = 'audit/one'): Uint8Array[] {
  const statements: Uint8Array[] = [];
  let previous: Uint8Array | null = null;
  for (let seq = 0; seq < count; seq++) {
    const statement = noteStatement(seq, previous, { stream });
    statements.push(statement);
    previous = leafHash(statement);
  }
  return statements;
}

const send = ({ request }: AppWorld, statement: Uint8Array): Promise<Response> =>
  request('/add', post(statement, COSE));

signed('a statement of a known author is sequenced under its leaf hash', async () => {
  const world = appWorld('statements');
  const [statement = new Uint8Array(0)] = chain(1);
  const response = await send(world, statement);
  assert.is(response.status, 200);
  const expected = {
    index: 1, // behind the first state root
    id: formatHex(leafHash(statement)),
    duplicate: false,
    status: 'sequenced',
  };
  assert.equal(await response.json(), expected);
  assert.equal(await (await send(world, statement)).json(), { ...expected, duplicate: true });
  assert.ok(equalBytes(world.log.readEntry(1), statement), 'bytes in are bytes logged');
  const text = await world.request('/add', post(statement, { ...COSE, accept: 'text/plain' }));
  assert.is(await text.text(), '1');
});

signed('a statement must continue the head of its stream', async () => {
  const world = appWorld('statements');
  const [first = seed(0), second = seed(0)] = chain(2);
  const early = await send(world, second);
  assert.is(early.status, 409);
  assert.is(await problemCode(early), 'stream-conflict');
  await send(world, first);
  assert.is((await send(world, second)).status, 200);
  const beside = await send(world, noteStatement(1, leafHash(first), { text: 'another' }));
  assert.is(beside.status, 409);
  const problem: Record<string, unknown> = JSON.parse(await beside.text());
  assert.is(problem['expectedSeq'], 2);
  assert.is(problem['headId'], formatHex(leafHash(second)));
  const head = await world.request('/streams/audit/one/head');
  const expected = { stream: 'audit/one', seq: 1, id: formatHex(leafHash(second)), index: 2 };
  assert.equal(await head.json(), expected);
});

signed(
  'unknown authors, foreign streams and bad signatures are refused with their own codes',
  async () => {
    const world = appWorld('statements');
    const stranger = new Ed25519Signer(seed(99));
    const cases: readonly (readonly [Uint8Array, number, string])[] = [
      [noteStatement(0, null, { signer: stranger }), 403, 'author-unknown'],
      [noteStatement(0, null, { stream: 'audit/two' }), 403, 'author-not-permitted'],
      [new Uint8Array(0), 400, 'entry-empty'],
      [utf8('hello'), 400, 'statement-malformed'],
    ];
    for (const [statement, status, code] of cases) {
      const response = await send(world, statement);
      assert.is(response.status, status, code);
      assert.is(await problemCode(response), code);
    }
    const statement = noteStatement(0, null);
    statement[statement.length - 1] = (statement.at(-1) ?? 0) ^ 1;
    assert.is(await problemCode(await send(world, statement)), 'statement-bad-signature');
    assert.is(world.log.head.size, 0);
  },
);

signed('no statement with a flipped bit is accepted', async () => {
  const world = appWorld('statements');
  const statement = noteStatement(0, null);
  for (let bit = 0; bit < statement.length * 8; bit += 7) {
    const flipped = statement.slice();
    const at = Math.floor(bit / 8);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (bit % 8));
    const { status } = await send(world, flipped);
    assert.ok(status >= 400 && status < 500, `bit ${bit}: ${status}`);
  }
  assert.is(world.log.head.size, 0);
});

signed('a batch takes each statement on its own, and a stream in its order', async () => {
  const world = appWorld('statements');
  const [first = seed(0), second = seed(0), third = seed(0)] = chain(3);
  const stranger = noteStatement(0, null, { signer: new Ed25519Signer(seed(99)) });
  const body = concatBytes(first, stranger, second, first, third);
  const response = await world.request('/add-batch', post(body, SEQUENCE));
  assert.is(response.status, 200);
  const { results }: { results: { index?: number; error?: { type: string } }[] } = JSON.parse(
    await response.text(),
  );
  assert.equal(
    results.map(({ index, error }) => index ?? error?.type),
    [1, 'urn:writ:error:author-unknown', 2, 1, 3],
  );
});

signed('a batch that is no sequence of statements is refused', async () => {
  const world = appWorld('statements');
  const cut = noteStatement(0, null).slice(0, -1);
  assert.is(
    await problemCode(await world.request('/add-batch', post(cut, SEQUENCE))),
    'cbor-malformed',
  );
  assert.is(
    await problemCode(await world.request('/add-batch', post('', SEQUENCE))),
    'batch-malformed',
  );
});

for (const type of [undefined, 'text/plain', 'application/json', 'application/cose-x']) {
  signed(`the content type ${type} is refused`, async () => {
    const { request } = appWorld('statements');
    const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type };
    const response = await request('/add', post(noteStatement(0, null), headers));
    assert.is(await problemCode(response), 'media-type-unsupported');
  });
}

signed('parameters of the content type do not matter', async () => {
  const { request } = appWorld('statements');
  const headers = { 'content-type': 'Application/COSE; cose-type="cose-sign1"' };
  assert.is((await request('/add', post(noteStatement(0, null), headers))).status, 200);
});

signed.run();
