// Inclusion and consistency proofs against the definitions of RFC 6962 §2.1, for every tree up to 100 leaves.

import {
  type ConsistencyClaim,
  checkConsistency,
  consistencyNodes,
} from '@writ/core/merkle/consistency';
import { emptyRoot, leafHash, nodeHash } from '@writ/core/merkle/hash';
import {
  checkInclusion,
  type InclusionClaim,
  inclusionNodes,
  MAX_PROOF_HASHES,
  rootFromInclusion,
} from '@writ/core/merkle/inclusion';
import type { Node } from '@writ/core/merkle/range';
import { buildProof } from '@writ/core/merkle/tree';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { leaves, pathOf, proofOf, rootOf } from './reference-tree.ts';

const MOST = 100;
const MAX = 2n ** 63n - 1n;
const all = leaves(MOST);
const roots = Array.from({ length: MOST + 1 }, (_, size) => rootOf(all.slice(0, size)));

const test = suite('Merkle proofs');

function nodeOf({ level, index }: Node): Uint8Array {
  const width = 2 ** level;
  return rootOf(all.slice(Number(index) * width, (Number(index) + 1) * width));
}

function rootAt(size: number): Uint8Array {
  return roots[size] ?? emptyRoot();
}

function inclusionClaim(index: number, size: number): InclusionClaim {
  return {
    index: BigInt(index),
    size: BigInt(size),
    leafHash: all[index] ?? emptyRoot(),
    root: rootAt(size),
    proof: buildProof(inclusionNodes(BigInt(index), BigInt(size)), nodeOf),
  };
}

function consistencyClaim(oldSize: number, size: number): ConsistencyClaim {
  return {
    oldSize: BigInt(oldSize),
    size: BigInt(size),
    oldRoot: rootAt(oldSize),
    root: rootAt(size),
    proof: buildProof(consistencyNodes(BigInt(oldSize), BigInt(size)), nodeOf),
  };
}

test('hashes have the prefixes of RFC 6962', () => {
  assert.equal(leafHash(new TextEncoder().encode('leaf 3')), all[3]);
  assert.equal(nodeHash(rootAt(1), all[1] ?? emptyRoot()), rootAt(2));
  assert.equal(emptyRoot(), rootOf([]));
  assert.is.not(emptyRoot(), emptyRoot());
});

test('every inclusion proof is PATH(m, D[n]) and holds', () => {
  for (let size = 1; size <= MOST; size++) {
    for (let index = 0; index < size; index++) {
      const claim = inclusionClaim(index, size);
      assert.equal(claim.proof, pathOf(index, all.slice(0, size)));
      assert.ok(checkInclusion(claim), `${index} of ${size}`);
    }
  }
});

test('an inclusion proof holds for no other leaf, index, root or hashes', () => {
  for (const size of [1, 2, 3, 5, 8, 21, 64, 100]) {
    for (let index = 0; index < size; index++) {
      const claim = inclusionClaim(index, size);
      const other = { ...claim, leafHash: all[(index + 1) % MOST] ?? emptyRoot() };
      assert.not(checkInclusion(other), 'another leaf');
      assert.not(checkInclusion({ ...claim, root: rootAt(size - 1) }), 'another root');
      assert.not(checkInclusion({ ...claim, index: claim.size }), 'an index behind the tree');
      assert.not(checkInclusion({ ...claim, index: -1n }), 'a negative index');
      for (let i = 0; i < size; i++) {
        assert.is(checkInclusion({ ...claim, index: BigInt(i) }), i === index, 'another index');
      }
      for (const proof of changedLists(claim.proof)) {
        assert.not(checkInclusion({ ...claim, proof }), `${index} of ${size}`);
      }
    }
  }
});

test('every consistency proof is PROOF(m, D[n]) and holds', () => {
  for (let size = 0; size <= MOST; size++) {
    for (let oldSize = 0; oldSize <= size; oldSize++) {
      const claim = consistencyClaim(oldSize, size);
      assert.equal(claim.proof, proofOf(oldSize, all.slice(0, size)));
      assert.ok(checkConsistency(claim), `${oldSize} to ${size}`);
    }
  }
});

