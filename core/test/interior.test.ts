// Nodes in bulk against node:crypto, one by one. The WebAssembly path must be the one under test here:
// the first test says so.

import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  hashPairs,
  hashPairsPortable,
  subtreeRoot,
  tileRoots,
  tileRootsPortable,
} from '@writ/core/merkle/interior';
import { interiorKernel } from '@writ/core/merkle/interior-kernel';
import { TILE_WIDTH } from '@writ/core/merkle/tile';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const interior = suite('interior nodes in bulk');
const COUNTS = [...Array.from({ length: 71 }, (_, i) => i), 256, 511, 512, 513, 1000, 1025];
const IMPLEMENTATIONS = { hashPairs, hashPairsPortable };

function expectedNodes(hashes: Uint8Array, count: number): Uint8Array {
  const nodes = new Uint8Array(32 * count);
  for (let i = 0; i < count; i++) {
    const pair = hashes.subarray(64 * i, 64 * i + 64);
    nodes.set(createHash('sha256').update(Uint8Array.of(1)).update(pair).digest(), 32 * i);
  }
  return nodes;
}

function expectedRoot(hashes: Uint8Array): Uint8Array {
  return hashes.length === 32 ? hashes : expectedRoot(expectedNodes(hashes, hashes.length / 64));
}

function random(size: number): Uint8Array {
  return new Uint8Array(randomBytes(size));
}

interior('the WebAssembly module loads on this runtime', () => {
  assert.is.not(interiorKernel(), undefined);
});

for (const [name, hash] of Object.entries(IMPLEMENTATIONS)) {
  interior(`${name} gives the hashes of node:crypto for every count`, () => {
    const hashes = random(64 * 1025);
    for (const count of COUNTS) {
      const target = new Uint8Array(32 * count);
      hash(hashes, count, target);
      assert.equal(target, expectedNodes(hashes, count), `count ${count}`);
    }
  });

  interior(`${name} works in place, level by level`, () => {
    for (const count of COUNTS) {
      const hashes = random(64 * count);
      const expected = expectedNodes(hashes, count);
      const rest = hashes.slice(32 * count);
      hash(hashes, count, hashes);
      assert.equal(hashes.subarray(0, 32 * count), expected, `count ${count}`);
      assert.equal(hashes.subarray(32 * count), rest, `rest at count ${count}`);
    }
  });

  interior(`${name} hashes each value of a node's last byte`, () => {
    const hashes = random(64 * 256);
    for (let i = 0; i < 256; i++) hashes[64 * i + 63] = i;
    const target = new Uint8Array(32 * 256);
    hash(hashes, 256, target);
    assert.equal(target, expectedNodes(hashes, 256));
  });

  interior(`${name} writes nothing but its results, from unaligned arrays too`, () => {
    const cases = fc.record({
      count: fc.nat(20),
      skew: fc.nat(17),
      targetSkew: fc.nat(17),
      targetOffset: fc.nat(70),
      seed: fc.uint8Array({ minLength: 64 * 20, maxLength: 64 * 20 }),
    });
    fc.assert(
      fc.property(cases, ({ count, skew, targetSkew, targetOffset, seed }) => {
        const hashes = new Uint8Array(seed.length + skew).subarray(skew);
        hashes.set(seed);
        const whole = new Uint8Array(targetSkew + targetOffset + 32 * count + 40).fill(0xee);
        const expected = whole.slice();
        expected.set(expectedNodes(seed, count), targetSkew + targetOffset);
        hash(hashes, count, whole.subarray(targetSkew), targetOffset);
        assert.equal(whole, expected);
        assert.equal(hashes, Uint8Array.from(seed));
      }),
    );
  });

  interior(`${name} writes in front of what it reads within one array`, () => {
    const array = random(64 * 600 + 96);
    const expected = expectedNodes(array.subarray(96), 600);
    hash(array.subarray(96), 600, array, 32);
    assert.equal(array.subarray(32, 32 + 32 * 600), expected);
  });

  interior(`${name} refuses arguments that cannot be right`, () => {
    const hashes = new Uint8Array(64 * 4);
    const target = new Uint8Array(32 * 4);
    const refused: [string, () => void][] = [
      ['too few hashes', () => hash(hashes, 5, new Uint8Array(320))],
      ['a target that is too small', () => hash(hashes, 4, target, 1)],
      ['a target inside of the source', () => hash(hashes, 2, hashes, 32)],
      ['a negative count', () => hash(hashes, -1, target)],
      ['a fractional count', () => hash(hashes, 1.5, target)],
      ['a negative offset', () => hash(hashes, 1, target, -1)],
    ];
    for (const [what, call] of refused) {
      assert.throws(call, (error: unknown) => error instanceof RangeError, what);
    }
    assert.equal(target, new Uint8Array(32 * 4));
  });
}

