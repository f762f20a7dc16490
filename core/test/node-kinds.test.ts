// The payloads of node records (spec/node-records.md, spec/statement.cddl).

import { formatHex } from '@writ/core/bytes';
import { decodeCbor } from '@writ/core/cbor/decode';
import { encodeCbor } from '@writ/core/cbor/encode';
import { CborMap, type CborValue } from '@writ/core/cbor/value';
import { isLogError } from '@writ/core/errors';
import { decodePayload, encodePayload, type Payload } from '@writ/core/statements/kinds';
import {
  MAX_INLINE_TARGETS,
  MAX_STATE_SIZE,
  MAX_TARGET_SIZE,
} from '@writ/core/statements/kinds/node';
import { MAX_HOSTS, policiesDigest } from '@writ/core/statements/kinds/node-reports';
import { decodeStatement, signStatement } from '@writ/core/statements/statement';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkMutants } from './mutants.ts';
import {
  HOST,
  hash,
  intent,
  LOST,
  NODE,
  NODE_SAMPLES,
  outcome,
  SUPPRESSED,
} from './node-records.ts';
import { keyOf, POLICY } from './village-world.ts';

const test = suite('payloads of nodes');

function signed(kind: string, payload: Uint8Array, stream = NODE): Uint8Array {
  const position = { seq: 0, previous: null, issuedAtSeconds: 0 };
  return signStatement({ kind, issuer: 'x', stream, payload, ...position }, keyOf('node'));
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

for (const [i, payload] of NODE_SAMPLES.entries()) {
  const { kind } = payload;
  const bytes = encodePayload(payload);

  test(`a ${kind} is read back as it was written (${i})`, () => {
    assert.equal(read(kind, bytes), payload);
  });

  test(`a ${kind} stands on streams of nodes alone (${i})`, () => {
    for (const stream of ['village/north-grid', 'audit/north-grid', 'log', 'package/a/b'])
      assert.is(
        fieldOf(() => decodePayload(decodeStatement(signed(kind, bytes, stream)))),
        'stream',
      );
  });

  test(`a ${kind} with a member too many, too few or of another type is refused (${i})`, () => {
    for (const variant of spoiled(decodeCbor(bytes)))
      assert.is(
        fieldOf(() => read(kind, encodeCbor(variant))),
        'payload',
        JSON.stringify(variant),
      );
  });
}

/** The value with each map in it spoiled in turn. */
function* spoiled(value: CborValue): Generator<CborValue> {
  if (Array.isArray(value)) {
    const items: readonly CborValue[] = value;
    for (const [i, item] of items.entries())
      for (const variant of spoiled(item)) yield items.with(i, variant);
  }
  if (!(value instanceof CborMap)) return;
  yield new CborMap([...value.entries, ['zzz', 1]]);
  for (const [name, item] of value.entries) {
    const others = value.entries.filter(([other]) => other !== name);
    yield new CborMap(others);
    yield new CborMap([...others, [name, -1]]);
    yield new CborMap([...others, [name, true]]);
    for (const variant of spoiled(item)) yield new CborMap([...others, [name, variant]]);
  }
}

test('a statement that was cut, extended or changed is refused or is another one', () => {
  const good = signed('execution-outcome', encodePayload(outcome(hash('intent'))));
  checkMutants(good, {
    parse: (bytes) => {
      const statement = decodeStatement(bytes);
      return { statement, payload: decodePayload(statement) };
    },
    format: ({ statement, payload }) => {
      assert.is(formatHex(encodePayload(payload)), formatHex(statement.payload));
      return statement.bytes;
    },
    codes: ['statement-malformed'],
  });
});

const many = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const effect = { target: 0, from: null, to: null };
const host = { id: HOST, name: 'x', driver: null, types: [] };
const dryRun = NODE_SAMPLES.find(({ kind }) => kind === 'dry-run');
const WRONG: readonly (readonly [string, object])[] = [
  ['a policy that is no UUID', intent({ policy: 'shed' })],
  ['version 0', intent({ version: 0 })],
  ['a host that is no UUID', intent({ host: 'pve-1' })],
  ['a capability in capitals', intent({ capability: 'VM' })],
  ['a verb that is empty', intent({ verb: '' })],
  ['no targets', intent({ targets: { plain: [] } })],
  ['no commitments', intent({ targets: { salted: [] } })],
  ['a target that is empty', intent({ targets: { plain: [''] } })],
  ['a target of two lines', intent({ targets: { plain: ['vm:1\nvm:2'] } })],
  ['a target that is too long', intent({ targets: { plain: ['x'.repeat(MAX_TARGET_SIZE + 1)] } })],
  [
    'a target too many',
    intent({ targets: { plain: many(MAX_INLINE_TARGETS + 1).map((i) => `vm:${i}`) } }),
  ],
  ['4,097 targets', intent({ targets: { count: 4097, digest: hash('x') } })],
  ['both forms of targets', intent({ targets: { plain: ['a'], salted: [hash('a')] } })],
  ['an empty tree', intent({ checkpoint: { size: 0, root: hash('x') } })],
  ['a key of 31 bytes', intent({ key: new Uint8Array(31) })],
  ['a correlation that is too long', intent({ correlation: 'x'.repeat(129) })],
  ['a time after the year 9999', intent({ timeMs: 253_402_300_800_000 })],
  ['an end before its start', outcome(hash('x'), { startedMs: 8 })],
  ['a result of another name', { ...outcome(hash('x')), result: 'maybe' }],
  ['a blocker for a severity', { ...outcome(hash('x')), severity: 'blocker' }],
  ['an effect too many', outcome(hash('x'), { effects: { list: many(257).map(() => effect) } })],
  [
    'a state that is too long',
    outcome(hash('x'), { effects: { list: [{ ...effect, to: 'x'.repeat(MAX_STATE_SIZE + 1) }] } }),
  ],
  ['a reason that is too long', outcome(hash('x'), { reason: 'x'.repeat(513) })],
  ['a policy without version', { ...SUPPRESSED, version: null }],
  ['a batch of none', { ...SUPPRESSED, count: 0 }],
  ['a batch that ends before it begins', { ...SUPPRESSED, lastMs: 4 }],
  ['a reason that is no code', { ...SUPPRESSED, reason: 'because' + ' I can' }],
  ['a loss of nothing', { ...LOST, count: 0 }],
  ['a loss that ends before it begins', { ...LOST, lastMs: 4 }],
  ['a version 0', { ...dryRun, version: 0 }],
  ['a host twice', { kind: 'node-hosts', hosts: [host, host] }],
  [
    'a host too many',
    {
      kind: 'node-hosts',
      hosts: many(MAX_HOSTS + 1).map((i) => ({
        ...host,
        id: `${HOST.slice(0, -3)}${String(i).padStart(3, '0')}`,
      })),
    },
  ],
];

for (const [what, payload] of WRONG) {
  test(`nothing is written with ${what}`, () => {
    assert.throws(
      () => encodePayload(payload as Payload),
      (error: unknown) => error instanceof RangeError,
    );
  });
}

test('the largest records fit into a statement', () => {
  const wide = (i: number): string => String(i).padStart(MAX_TARGET_SIZE, 'x');
  const state = 's'.repeat(MAX_STATE_SIZE);
  const list = many(MAX_INLINE_TARGETS).map((target) => ({ target, from: state, to: state }));
  const hosts = many(MAX_HOSTS).map((i) => ({
    id: `${HOST.slice(0, -3)}${String(i).padStart(3, '0')}`,
    name: 'n'.repeat(64),
    driver: hash('driver'),
    types: many(8).map((type) => `type-${type}`.padEnd(32, 'x')),
  }));
  const largest: Payload[] = [
    intent({ targets: { plain: many(MAX_INLINE_TARGETS).map(wide) }, transcript: hash('t') }),
    outcome(hash('x'), { effects: { list }, reason: 'r'.repeat(512) }),
    { kind: 'node-hosts', hosts },
  ];
  for (const payload of largest) assert.equal(read(payload.kind, encodePayload(payload)), payload);
});

test('the digest of policies does not depend on the order in which they come', () => {
  const rows = [
    { policy: POLICY, version: 2, digest: hash('spec') },
    { policy: HOST, version: 1, digest: null },
  ];
  assert.equal(policiesDigest(rows), policiesDigest(rows.toReversed()));
  assert.not.equal(policiesDigest(rows), policiesDigest(rows.slice(1)));
});

test.run();
