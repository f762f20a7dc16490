// Statements: spec/statement.md. COSE_Sign1 of RFC 9052 with the header of the statement profile.

import { createPublicKey, verify as nodeVerify } from 'node:crypto';
import { concatBytes, formatHex, parseHex, utf8 } from '@writ/core/bytes';
import { encodeCbor } from '@writ/core/cbor/encode';
import { Ed25519Signer, Ed25519Verifier } from '@writ/core/ed25519';
import { isLogError, LogError } from '@writ/core/errors';
import { leafHash } from '@writ/core/merkle/hash';
import { MAX_STATEMENT_SIZE } from '@writ/core/statements/cose-sign1';
import { formatCanonicalJson } from '@writ/core/statements/jcs';
import { encodePayload, type Payload } from '@writ/core/statements/kinds';
import {
  checkStatementSignature,
  checkStatementSignatureAsync,
  decodeStatement,
  type StatementFields,
  signStatement,
} from '@writ/core/statements/statement';
import { coseKeyThumbprint } from '@writ/core/statements/thumbprint';
import * as cborg from 'cborg';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('statements');
const signer = new Ed25519Signer(new Uint8Array(32).fill(7));
const verifier = new Ed25519Verifier(signer.publicKey);
const stranger = new Ed25519Verifier(new Ed25519Signer(new Uint8Array(32).fill(8)).publicKey);

const CHANGE: Payload = {
  kind: 'policy-change',
  policy: '3f2a1b4c-1111-4222-8333-944455556666',
  version: 3,
  spec: utf8(formatCanonicalJson({ version: 1, name: 'shed load', priority: 0 })),
};

const FIELDS: StatementFields = {
  kind: 'policy-change',
  issuer: 'ops@north-grid.example',
  stream: 'village/north-grid',
  issuedAtSeconds: 1_795_190_400,
  seq: 7,
  previous: new Uint8Array(32).fill(0xab),
  payload: encodePayload(CHANGE),
};
const SIGNED = signStatement(FIELDS, signer);

function failure(run: () => unknown): LogError {
  try {
    run();
  } catch (error) {
    if (error instanceof LogError) return error;
    throw error;
  }
  throw new Error('was accepted');
}

function note(fields: Partial<StatementFields>): StatementFields {
  const payload = encodePayload({ kind: 'note', text: 'drill' });
  return { ...FIELDS, kind: 'note', stream: 'audit/drill', payload, ...fields };
}

test('a signed statement decodes to its fields and verifies', async () => {
  const statement = decodeStatement(SIGNED);
  const { payload, ...rest } = FIELDS;
  for (const [name, value] of Object.entries(rest))
    assert.equal(Reflect.get(statement, name), value, name);
  assert.is(formatHex(statement.payload), formatHex(payload));
  assert.is(statement.contentType, 'application/vnd.writ.policy-change+cbor');
  assert.equal(statement.streamId, { family: 'village', village: 'north-grid' });
  assert.is(formatHex(statement.keyId), formatHex(coseKeyThumbprint(signer.publicKey)));
  assert.is(formatHex(statement.bytes), formatHex(SIGNED));
  checkStatementSignature(statement, verifier);
  await checkStatementSignatureAsync(statement, verifier);
});

test('the id is the RFC 6962 leaf hash of the bytes', () => {
  assert.is(formatHex(decodeStatement(SIGNED).id), formatHex(leafHash(SIGNED)));
});

test('the envelope and the signed structure are those that another codec and node:crypto make', () => {
  const claims = new Map<number, unknown>([
    [1, FIELDS.issuer],
    [2, FIELDS.stream],
    [6, FIELDS.issuedAtSeconds],
  ]);
  const header = cborg.encode(
    new Map<number, unknown>([
      [1, -19],
      [3, 'application/vnd.writ.policy-change+cbor'],
      [4, coseKeyThumbprint(signer.publicKey)],
      [15, claims],
      [-65_537, [FIELDS.seq, FIELDS.previous]],
    ]),
    cborg.rfc8949EncodeOptions,
  );
  const toBeSigned = cborg.encode(['Signature1', header, new Uint8Array(0), FIELDS.payload]);
  const signature = SIGNED.slice(-64);
  const array = cborg.encode([header, new Map(), FIELDS.payload, signature]);
  assert.is(formatHex(SIGNED), `d2${formatHex(array)}`);
  assert.is(formatHex(decodeStatement(SIGNED).toBeSigned), formatHex(toBeSigned));
  const spki = concatBytes(
    parseHex('302a300506032b6570032100') ?? new Uint8Array(0),
    signer.publicKey,
  );
  const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  assert.ok(nodeVerify(null, toBeSigned, key, signature));
});

test('the key id is the thumbprint of the RFC 9679 rules', () => {
  const x = new Uint8Array(32).fill(1);
  const key = cborg.encode(
    new Map<number, unknown>([
      [1, 1],
      [-1, 6],
      [-2, x],
    ]),
    cborg.rfc8949EncodeOptions,
  );
  const digest = globalThis.crypto.subtle.digest('SHA-256', Uint8Array.from(key));
  return digest.then((hash) => {
    assert.is(formatHex(coseKeyThumbprint(x)), formatHex(new Uint8Array(hash)));
  });
});

test('the key id of an array follows its bytes, and nobody can change it for others', () => {
  for (const key of [new Uint8Array(32).fill(1), Buffer.alloc(32, 1)]) {
    const id = formatHex(coseKeyThumbprint(key));
    coseKeyThumbprint(key).fill(0);
    assert.is(formatHex(coseKeyThumbprint(key)), id);
    key[31] = 2;
    const other = formatHex(coseKeyThumbprint(key));
    assert.is(other, formatHex(coseKeyThumbprint(Uint8Array.from(key))));
    assert.is.not(other, id);
  }
});

