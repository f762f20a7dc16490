import { formatHex, utf8 } from '@writ/core/bytes';
import { encodeCbor } from '@writ/core/cbor/encode';
import { CborMap, type CborValue } from '@writ/core/cbor/value';
import { Ed25519Signer } from '@writ/core/ed25519';
import { LogError } from '@writ/core/errors';
import { formatCanonicalJson } from '@writ/core/statements/jcs';
import { decodePayload, encodePayload, type Payload } from '@writ/core/statements/kinds';
import { MAX_NOTE_SIZE } from '@writ/core/statements/kinds/log';
import {
  decodeStatement,
  type StatementFields,
  signStatement,
} from '@writ/core/statements/statement';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('statement payloads');
const signer = new Ed25519Signer(new Uint8Array(32).fill(7));

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

test('the payloads of the known kinds are read back', () => {
  assert.equal(decodePayload(decodeStatement(SIGNED)), CHANGE);
  assert.equal(decodePayload(decodeStatement(signStatement(note({}), signer))), {
    kind: 'note',
    text: 'drill',
  });
});

test('a policy change is a map in the order of its encoded keys', () => {
  const change = encodePayload({ ...CHANGE, spec: utf8('{}') });
  assert.is(
    formatHex(change),
    `a36473706563427b7d66706f6c6963797824${formatHex(utf8(CHANGE.policy))}6776657273696f6e03`,
  );
});

function policyMap(entries: readonly (readonly [string, CborValue])[]): Uint8Array {
  return encodeCbor(new CborMap(entries));
}

const uuid = CHANGE.policy;
const spec = utf8('{"a":1}');
const PAYLOADS: readonly (readonly [reason: string, field: string, fields: StatementFields])[] = [
  ['an unknown kind', 'content type', note({ kind: 'constructor' })],
  ['a note on the stream of a village', 'stream', note({ stream: 'village/north-grid' })],
  ['a policy change on an audit stream', 'stream', { ...FIELDS, stream: 'audit/drill' }],
  ['a note that is no text', 'payload', note({ payload: encodeCbor(1) })],
  ['an empty note', 'payload', note({ payload: encodeCbor('') })],
  ['a note too long', 'payload', note({ payload: encodeCbor('é'.repeat(MAX_NOTE_SIZE / 2 + 1)) })],
  ['a change that is no map', 'payload', { ...FIELDS, payload: encodeCbor([]) }],
  [
    'a change without a version',
    'payload',
    {
      ...FIELDS,
      payload: policyMap([
        ['policy', uuid],
        ['spec', spec],
      ]),
    },
  ],
  [
    'a change with a member too many',
    'payload',
    {
      ...FIELDS,
      payload: policyMap([
        ['policy', uuid],
        ['spec', spec],
        ['version', 1],
        ['x', 1],
      ]),
    },
  ],
  [
    'a change with an upper-case UUID',
    'payload',
    {
      ...FIELDS,
      payload: policyMap([
        ['policy', uuid.toUpperCase()],
        ['spec', spec],
        ['version', 1],
      ]),
    },
  ],
  [
    'a change with a negative version',
    'payload',
    {
      ...FIELDS,
      payload: policyMap([
        ['policy', uuid],
        ['spec', spec],
        ['version', -1],
      ]),
    },
  ],
  [
    'a change with a version beyond 2^53',
    'payload',
    {
      ...FIELDS,
      payload: policyMap([
        ['policy', uuid],
        ['spec', spec],
        ['version', 2n ** 60n],
      ]),
    },
  ],
  [
    'a change with its spec in text',
    'payload',
    {
      ...FIELDS,
      payload: policyMap([
        ['policy', uuid],
        ['spec', '{}'],
        ['version', 1],
      ]),
    },
  ],
  [
    'a change with a spec that is no object',
    'payload',
    {
      ...FIELDS,
      payload: policyMap([
        ['policy', uuid],
        ['spec', utf8('[]')],
        ['version', 1],
      ]),
    },
  ],
  [
    'a change with a spec that is not canonical',
    'payload',
    {
      ...FIELDS,
      payload: policyMap([
        ['policy', uuid],
        ['spec', utf8('{"b":1,"a":1}')],
        ['version', 1],
      ]),
    },
  ],
];

for (const [reason, field, fields] of PAYLOADS) {
  test(`${reason} is well formed as a statement but refused as a payload`, () => {
    const statement = decodeStatement(signStatement(fields, signer));
    const error = failure(() => decodePayload(statement));
    assert.is(error.code, 'statement-malformed');
    assert.is(error.detail['field'], field);
  });
}

test('payloads that could not be read back are not encoded', () => {
  const wrong: readonly Payload[] = [
    { kind: 'note', text: '' },
    { kind: 'note', text: 'a'.repeat(MAX_NOTE_SIZE + 1) },
    { ...CHANGE, kind: 'policy-change', policy: 'x', version: 1, spec },
    { kind: 'policy-change', policy: uuid, version: 1, spec: utf8('{ }') },
  ];
  for (const payload of wrong) {
    assert.throws(
      () => encodePayload(payload),
      (error: unknown) => error instanceof RangeError,
    );
  }
});

test.run();
