// The payloads of villages and of the log (spec/villages.md sections 3, 4, 8 and 9, spec/statement.cddl).

import { formatHex } from '@writ/core/bytes';
import { decodeCbor } from '@writ/core/cbor/decode';
import { encodeCbor } from '@writ/core/cbor/encode';
import { CborMap, type CborValue } from '@writ/core/cbor/value';
import { isLogError } from '@writ/core/errors';
import {
  decodePayload,
  encodePayload,
  type Payload,
  STATEMENT_KINDS,
} from '@writ/core/statements/kinds';
import { MAX_MEMBERS, MAX_ROLES } from '@writ/core/statements/kinds/constitution';
import { MAX_TIME_SECONDS } from '@writ/core/statements/kinds/log';
import { MAX_REASON_SIZE } from '@writ/core/statements/kinds/village';
import { SEALED_ISSUER } from '@writ/core/statements/sealed';
import { decodeStatement, signStatement } from '@writ/core/statements/statement';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NODE_SAMPLES } from './node-records.ts';
import {
  change,
  constitution,
  keyOf,
  member,
  POLICY,
  policyRule,
  VILLAGE,
} from './village-world.ts';

const test = suite('payloads of villages');
const HASH = new Uint8Array(32).fill(5);
const notBefore = { timeSeconds: 5, index: 7 };

const SAMPLES: readonly Payload[] = [
  { kind: 'village-create', name: 'North Grid', constitution: constitution() },
  { kind: 'village-create', name: 'ż', constitution: constitution({ quarantine: null }) },
  {
    kind: 'village-create',
    name: 'x',
    constitution: policyRule({
      quorum: { kind: 'weight', threshold: 3 },
      expiresAfterSeconds: null,
    }),
  },
  {
    kind: 'constitution-amend',
    version: 2,
    reason: 'by role',
    constitution: policyRule({ quorum: { kind: 'roles', roles: new Map([['approver', 2]]) } }),
    notBefore: { timeSeconds: null, index: 9 },
  },
  change(1),
  change(1, { notBefore }),
  change(1, { notBefore: { timeSeconds: 0, index: null } }),
  { kind: 'policy-disable', policy: POLICY, version: 2, reason: 'storm' },
  { kind: 'policy-rollback', policy: POLICY, version: 3, toVersion: 1, reason: '', notBefore },
  { kind: 'key-rotate', key: HASH },
  { kind: 'key-revoke', member: 'ben', key: HASH, reason: 'lost' },
  { kind: 'approve', proposal: HASH },
  { kind: 'reject', proposal: HASH },
  { kind: 'withdraw', proposal: HASH },
  { kind: 'activate', proposal: HASH },
  { kind: 'quarantine-approve', proposal: HASH, digest: HASH },
  { kind: 'quarantine-reject', proposal: HASH, digest: HASH },
  { kind: 'state-root', index: HASH, streams: 3, size: 9, timeSeconds: 5 },
  { kind: 'log-key', key: HASH, proof: new Uint8Array(64) },
  { kind: 'log-protocol', version: 1 },
  { kind: 'denial', stream: VILLAGE, statement: HASH, code: 'key-revoked', rule: 'a.b' },
  { kind: 'note', text: 'drill' },
  { kind: 'sealed', commitment: HASH },
];

const STREAMS: Readonly<Record<string, string>> = {
  'state-root': 'log',
  'log-key': 'log',
  'log-protocol': 'log',
  denial: 'audit/north-grid',
  note: 'audit/north-grid',
};

function signed(kind: string, payload: Uint8Array, stream = STREAMS[kind] ?? VILLAGE): Uint8Array {
  const position = { seq: 0, previous: null, issuedAtSeconds: 0 };
  const issuer = kind === 'sealed' ? SEALED_ISSUER : 'x';
  return signStatement({ kind, issuer, stream, payload, ...position }, keyOf('ada'));
}

function read(kind: string, payload: Uint8Array): Payload {
  return decodePayload(decodeStatement(signed(kind, payload)));
}

function fieldOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (isLogError(error, 'statement-malformed')) return String(error.detail['field']);
    throw error;
  }
  return 'accepted';
}

test('every kind has a sample here or among the records of nodes', () => {
  const samples = [...SAMPLES, ...NODE_SAMPLES];
  assert.equal(new Set(samples.map(({ kind }) => kind)), new Set(STATEMENT_KINDS));
});

