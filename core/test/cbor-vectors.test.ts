// Third-party CBOR vectors, run when WRIT_VECTORS names the folder that holds them.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatHex, parseHex } from '@writ/core/bytes';
import { decodeCbor } from '@writ/core/cbor/decode';
import { encodeCbor } from '@writ/core/cbor/encode';
import { CborReader } from '@writ/core/cbor/reader';
import { MAX_CBOR_DEPTH } from '@writ/core/cbor/scan';
import { CborMap, type CborValue } from '@writ/core/cbor/value';
import { isLogError } from '@writ/core/errors';
import * as cborg from 'cborg';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('deterministic CBOR vectors');
const folder = process.env['WRIT_VECTORS'] ?? '';
const isThere = folder !== '' && existsSync(join(folder, 'reference-generated'));

/** Registers a test that needs the vectors; without them it is skipped by name, or fails where all is required. */
function vectors(title: string, run: () => void): void {
  if (isThere || process.env['WRIT_REQUIRE_ALL'] === '1') {
    test(title, () => {
      assert.ok(isThere, 'WRIT_VECTORS names no folder of vectors');
      run();
    });
  } else {
    process.stdout.write(`skipped: ${title} (WRIT_VECTORS not found)\n`);
  }
}

function accepts(bytes: Uint8Array): boolean {
  try {
    assert.is(formatHex(encodeCbor(decodeCbor(bytes))), formatHex(bytes));
    return true;
  } catch (error) {
    if (isLogError(error, 'cbor-malformed')) return false;
    throw error;
  }
}

function typed(value: CborValue): unknown {
  if (typeof value === 'number' || typeof value === 'bigint') {
    return value < 0 ? { nint: String(value) } : { uint: String(value) };
  }
  if (value instanceof Uint8Array) return { bytes: formatHex(value) };
  if (typeof value === 'string') return { text: value };
  if (typeof value === 'boolean') return { bool: value };
  if (value === null) return { null: null };
  if (value instanceof CborMap) return { map: value.entries.map(([k, v]) => [typed(k), typed(v)]) };
  return { array: value.map(typed) };
}

function fromHex(text: string): Uint8Array {
  return parseHex(text) ?? assert.unreachable(`bad hex ${text}`) ?? new Uint8Array(0);
}

interface Reference {
  readonly good: readonly { readonly hex: string; readonly value: unknown }[];
  readonly bad: readonly { readonly hex: string; readonly desc: string }[];
  readonly profile_choices: readonly { readonly hex: string; readonly desc: string }[];
}

vectors(
  'the reference set: good items have their value and bytes, bad ones and all floats and tags are refused',
  () => {
    const path = join(folder, 'reference-generated/cbor-deterministic.json');
    const set: Reference = JSON.parse(readFileSync(path, 'utf8'));
    assert.ok(set.good.length > 100 && set.bad.length > 40);
    for (const { hex, value } of set.good) {
      assert.equal(typed(decodeCbor(fromHex(hex))), value, hex);
      assert.ok(accepts(fromHex(hex)), hex);
    }
    for (const { hex, desc } of [...set.bad, ...set.profile_choices]) {
      assert.not(accepts(fromHex(hex)), desc);
    }
  },
);

// The files are CBOR themselves, but not of our profile: each input is the byte string behind this key.
const ENCODED = encodeCbor('encoded');

function groupTests(path: string): readonly Uint8Array[] {
  const file = Uint8Array.from(readFileSync(join(folder, 'cbor-wg-test-vectors', path)));
  const inputs: Uint8Array[] = [];
  for (let at = 0; at < file.length; at++) {
    if (!ENCODED.every((byte, i) => file[at + i] === byte)) continue;
    inputs.push(new CborReader(file, at + ENCODED.length).byteString());
  }
  return inputs;
}

// cborg drops a leading U+FEFF.
const LEADING_BOM = /^[67].efbbbf/;

// In the profile: integers, strings, arrays, maps, false, true, null, in the bytes that cborg gives them.
function isInProfile(encoded: Uint8Array): boolean {
  try {
    const value: unknown = cborg.decode(encoded, {
      strict: true,
      useMaps: true,
      rejectDuplicateMapKeys: true,
    });
    return (
      isPlain(value, MAX_CBOR_DEPTH) &&
      formatHex(cborg.encode(value, cborg.rfc8949EncodeOptions)) === formatHex(encoded)
    );
  } catch {
    return false;
  }
}

function isPlain(value: unknown, depth: number): boolean {
  const isBelow = (item: unknown) => isPlain(item, depth - 1);
  if (value instanceof Map) return depth > 0 && [...value.keys(), ...value.values()].every(isBelow);
  if (Array.isArray(value)) return depth > 0 && value.every(isBelow);
  if (typeof value === 'number') return Number.isSafeInteger(value) && !Object.is(value, -0);
  return value !== undefined;
}

vectors(
  'the IETF set: no bad item is accepted, and of the good ones exactly those in the profile',
  () => {
    const bad = groupTests('rfc8949/bad.cbor');
    assert.ok(bad.length > 40);
    for (const encoded of bad) assert.not(accepts(encoded), formatHex(encoded));
    const files = [
      'mt0',
      'mt1',
      'mt2',
      'mt3',
      'mt4',
      'mt5',
      'mt6',
      'mt7-float',
      'mt7-simple',
      'streaming',
    ];
    const good = files.flatMap((name) => groupTests(`rfc8949-appendixA/${name}.cbor`));
    let inProfile = 0;
    for (const encoded of [...good, ...groupTests('rfc8949/good.cbor')]) {
      const wanted = isInProfile(encoded) || LEADING_BOM.test(formatHex(encoded));
      if (wanted) inProfile++;
      assert.is(accepts(encoded), wanted, formatHex(encoded));
    }
    assert.ok(inProfile > 40, `${inProfile} in the profile`);
  },
);

vectors('the DAG-CBOR set: plain items are accepted, floats and links are refused', () => {
  const set = join(folder, 'ipld-dag-cbor');
  const names = readdirSync(set).filter((name) => name.endsWith('.dag-cbor'));
  assert.ok(names.length > 100);
  for (const name of names) {
    const isAccepted = accepts(Uint8Array.from(readFileSync(join(set, name))));
    if (/^(?:int|string|bytes|array|true|false|null)/.test(name)) assert.ok(isAccepted, name);
    // The array of specials holds integers, booleans and null, in spite of its name.
    if (/^(?:float-(?!array)|cid)/.test(name)) assert.not(isAccepted, name);
  }
  const negative = join(set, 'negative-fixtures/dag-cbor/decode/duplicate-keys.json');
  const cases: readonly { readonly hex: string }[] = JSON.parse(readFileSync(negative, 'utf8'));
  for (const { hex } of cases) assert.not(accepts(fromHex(hex)), hex);
});

test.run();
