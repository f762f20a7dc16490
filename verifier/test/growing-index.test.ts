import { utf8 } from '@writ/core/bytes';
import { sha256 } from '@writ/core/sha256';
import type { IndexValue } from '@writ/core/streams/stream-index';
import { buildIndexRoot } from '@writ/core/streams/stream-index-root';
import { GrowingIndex } from '@writ/verifier/cli/growing-index';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('growing index');

function testValue(stream: string, seq: number): IndexValue {
  return { stream, seq, leafIndex: seq + 3, statementId: sha256(utf8(`${stream} ${seq}`)) };
}

test('has the root of the definition after any changes, asked for at any time', () => {
  const change = fc.record({ name: fc.nat(30), seq: fc.nat(1000), asks: fc.boolean() });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 80 }), (changes) => {
      const index = new GrowingIndex();
      const heads = new Map<string, IndexValue>();
      for (const { name, seq, asks } of changes) {
        const value = testValue(`audit/${name}`, seq);
        index.set(value);
        heads.set(value.stream, value);
        if (asks) assert.equal(index.root(), buildIndexRoot(heads.values()));
      }
      assert.equal(index.root(), buildIndexRoot(heads.values()));
      assert.is(index.size, heads.size);
    }),
    { numRuns: 100 },
  );
});

test('grows beyond its first arrays and remembers every head', () => {
  const index = new GrowingIndex();
  const values = Array.from({ length: 5000 }, (_, i) => testValue(`audit/number-${i}`, i));
  for (const value of values) index.set(value);
  assert.equal(index.root(), buildIndexRoot(values));
  for (const { stream, seq, statementId } of values)
    assert.equal(index.head(stream), { seq, statementId });
  assert.is(index.head('audit/nobody'), undefined);
});

test.run();
