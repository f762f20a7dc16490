import { concatBytes } from '@writ/core/bytes';
import { encodeCbor } from '@writ/core/cbor/encode';
import { CborMap, type CborValue } from '@writ/core/cbor/value';
import { Ed25519Signer } from '@writ/core/ed25519';
import { LogError } from '@writ/core/errors';
import { encodeCoseSign1 } from '@writ/core/statements/cose-sign1';
import { decodeStatement } from '@writ/core/statements/statement';
import { coseKeyThumbprint } from '@writ/core/statements/thumbprint';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('malformed statements');
const signer = new Ed25519Signer(new Uint8Array(32).fill(7));

function failure(run: () => unknown): LogError {
  try {
    run();
  } catch (error) {
    if (error instanceof LogError) return error;
    throw error;
  }
  throw new Error('was accepted');
}

// Envelopes that the signer cannot make, with the field that must be named.
type Header = ReadonlyMap<number, CborValue>;
const KEY_ID = coseKeyThumbprint(signer.publicKey);
const CLAIMS: Header = new Map<number, CborValue>([
  [1, 'ops'],
  [2, 'audit/drill'],
  [6, 1],
]);
const HEADER: Header = new Map<number, CborValue>([
  [1, -19],
  [3, 'application/vnd.writ.note+cbor'],
  [4, KEY_ID],
  [15, new CborMap([...CLAIMS])],
  [-65_537, [0, null]],
]);
const PAYLOAD = encodeCbor('drill');
const SIGNATURE = new Uint8Array(64);

function changed(header: Header, label: number, value?: CborValue): CborMap {
  const copy = new Map(header);
  if (value === undefined) copy.delete(label);
  else copy.set(label, value);
  return new CborMap([...copy]);
}

function envelope(header: CborValue, payload: Uint8Array = PAYLOAD): Uint8Array {
  return encodeCoseSign1(encodeCbor(header), payload, SIGNATURE);
}

function tagged(items: readonly CborValue[]): Uint8Array {
  return concatBytes(Uint8Array.of(0xd2), encodeCbor(items));
}

const good = encodeCbor(new CborMap([...HEADER]));
const none = new CborMap([]);
const HEADERS: readonly (readonly [reason: string, field: string, header: CborValue])[] = [
  ['no map for a header', 'protected header', [1]],
  ['an empty header', 'protected header', none],
  ['a header too many', 'protected header', changed(HEADER, 16, 'x')],
  [
    'a critical header in place of another',
    'claims',
    changed(new Map([...HEADER].filter(([k]) => k !== 15)), 5, 'x'),
  ],
  ['EdDSA instead of Ed25519', 'algorithm', changed(HEADER, 1, -8)],
  ['an algorithm of 64 bits', 'algorithm', changed(HEADER, 1, -(2n ** 60n))],
  ['an algorithm in text', 'algorithm', changed(HEADER, 1, 'Ed25519')],
  ['no algorithm', 'protected header', changed(HEADER, 1)],
  [
    'another label for the algorithm',
    'algorithm',
    changed(new Map([...HEADER].filter(([k]) => k !== 1)), 0, -19),
  ],
  ['a content type number', 'content type', changed(HEADER, 3, 60)],
  ['a foreign content type', 'content type', changed(HEADER, 3, 'application/json')],
  ['an upper-case kind', 'content type', changed(HEADER, 3, 'application/vnd.writ.Note+cbor')],
  [
    'a kind with a line break',
    'content type',
    changed(HEADER, 3, 'application/vnd.writ.note+cbor\n'),
  ],
  ['an empty kind', 'content type', changed(HEADER, 3, 'application/vnd.writ.+cbor')],
  [
    'a kind too long',
    'content type',
    changed(HEADER, 3, `application/vnd.writ.${'a'.repeat(65)}+cbor`),
  ],
  ['a key id of 31 bytes', 'key id', changed(HEADER, 4, new Uint8Array(31))],
  ['a key id in text', 'key id', changed(HEADER, 4, 'a'.repeat(32))],
  ['claims in an array', 'claims', changed(HEADER, 15, [1, 2, 6])],
  ['a claim too many', 'claims', changed(HEADER, 15, changed(CLAIMS, 4, 1))],
  [
    'no issuer',
    'issuer',
    changed(HEADER, 15, changed(new Map([...CLAIMS].filter(([k]) => k !== 1)), 3, 'x')),
  ],
  ['an empty issuer', 'issuer', changed(HEADER, 15, changed(CLAIMS, 1, ''))],
  ['an issuer with a line break', 'issuer', changed(HEADER, 15, changed(CLAIMS, 1, 'a\nb'))],
  ['an issuer too long', 'issuer', changed(HEADER, 15, changed(CLAIMS, 1, 'é'.repeat(129)))],
  ['a stream outside the grammar', 'stream', changed(HEADER, 15, changed(CLAIMS, 2, 'audit/a/b'))],
  ['a time before 1970', 'issued at', changed(HEADER, 15, changed(CLAIMS, 6, -1))],
  ['a time in text', 'issued at', changed(HEADER, 15, changed(CLAIMS, 6, '1'))],
  ['a time beyond 2^53', 'issued at', changed(HEADER, 15, changed(CLAIMS, 6, 2n ** 53n))],
  ['a position of one item', 'position', changed(HEADER, -65_537, [0])],
  [
    'a position in a map',
    'position',
    changed(
      HEADER,
      -65_537,
      new CborMap([
        [0, null],
        [1, null],
      ]),
    ),
  ],
  ['no predecessor at seq 1', 'position', changed(HEADER, -65_537, [1, null])],
  ['a predecessor at seq 0', 'position', changed(HEADER, -65_537, [0, new Uint8Array(32)])],
  ['a predecessor of 33 bytes', 'position', changed(HEADER, -65_537, [1, new Uint8Array(33)])],
  ['a negative seq', 'position', changed(HEADER, -65_537, [-1, null])],
  ['a seq beyond 2^53', 'position', changed(HEADER, -65_537, [2n ** 53n, new Uint8Array(32)])],
  [
    'another label for the position',
    'position',
    changed(new Map([...HEADER].filter(([k]) => k > 0)), -65_538, [0, null]),
  ],
];

