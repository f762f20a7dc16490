import { formatHex, utf8 } from '@writ/core/bytes';
import { MAX_NOTE_BYTES } from '@writ/core/formats/note';
import { sha256 } from '@writ/core/sha256';
import {
  decodeStreamProof,
  encodeStreamProof,
  MAX_STREAM_PROOF_BYTES,
  MAX_STREAM_PROOF_ENTRIES,
  type StreamProof,
} from '@writ/core/streams/stream-proof';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkMutants, refusal } from './mutants.ts';

const test = suite('stream proof');

function hashes(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => sha256(Uint8Array.of(i)));
}

/** A whole stream of three statements. */
const WHOLE: StreamProof = {
  stream: 'village/north-grid',
  checkpoint: utf8('log.example\n5\n'),
  stateRoot: utf8('state root'),
  stateRootProof: hashes(3),
  indexProof: { end: { kind: 'present' }, siblings: hashes(2) },
  head: { seq: 2, leafIndex: 3, statementId: sha256(utf8('id')) },
  from: 0,
  entries: [utf8('a'), utf8('b'), utf8('c')],
  tail: null,
};
const ABSENT: StreamProof = {
  ...WHOLE,
  indexProof: { end: { kind: 'empty' }, siblings: hashes(1) },
  head: null,
  entries: [],
};
const PAGE: StreamProof = {
  ...WHOLE,
  entries: [utf8('a')],
  tail: { leafIndex: 1, proof: hashes(2) },
};

test('every proof survives a round trip', () => {
  for (const proof of [WHOLE, ABSENT, PAGE, { ...WHOLE, from: 3, entries: [] }])
    assert.equal(decodeStreamProof(encodeStreamProof(proof)), proof);
});

test('any page of any stream survives a round trip', () => {
  const page = fc.record({
    from: fc.nat(1000),
    count: fc.integer({ min: 1, max: 20 }),
    more: fc.nat(3),
    index: fc.nat(2 ** 40),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }),
  });
  fc.assert(
    fc.property(page, ({ from, count, more, index, bytes }) => {
      const proof: StreamProof = {
        ...WHOLE,
        head: { seq: from + count + more - 1, leafIndex: index + 1, statementId: sha256(bytes) },
        from,
        entries: Array.from({ length: count }, () => bytes),
        tail: more === 0 ? null : { leafIndex: index, proof: hashes(more) },
      };
      assert.equal(decodeStreamProof(encodeStreamProof(proof)), proof);
    }),
  );
});

test('cut, longer and bit-flipped files are refused, or read as exactly what they are', () => {
  for (const proof of [WHOLE, ABSENT, PAGE])
    checkMutants(encodeStreamProof(proof), {
      parse: decodeStreamProof,
      format: encodeStreamProof,
      codes: ['stream-proof-malformed'],
    });
});

test('parts that do not fit together are refused by both directions', () => {
  const { head } = WHOLE;
  if (head === null) return assert.unreachable();
  const wrong: [string, StreamProof][] = [
    ['stream', { ...WHOLE, stream: 'audit/..' }],
    ['checkpoint', { ...WHOLE, checkpoint: new Uint8Array(0) }],
    ['checkpoint', { ...WHOLE, checkpoint: new Uint8Array(MAX_NOTE_BYTES + 1) }],
    ['state root', { ...WHOLE, stateRoot: new Uint8Array(65_536) }],
    ['state root proof', { ...WHOLE, stateRootProof: hashes(64) }],
    ['state root proof', { ...WHOLE, stateRootProof: [new Uint8Array(31)] }],
    ['head', { ...WHOLE, head: null }],
    ['head', { ...ABSENT, head }],
    ['head', { ...WHOLE, head: { ...head, statementId: new Uint8Array(33) } }],
    ['from', { ...WHOLE, from: 4, entries: [] }],
    ['from', { ...ABSENT, from: 1 }],
    ['entries', { ...WHOLE, from: 1 }],
    ['entries', { ...WHOLE, entries: [] }],
    ['entries', { ...WHOLE, entries: [utf8('a'), new Uint8Array(0), utf8('c')] }],
    ['entries', { ...WHOLE, entries: [utf8('a'), new Uint8Array(65_536), utf8('c')] }],
    ['tail', { ...PAGE, tail: null }],
    ['tail', { ...WHOLE, tail: PAGE.tail }],
    ['tail', { ...PAGE, tail: { leafIndex: 3, proof: [] } }],
    ['head', { ...WHOLE, head: { ...head, seq: Number.MAX_SAFE_INTEGER } }],
  ];
  for (const [field, proof] of wrong)
    assert.throws(
      () => encodeStreamProof(proof),
      (error: unknown) =>
        error instanceof RangeError && error.message.startsWith(`stream proof ${field}:`),
      field,
    );
});

test('a file holds at most 500 statements', () => {
  const head = { seq: 600, leafIndex: 900, statementId: sha256(utf8('id')) };
  const of = (count: number): StreamProof => ({
    ...PAGE,
    head,
    entries: Array.from({ length: count }, () => utf8('a')),
  });
  assert.is(decodeStreamProof(encodeStreamProof(of(MAX_STREAM_PROOF_ENTRIES))).entries.length, 500);
  assert.throws(() => encodeStreamProof(of(MAX_STREAM_PROOF_ENTRIES + 1)), /entries/);
});

test('a refusal names field and offset', () => {
  const bytes = encodeStreamProof(WHOLE);
  const error = refusal(() => decodeStreamProof(bytes.subarray(0, 40)), 'stream-proof-malformed');
  assert.is(error.detail['field'], 'envelope');
  assert.type(error.detail['offset'], 'number');
  const at = formatHex(bytes).indexOf(formatHex(utf8('village/'))) / 2;
  const other = bytes.with(at, 0x58);
  assert.is(
    refusal(() => decodeStreamProof(other), 'stream-proof-malformed').detail['field'],
    'stream',
  );
});

test('a file beyond the limit is refused before it is read', () => {
  const large = new Uint8Array(MAX_STREAM_PROOF_BYTES + 1);
  const error = refusal(() => decodeStreamProof(large), 'stream-proof-malformed');
  assert.is(error.detail['offset'], MAX_STREAM_PROOF_BYTES);
});

test.run();
