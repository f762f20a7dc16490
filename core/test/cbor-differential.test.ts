// The codec against two others: cborg for what is encoded, cborg and cbor-x for what is decoded.

import { formatHex } from '@writ/core/bytes';
import { decodeCbor } from '@writ/core/cbor/decode';
import { encodeCbor } from '@writ/core/cbor/encode';
import { CborMap, type CborValue } from '@writ/core/cbor/value';
import { isLogError } from '@writ/core/errors';
import { Decoder } from 'cbor-x';
import * as cborg from 'cborg';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('deterministic CBOR against other codecs');

const STRICT = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowNaN: false,
  allowInfinity: false,
  rejectDuplicateMapKeys: true,
  useMaps: true,
} as const;

const integer = fc
  .oneof(
    fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n - 1n }),
    fc.bigInt({ min: -300n, max: 300n }),
    fc.constantFrom(
      23n,
      24n,
      255n,
      256n,
      65_535n,
      65_536n,
      2n ** 32n - 1n,
      2n ** 32n,
      2n ** 53n - 1n,
      2n ** 53n,
    ),
  )
  .map(narrow);
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Uint8Array.from(array));
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.constantFrom('__proto__', 'constructor', '', 'é', 'e\u0301'),
);
const key: fc.Arbitrary<CborValue> = fc.oneof(integer, bytes, text, fc.boolean());

const { value } = fc.letrec<{ value: CborValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'medium', maxDepth: 6 },
    integer,
    bytes,
    text,
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 30 }),
    fc
      .uniqueArray(fc.tuple(key, tie('value')), {
        maxLength: 30,
        selector: ([name]) => formatHex(encodeCbor(name)),
      })
      .map((entries) => new CborMap(entries)),
  ),
}));

function narrow(integer: bigint): number | bigint {
  const number = Number(integer);
  return Number.isSafeInteger(number) ? number : integer;
}

/** The same value in the words of the other codecs: maps as Maps. */
function foreign(item: CborValue): unknown {
  if (item instanceof CborMap)
    return new Map(item.entries.map(([k, v]) => [foreign(k), foreign(v)]));
  return Array.isArray(item) ? item.map(foreign) : item;
}

/** One spelling for values of all three codecs. */
function spell(item: unknown): unknown {
  if (typeof item === 'number' || typeof item === 'bigint') return `int ${item}`;
  if (item instanceof Uint8Array) return `bytes ${formatHex(item)}`;
  // cborg drops a leading U+FEFF, which we keep as the character that it is.
  if (typeof item === 'string') return `text ${item.replace(/^\ufeff/, '')}`;
  if (Array.isArray(item)) return item.map(spell);
  const entries =
    item instanceof CborMap ? item.entries : item instanceof Map ? [...item] : undefined;
  return entries === undefined ? item : { map: entries.map(([k, v]) => [spell(k), spell(v)]) };
}

test('encoding gives the bytes of the deterministic options of cborg', () => {
  fc.assert(
    fc.property(value, (item) => {
      const theirs = cborg.encode(foreign(item), cborg.rfc8949EncodeOptions);
      assert.is(formatHex(encodeCbor(item)), formatHex(theirs));
    }),
    { numRuns: 300 },
  );
});

test('decoding is the inverse of encoding', () => {
  fc.assert(
    fc.property(value, (item) => {
      const encoded = encodeCbor(item);
      const decoded = decodeCbor(encoded);
      assert.is(formatHex(encodeCbor(decoded)), formatHex(encoded));
      assert.is(encodeCbor(item).length, encoded.length);
    }),
    { numRuns: 300 },
  );
});

test('accepted bytes mean to cborg and to cbor-x what they mean to us', () => {
  const decoder = new Decoder({ useRecords: false, mapsAsObjects: false });
  fc.assert(
    fc.property(value, (item) => {
      const encoded = encodeCbor(item);
      const ours = spell(decodeCbor(encoded));
      assert.equal(ours, spell(cborg.decode(encoded, STRICT)));
      assert.equal(ours, spell(decoder.decode(encoded)));
    }),
    { numRuns: 300 },
  );
});

test('mutated items that we accept are items to cborg, with the same meaning', () => {
  let accepted = 0;
  fc.assert(
    fc.property(value, fc.nat(), fc.nat({ max: 255 }), (item, at, byte) => {
      const mutated = encodeCbor(item);
      mutated[at % mutated.length] = byte;
      let ours: CborValue;
      try {
        ours = decodeCbor(mutated);
      } catch (error) {
        assert.ok(isLogError(error, 'cbor-malformed'), String(error));
        return;
      }
      accepted++;
      assert.equal(spell(ours), spell(cborg.decode(mutated, STRICT)));
      assert.is(formatHex(encodeCbor(ours)), formatHex(mutated));
    }),
    { numRuns: 1000 },
  );
  assert.ok(accepted > 50, `only ${accepted} mutants were accepted`);
});

test('random bytes are refused with our own error or are canonical', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (input) => {
      try {
        assert.is(formatHex(encodeCbor(decodeCbor(input))), formatHex(input));
      } catch (error) {
        assert.ok(isLogError(error, 'cbor-malformed'), String(error));
      }
    }),
    { numRuns: 3000 },
  );
});

test.run();
