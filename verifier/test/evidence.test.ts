import { utf8 } from '@writ/core/bytes';
import { isLogError } from '@writ/core/errors';
import { parsePolicy } from '@writ/core/formats/tlog-policy';
import {
  decodeEvidence,
  type Evidence,
  encodeEvidence,
  formatPolicy,
  isSamePolicy,
  openEvidence,
} from '@writ/verifier/follow/evidence';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  change,
  constitution,
  keyOf,
  START,
  VILLAGE,
  VILLAGE_STREAM,
  VillageLog,
} from './village-log.ts';
import { failsWith, noQuorumText, policy, policyText } from './world.ts';

const test = suite('evidence files');
const PLAIN = { noNullPrototype: true };
const bytes = fc.uint8Array({ maxLength: 20 });
const stream = fc.constantFrom('village/north-grid', 'inbox/north-grid');
const evidence: fc.Arbitrary<Evidence> = fc.record(
  {
    village: fc.constant('north-grid'),
    about: fc.option(fc.record({ stream, seq: fc.nat() }, PLAIN)),
    policy: bytes,
    clock: fc.option(fc.record({ nowSeconds: fc.nat(), maxAgeSeconds: fc.nat() }, PLAIN)),
    saved: fc.option(
      fc.record({ checkpoint: bytes, state: fc.option(bytes), inbox: fc.option(bytes) }, PLAIN),
    ),
    pages: fc.array(bytes, { maxLength: 3 }),
    fault: fc.option(fc.constantFrom('fork-detected', 'stream-incomplete')),
  },
  PLAIN,
);

const log = new VillageLog();
log.publish(START);
const law = constitution(1, { quarantine: null });
log.add(VILLAGE_STREAM, { kind: 'village-create', name: 'N', constitution: law }, keyOf('ada'));
log.add(VILLAGE_STREAM, change(1), keyOf('ben'));
log.publish(START + 10);

const whole: Evidence = {
  village: VILLAGE,
  about: { stream: VILLAGE_STREAM, seq: 1 },
  policy: utf8(policyText),
  clock: null,
  saved: null,
  pages: [log.page({ stream: VILLAGE_STREAM, from: 0 })],
  fault: null,
};

test('survive being written and read', () => {
  fc.assert(
    fc.property(evidence, (value) => {
      const encoded = encodeEvidence(value);
      assert.equal(decodeEvidence(encoded), value);
      assert.equal(encodeEvidence(decodeEvidence(encoded)), encoded);
    }),
  );
});

test('are refused or read exactly when bits flip, and refused when cut off', () => {
  const small = encodeEvidence({ ...whole, policy: utf8('p'), pages: [utf8('q')] });
  for (let length = 0; length < small.length; length++)
    assert.throws(() => decodeEvidence(small.subarray(0, length)), isMalformed);
  for (let bit = 0; bit < 8 * small.length; bit++) {
    const at = Math.floor(bit / 8);
    const changed = small.with(at, (small[at] ?? 0) ^ (1 << (bit % 8)));
    try {
      assert.equal(encodeEvidence(decodeEvidence(changed)), changed);
    } catch (error) {
      assert.ok(isMalformed(error), `bit ${bit}: ${String(error)}`);
    }
  }
});

function isMalformed(error: unknown): boolean {
  return isLogError(error, 'evidence-malformed');
}

test('show what they are about, under the policy in the file or one of the reader', async () => {
  const file = encodeEvidence(whole);
  const alone = openEvidence(file, undefined);
  assert.is(alone.about?.effect.result, 'activated');
  assert.is(alone.isPolicyOwn, false);
  assert.is(openEvidence(file, policy).isPolicyOwn, true);
  const laxer = openEvidence(file, parsePolicy(utf8(noQuorumText)));
  assert.is(laxer.isPolicyOwn, false);
  const stranger = parsePolicy(
    utf8(policyText.replaceAll(/^witness w1 .*$/gm, '').replace('2 w1 ', '2 ')),
  );
  await failsWith(() => openEvidence(file, stranger), 'quorum-not-met');
});

test('are refused when they do not show what they are about', async () => {
  const cases: readonly Partial<Evidence>[] = [
    { about: { stream: VILLAGE_STREAM, seq: 2 } },
    { pages: [] },
    { pages: [...whole.pages, ...whole.pages] },
    { fault: 'fork-detected', about: null },
    { fault: 'stream-incomplete', about: null, pages: [utf8('no page')] },
  ];
  for (const fields of cases)
    await failsWith(
      () => openEvidence(encodeEvidence({ ...whole, ...fields }), policy),
      'evidence-malformed',
    );
});

test('know a trust policy again in any spelling of it', () => {
  assert.ok(isSamePolicy(parsePolicy(formatPolicy(policy)), policy));
  const spaced = parsePolicy(utf8(`# a comment\n${policyText}`));
  assert.ok(isSamePolicy(spaced, policy));
  assert.not(isSamePolicy(parsePolicy(utf8(noQuorumText)), policy));
});

test.run();
