// F-22, F-23: a witness never signs a fork, whatever order requests arrive in, and whatever its disk does.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { utf8 } from '@writ/core/bytes';
import { formatAddCheckpoint } from '@writ/core/formats/add-checkpoint';
import { parseCheckpoint } from '@writ/core/formats/checkpoint';
import { signText } from '@writ/core/formats/cosignature';
import { formatNote, parseNote } from '@writ/core/formats/note';
import { createMemoryHeads, type Head, type Heads, originHash } from '@writ/witness/heads';
import { openLevelHeads } from '@writ/witness/heads-level';
import { startWitness } from '@writ/witness/server';
import { createWitness } from '@writ/witness/witness';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openCosignatures, post, TestLog, testEnv, testSigner } from './world.ts';

const KEYS = [testSigner('w.example/1', 0x04, 7)];

async function withFolder(run: (path: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'witness-'));
  try {
    await run(join(folder, 'heads'));
  } finally {
    await rm(folder, { recursive: true });
  }
}

const races = suite('parallel requests');

races('eight parallel requests of a forking log, round after round, get one history', async () => {
  await withFolder(async (storePath) => {
    // Two views that agree on nothing beyond leaf 2, with one key.
    const views = [new TestLog('log.example/a'), new TestLog('log.example/a', { forkAt: 2n })];
    const logs = [new TestLog('log.example/a').key];
    const witness = await startWitness({ keys: KEYS, logs, storePath, port: 0, env: testEnv() });
    const roots = new Map<bigint, string>();
    let size = 0n;
    let cosigned = 0;
    for (let round = 0; round < 150; round++) {
      const bodies = [1n, 2n, 2n, 3n].flatMap((growth) =>
        views.map((view) => view.body(size, size + growth)),
      );
      const replies = await Promise.all(bodies.map((body) => post(witness.url, body)));
      const signed = bodies.filter((_, i) => replies[i]?.status === 200);
      assert.ok(signed.length <= 2, 'one winner, and its twin with the same tree at most');
      for (const [i, body] of bodies.entries()) {
        const { status, body: answer } = replies[i] ?? { status: 0, body: '' };
        if (status !== 200) {
          assert.ok([409, 422].includes(status), answer);
          continue;
        }
        openCosignatures(witness.vkeys, body, answer);
        const text = new TextDecoder().decode(body);
        const tree = parseCheckpoint(parseNote(utf8(text.slice(text.indexOf('\n\n') + 2))).text);
        const root = roots.get(tree.size);
        assert.ok(root === undefined || root === `${tree.root}`, 'two roots for one size');
        assert.ok(tree.size > size, 'the tree went back');
        roots.set(tree.size, `${tree.root}`);
        cosigned++;
      }
      size = [...roots.keys()].reduce((a, b) => (a > b ? a : b), 0n);
    }
    const consistent = views.filter((view) =>
      [...roots].every(([at, root]) => at <= 2n || `${view.root(at)}` === root),
    );
    assert.is(consistent.length, 1, 'every cosigned tree belongs to one of the two views');
    assert.ok(cosigned >= 150);
    await witness.close();
  });
});

races('requests of many logs at once are all kept over a restart', async () => {
  await withFolder(async (storePath) => {
    const all = Array.from({ length: 60 }, (_, i) => new TestLog(`log.example/${i}`));
    const logs = all.map(({ key }) => key);
    const config = { keys: KEYS, logs, storePath, port: 0, env: testEnv() };
    const first = await startWitness(config);
    const replies = await Promise.all(all.map((log) => post(first.url, log.body(0n, 5n))));
    assert.ok(replies.every(({ status }) => status === 200));
    await first.close();
    const second = await startWitness(config);
    for (const log of all) {
      assert.is((await post(second.url, log.body(0n, 6n))).body, '5\n');
      assert.is((await post(second.url, log.body(5n, 6n))).status, 200);
    }
    await second.close();
  });
});

races.run();

const hostile = suite('hostile requests, then a restart');

