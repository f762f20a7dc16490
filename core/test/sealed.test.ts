// Sealed statements and their openings, byte by byte (spec/private-villages.md sections 2 and 3).

import { concatBytes, formatHex, utf8 } from '@writ/core/bytes';
import { encodeCbor } from '@writ/core/cbor/encode';
import type { CborValue } from '@writ/core/cbor/value';
import { isLogError } from '@writ/core/errors';
import { sha256 } from '@writ/core/sha256';
import { encodePayload, findPayload, openPayload } from '@writ/core/statements/kinds';
import {
  commitmentOf,
  decodeOpening,
  encodeOpening,
  looksLikeOpening,
  MAX_OPENING_SIZE,
  type Opening,
  openSealed,
  signSealed,
} from '@writ/core/statements/sealed';
import { decodeStatement } from '@writ/core/statements/statement';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkMutants } from './mutants.ts';
import { saltOf } from './private-world.ts';
import { change, keyOf, VILLAGE } from './village-world.ts';

const test = suite('sealed statements');
const PAYLOAD = change(1);
const SAMPLE: Opening = {
  salt: saltOf('sample'),
  kind: 'policy-change',
  payload: encodePayload(PAYLOAD),
};
const POSITION = { stream: VILLAGE, seq: 0, previous: null };
const SEALED = signSealed({ ...SAMPLE, ...POSITION }, SAMPLE.salt, keyOf('ben'));

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return isLogError(error) ? error.code : String(error);
  }
  return 'accepted';
}

test('the commitment is the digest of version, salt, content type and payload', () => {
  const type = utf8('application/vnd.writ.policy-change+cbor');
  const bytes = concatBytes(
    Uint8Array.of(0x84, 0x6f),
    utf8('writ-opening/v1'),
    Uint8Array.of(0x58, 32),
    SAMPLE.salt,
    Uint8Array.of(0x78, type.length),
    type,
    Uint8Array.of(0x58, SAMPLE.payload.length),
    SAMPLE.payload,
  );
  assert.is(formatHex(encodeOpening(SAMPLE)), formatHex(bytes));
  assert.is(formatHex(commitmentOf(SEALED.opening)), formatHex(sha256(bytes)));
  assert.ok(looksLikeOpening(bytes));
  assert.not.ok(looksLikeOpening(SEALED.bytes));
});

test('with its opening a statement says what it said, without nothing', () => {
  const statement = decodeStatement(SEALED.bytes);
  assert.equal(openPayload(statement, SEALED.opening), PAYLOAD);
  assert.equal(
    findPayload(statement, () => SEALED.opening),
    PAYLOAD,
  );
  const commitment = commitmentOf(SEALED.opening);
  assert.equal(openPayload(statement, undefined), { kind: 'sealed', commitment });
  assert.is(statement.issuer, '-');
  assert.is(statement.issuedAtSeconds, 0);
});

test('another opening, or one beside a statement in clear, is refused', () => {
  const statement = decodeStatement(SEALED.bytes);
  const other = encodeOpening({ ...SAMPLE, salt: saltOf('other') });
  assert.is(
    codeOf(() => openPayload(statement, other)),
    'opening-failed',
  );
  const empty = new Uint8Array(0);
  assert.is(
    codeOf(() => openPayload(statement, empty)),
    'opening-failed',
  );
  // What is committed to may still be no opening.
  assert.is(
    codeOf(() => openSealed({ kind: 'sealed', commitment: sha256(empty) }, empty)),
    'opening-malformed',
  );
});

test('the seal holds a payload of a kind that may stand on the stream, and no second seal', () => {
  const codeFor = (kind: string, payload: Uint8Array, stream = VILLAGE): string => {
    const fields = { ...POSITION, stream, kind, payload };
    const { bytes, opening } = signSealed(fields, SAMPLE.salt, keyOf('ben'));
    return codeOf(() => openPayload(decodeStatement(bytes), opening));
  };
  assert.is(codeFor('policy-change', SAMPLE.payload), 'accepted');
  assert.is(codeFor('approve', SAMPLE.payload), 'statement-malformed');
  assert.is(codeFor('unheard-of', SAMPLE.payload), 'statement-malformed');
  assert.is(codeFor('policy-change', utf8('x')), 'statement-malformed');
  assert.is(codeFor('policy-change', SAMPLE.payload, 'audit/north-grid'), 'statement-malformed');
  const nested = encodePayload({ kind: 'sealed', commitment: SAMPLE.salt });
  assert.is(codeFor('sealed', nested), 'statement-malformed');
  let deep: CborValue = 1;
  for (let i = 0; i < 20; i++) deep = [deep];
  assert.is(codeFor('policy-change', encodeCbor(deep)), 'statement-malformed');
});

test('openings survive being written and read', () => {
  const salt = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const kind = fc.constantFrom('note', 'policy-change', 'a.b');
  const opening = fc.record(
    { salt, kind, payload: fc.uint8Array({ maxLength: 50 }) },
    {
      noNullPrototype: true,
    },
  );
  fc.assert(
    fc.property(opening, (value) => assert.equal(decodeOpening(encodeOpening(value)), value)),
  );
});

test('openings are refused or read exactly when bits flip, and refused when cut off or extended', () => {
  const good = SEALED.opening;
  checkMutants(good, {
    parse: decodeOpening,
    format: encodeOpening,
    codes: ['opening-malformed'],
  });
  for (let length = 0; length < good.length; length++)
    assert.is(
      codeOf(() => decodeOpening(good.subarray(0, length))),
      'opening-malformed',
    );
  for (let byte = 0; byte < 256; byte++)
    assert.is(
      codeOf(() => decodeOpening(concatBytes(good, Uint8Array.of(byte)))),
      'opening-malformed',
    );
});

test('openings have one shape and a limit', () => {
  const type = 'application/vnd.writ.note+cbor';
  const { salt } = SAMPLE;
  const cases: readonly CborValue[] = [
    ['writ-opening/v2', salt, type, salt],
    ['writ-opening/v1', salt.subarray(1), type, salt],
    ['writ-opening/v1', salt, 'text/plain', salt],
    ['writ-opening/v1', salt, type, 'x'],
    ['writ-opening/v1', salt, type],
    ['writ-opening/v1', salt, type, salt, null],
    null,
  ];
  for (const value of cases)
    assert.is(
      codeOf(() => decodeOpening(encodeCbor(value))),
      'opening-malformed',
    );
  const beside = encodeOpening({ ...SAMPLE, payload: new Uint8Array(60_000) }).length - 60_000;
  const full = { ...SAMPLE, payload: new Uint8Array(MAX_OPENING_SIZE - beside) };
  assert.is(encodeOpening(full).length, MAX_OPENING_SIZE);
  assert.throws(
    () => encodeOpening({ ...full, payload: concatBytes(full.payload, salt) }),
    RangeError,
  );
  assert.throws(() => encodeOpening({ ...SAMPLE, salt: salt.subarray(1) }), RangeError);
});

test.run();
