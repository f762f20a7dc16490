// Publishing with witnesses, scripted ones on loopback: honest, slow, dead, lying, far behind and ahead.

import { equalBytes, utf8 } from '@writ/core/bytes';
import { parseCheckpoint } from '@writ/core/formats/checkpoint';
import { openNote } from '@writ/core/formats/cosignature';
import { createSigner, formatVkey, verifierOf } from '@writ/core/formats/key';
import { parseNote } from '@writ/core/formats/note';
import { parsePolicy } from '@writ/core/formats/tlog-policy';
import { checkConsistency } from '@writ/core/merkle/consistency';
import { openMemoryStore } from '@writ/log-server/storage/memory';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  addEntries,
  cosignatureLine,
  type FakeWitness,
  fakeWitness,
  LOG_KEY,
  makeWorld,
  ORIGIN,
  seed,
  type WorldOptions,
} from './world.ts';

const publishing = suite('publishing with witnesses');
let witnesses: FakeWitness[] = [];

async function startWitnesses(count: number): Promise<void> {
  witnesses = await Promise.all(
    Array.from({ length: count }, (_, i) => fakeWitness(`w${i + 1}`, 20 + i)),
  );
}

publishing.after.each(async () => {
  await Promise.all(witnesses.map((witness) => witness.close()));
  witnesses = [];
});

/** A world with the running fakes under a quorum of `k`. */
function withQuorum(k: number, options: WorldOptions = {}): ReturnType<typeof makeWorld> {
  const names = witnesses.map(({ name }) => name).join(' ');
  return makeWorld({ ...options, witnesses, quorum: `group q ${k} ${names}\nquorum q\n` });
}

publishing('a lone log publishes its head and keeps every row', async () => {
  const { log, publisher } = makeWorld();
  await publisher.publishNow('start');
  await addEntries(log, 3);
  const record = await publisher.publishNow();
  assert.is(record?.number, 1);
  assert.is(record?.size, 3);
  assert.is(record?.cause, 'growth');
  const note = parseNote(record?.note ?? new Uint8Array(0));
  openNote(note, [verifierOf(LOG_KEY)]);
  assert.ok(equalBytes(parseCheckpoint(note.text).root, log.rootAt(3)));
  assert.is((await log.store.readCheckpoints({ from: 0, to: 9, limit: 9 })).length, 2);
});

publishing('a published note carries the cosignatures of all witnesses that answered', async () => {
  await startWitnesses(3);
  const { log, publisher } = withQuorum(3);
  await addEntries(log, 5);
  const record = await publisher.publishNow();
  assert.equal([...(record?.witnesses ?? [])].sort(), ['w1', 'w2', 'w3']);
  assert.is(record?.quorumMet, true);
  const keys = [LOG_KEY, ...witnesses.map(({ key }) => key)].map(verifierOf);
  assert.is(openNote(parseNote(record?.note ?? new Uint8Array(0)), keys).length, 4);
});

publishing('the signed note is durable before a witness sees it', async () => {
  await startWitnesses(1);
  const { log, publisher } = withQuorum(1);
  const seen: boolean[] = [];
  const [witness] = witnesses;
  if (witness !== undefined)
    witness.script = async (request, honest) => {
      seen.push(equalBytes(request.checkpoint, log.store.signed ?? new Uint8Array(0)));
      return honest;
    };
  await addEntries(log, 1);
  await publisher.publishNow();
  assert.equal(seen, [true]);
});

publishing('a witness that is far behind gets a proof from its own size', async () => {
  await startWitnesses(1);
  const { log, publisher } = withQuorum(1);
  await addEntries(log, 7);
  await publisher.publishNow();
  const [witness] = witnesses;
  if (witness === undefined) throw new Error('no witness');
  witness.size = 3n; // as if it had lost the last rounds
  await addEntries(log, 300);
  const record = await publisher.publishNow();
  assert.equal(record?.witnesses, ['w1']);
  const last = witness.requests.at(-1);
  assert.is(last?.oldSize, 3n);
  const { size = 0n, root = seed(0) } = last?.head ?? {};
  const claim = { oldSize: 3n, oldRoot: log.rootAt(3), size, root, proof: last?.proof ?? [] };
  assert.ok(checkConsistency(claim));
});

publishing('dead witnesses neither delay nor prevent a quorum of the others', async () => {
  await startWitnesses(3);
  await witnesses[2]?.close();
  const { log, publisher } = withQuorum(2);
  await addEntries(log, 1);
  const started = performance.now();
  const record = await publisher.publishNow();
  assert.is(record?.quorumMet, true);
  assert.ok(performance.now() - started < 900, 'waited for the dead one');
});

publishing('a slow witness is given up a short grace after the quorum is met', async () => {
  await startWitnesses(3);
  const [slow] = witnesses;
  if (slow !== undefined)
    slow.script = (_request, honest) =>
      new Promise((resolve) => setTimeout(() => resolve(honest), 800));
  const { log, publisher } = withQuorum(2);
  await addEntries(log, 1);
  const started = performance.now();
  const record = await publisher.publishNow();
  assert.equal([...(record?.witnesses ?? [])].sort(), ['w2', 'w3']);
  assert.ok(performance.now() - started < 700, 'waited for the slow one');
});

publishing(
  'witnesses that fail again and again are left alone, and asked again when needed',
  async () => {
    await startWitnesses(2);
    const [bad] = witnesses;
    if (bad === undefined) throw new Error('no witness');
    bad.script = async () => ({ status: 500, body: '' });
    const { log, publisher } = withQuorum(1);
    for (let round = 0; round < 6; round++) {
      await addEntries(log, 1);
      await publisher.publishNow();
    }
    assert.ok(bad.requests.length < 6, `asked ${bad.requests.length} times`);
    bad.script = undefined;
    await witnesses[1]?.close();
    await addEntries(log, 1);
    await publisher.publishNow();
    await addEntries(log, 1);
    for (let round = 0; round < 6 && publisher.published?.size !== log.head.size; round++)
      await publisher.publishNow();
    assert.equal(publisher.published?.witnesses, ['w1']);
  },
);

