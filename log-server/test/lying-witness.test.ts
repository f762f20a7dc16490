// Witnesses that lie: nothing that does not verify is ever published or believed.

import { createSigner } from '@writ/core/formats/key';
import { parseNote } from '@writ/core/formats/note';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  addEntries,
  cosignatureLine,
  type FakeWitness,
  fakeWitness,
  makeWorld,
  seed,
  type WorldOptions,
} from './world.ts';

const lying = suite('lying witnesses');
let witnesses: FakeWitness[] = [];

async function startWitnesses(count: number): Promise<void> {
  witnesses = await Promise.all(
    Array.from({ length: count }, (_, i) => fakeWitness(`w${i + 1}`, 20 + i)),
  );
}

lying.after.each(async () => {
  await Promise.all(witnesses.map((witness) => witness.close()));
  witnesses = [];
});

/** A world with the running fakes under a quorum of `k`. */
function withQuorum(k: number, options: WorldOptions = {}): ReturnType<typeof makeWorld> {
  const names = witnesses.map(({ name }) => name).join(' ');
  return makeWorld({ ...options, witnesses, quorum: `group q ${k} ${names}\nquorum q\n` });
}

const wrongKey = createSigner('witness.example/w1', 0x04, seed(77));
const soon = (seconds: number): bigint => BigInt(Math.floor(Date.now() / 1000) + seconds);
const LIES: Readonly<Record<string, NonNullable<FakeWitness['script']>>> = {
  'a signature of another key': async ({ text }) => ({
    status: 200,
    body: cosignatureLine(wrongKey, text),
  }),
  'a signature over another root': async ({ text }) => ({
    status: 200,
    body: cosignatureLine(
      witnesses[0]?.key ?? wrongKey,
      text.replace(/\n[^\n]+\n$/, '\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n'),
    ),
  }),
  'a timestamp of zero': async ({ text }) => ({
    status: 200,
    body: cosignatureLine(witnesses[0]?.key ?? wrongKey, text, 0n),
  }),
  'a timestamp far in the future': async ({ text }) => ({
    status: 200,
    body: cosignatureLine(witnesses[0]?.key ?? wrongKey, text, soon(3600)),
  }),
  'ten megabytes': async () => ({ status: 200, body: 'x'.repeat(10_000_000) }),
  'garbage with status 200': async () => ({ status: 200, body: 'all good!' }),
  'an empty answer': async () => ({ status: 200, body: '' }),
  'bytes that are not text': async () => ({ status: 200, body: Uint8Array.of(0xff, 0xfe, 0x0a) }),
  'a valid line before a broken one of the same key': async (_request, honest) => ({
    status: 200,
    body: `${honest.body}${String(honest.body).replace(/.{8}\n$/, 'AAAAAAA=\n')}`,
  }),
  'a redirect': async () => ({ status: 302, body: '' }),
  'a broken connection': async () => undefined,
  '409 without a size': async () => ({ status: 409, type: 'text/x.tlog.size', body: 'many\n' }),
  '409 of another type': async () => ({ status: 409, type: 'text/html', body: '0\n' }),
  '409 with the size it was sent': async ({ oldSize }) => ({
    status: 409,
    type: 'text/x.tlog.size',
    body: `${oldSize}\n`,
  }),
  '409 with ever other sizes': async ({ oldSize }) => ({
    status: 409,
    type: 'text/x.tlog.size',
    body: oldSize === 1n ? '2\n' : '1\n',
  }),
};

for (const [lie, script] of Object.entries(LIES)) {
  lying(`nothing comes of a witness that answers ${lie}`, async () => {
    await startWitnesses(1);
    const [witness] = witnesses;
    if (witness !== undefined) witness.script = script;
    const { log, publisher } = withQuorum(1);
    await addEntries(log, 2);
    assert.is(await publisher.publishNow(), undefined);
    assert.is(publisher.published, undefined);
    assert.is(publisher.isQuorumMet, false);
    assert.is(log.stoppedBecause, undefined, 'a liar must not stop the log this way');
    if (witness !== undefined) {
      witness.script = undefined;
      witness.size = 0n;
    }
    assert.equal((await publisher.publishNow())?.witnesses, ['w1'], 'the honest answer counts');
  });
}

lying('a line that is repeated counts once, and unknown lines are ignored', async () => {
  await startWitnesses(2);
  const [first] = witnesses;
  const stranger = createSigner('stranger.example', 0x04, seed(66));
  if (first !== undefined)
    first.script = async ({ text }, honest) => ({
      status: 200,
      body: `${cosignatureLine(stranger, text)}${honest.body}${honest.body}`,
    });
  await witnesses[1]?.close();
  const { log, publisher } = withQuorum(2, { quorumRule: 'mark' });
  await addEntries(log, 1);
  const record = await publisher.publishNow();
  assert.is(record?.quorumMet, false);
  assert.equal(record?.witnesses, ['w1']);
  assert.is(parseNote(record?.note ?? new Uint8Array(0)).signatures.length, 2);
});

lying('the time of a witness never goes back', async () => {
  await startWitnesses(1);
  const [witness] = witnesses;
  if (witness === undefined) throw new Error('no witness');
  const { log, publisher } = withQuorum(1);
  await addEntries(log, 1);
  await publisher.publishNow();
  witness.script = async ({ text }) => ({
    status: 200,
    body: cosignatureLine(witness.key, text, soon(-100)),
  });
  assert.is(await publisher.publishNow('refresh'), undefined);
});

lying(
  'a 409 of another type comes from something in between, and its number is no size',
  async () => {
    await startWitnesses(1);
    const [witness] = witnesses;
    if (witness === undefined) throw new Error('no witness');
    witness.script = async () => ({ status: 409, type: 'text/html', body: '999\n' });
    const { log, publisher } = withQuorum(1);
    await addEntries(log, 2);
    assert.is(await publisher.publishNow(), undefined);
    assert.is(log.stoppedBecause, undefined);
    assert.is(witness.requests.length, 1);
  },
);

lying.run();
