import { concatBytes } from '@writ/core/bytes';
import { decodeCbor } from '@writ/core/cbor/decode';
import { encodeCbor } from '@writ/core/cbor/encode';
import type { CborValue } from '@writ/core/cbor/value';
import { isLogError } from '@writ/core/errors';
import {
  decodeFollowPage,
  encodeFollowPage,
  type FollowPage,
  MAX_CHAIN,
  MAX_PAGE_ENTRIES,
} from '@writ/core/streams/follow-page';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkMutants } from './mutants.ts';

const test = suite('follow pages');

const PLAIN = { noNullPrototype: true };
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
const proof = fc.array(hash, { maxLength: 3 });
const index = fc.nat();
const bytes = fc.uint8Array({ maxLength: 20 });
const anchor = fc.option(fc.record({ leafIndex: index, proof }, PLAIN));
const place = fc.record({ leafIndex: index, span: fc.nat(2), proof }, PLAIN);
const chain = fc.array(bytes, { maxLength: 3 });
const span = fc.record({ chain, before: anchor, after: anchor }, PLAIN);
const pageParts = fc.record(
  {
    streamProof: bytes,
    since: index,
    consistency: proof,
    places: fc.array(place, { maxLength: 4 }),
    spans: fc.array(span, { minLength: 3, maxLength: 4 }),
  },
  PLAIN,
);
const page: fc.Arbitrary<FollowPage> = pageParts.chain((parts) =>
  fc
    .constantFrom(0, parts.places.length)
    .chain((length) => fc.array(bytes, { minLength: length, maxLength: length }))
    .map((openings) => ({ ...parts, openings })),
);

const SAMPLE: FollowPage = {
  streamProof: Uint8Array.of(1, 2, 3),
  since: 7,
  consistency: [new Uint8Array(32).fill(1)],
  places: [
    { leafIndex: 8, span: 0, proof: [new Uint8Array(32).fill(2)] },
    { leafIndex: 9, span: 0, proof: [] },
  ],
  spans: [
    {
      chain: [Uint8Array.of(4)],
      before: { leafIndex: 6, proof: [new Uint8Array(32).fill(3)] },
      after: null,
    },
  ],
  openings: [],
};

function refused(input: Uint8Array, title: string): void {
  assert.throws(
    () => decodeFollowPage(input),
    (error: unknown) => isLogError(error, 'stream-proof-malformed'),
    title,
  );
}

test('survive being written and read', () => {
  fc.assert(
    fc.property(page, (value) => {
      const encoded = encodeFollowPage(value);
      assert.equal(decodeFollowPage(encoded), value);
      assert.equal(encodeFollowPage(decodeFollowPage(encoded)), encoded);
    }),
  );
});

test('are refused or read exactly when bits flip, and refused when cut off or extended', () => {
  const good = encodeFollowPage(SAMPLE);
  const codes = ['stream-proof-malformed'] as const;
  checkMutants(good, { parse: decodeFollowPage, format: encodeFollowPage, codes });
  for (let length = 0; length < good.length; length++)
    refused(good.subarray(0, length), `cut at ${length}`);
  for (let byte = 0; byte < 256; byte++) refused(concatBytes(good, Uint8Array.of(byte)), 'longer');
});

test('are refused in any other shape', () => {
  const value = decodeCbor(encodeFollowPage(SAMPLE));
  if (!Array.isArray(value)) return assert.unreachable();
  const items: readonly CborValue[] = value;
  const short = new Uint8Array(31);
  const hashes = (count: number): CborValue =>
    Array.from({ length: count }, () => new Uint8Array(32));
  const many = (count: number, item: CborValue): CborValue =>
    Array.from({ length: count }, () => item);
  const cases: readonly (readonly [string, number, CborValue])[] = [
    ['another version', 0, 'writ-follow-page/v2'],
    ['no stream proof', 1, null],
    ['a negative size', 2, -1],
    ['a size beyond 2^53', 2, 2n ** 53n],
    ['a short hash', 3, [short]],
    ['too many hashes', 3, hashes(127)],
    ['a place without a span', 4, [[8, 1, []]]],
    ['a place of two items', 4, [[8, 0]]],
    ['a place with a short hash', 4, [[8, 0, [short]]]],
    ['a place with too many hashes', 4, [[8, 0, hashes(64)]]],
    ['too many places', 4, many(MAX_PAGE_ENTRIES + 1, [8, 0, []])],
    ['too many spans', 5, many(MAX_PAGE_ENTRIES + 1, [[], null, null])],
    ['too long a chain', 5, [[many(MAX_CHAIN + 1, short), null, null]]],
    ['text in a chain', 5, [[['x'], null, null]]],
    ['an anchor of three items', 5, [[[], [1, [], null], null]]],
    ['spans that are no array', 5, 'x'],
  ];
  for (const [title, at, item] of cases) refused(encodeCbor(items.with(at, item)), title);
  refused(encodeCbor(items.slice(0, 5)), 'an item less');
  refused(encodeCbor([...items, null]), 'an item more');
  const opening = Uint8Array.of(1);
  assert.equal(decodeFollowPage(encodeCbor([...items, [opening, opening]])).openings.length, 2);
  refused(encodeCbor([...items, []]), 'no openings, and a list of them');
  refused(encodeCbor([...items, [opening]]), 'fewer openings than places');
  refused(encodeCbor([...items, [opening, null]]), 'an opening left out');
  refused(encodeCbor(1), 'a number');
});

test('cannot be made of what nobody could read', () => {
  const lost = { leafIndex: 1, span: 5, proof: [] };
  assert.throws(() => encodeFollowPage({ ...SAMPLE, places: [lost] }), RangeError);
  assert.throws(() => encodeFollowPage({ ...SAMPLE, since: -1 }), RangeError);
});

test.run();
