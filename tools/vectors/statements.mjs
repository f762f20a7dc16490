// Statements: COSE_Sign1 (RFC 9052) in the deterministic CBOR profile (spec/statement.md). The bytes are put together
// by another CBOR encoder, from the text of the specification.

import { concatBytes } from '@writ/core/bytes';
import { encode, rfc8949EncodeOptions } from 'cborg';
import {
  ascii,
  digest,
  fixedBytes,
  hex,
  invalid,
  keyOf,
  leafHash,
  TIME,
  valid,
} from './scenery.mjs';

const AUTHOR = keyOf('author.example').signer;
const NOTE_TYPE = 'application/vnd.writ.note+cbor';
const CHANGE_TYPE = 'application/vnd.writ.policy-change+cbor';
const EMPTY = new Uint8Array(0);

function cbor(value) {
  return encode(value, rfc8949EncodeOptions);
}

const KEY_ID = thumbprint(AUTHOR.publicKey);

/** COSE Key thumbprint (RFC 9679) of an Ed25519 key. */
function thumbprint(x) {
  const key = new Map([
    [1, 1],
    [-1, 6],
    [-2, x],
  ]);
  return digest(cbor(key));
}

function headerOf({
  algorithm = -19,
  type = NOTE_TYPE,
  keyId = KEY_ID,
  issuer = 'auditor@example.com',
  stream = 'audit/drill',
  issuedAt = Number(TIME),
  position = [0, null],
} = {}) {
  const claims = [
    [1, issuer],
    [2, stream],
    [6, issuedAt],
  ];
  return new Map([
    [1, algorithm],
    [3, type],
    [4, keyId],
    [15, new Map(claims)],
    [-65537, position],
  ]);
}

/** A statement from its parts: a header (Map or bytes), a payload (bytes), and what to do to the envelope. */
function statementOf({ header = headerOf(), payload = cbor('drill on Friday'), envelope } = {}) {
  const protectedBytes = header instanceof Map ? cbor(header) : header;
  const toBeSigned = cbor(['Signature1', protectedBytes, EMPTY, payload]);
  const parts = [protectedBytes, new Map(), payload, AUTHOR.signRaw(toBeSigned)];
  return concatBytes([0xd2], cbor(envelope === undefined ? parts : envelope(parts)));
}

const WITH = (fields) => statementOf({ header: headerOf(fields) });

function inputOf(bytes, publicKey = AUTHOR.publicKey) {
  return { statement: hex(bytes), public_key: hex(publicKey) };
}

export function* statementVectors() {
  yield* validStatements();
  yield* malformedEnvelopes();
  yield* malformedHeaders();
  yield* malformedPayloads();
  yield* badSignatures();
}

function validStatement(name, description, bytes, facts) {
  const common = { id: hex(leafHash(bytes)), key_id: hex(KEY_ID), issued_at: String(TIME) };
  return valid('statement', name, description, inputOf(bytes), { ...common, ...facts });
}

function* validStatements() {
  const note = { kind: 'note', stream: 'audit/drill', seq: '0', previous: null };
  yield validStatement('note', 'The first statement of an audit stream.', statementOf(), {
    ...note,
    issuer: 'auditor@example.com',
    payload: { text: 'drill on Friday' },
  });
  const previous = fixedBytes('the statement before');
  yield validStatement(
    'note-next',
    'The statement behind another.',
    WITH({ position: [1, previous] }),
    {
      ...note,
      seq: '1',
      previous: hex(previous),
    },
  );
  const last = WITH({ position: [Number.MAX_SAFE_INTEGER, previous] });
  yield validStatement('seq-max', 'The last position there can be.', last, {
    seq: '9007199254740991',
  });
  const unicode = WITH({ issuer: 'Żółw 🐢' });
  yield validStatement('issuer-unicode', 'Issuers are text.', unicode, { issuer: 'Żółw 🐢' });
  const longIssuer = WITH({ issuer: 'x'.repeat(256) });
  yield validStatement('issuer-256-bytes', 'The longest issuer.', longIssuer, {});
  const text = 'x'.repeat(4096);
  const longText = statementOf({ payload: cbor(text) });
  yield validStatement('note-4096-bytes', 'The longest note.', longText, { payload: { text } });
  const change = changeOf({});
  yield validStatement('policy-change', 'A new version of a policy.', change, {
    kind: 'policy-change',
    stream: 'village/north-grid',
    payload: {
      map: [
        [{ text: 'spec' }, { bytes: hex(ascii(SPEC)) }],
        [{ text: 'policy' }, { text: POLICY }],
        [{ text: 'version' }, { uint: '3' }],
      ],
    },
  });
}

const POLICY = '0b9d2f1e-7a34-4c55-9e1b-2f6d8a3c4e70';
const SPEC = '{"name":"shed load","priority":1}';

function changeOf({
  policy = POLICY,
  version = 3,
  spec = ascii(SPEC),
  stream = 'village/north-grid',
}) {
  const payload = cbor(new Map(Object.entries({ policy, version, spec })));
  return statementOf({ header: headerOf({ type: CHANGE_TYPE, stream }), payload });
}