for (const [i, payload] of SAMPLES.entries()) {
  const { kind } = payload;
  const bytes = encodePayload(payload);

  test(`a ${kind} is read back as it was written (${i})`, () => {
    assert.equal(read(kind, bytes), payload);
    assert.is(formatHex(encodePayload(read(kind, bytes))), formatHex(bytes));
  });

  test(`a ${kind} has its place on no other stream (${i})`, () => {
    const elsewhere = STREAMS[kind] === undefined ? 'log' : VILLAGE;
    assert.is(
      fieldOf(() => decodePayload(decodeStatement(signed(kind, bytes, elsewhere)))),
      'stream',
    );
  });

  test(`a ${kind} with a member too many, too few or null is refused (${i})`, () => {
    const value = decodeCbor(bytes);
    if (!(value instanceof CborMap)) return;
    const { entries } = value;
    const variants: CborValue[] = [
      new CborMap([...entries, ['zzz', 1]]),
      entries.map(([, item]) => item),
    ];
    for (const [name] of entries) {
      const others = entries.filter(([other]) => other !== name);
      if (name !== 'notBefore') variants.push(new CborMap(others));
      variants.push(new CborMap([...others, [name, null]]), new CborMap([...others, [name, -1]]));
    }
    for (const variant of variants)
      assert.is(
        fieldOf(() => read(kind, encodeCbor(variant))),
        'payload',
      );
  });

  test(`a ${kind} with a bit changed is another one or refused (${i})`, () => {
    const step = Math.max(1, Math.floor(bytes.length / 200));
    for (let at = 0; at < bytes.length; at += step) {
      const spoiled = bytes.slice();
      spoiled[at] = (spoiled[at] ?? 0) ^ 1;
      const verdict = fieldOf(() =>
        assert.is(formatHex(encodePayload(read(kind, spoiled))), formatHex(spoiled)),
      );
      assert.ok(verdict === 'accepted' || verdict === 'payload', verdict);
    }
  });
}

const base = constitution();
const found = { kind: 'village-create', name: 'x', constitution: base } as const;
const [ada] = base.members;
const many = (n: number) => Array.from({ length: n }, (_, i) => i);
const WRONG: readonly (readonly [reason: string, payload: Payload])[] = [
  ['without members', founding({ members: [] })],
  [
    'with a member too many',
    founding({ members: many(MAX_MEMBERS + 1).map((i) => member(`m${i}`, [])) }),
  ],
  [
    'with a key too many',
    founding({
      members: [
        member(
          'ada',
          ['admin'],
          many(17).map((i) => `ada ${i}`),
        ),
      ],
    }),
  ],
  [
    'with a role too many',
    founding({
      members: many(MAX_ROLES + 1).map((i) => member(`m${i}`, [`r${i}`])),
    }),
  ],
  ['with a role twice', founding({ members: [member('ada', ['admin', 'admin'])] })],
  ['with a name that is a path', founding({ members: [member('../ada', ['admin'])] })],
  ['with a name in capitals for a role', founding({ members: [member('ada', ['Admin'])] })],
  ['with a fraction of a weight', founding({ members: [member('ada', ['admin'], ['ada'], 0.5)] })],
  ['with a negative weight', founding({ members: [member('ada', ['admin'], ['ada'], -1)] })],
  [
    'with a key of 31 bytes',
    founding({ members: [{ ...(ada ?? member('ada', [])), keys: [new Uint8Array(31)] }] }),
  ],
  [
    'with a quorum of none',
    { ...found, constitution: policyRule({ quorum: { kind: 'count', k: 0 } }) },
  ],
  [
    'with a quorum of no roles',
    { ...found, constitution: policyRule({ quorum: { kind: 'roles', roles: new Map() } }) },
  ],
  ['with a rule without authors', { ...found, constitution: policyRule({ authors: [] }) }],
  ['that expires at once', { ...found, constitution: policyRule({ expiresAfterSeconds: 0 }) }],
  ['that takes larger specs than fit', founding({ limits: { ...base.limits, specBytes: 65_000 } })],
  ['without a name', { ...found, name: '' }],
  ['with a newline in its name', { ...found, name: 'a\nb' }],
];

function founding(fields: Partial<typeof base>): Payload {
  return { kind: 'village-create', name: 'x', constitution: constitution(fields) };
}

test('what breaks the shape or a limit of a constitution is not encoded', () => {
  for (const [reason, payload] of WRONG) {
    assert.throws(
      () => encodePayload(payload),
      (error: unknown) => error instanceof RangeError,
      reason,
    );
  }
});

test('reasons, times and deferrals have limits', () => {
  const wrong: readonly Payload[] = [
    { kind: 'policy-disable', policy: POLICY, version: 1, reason: 'x'.repeat(MAX_REASON_SIZE + 1) },
    { kind: 'policy-rollback', policy: POLICY, version: 1, toVersion: 0, reason: '' },
    { kind: 'state-root', index: HASH, streams: 0, size: 0, timeSeconds: MAX_TIME_SECONDS + 1 },
    { kind: 'denial', stream: 'street/a', statement: HASH, code: 'a', rule: 'a' },
    { kind: 'denial', stream: VILLAGE, statement: HASH, code: 'A', rule: 'a' },
    change(1, { notBefore: { timeSeconds: null, index: null } }),
  ];
  for (const payload of wrong) {
    assert.throws(
      () => encodePayload(payload),
      (error: unknown) => error instanceof RangeError,
    );
  }
});

test.run();
