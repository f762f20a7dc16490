// The CBOR vectors under two decoders that Writ does not use for signed bytes: cborg in its strictest setting, and
// Python's cbor2.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { formatHex, parseHex } from '@writ/core/bytes';
import { isAvailable } from '@writ/e2e/harness/foreign';
import { differenceOf } from '@writ/e2e/vectors/run-vector';
import { decode, encode, rfc8949EncodeOptions } from 'cborg';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readVectors, repository } from './vector-files.ts';

const STRICT = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowNaN: false,
  allowInfinity: false,
  allowBigInt: true,
  rejectDuplicateMapKeys: true,
  useMaps: true,
  tags: [],
};

/** What cborg takes although the profile does not have it. */
const MORE = new Set(['cbor/invalid/depth-33.json', 'cbor/invalid/map-bytes-keys-twice.json']);

const PYTHON = '/usr/bin/python3';
const CBOR2 = '/usr/lib/python3/dist-packages/cbor2';

const test = suite('CBOR vectors elsewhere');
const items = readVectors().filter(({ format }) => format === 'cbor');

function hexOf(input: unknown): string {
  const text = new Map<string, unknown>(Object.entries(input ?? {})).get('hex');
  return typeof text === 'string' ? text : '';
}

function cborgAccepts(hex: string): boolean {
  const bytes = parseHex(hex) ?? new Uint8Array(0);
  try {
    return formatHex(encode(decode(bytes, STRICT), rfc8949EncodeOptions)) === hex;
  } catch {
    return false;
  }
}

test('cborg decodes and encodes the valid items again, and refuses or changes the others', () => {
  assert.ok(items.length > 60);
  for (const { path, vector } of items) {
    assert.is(cborgAccepts(hexOf(vector.input)), vector.expect.valid || MORE.has(path), path);
  }
});

const python = existsSync(CBOR2) && existsSync(PYTHON) ? PYTHON : undefined;
if (isAvailable('cbor2 reads the CBOR vectors', { 'python3 with cbor2': python })) {
  test('cbor2 gives every valid item the value that the vector says', () => {
    const valid = items.filter(({ vector }) => vector.expect.valid);
    const { stdout } = spawnSync(PYTHON, [join(repository, 'e2e/python/read_cbor.py')], {
      input: valid.map(({ vector }) => `${hexOf(vector.input)}\n`).join(''),
      encoding: 'utf8',
    });
    const values = stdout.trim().split('\n');
    assert.is(values.length, valid.length);
    for (const [i, { path, vector }] of valid.entries()) {
      const value: unknown = JSON.parse(values[i] ?? '');
      assert.is(differenceOf(vector.expect, { valid: true, value }), undefined, path);
    }
  });
}

test.run();