interior('a call leaves nothing behind for the next one', () => {
  const hashes = random(64 * 3);
  const expected = expectedNodes(hashes, 3);
  for (let i = 0; i < 4; i++) {
    hashPairs(random(64 * 512), 512, new Uint8Array(32 * 512));
    const target = new Uint8Array(32 * 3);
    hashPairs(hashes, 3, target);
    assert.equal(target, expected);
  }
});

interior('subtreeRoot is the root of every complete tree up to 4096 leaves', () => {
  const hashes = random(32 * 4096 + 1).subarray(1);
  const before = hashes.slice();
  for (let count = 1; count <= 4096; count *= 2) {
    assert.equal(subtreeRoot(hashes, count), expectedRoot(hashes.slice(0, 32 * count)), `${count}`);
  }
  assert.equal(hashes, before);
});

interior('subtreeRoot refuses a count that is no power of two or beyond the hashes', () => {
  const hashes = new Uint8Array(32 * 8);
  for (const count of [0, 3, 6, 7, -1, 0.5, 16]) {
    assert.throws(
      () => subtreeRoot(hashes, count),
      (error: unknown) => error instanceof RangeError,
      `${count}`,
    );
  }
});

for (const [name, roots] of Object.entries({ tileRoots, tileRootsPortable })) {
  interior(`${name} gives one root for each tile, in place too`, () => {
    for (const count of [0, 1, 2, 3, 4, 5, 9]) {
      const hashes = random(32 * TILE_WIDTH * count);
      const expected = new Uint8Array(32 * count);
      for (let i = 0; i < count; i++) {
        expected.set(expectedRoot(hashes.slice(8192 * i, 8192 * (i + 1))), 32 * i);
      }
      const target = new Uint8Array(32 * count + 1);
      roots(hashes, count, target);
      assert.equal(target.subarray(0, 32 * count), expected, `${count} tiles`);
      assert.is(target[32 * count], 0);
      roots(hashes, count, hashes);
      assert.equal(hashes.subarray(0, 32 * count), expected, `${count} tiles in place`);
    }
  });

  interior(`${name} refuses tiles that are not there`, () => {
    const hashes = new Uint8Array(8192 * 2);
    const refused = (error: unknown) => error instanceof RangeError;
    assert.throws(() => roots(hashes.subarray(1), 2, new Uint8Array(64)), refused);
    assert.throws(() => roots(hashes, 2, new Uint8Array(63)), refused);
  });
}

interior('without WebAssembly the same functions give the same hashes', () => {
  const modules = ['interior', 'interior-kernel', 'leaf-batch'].map((name) =>
    JSON.stringify(import.meta.resolve(`@writ/core/merkle/${name}`)),
  );
  // --jitless takes WebAssembly away, as a browser without SIMD or a strict content policy does.
  const program = `
    const [interior, kernel, leaves] = await Promise.all([${modules}].map((url) => import(url)));
    const hashes = Uint8Array.from({ length: 8192 }, (_, i) => i & 255);
    const out = new Uint8Array(32 * 6);
    interior.hashPairs(hashes, 3, out);
    interior.tileRoots(hashes, 1, out.subarray(96));
    out.set(interior.subtreeRoot(hashes, 256), 128);
    leaves.hashBundleEntries(Uint8Array.of(0, 2, 7, 8), 1, out, 160);
    console.log(String(kernel.interiorKernel() === undefined) + " " + out.join());`;
  const stdout = execFileSync(
    process.execPath,
    ['--jitless', '--no-warnings', '--input-type=module', '--eval', program],
    { encoding: 'utf8' },
  );
  const hashes = Uint8Array.from({ length: 8192 }, (_, i) => i & 255);
  const root = expectedRoot(hashes);
  const leaf = createHash('sha256')
    .update(Uint8Array.of(0, 7, 8))
    .digest();
  const expected = [...expectedNodes(hashes, 3), ...root, ...root, ...leaf];
  assert.is(stdout.trim(), `true ${expected.join()}`);
});

interior.run();
