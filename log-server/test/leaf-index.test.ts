// The leaf index against a plain map: what is found after any history of additions and removals.

import { createHash } from 'node:crypto';
import { LeafIndex } from '@writ/log-server/log/leaf-index';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('leaf index');

/** Hashes that fall into few partitions and near each other, so that they collide. */
function crowdedHash(number: number): Uint8Array {
  const hash = Uint8Array.from(createHash('sha256').update(String(number)).digest());
  hash.set([0, number % 2, 7, number % 5, 0, 0]);
  return hash;
}

test('after any history it finds exactly what is in it', () => {
  const operation = fc.tuple(fc.integer({ min: 0, max: 60 }), fc.boolean());
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 300 }), (operations) => {
      const hashes: Uint8Array[] = [];
      const known = new Map<number, number>();
      const index = new LeafIndex((at, found, offset) =>
        Buffer.from(hashes[at] ?? []).equals(found.subarray(offset, offset + 32)),
      );
      for (const [number, isAddition] of operations) {
        const hash = crowdedHash(number);
        const at = known.get(number);
        if (isAddition && at === undefined) {
          known.set(number, hashes.length);
          index.insert(hash, 0, hashes.length);
          hashes.push(hash);
        } else if (!isAddition && at !== undefined) {
          known.delete(number);
          index.remove(hash, 0, at);
        }
      }
      for (let number = 0; number <= 60; number++)
        assert.is(index.find(crowdedHash(number), 0), known.get(number), `${number}`);
    }),
  );
});

test.run();
