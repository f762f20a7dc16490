// Ed25519: one strict verdict, natively and portably. Third-party cases run when WRIT_VECTORS names their folder.

import { createPublicKey, verify as nodeVerify } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ed25519 } from '@noble/curves/ed25519.js';
import { formatHex, parseHex, utf8 } from '@writ/core/bytes';
import {
  Ed25519Signer,
  Ed25519Verifier,
  isEd25519PublicKey,
  portableVerify,
  verifyEd25519,
} from '@writ/core/ed25519';
import { nativeCrypto } from '@writ/core/native';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('Ed25519');
const { Point } = ed25519;
const ORDER = Point.Fn.ORDER;
const MESSAGE = utf8('message');
const signer = new Ed25519Signer(new Uint8Array(32).fill(7));
const signature = signer.sign(MESSAGE);

function hex(text: string): Uint8Array {
  return parseHex(text.toLowerCase()) ?? new Uint8Array(0);
}

function littleEndian(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}

function join64(r: Uint8Array, s: Uint8Array): Uint8Array {
  return Uint8Array.from([...r, ...s]);
}

/** The verdict, after checking that all ways to it agree. */
function verdict(message: Uint8Array, sig: Uint8Array, key: Uint8Array): boolean {
  const ours = verifyEd25519(message, sig, key);
  const portable = isEd25519PublicKey(key) && portableVerify(message, sig, key);
  assert.is(portable, ours, `native and portable differ on ${formatHex(key)} ${formatHex(sig)}`);
  return ours;
}

/** What node:crypto says without our checks. */
function lax(message: Uint8Array, sig: Uint8Array, key: Uint8Array): boolean {
  const x = Buffer.from(key).toString('base64url');
  const imported = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  return nodeVerify(null, message, imported, sig);
}

test('this runtime has a native implementation to compare with', () => {
  assert.ok(nativeCrypto);
});

test('signatures verify, are deterministic and are those of noble', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.uint8Array(),
      (seed, message) => {
        const own = new Ed25519Signer(seed);
        const made = own.sign(message);
        assert.equal(made, ed25519.sign(message, seed));
        assert.equal(own.publicKey, ed25519.getPublicKey(seed));
        assert.ok(verdict(message, made, own.publicKey));
      },
    ),
    { numRuns: 30 },
  );
});

test('no signature survives a flipped bit, in it, in the key or in the message', () => {
  for (let bit = 0; bit < 512; bit++) {
    const at = bit >> 3;
    const mask = 1 << (bit & 7);
    assert.not(verdict(MESSAGE, signature.with(at, (signature[at] ?? 0) ^ mask), signer.publicKey));
    if (bit < 256) {
      const key = signer.publicKey.with(at, (signer.publicKey[at] ?? 0) ^ mask);
      assert.not(verdict(MESSAGE, signature, key));
    }
    if (bit < 8 * MESSAGE.length) {
      const other = MESSAGE.with(at, (MESSAGE[at] ?? 0) ^ mask);
      assert.not(verdict(other, signature, signer.publicKey));
    }
  }
});

test('signatures and keys of other lengths are refused without an exception', () => {
  for (const length of [0, 31, 32, 63, 65, 128]) {
    assert.not(verdict(MESSAGE, new Uint8Array(length), signer.publicKey));
    assert.not(verdict(MESSAGE, signature, new Uint8Array(length === 32 ? 33 : length)));
  }
});

test('S + L is refused although the equation holds', () => {
  const s = BigInt(`0x${formatHex(signature.slice(32).reverse())}`);
  assert.not(
    verdict(MESSAGE, join64(signature.slice(0, 32), littleEndian(s + ORDER)), signer.publicKey),
  );
});

const torsion = Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a');
const smallOrder = Array.from({ length: 8 }, (_, i) => torsion.multiplyUnsafe(BigInt(i)).toBytes());
const P = 2n ** 255n - 19n;

test('the eight points of small order and their other spellings are no keys', () => {
  const spellings = [...smallOrder, littleEndian(P), littleEndian(P + 1n)];
  spellings.push(littleEndian(1n | (1n << 255n)), littleEndian((P - 1n) | (1n << 255n)));
  spellings.push(littleEndian(P | (1n << 255n)), littleEndian((P + 1n) | (1n << 255n)));
  for (const key of spellings) {
    assert.not(isEd25519PublicKey(key), formatHex(key));
    assert.throws(() => new Ed25519Verifier(key), RangeError);
  }
});

