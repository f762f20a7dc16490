import { signAt } from '@writ/cli/author';
import { createSigner, type SignerKey } from '@writ/core/formats/key';
import { openPayload } from '@writ/core/statements/kinds';
import { decodeStatement } from '@writ/core/statements/statement';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { surroundings } from './command.ts';

const ADA = createSigner('ada', 0x01, new Uint8Array(32).fill(3));
const POSITION = { stream: 'village/a', seq: 1, previous: new Uint8Array(32).fill(7) };
const PAYLOAD = { kind: 'approve', proposal: new Uint8Array(32).fill(9) } as const;

const author = suite('author');

const OPEN = { world: surroundings(), visibility: 'public' } as const;
const SEALED = { ...OPEN, visibility: 'private' } as const;

author('signs where it was told to, with the name of the key', () => {
  const { bytes, opening } = signAt(POSITION, PAYLOAD, ADA, OPEN);
  assert.is(opening, undefined);
  const statement = decodeStatement(bytes);
  const { stream, seq, previous, issuer, kind, issuedAtSeconds } = statement;
  assert.equal({ stream, seq, previous }, { ...POSITION, previous });
  assert.equal(previous && Uint8Array.from(previous), POSITION.previous);
  assert.equal([issuer, kind, issuedAtSeconds], ['ada', 'approve', OPEN.world.nowSeconds()]);
});

author(
  'says nothing in a private village but to who has the opening, and never twice the same',
  () => {
    const [one, two] = [
      signAt(POSITION, PAYLOAD, ADA, SEALED),
      signAt(POSITION, PAYLOAD, ADA, SEALED),
    ];
    assert.not.equal(one.bytes, two.bytes);
    const statement = decodeStatement(one.bytes);
    const { issuer, kind, issuedAtSeconds } = statement;
    assert.equal([issuer, kind, issuedAtSeconds], ['-', 'sealed', 0]);
    assert.equal(openPayload(statement, one.opening), PAYLOAD);
    assert.throws(() => openPayload(statement, two.opening));
  },
);

author('hands out no statement that its key failed to sign', () => {
  const failing: readonly SignerKey['signRaw'][] = [
    () => new Uint8Array(64),
    (message) => ADA.signRaw(message.slice(1)),
    () => {
      throw new Error('the token was pulled out');
    },
  ];
  for (const signRaw of failing) {
    for (const dress of [OPEN, SEALED])
      assert.throws(() => signAt(POSITION, PAYLOAD, { ...ADA, signRaw }, dress));
  }
});

author.run();