publishing(
  'a witness that is ahead of a new or restored log stops it before it takes entries',
  async () => {
    await startWitnesses(1);
    const [witness] = witnesses;
    if (witness !== undefined) witness.size = 12n;
    const { log, publisher } = withQuorum(1);
    await publisher.start();
    assert.match(
      log.stoppedBecause ?? '',
      /has cosigned 12 entries of this log, which has signed 0/,
    );
    assert.is(publisher.published, undefined);
    try {
      await log.add(utf8('too late'));
      assert.unreachable();
    } catch (error) {
      assert.match(String(error), /takes no entries/);
    }
    await publisher.stop();
  },
);

publishing('with the rule mark a checkpoint without quorum is published and marked', async () => {
  await startWitnesses(2);
  await witnesses[0]?.close();
  const { log, publisher } = withQuorum(2, { quorumRule: 'mark' });
  await addEntries(log, 1);
  const waiting = publisher.waitFor(1, 300);
  const record = await publisher.publishNow();
  assert.is(record?.quorumMet, false);
  assert.equal(record?.witnesses, ['w2']);
  assert.is(await waiting, undefined, 'no proof without quorum');
  assert.is(await publisher.waitFor(1, 20), undefined, 'nor afterwards');
});

publishing('the log never signs a tree that does not continue what it signed', async () => {
  const store = openMemoryStore();
  const first = makeWorld({ store });
  await addEntries(first.log, 4);
  await first.publisher.publishNow();
  const signed = store.signed;
  const other = makeWorld();
  await addEntries(other.log, 6, 'other');
  if (signed !== undefined) await other.log.store.putSigned(signed);
  try {
    await other.publisher.publishNow();
    assert.unreachable();
  } catch (error) {
    assert.match(String(error), /not the one that was signed/);
  }
  assert.is(other.publisher.published, undefined);
  const shorter = makeWorld();
  await addEntries(shorter.log, 3);
  if (signed !== undefined) await shorter.log.store.putSigned(signed);
  await shorter.publisher.start();
  assert.match(shorter.log.stoppedBecause ?? '', /fewer entries than were signed/);
});

publishing('the loop publishes a lone entry at once and answers those who wait', async () => {
  await startWitnesses(3);
  const { log, publisher } = withQuorum(3, { checkpointIntervalMs: 50 });
  await publisher.start();
  await new Promise((resolve) => setTimeout(resolve, 80));
  const { index } = await log.add(utf8('alone'));
  const record = await publisher.waitFor(index + 1, 2000);
  assert.is(record?.size, 1);
  assert.is(await publisher.waitFor(99, 30), undefined);
  await publisher.stop();
});

publishing('an old checkpoint is cosigned anew, with a row of its own', async () => {
  await startWitnesses(1);
  const { publisher } = withQuorum(1, { refreshIntervalMs: 60 });
  await publisher.start();
  await new Promise((resolve) => setTimeout(resolve, 250));
  await publisher.stop();
  const rows = publisher.published?.number ?? 0;
  assert.ok(rows >= 1, `rows: ${rows}`);
  assert.is(publisher.published?.cause, 'refresh');
});

publishing(
  'below quorum the publisher tries again, and publishes once the witness is back',
  async () => {
    await startWitnesses(1);
    const [witness] = witnesses;
    if (witness === undefined) throw new Error('no witness');
    witness.script = async () => ({ status: 503, body: '' });
    const { log, publisher } = withQuorum(1);
    await publisher.start();
    await addEntries(log, 1);
    const waiting = publisher.waitFor(1, 5000);
    assert.is(publisher.isQuorumMet, false);
    witness.script = undefined;
    assert.is((await waiting)?.size, 1);
    await publisher.stop();
  },
);

publishing('a greased note still verifies and holds one more line than signers', async () => {
  await startWitnesses(2);
  const { log, publisher } = withQuorum(2, { grease: true });
  await addEntries(log, 1);
  const record = await publisher.publishNow();
  const note = parseNote(record?.note ?? new Uint8Array(0));
  assert.is(note.signatures.length, 4);
  assert.is(
    openNote(note, [LOG_KEY, ...witnesses.map(({ key }) => key)].map(verifierOf)).length,
    3,
  );
});

publishing('a witness server with two keys is asked once and cosigns twice', async () => {
  await startWitnesses(1);
  const [witness] = witnesses;
  if (witness === undefined) throw new Error('no witness');
  const second = createSigner('witness.example/pq', 0x06, seed(31));
  witness.script = async ({ text }, honest) => ({
    status: 200,
    body: `${honest.body}${cosignatureLine(second, text)}`,
  });
  const pq = createSigner(ORIGIN, 0x06, seed(2));
  const policy = parsePolicy(
    utf8(
      `log ${formatVkey(LOG_KEY)}\nwitness a ${formatVkey(witness.key)} ${witness.url}\n` +
        `witness b ${formatVkey(second)} ${witness.url}\ngroup q all a b\nquorum q\n`,
    ),
  );
  const { log, publisher } = makeWorld({ policy, signers: [LOG_KEY, pq] });
  await addEntries(log, 1);
  const record = await publisher.publishNow();
  assert.equal(record?.witnesses, ['a', 'b']);
  assert.is(witness.requests.length, 1);
  assert.is(record?.logKeyIds.length, 2);
});

publishing.run();