test('a forged signature that a lax verifier takes for any message is refused', () => {
  const identity = Point.ZERO.toBytes();
  const forged = join64(identity, littleEndian(0n));
  assert.ok(
    lax(MESSAGE, forged, identity),
    'node:crypto has become strict: say so in the comments',
  );
  assert.not(verdict(MESSAGE, forged, identity));
});

test('R of small order is refused under a good key', () => {
  const secret = 12_345n;
  const key = Point.BASE.multiply(secret).toBytes();
  for (const r of smallOrder) {
    for (const s of [0n, 1n, ORDER - 1n])
      assert.not(verdict(MESSAGE, join64(r, littleEndian(s)), key));
  }
});

test('native and portable agree on every mix of edge encodings', () => {
  const mixed = Point.BASE.multiply(5n).add(torsion).toBytes();
  const off = littleEndian(2n);
  const large = [littleEndian(P), littleEndian(P + 3n), littleEndian(2n ** 255n - 1n)];
  const points = [...smallOrder, mixed, off, ...large, signer.publicKey, signature.slice(0, 32)];
  const scalars = [0n, 1n, ORDER - 1n, ORDER, 2n ** 256n - 1n];
  let count = 0;
  for (const key of points) {
    for (const r of points) {
      for (const s of scalars) {
        verdict(MESSAGE, join64(r, littleEndian(s)), key);
        count++;
      }
    }
  }
  assert.ok(count > 1000);
});

test('a verifier keeps its own copy of the key and answers the same asynchronously', async () => {
  const key = signer.publicKey.slice();
  const verifier = new Ed25519Verifier(key);
  key.fill(0);
  assert.ok(verifier.verify(MESSAGE, signature));
  assert.ok(await verifier.verifyAsync(MESSAGE, signature));
  assert.not(await verifier.verifyAsync(utf8('massage'), signature));
  assert.not(await verifier.verifyAsync(MESSAGE, signature.subarray(1)));
});

test('a seed has 32 bytes', () => {
  assert.throws(() => new Ed25519Signer(new Uint8Array(31)), RangeError);
});

const folder = process.env['WRIT_VECTORS'] ?? '';
const found = folder !== '' && existsSync(join(folder, 'c2sp-cctv-ed25519'));

/** A test on third-party vectors: said to be skipped without them, or failing where all are required. */
function elsewhere(title: string, run: () => void): void {
  if (found) test(title, run);
  else if (process.env['WRIT_REQUIRE_ALL'] === '1') {
    test(title, () => {
      assert.unreachable('WRIT_VECTORS names no folder of vectors');
    });
  } else process.stdout.write(`skipped: ${title} (WRIT_VECTORS not found)\n`);
}

interface CctvCase {
  readonly number: number;
  readonly key: string;
  readonly sig: string;
  readonly msg: string;
  readonly flags: readonly string[] | null;
}

elsewhere('the edge cases of CCTV have the strict verdict', () => {
  const bad = [
    'low_order_A',
    'low_order_R',
    'non_canonical_A',
    'non_canonical_R',
    'low_order_residue',
  ];
  for (const name of readdirSync(join(folder, 'c2sp-cctv-ed25519')).filter((file) =>
    file.endsWith('.json'),
  )) {
    const cases: CctvCase[] = JSON.parse(
      readFileSync(join(folder, 'c2sp-cctv-ed25519', name), 'utf8'),
    );
    assert.ok(cases.length > 400);
    for (const { number, key, sig, msg, flags } of cases) {
      const expected = !(flags ?? []).some((flag) => bad.includes(flag));
      assert.is(verdict(utf8(msg), hex(sig), hex(key)), expected, `case ${number}`);
    }
  }
});

interface SpeccheckCase {
  readonly message: string;
  readonly pub_key: string;
  readonly signature: string;
}

elsewhere('of the twelve speccheck cases only the fourth is accepted', () => {
  const text = readFileSync(join(folder, 'ed25519-speccheck/cases.json'), 'utf8');
  const cases: SpeccheckCase[] = JSON.parse(text);
  const verdicts = cases.map((c) => verdict(hex(c.message), hex(c.signature), hex(c.pub_key)));
  assert.equal(
    verdicts,
    Array.from({ length: 12 }, (_, i) => i === 3),
  );
});

test.run();
