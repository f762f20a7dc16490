import { signAt } from '@writ/cli/author';
import { createSigner, type SignerKey } from '@writ/core/formats/key';
import { decodeStatement } from '@writ/core/statements/statement';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const ADA = createSigner('ada', 0x01, new Uint8Array(32).fill(3));
const POSITION = { stream: 'village/a', seq: 1, previous: new Uint8Array(32).fill(7) };
const PAYLOAD = { kind: 'approve', proposal: new Uint8Array(32).fill(9) } as const;

const author = suite('author');

author('signs where it was told to, with the name of the key', () => {
  const statement = decodeStatement(signAt(POSITION, PAYLOAD, ADA, 1000));
  const { stream, seq, previous, issuer, kind, issuedAtSeconds } = statement;
  assert.equal({ stream, seq, previous }, { ...POSITION, previous });
  assert.equal(previous && Uint8Array.from(previous), POSITION.previous);
  assert.equal([issuer, kind, issuedAtSeconds], ['ada', 'approve', 1000]);
});

author('hands out no statement that its key failed to sign', () => {
  const failing: readonly SignerKey['signRaw'][] = [
    () => new Uint8Array(64),
    (message) => ADA.signRaw(message.slice(1)),
    () => {
      throw new Error('the token was pulled out');
    },
  ];
  for (const signRaw of failing) {
    assert.throws(() => signAt(POSITION, PAYLOAD, { ...ADA, signRaw }, 1000));
  }
});

author.run();
