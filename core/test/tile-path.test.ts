// Paths of tiles and bundles of C2SP tlog-tiles.

import { formatTilePath, parseTilePath, type TilePath } from '@writ/core/formats/tile-path';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkMutants, refusal, textFormat } from './mutants.ts';

const test = suite('tile paths');
const anyTile: fc.Arbitrary<TilePath> = fc.record(
  {
    level: fc.oneof(fc.integer({ min: 0, max: 63 }), fc.constant('entries' as const)),
    index: fc.bigInt(0n, 2n ** 55n - 1n),
    width: fc.integer({ min: 1, max: 256 }),
  },
  { noNullPrototype: true },
);

test('the examples of the specification are read', () => {
  assert.equal(parseTilePath('tile/0/x001/x234/067'), { level: 0, index: 1_234_067n, width: 256 });
  assert.equal(parseTilePath('tile/entries/000.p/8'), { level: 'entries', index: 0n, width: 8 });
});

test('any tile reads back', () => {
  fc.assert(
    fc.property(anyTile, (tile) => assert.equal(parseTilePath(formatTilePath(tile)), tile)),
  );
});

test('a mutant is refused or is the path of another tile', () => {
  for (const path of ['tile/0/000', 'tile/63/x012/345.p/17', 'tile/entries/x001/x234/067.p/255']) {
    const format = textFormat(parseTilePath, formatTilePath, ['tile-path-malformed']);
    assert.ok(checkMutants(new TextEncoder().encode(path), format) > 0);
  }
});

test('what is accepted is canonical', () => {
  const characters = fc.constantFrom(...'tile/0012x9.p-entrsX%');
  const tail = fc.string({ unit: characters, maxLength: 16 });
  fc.assert(
    fc.property(tail, (text) => {
      const path = `tile/${text}`;
      try {
        assert.is(formatTilePath(parseTilePath(path)), path);
      } catch (error) {
        refusal(() => {
          throw error;
        }, 'tile-path-malformed');
      }
    }),
    { numRuns: 5000 },
  );
});

test('levels end at 63, indexes at 2^55', () => {
  assert.is(
    refusal(() => parseTilePath('tile/64/000'), 'tile-path-malformed').detail['field'],
    'level',
  );
  const last = formatTilePath({ level: 0, index: 2n ** 55n - 1n, width: 256 });
  assert.is(parseTilePath(last).index, 2n ** 55n - 1n);
  const next = formatTilePath({ level: 0, index: 2n ** 55n, width: 256 });
  refusal(() => parseTilePath(next), 'tile-path-malformed');
});

test('a long path ends in a refusal, not in a long search', () => {
  refusal(() => parseTilePath(`tile/0/${'x000/'.repeat(100_000)}000`), 'tile-path-malformed');
  refusal(() => parseTilePath(`tile/0/${'0'.repeat(1_000_000)}`), 'tile-path-malformed');
});

test.run();