function refused(name, description, bytes, field) {
  return invalid('statement', name, description, inputOf(bytes), 'statement-malformed', { field });
}

function* malformedEnvelopes() {
  const good = statementOf();
  yield refused('empty', 'No bytes.', EMPTY, 'envelope');
  yield refused('untagged', 'Tag 18 is missing.', good.subarray(1), 'envelope');
  const sign = concatBytes([0xd8, 0x62], good.subarray(1));
  yield refused('tag-98', 'COSE_Sign instead of COSE_Sign1.', sign, 'envelope');
  const wide = concatBytes([0xd8, 0x12], good.subarray(1));
  yield refused('tag-not-shortest', 'Tag 18 in two bytes.', wide, 'envelope');
  yield refused('tag-twice', 'Two tags.', concatBytes([0xd2], good), 'envelope');
  yield refused('cut-off', 'The last byte is missing.', good.subarray(0, -1), 'envelope');
  yield refused('byte-too-much', 'A byte follows.', concatBytes(good, [0]), 'envelope');
  const large = statementOf({ payload: cbor('x'.repeat(65_535)) });
  yield refused('65536-bytes', 'Larger than an entry.', large, 'envelope');
  const shaped = (envelope) => statementOf({ envelope });
  const three = shaped((parts) => parts.slice(0, 3));
  yield refused('three-items', 'The signature is missing.', three, 'envelope');
  yield refused(
    'five-items',
    'An item too much.',
    shaped((parts) => [...parts, 0]),
    'envelope',
  );
  const unprotected = shaped((parts) => parts.with(1, new Map([[4, KEY_ID]])));
  yield refused(
    'unprotected',
    'The unprotected header is not empty.',
    unprotected,
    'unprotected header',
  );
  const noMap = shaped((parts) => parts.with(1, []));
  yield refused(
    'unprotected-array',
    'The unprotected header is no map.',
    noMap,
    'unprotected header',
  );
  const detached = shaped((parts) => parts.with(2, null));
  yield refused('payload-detached', 'The payload is elsewhere.', detached, 'payload');
  yield refused(
    'payload-empty',
    'The payload is empty.',
    statementOf({ payload: EMPTY }),
    'payload',
  );
  const short = shaped((parts) => parts.with(3, parts[3].subarray(1)));
  yield refused('signature-63-bytes', 'A short signature.', short, 'signature');
}

function* malformedHeaders() {
  const previous = fixedBytes('the statement before');
  for (const [name, description, fields, field] of [
    ['algorithm-eddsa', 'EdDSA instead of Ed25519.', { algorithm: -8 }, 'algorithm'],
    ['algorithm-es256', 'ES256.', { algorithm: -7 }, 'algorithm'],
    ['algorithm-text', 'A name for a number.', { algorithm: 'Ed25519' }, 'algorithm'],
    ['type-foreign', 'Another content type.', { type: 'text/plain' }, 'content type'],
    ['type-number', 'A number for a name.', { type: 60 }, 'content type'],
    [
      'type-upper-case',
      'Kinds are lower case.',
      { type: NOTE_TYPE.replace('note', 'Note') },
      'content type',
    ],
    ['key-id-31-bytes', 'A short key id.', { keyId: KEY_ID.subarray(1) }, 'key id'],
    ['issuer-empty', 'The issuer is empty.', { issuer: '' }, 'issuer'],
    ['issuer-control', 'A control character.', { issuer: 'a\u0000' }, 'issuer'],
    ['issuer-257-bytes', 'The issuer is too long.', { issuer: 'x'.repeat(257) }, 'issuer'],
    ['stream-empty', 'The stream is empty.', { stream: '' }, 'stream'],
    ['stream-unknown', 'There is no such family.', { stream: 'street/a' }, 'stream'],
    ['stream-dots', 'Names are no paths.', { stream: 'audit/..' }, 'stream'],
    ['stream-slash', 'A part too much.', { stream: 'audit/a/b' }, 'stream'],
    ['stream-long', 'A name of 65 letters.', { stream: `audit/${'x'.repeat(65)}` }, 'stream'],
    ['stream-newline', 'A newline behind the name.', { stream: 'audit/a\n' }, 'stream'],
    ['issued-at-negative', 'A time before 1970.', { issuedAt: -1 }, 'issued at'],
    ['issued-at-2-53', 'A time that no double holds.', { issuedAt: 2n ** 53n }, 'issued at'],
    ['position-number', 'The position is no array.', { position: 0 }, 'position'],
    ['position-one-item', 'The previous id is missing.', { position: [0] }, 'position'],
    ['seq-negative', 'A negative position.', { position: [-1, null] }, 'position'],
    ['seq-2-53', 'A position too far.', { position: [2n ** 53n, previous] }, 'position'],
    [
      'previous-at-0',
      'The first statement has no previous.',
      { position: [0, previous] },
      'position',
    ],
    ['previous-null', 'Later statements have one.', { position: [1, null] }, 'position'],
    ['previous-31-bytes', 'A short id.', { position: [1, previous.subarray(1)] }, 'position'],
  ]) {
    yield refused(name, description, WITH(fields), field);
  }
  yield* malformedLabels();
}