test('a consistency proof holds for no other roots, sizes or hashes', () => {
  for (const size of [1, 2, 3, 5, 8, 21, 64, 100]) {
    for (let oldSize = 1; oldSize <= size; oldSize++) {
      const claim = consistencyClaim(oldSize, size);
      const title = `${oldSize} to ${size}`;
      assert.not(checkConsistency({ ...claim, oldRoot: flipped(claim.oldRoot) }), title);
      assert.not(checkConsistency({ ...claim, root: flipped(claim.root) }), title);
      assert.not(checkConsistency({ ...claim, size: claim.oldSize - 1n }), title);
      if (oldSize < size) {
        assert.not(checkConsistency({ ...claim, root: claim.oldRoot, oldRoot: claim.root }), title);
      }
      for (const proof of changedLists(claim.proof)) {
        assert.not(checkConsistency({ ...claim, proof }), title);
      }
    }
  }
});

test('the empty tree has one root', () => {
  const claim = { oldSize: 0n, size: 0n, oldRoot: emptyRoot(), root: emptyRoot(), proof: [] };
  assert.ok(checkConsistency(claim));
  const other = flipped(emptyRoot());
  assert.not(checkConsistency({ ...claim, oldRoot: other, root: other }));
  assert.not(checkConsistency({ ...claim, size: 5n, oldRoot: other, root: rootAt(5) }));
});

test('hashes of another length are refused, not used', () => {
  const claim = inclusionClaim(4, 7);
  const short = claim.proof.map((hash) => hash.subarray(1));
  assert.not(checkInclusion({ ...claim, proof: short }));
  assert.not(checkInclusion({ ...claim, leafHash: new Uint8Array(31) }));
  assert.not(checkInclusion({ ...claim, root: new Uint8Array(33) }));
  const growth = consistencyClaim(3, 7);
  assert.not(checkConsistency({ ...growth, oldRoot: new Uint8Array(0) }));
});

test('proofs of any tree up to 2^63-1 leaves have the length that the shape asks for', () => {
  fc.assert(
    fc.property(fc.bigInt(1n, MAX), fc.bigInt(0n, MAX), (size, any) => {
      const index = any % size;
      const groups = inclusionNodes(index, size);
      assert.ok(groups.length <= MAX_PROOF_HASHES);
      const proof = groups.map(() => new Uint8Array(32));
      const claim = { index, size, leafHash: new Uint8Array(32) };
      assert.is.not(rootFromInclusion({ ...claim, proof }), undefined);
      assert.is(rootFromInclusion({ ...claim, proof: [...proof, new Uint8Array(32)] }), undefined);
      if (proof.length > 0)
        assert.is(rootFromInclusion({ ...claim, proof: proof.slice(1) }), undefined);
    }),
  );
});

test('asking for proofs that cannot be is a mistake of the caller', () => {
  assert.throws(() => inclusionNodes(5n, 5n), RangeError);
  assert.throws(() => inclusionNodes(-1n, 5n), RangeError);
  assert.throws(() => consistencyNodes(6n, 5n), RangeError);
});

function flipped(hash: Uint8Array): Uint8Array {
  return hash.with(31, (hash[31] ?? 0) ^ 1);
}

/** Lists that differ from `proof`: shorter, longer, one hash changed, two swapped. */
function changedLists(proof: readonly Uint8Array[]): Uint8Array[][] {
  const extra = new Uint8Array(32);
  const changed = proof.map((hash, i) => proof.with(i, flipped(hash)));
  const [first, second] = proof;
  if (first !== undefined) changed.push(proof.slice(1), proof.slice(0, -1));
  if (first !== undefined && second !== undefined) {
    changed.push([second, first, ...proof.slice(2)]);
  }
  return [...changed, [...proof, extra], [extra, ...proof]];
}

test.run();