hostile('an honest request still works, and nothing unverified is stored', async () => {
  await withFolder(async (storePath) => {
    const log = new TestLog('log.example/a');
    const config = { keys: KEYS, logs: [log.key], storePath, port: 0, env: testEnv() };
    const [own = testSigner('', 0x04, 0)] = KEYS;
    const text = log.text(4n);
    const good = signText(log.signer, text, 1n);
    const forged = { ...signText(own, text, 99n), bytes: new Uint8Array(72).fill(1) };
    const send = (signatures: (typeof good)[], proof: Uint8Array[] = []): Uint8Array =>
      formatAddCheckpoint({ oldSize: 0n, proof, checkpoint: formatNote({ text, signatures }) });
    const first = await startWitness(config);
    await post(first.url, utf8('old 0\n\n\n\n'));
    await post(
      first.url,
      send(
        [good],
        Array.from({ length: 64 }, () => new Uint8Array(32)),
      ),
    );
    assert.is((await post(first.url, send([forged, forged, good]))).status, 200);
    await first.close();
    const second = await startWitness(config);
    const stored = await fetch(`${second.url}/${originHash(log.origin)}/checkpoint`);
    assert.not.match(await stored.text(), /AQEBAQEB/, 'the forged line is gone');
    const body = log.body(4n, 9n);
    const reply = await post(second.url, body);
    assert.is(reply.status, 200, reply.body);
    openCosignatures(second.vkeys, body, reply.body);
    await second.close();
  });
});

hostile.run();

const stores = suite('heads');
const head = (log: TestLog, size: bigint, timestampSeconds = 5n): Head => ({
  origin: log.origin,
  size,
  root: log.root(size),
  note: log.checkpoint(size),
  timestampSeconds,
});

for (const [name, open] of Object.entries({
  memory: async () => createMemoryHeads(),
  level: (path: string) => openLevelHeads(path, { create: true }),
})) {
  stores(`${name}: a swap happens for the expected size and a successor only`, async () => {
    await withFolder(async (path) => {
      const heads = await open(path);
      const log = new TestLog('log.example/a');
      const fork = new TestLog('log.example/a', { forkAt: 1n });
      const id = originHash(log.origin);
      assert.is(await heads.read(id), undefined);
      assert.is(await heads.swap(id, 1n, head(log, 3n)), false, 'there is no head of size 1');
      assert.is(await heads.swap(id, 0n, head(log, 0n)), true, 'an empty tree is a head');
      assert.is(await heads.swap(id, 0n, head(log, 4n)), true);
      assert.is(await heads.swap(id, 0n, head(log, 5n)), false, 'stale');
      assert.is(await heads.swap(id, 4n, head(log, 3n)), false, 'smaller');
      assert.is(await heads.swap(id, 4n, head(fork, 4n)), false, 'another root');
      assert.is(await heads.swap(id, 4n, head(log, 5n, 4n)), false, 'earlier');
      assert.equal((await heads.read(id))?.root, log.root(4n));
      const both = [head(log, 6n), head(fork, 7n)].map((next) => heads.swap(id, 4n, next));
      assert.equal(await Promise.all(both), [true, false], 'the second sees what the first wrote');
      assert.is(
        await heads.swap(id, 6n, head(log, 6n, 8n)),
        true,
        'a later time for the same tree',
      );
      if (name === 'level') assert.is(heads.latestTimestampSeconds(), 8n);
      await heads.close();
    });
  });
}

stores('a store that is missing, in use or damaged is refused with what to do', async () => {
  await withFolder(async (path) => {
    const refusal = (create: boolean): Promise<unknown> =>
      openLevelHeads(path, { create }).then(
        () => undefined,
        (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
      );
    assert.is(await refusal(false), 'config-invalid');
    const heads = await openLevelHeads(path, { create: true });
    assert.is(await refusal(false), 'storage-locked');
    const log = new TestLog('log.example/a');
    await heads.swap(originHash('log.example/b'), 0n, head(log, 3n));
    await heads.close();
    assert.is(await refusal(false), 'storage-corrupt', 'a record under the name of another log');
  });
});

stores(
  'a failed write is not acknowledged, and the next request starts from what is on record',
  async () => {
    const inner = createMemoryHeads();
    let fails = true;
    const heads: Heads = {
      ...inner,
      swap: (...args) => (fails ? Promise.reject(new Error('no room')) : inner.swap(...args)),
    };
    const log = new TestLog('log.example/a');
    const witness = createWitness({ signers: KEYS, logs: [log.key], heads, env: testEnv() });
    const failed = await witness.addCheckpoint(log.body(0n, 5n)).catch((error: unknown) => error);
    assert.instance(failed, Error);
    fails = false;
    assert.ok((await witness.addCheckpoint(log.body(0n, 3n))).startsWith('\u2014 w.example/1 '));
  },
);

stores.run();