test('the first statement of a stream has no predecessor', () => {
  const statement = decodeStatement(signStatement(note({ seq: 0, previous: null }), signer));
  assert.is(statement.seq, 0);
  assert.is(statement.previous, null);
});

test('a decoded statement does not change with the buffer it came from', () => {
  const buffer = SIGNED.slice();
  const statement = decodeStatement(buffer);
  buffer.fill(0);
  checkStatementSignature(statement, verifier);
  assert.is(formatHex(statement.bytes), formatHex(SIGNED));
  assert.is(formatHex(statement.payload), formatHex(FIELDS.payload));
});

test('a statement with any bit flipped is refused or does not verify', () => {
  let refused = 0;
  for (let bit = 0; bit < SIGNED.length * 8; bit++) {
    const flipped = SIGNED.slice();
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    const { code } = failure(() => checkStatementSignature(decodeStatement(flipped), verifier));
    assert.ok(code === 'statement-malformed' || code === 'statement-bad-signature', code);
    if (code === 'statement-malformed') refused++;
  }
  assert.ok(refused > 0 && refused < SIGNED.length * 8);
});

test('a statement cut off anywhere is refused', () => {
  for (let length = 0; length < SIGNED.length; length++) {
    assert.is(
      failure(() => decodeStatement(SIGNED.subarray(0, length))).code,
      'statement-malformed',
    );
  }
});

test('a statement with a byte behind it is refused at that byte', () => {
  const error = failure(() => decodeStatement(concatBytes(SIGNED, Uint8Array.of(0xf6))));
  assert.is(error.code, 'statement-malformed');
  assert.is(error.detail['offset'], SIGNED.length);
});

test('the key of somebody else is refused, whatever it says about the signature', async () => {
  const error = failure(() => checkStatementSignature(decodeStatement(SIGNED), stranger));
  assert.is(error.code, 'statement-bad-signature');
  assert.is(error.detail['field'], 'key id');
  await checkStatementSignatureAsync(decodeStatement(SIGNED), stranger).then(
    () => assert.unreachable(),
    (reason: unknown) => assert.ok(isLogError(reason, 'statement-bad-signature')),
  );
});

test('a signature over the payload of another statement does not verify', async () => {
  const other = signStatement({ ...FIELDS, seq: 8 }, signer);
  const mixed = SIGNED.slice();
  mixed.set(other.slice(-64), mixed.length - 64);
  const error = failure(() => checkStatementSignature(decodeStatement(mixed), verifier));
  assert.is(error.detail['field'], 'signature');
  await checkStatementSignatureAsync(decodeStatement(mixed), verifier).then(
    () => assert.unreachable(),
    (reason: unknown) => assert.ok(isLogError(reason, 'statement-bad-signature')),
  );
});

test('a statement may be as long as an entry of a tiled log and no longer', () => {
  const room =
    MAX_STATEMENT_SIZE -
    signStatement(note({ payload: encodeCbor(new Uint8Array(60_000)) }), signer).length;
  const longest = signStatement(
    note({ payload: encodeCbor(new Uint8Array(60_000 + room)) }),
    signer,
  );
  assert.is(longest.length, MAX_STATEMENT_SIZE);
  checkStatementSignature(decodeStatement(longest), verifier);
  const error = failure(() =>
    signStatement(note({ payload: encodeCbor(new Uint8Array(60_001 + room)) }), signer),
  );
  assert.is(error.detail['field'], 'envelope');
  assert.is(failure(() => decodeStatement(new Uint8Array(10_000_000))).code, 'statement-malformed');
});

const UNSIGNABLE: readonly (readonly [field: string, fields: Partial<StatementFields>])[] = [
  ['content type', { kind: 'Note' }],
  ['issuer', { issuer: '' }],
  ['stream', { stream: 'audit/../x' }],
  ['issued at', { issuedAtSeconds: -1 }],
  ['position', { seq: 0 }],
  ['position', { previous: null }],
  ['position', { previous: new Uint8Array(31) }],
  ['payload', { payload: new Uint8Array(0) }],
  ['payload', { payload: Uint8Array.of(0xff) }],
];

for (const [field, fields] of UNSIGNABLE) {
  test(`a statement with a bad ${field} (${Object.keys(fields)}) is not signed`, () => {
    const reluctant = {
      publicKey: signer.publicKey,
      sign: () => assert.unreachable('signed') ?? new Uint8Array(64),
    };
    const error = failure(() => signStatement(note(fields), reluctant));
    assert.is(error.code, 'statement-malformed');
    assert.is(error.detail['field'], field);
  });
}

test('any statement that can be signed decodes to what was signed', () => {
  const id = fc.stringMatching(/^[a-zA-Z0-9_-]{1,64}$/);
  const size = fc.maxSafeNat();
  fc.assert(
    fc.property(
      id,
      fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' }),
      size,
      size,
      fc.string(),
      (name, issuer, time, seq, text) => {
        fc.pre(!/\p{Cc}/u.test(issuer) && utf8(issuer).length <= 256);
        const previous = seq === 0 ? null : new Uint8Array(32).fill(seq & 255);
        const fields = note({
          stream: `audit/${name}`,
          issuer,
          issuedAtSeconds: time,
          seq,
          previous,
          payload: encodeCbor(text),
        });
        const statement = decodeStatement(signStatement(fields, signer));
        checkStatementSignature(statement, verifier);
        assert.equal(
          [
            statement.stream,
            statement.issuer,
            statement.issuedAtSeconds,
            statement.seq,
            statement.previous,
          ],
          [fields.stream, issuer, time, seq, previous],
        );
      },
    ),
    { numRuns: 60 },
  );
});

test.run();
