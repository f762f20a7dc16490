// Proof files of C2SP tlog-proof: the format alone; what they prove is the business of the verifier.

import { parseUtf8, utf8 } from '@writ/core/bytes';
import {
  formatTlogProof,
  MAX_PROOF_BYTES,
  parseTlogProof,
  type TlogProof,
} from '@writ/core/formats/tlog-proof';
import { MAX_PROOF_HASHES } from '@writ/core/merkle/inclusion';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkMutants, refusal } from './mutants.ts';

const test = suite('proof files');
const CHECKPOINT = utf8('log.example\n21\nroot\n\n— log.example AAAA\n');
const hash = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const GOOD: TlogProof = { index: 13n, hashes: [hash(1), hash(2)], checkpoint: CHECKPOINT };
const FORMAT = {
  parse: parseTlogProof,
  format: formatTlogProof,
  codes: ['proof-malformed'],
} as const;

test('the lines stand as the specification says', () => {
  const text = parseUtf8(formatTlogProof({ ...GOOD, hashes: [hash(0)], extra: Uint8Array.of(1) }));
  assert.ok(
    text?.startsWith(`c2sp.org/tlog-proof@v1\nextra AQ==\nindex 13\n${'A'.repeat(43)}=\n\n`),
  );
});

test('any proof reads back, the checkpoint verbatim', () => {
  const proofs = fc.record(
    {
      index: fc.bigInt(0n, 2n ** 63n - 1n),
      hashes: fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), {
        maxLength: MAX_PROOF_HASHES,
      }),
      checkpoint: fc.string({ unit: 'grapheme' }).map(utf8),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(proofs, fc.option(fc.uint8Array(), { nil: undefined }), (proof, extra) => {
      const whole = extra === undefined ? proof : { ...proof, extra };
      assert.equal(parseTlogProof(formatTlogProof(whole)), whole);
    }),
  );
});

test('a mutant is refused or read exactly', () => {
  assert.ok(checkMutants(formatTlogProof(GOOD), FORMAT) > 0);
  assert.ok(checkMutants(formatTlogProof({ ...GOOD, extra: utf8('more') }), FORMAT) > 0);
});

test('refusals name the line', () => {
  const good = parseUtf8(formatTlogProof(GOOD)) ?? '';
  for (const [text, line] of [
    [good.replace('@v1', '@v2'), 1],
    [good.replace('index 13', 'index 013'), 2],
    [good.replace('index 13', 'extra A\nindex 13'), 2],
    [good.replace('AgIC', 'AgI\nC'), 4],
  ] as const) {
    assert.is(refusal(() => parseTlogProof(utf8(text)), 'proof-malformed').detail['line'], line);
  }
});

test('limits: 63 hashes and a size', () => {
  const most = Array.from({ length: MAX_PROOF_HASHES }, () => hash(1));
  assert.is(parseTlogProof(formatTlogProof({ ...GOOD, hashes: most })).hashes.length, 63);
  const more = formatTlogProof({ ...GOOD, hashes: [...most, hash(1)] });
  refusal(() => parseTlogProof(more), 'proof-malformed');
  const large = formatTlogProof({ ...GOOD, extra: new Uint8Array(MAX_PROOF_BYTES) });
  refusal(() => parseTlogProof(large), 'proof-malformed');
});

test.run();