test('the envelope that the refused ones are made from is well formed', () => {
  assert.is(decodeStatement(envelope(new CborMap([...HEADER]))).kind, 'note');
});

for (const [reason, field, header] of HEADERS) {
  test(`${reason} is refused and names ${field}`, () => {
    const error = failure(() => decodeStatement(envelope(header)));
    assert.is(error.code, 'statement-malformed');
    assert.is(error.detail['field'], field);
    assert.type(error.detail['offset'], 'number');
  });
}

const ENVELOPES: readonly (readonly [reason: string, field: string, bytes: Uint8Array])[] = [
  ['nothing', 'envelope', new Uint8Array(0)],
  ['an untagged envelope', 'envelope', encodeCbor([good, none, PAYLOAD, SIGNATURE])],
  [
    'tag 98',
    'envelope',
    concatBytes(Uint8Array.of(0xd8, 98), encodeCbor([good, none, PAYLOAD, SIGNATURE])),
  ],
  [
    'tag 18 twice',
    'envelope',
    concatBytes(Uint8Array.of(0xd2), tagged([good, none, PAYLOAD, SIGNATURE])),
  ],
  ['three items', 'envelope', tagged([good, none, PAYLOAD])],
  ['five items', 'envelope', tagged([good, none, PAYLOAD, SIGNATURE, null])],
  ['a map', 'envelope', concatBytes(Uint8Array.of(0xd2), encodeCbor(none))],
  [
    'a protected header outside a byte string',
    'protected header',
    tagged([new CborMap([...HEADER]), none, PAYLOAD, SIGNATURE]),
  ],
  [
    'an empty protected header',
    'protected header',
    tagged([new Uint8Array(0), none, PAYLOAD, SIGNATURE]),
  ],
  [
    'an unprotected header',
    'unprotected header',
    tagged([good, new CborMap([[4, KEY_ID]]), PAYLOAD, SIGNATURE]),
  ],
  [
    'an unprotected header in a byte string',
    'unprotected header',
    tagged([good, Uint8Array.of(0xa0), PAYLOAD, SIGNATURE]),
  ],
  ['a detached payload', 'payload', tagged([good, none, null, SIGNATURE])],
  ['an empty payload', 'payload', tagged([good, none, new Uint8Array(0), SIGNATURE])],
  [
    'a payload outside the profile',
    'payload',
    tagged([good, none, Uint8Array.of(0xfb, 0, 0, 0, 0, 0, 0, 0, 0), SIGNATURE]),
  ],
  ['two items in a payload', 'payload', tagged([good, none, Uint8Array.of(1, 2), SIGNATURE])],
  [
    'a payload nested 17 deep',
    'payload',
    tagged([good, none, concatBytes(new Uint8Array(17).fill(0x81), Uint8Array.of(1)), SIGNATURE]),
  ],
  ['a signature of 63 bytes', 'signature', tagged([good, none, PAYLOAD, new Uint8Array(63)])],
  ['a signature in text', 'signature', tagged([good, none, PAYLOAD, 'a'.repeat(64)])],
];

for (const [reason, field, bytes] of ENVELOPES) {
  test(`${reason} is refused and names ${field}`, () => {
    const error = failure(() => decodeStatement(bytes));
    assert.is(error.code, 'statement-malformed');
    assert.is(error.detail['field'], field);
  });
}

test('an offset counts from the start of the statement', () => {
  // d2 84 58 len, then the header, where the seq stands three bytes behind the head of its label.
  const bytes = envelope(changed(HEADER, -65_537, [1, null]));
  const error = failure(() => decodeStatement(bytes));
  assert.is(bytes[Number(error.detail['offset'])], 1);
  const payload = failure(() =>
    decodeStatement(envelope(new CborMap([...HEADER]), Uint8Array.of(0x81, 0xf7))),
  );
  const at = Number(payload.detail['offset']);
  assert.is(envelope(new CborMap([...HEADER]), Uint8Array.of(0x81, 0xf7))[at], 0xf7);
});

test.run();
