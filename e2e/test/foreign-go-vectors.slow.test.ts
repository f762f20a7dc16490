// Go's own sumdb/note and sumdb/tlog run the vectors. Where they judge otherwise the reason stands here; the list is
// exact, so a new difference and a vanished one both fail.

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runProgram } from '@writ/e2e/harness/child';
import { findGo, GO_ENV, isAvailable } from '@writ/e2e/harness/foreign';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readVectors, repository } from './vector-files.ts';

const SOURCE = fileURLToPath(new URL('../../go/vectors/main.go', import.meta.url));
const FORMATS = new Set(['note', 'vkey', 'inclusion', 'consistency', 'tile-path']);

/** Vectors on which the package and the specification, or our stricter profile, part ways. */
const DIFFERENCES: Readonly<Record<string, string>> = {
  'note/invalid/line-base64-unused-bits.json': 'its base64 ignores unused bits',
  'note/invalid/same-key-bad.json': 'it looks at the first line of a key only',
  'vkey/invalid/id-upper-case.json': 'it reads hex of either case',
  'vkey/invalid/name-256-bytes.json': 'our own limit',
  'vkey/invalid/newline-inside.json': 'its base64 ignores newlines',
  'vkey/invalid/newline-trailing.json': 'its base64 ignores newlines',
  'vkey/invalid/non-canonical.json': 'it does not look at the point',
  'vkey/invalid/off-curve.json': 'it does not look at the point',
  'vkey/invalid/small-order-1.json': 'it does not look at the point',
  'vkey/invalid/small-order-2.json': 'it does not look at the point',
  'vkey/invalid/small-order-4-sign.json': 'it does not look at the point',
  'vkey/invalid/small-order-4.json': 'it does not look at the point',
  'vkey/invalid/small-order-8.json': 'it does not look at the point',
  'vkey/valid/ed25519-cosignature.json': 'it knows signature type 0x01 only',
  'vkey/valid/ml-dsa-44.json': 'it knows signature type 0x01 only',
  'consistency/valid/0-to-0.json': 'it has no proofs from the empty tree',
  'consistency/valid/0-to-21.json': 'it has no proofs from the empty tree',
  'tile-path/invalid/index-2-55.json': 'it counts tiles beyond the largest tree',
  'tile-path/invalid/level-64.json': 'it has no highest level',
};

/** Sizes above 2^62, on which the package never ends. */
const UNANSWERED = new Set([
  'consistency/valid/largest-tree.json',
  'inclusion/valid/largest-tree.json',
  'inclusion/valid/largest-tree-last.json',
]);

const test = suite('golang.org/x/mod on the vectors');
const go = findGo();

if (isAvailable('golang.org/x/mod runs the vectors', { 'go with golang.org/x/mod': go })) {
  test('Go judges every vector as we do but for the differences listed here', async () => {
    const arguments_ = ['run', SOURCE, join(repository, 'test-vectors')];
    const output = await runProgram(go ?? '', arguments_, {
      env: { ...GO_ENV, GOCACHE: process.env['GOCACHE'] ?? join(tmpdir(), 'writ-go-cache') },
    });
    const verdicts = new Map<string, boolean>();
    for (const line of output.trim().split('\n')) {
      const { path, valid }: { path: string; valid: boolean } = JSON.parse(line);
      verdicts.set(path, valid);
    }
    const ours = readVectors().filter(({ format }) => FORMATS.has(format));
    assert.ok(ours.length > 200);
    for (const { path, vector } of ours) {
      if (UNANSWERED.has(path)) assert.not(verdicts.has(path), path);
      else {
        const differs = Object.hasOwn(DIFFERENCES, path);
        assert.is(verdicts.get(path), differs !== vector.expect.valid, path);
      }
    }
  });
}

test.run();