function* malformedLabels() {
  const without = (label) => {
    const header = headerOf();
    header.delete(label);
    return statementOf({ header });
  };
  for (const [name, label] of [
    ['algorithm', 1],
    ['type', 3],
    ['key-id', 4],
    ['claims', 15],
    ['position', -65537],
  ]) {
    yield refused(`${name}-missing`, 'A label is missing.', without(label), 'protected header');
  }
  const more = statementOf({ header: headerOf().set(2, [1]) });
  yield refused('label-more', 'A label too much.', more, 'protected header');
  const other = headerOf();
  other.delete(-65537);
  const wrong = statementOf({ header: other.set(-65538, [0, null]) });
  yield refused('label-other', 'Another private label.', wrong, 'position');
  const empty = statementOf({ header: EMPTY });
  yield refused('header-empty', 'The protected header is empty.', empty, 'protected header');
  const unsorted = encode(headerOf(), {
    mapSorter: (a, b) => -rfc8949EncodeOptions.mapSorter(a, b),
  });
  const backwards = statementOf({ header: unsorted });
  yield refused('header-unsorted', 'Labels in reverse order.', backwards, 'protected header');
  const longer = concatBytes(cbor(headerOf()), [0]);
  const trailing = statementOf({ header: longer });
  yield refused('header-byte-too-much', 'A byte behind the header.', trailing, 'protected header');
}

function* malformedPayloads() {
  const payload = (bytes) => statementOf({ payload: Uint8Array.from(bytes) });
  yield refused('payload-float', 'A float.', payload([0xf9, 0, 0]), 'payload');
  yield refused('payload-two-items', 'Two items.', payload([0, 0]), 'payload');
  yield refused('payload-tag', 'A tag.', payload([0xc1, 0]), 'payload');
  const deep = payload([...Array.from({ length: 17 }, () => 0x81), 0]);
  yield refused('payload-depth-17', 'Nested too deeply.', deep, 'payload');
  yield refused('note-number', 'A note is text.', payload([1]), 'payload');
  yield refused('note-empty', 'A note says something.', payload([0x60]), 'payload');
  const long = statementOf({ payload: cbor('x'.repeat(4097)) });
  yield refused('note-4097-bytes', 'A note is short.', long, 'payload');
  const unknown = WITH({ type: 'application/vnd.writ.constructor+cbor' });
  yield refused('kind-unknown', 'There is no such kind.', unknown, 'content type');
  const elsewhere = WITH({ stream: 'village/north-grid' });
  yield refused('kind-other-stream', 'Notes stand in audit streams.', elsewhere, 'stream');
  for (const [name, description, fields] of [
    ['change-uuid', 'The policy is no UUID.', { policy: 'shed-load' }],
    ['change-uuid-upper-case', 'The UUID is in upper case.', { policy: POLICY.toUpperCase() }],
    ['change-version-negative', 'A negative version.', { version: -1 }],
    ['change-spec-text', 'The Policy Spec is a byte string.', { spec: SPEC }],
    ['change-spec-spaces', 'JSON that is not canonical.', { spec: ascii('{"a": 1}') }],
    ['change-spec-order', 'Names that are not in order.', { spec: ascii('{"b":1,"a":1}') }],
    ['change-spec-twice', 'A name that appears twice.', { spec: ascii('{"a":1,"a":1}') }],
    ['change-spec-array', 'JSON that is no object.', { spec: ascii('[]') }],
  ]) {
    yield refused(name, description, changeOf(fields), 'payload');
  }
}

function* badSignatures() {
  const bad = (name, description, bytes, publicKey) =>
    invalid('statement', name, description, inputOf(bytes, publicKey), 'statement-bad-signature');
  const good = statementOf();
  const last = good.length - 1;
  yield bad('signature-changed', 'One bit is wrong.', good.with(last - 40, good[last - 40] ^ 1));
  const swapped = statementOf({ envelope: (parts) => parts.with(2, cbor('drill on Monday')) });
  yield bad('payload-changed', 'Another payload.', swapped);
  const otherHeader = cbor(headerOf({ issuedAt: 0 }));
  const changed = statementOf({ envelope: (parts) => parts.with(0, otherHeader) });
  yield bad('header-changed', 'Another header.', changed);
  const stranger = keyOf('stranger.example').signer.publicKey;
  yield bad('key-other', 'The key id names another key.', good, stranger);
  const namesOther = WITH({ keyId: thumbprint(stranger) });
  yield bad('key-id-other', 'The key id is not of the signing key.', namesOther);
  const plain = AUTHOR.signRaw(cbor('drill on Friday'));
  const direct = statementOf({ envelope: (parts) => parts.with(3, plain) });
  yield bad('signature-of-payload', 'The payload alone was signed.', direct);
}
