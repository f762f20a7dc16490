import { createHash } from 'node:crypto';
import { isLogError } from '@writ/core/errors';
import { hashBundleEntries, hashBundleEntriesPortable } from '@writ/core/merkle/leaf-batch';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const leaves = suite('leaf hashes of a bundle');

function bundleOf(entries: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(
    entries.flatMap((entry) => [entry.length >> 8, entry.length & 255, ...entry]),
  );
}

function expectedLeaves(entries: readonly Uint8Array[]): Uint8Array {
  const hashes = new Uint8Array(32 * entries.length);
  entries.forEach((entry, i) => {
    hashes.set(createHash('sha256').update(Uint8Array.of(0)).update(entry).digest(), 32 * i);
  });
  return hashes;
}

function patterned(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i * 37 + size) & 255);
}

for (const [name, hash] of Object.entries({ hashBundleEntries, hashBundleEntriesPortable })) {
  const check = (entries: readonly Uint8Array[]): void => {
    const bundle = bundleOf(entries);
    const before = bundle.slice();
    const target = new Uint8Array(32 * entries.length);
    assert.is(hash(bundle, entries.length, target, 0), bundle.length);
    assert.equal(target, expectedLeaves(entries));
    assert.equal(bundle, before, 'the bundle of the caller stays as it is');
  };

  leaves(`${name} gives the hashes of node:crypto for every entry size up to 300 bytes`, () => {
    for (let size = 0; size <= 300; size++) check([0, 1, 2, 3, 4].map(() => patterned(size)));
  });

  leaves(`${name} takes neighbours of different sizes`, () => {
    check(Array.from({ length: 257 }, (_, i) => patterned(i)));
    check([65535, 0, 1, 65534, 63, 55, 65535, 8191].map(patterned));
    check([0, 65535].map(patterned));
    check([]);
  });

  leaves(`${name} hashes any entries, wherever bundle and target lie`, () => {
    const entry = fc.uint8Array({ maxLength: 200 });
    const cases = fc.tuple(fc.array(entry, { maxLength: 40 }), fc.nat(9), fc.nat(40), fc.nat(9));
    fc.assert(
      fc.property(cases, ([entries, skew, targetOffset, trailing]) => {
        const plain = bundleOf(entries);
        const bundle = new Uint8Array(skew + plain.length + trailing).subarray(skew);
        bundle.set(plain);
        const target = new Uint8Array(targetOffset + 32 * entries.length + 5).fill(0xee);
        const expected = target.slice();
        expected.set(expectedLeaves(entries), targetOffset);
        assert.is(hash(bundle, entries.length, target, targetOffset), plain.length);
        assert.equal(target, expected);
      }),
    );
  });

  leaves(`${name} names the offset of the entry at which a truncated bundle ends`, () => {
    const bundle = bundleOf([patterned(3), patterned(300), patterned(70)]);
    const starts = [0, 5, 307];
    for (let size = 0; size < bundle.length; size++) {
      const offset = starts.findLast((start) => start <= size);
      assert.throws(
        () => hash(bundle.slice(0, size), 3, new Uint8Array(96), 0),
        (error: unknown) =>
          isLogError(error, 'bundle-malformed') && error.detail['offset'] === offset,
        `${size} bytes`,
      );
    }
  });

  leaves(`${name} sees every flipped bit of an entry`, () => {
    const bundle = bundleOf([patterned(66)]);
    const seen = new Set<string>();
    for (let bit = 16; bit < 8 * bundle.length; bit++) {
      const flipped = bundle.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const target = new Uint8Array(32);
      hash(flipped, 1, target, 0);
      seen.add(target.join());
    }
    assert.is(seen.size, 8 * 66);
  });

  leaves(`${name} refuses a target that is too small`, () => {
    const bundle = bundleOf([patterned(1), patterned(2)]);
    const refused = (error: unknown) => error instanceof RangeError;
    assert.throws(() => hash(bundle, 2, new Uint8Array(63), 0), refused);
    assert.throws(() => hash(bundle, 2, new Uint8Array(64), 1), refused);
    assert.throws(() => hash(bundle, -1, new Uint8Array(64), 0), refused);
  });
}

leaves.run();
