import { equalBytes, utf8 } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { formatTlogProof, parseTlogProof } from '@writ/core/formats/tlog-proof';
import { leafHash } from '@writ/core/merkle/hash';
import { openCheckpoint } from '@writ/verifier/checkpoint';
import { openEntry, openProof, VerifiedEntry } from '@writ/verifier/entry';
import { Trace } from '@writ/verifier/trace';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { failsWith, logSigner, policy, SmallLog, someEntries, witnessSigners } from './world.ts';

const test = suite('openProof and openEntry');
const log = new SmallLog(someEntries(100));
const entryAt = (index: number): Uint8Array => log.entries[index] ?? new Uint8Array(0);

test('opens every entry of trees of many sizes', () => {
  for (const size of [1n, 2n, 3n, 7n, 8n, 9n, 64n, 100n]) {
    const checkpoint = openCheckpoint(log.note(size), policy);
    for (let index = 0n; index < size; index++) {
      const bytes = entryAt(Number(index));
      const entry = openEntry(checkpoint, index, bytes, log.inclusion(index, size));
      assert.is(entry.index, index);
      assert.equal(entry.bytes, bytes);
      assert.equal(entry.leafHash, leafHash(bytes));
    }
  }
});

test('refuses another entry, another index and another proof', async () => {
  const proof = log.proofFile(42n);
  assert.is(openProof(proof, entryAt(42), policy).index, 42n);
  await failsWith(() => openProof(proof, entryAt(43), policy), 'inclusion-failed');
  await failsWith(() => openProof(proof, leafHash(entryAt(42)), policy), 'inclusion-failed');
  const parsed = parseTlogProof(proof);
  const moved = formatTlogProof({ ...parsed, index: 43n });
  await failsWith(() => openProof(moved, entryAt(42), policy), 'inclusion-failed');
  for (const hashes of [parsed.hashes.slice(1), [...parsed.hashes, ...parsed.hashes.slice(0, 1)]]) {
    const wrong = formatTlogProof({ ...parsed, hashes });
    await failsWith(() => openProof(wrong, entryAt(42), policy), 'inclusion-failed');
  }
});

test('says that an index beyond the tree is absent', async () => {
  const moved = formatTlogProof({ ...parseTlogProof(log.proofFile(42n)), index: 100n });
  await failsWith(() => openProof(moved, entryAt(42), policy), 'entry-absent');
});

test('never looks at the extra data', () => {
  const extra = utf8('index 7');
  const proof = formatTlogProof({ ...parseTlogProof(log.proofFile(42n)), extra });
  assert.is(openProof(proof, entryAt(42), policy).index, 42n);
});

test('opens no proof in which a byte was changed, unless it still says the same', () => {
  const signers = [logSigner, ...witnessSigners.slice(0, 2)];
  const proof = log.proofFile(42n, 100n, { signers });
  const original = openProof(proof, entryAt(42), policy);
  let refused = 0;
  for (let at = 0; at < proof.length; at++) {
    for (const mask of [0x01, 0x20, 0x80]) {
      const changed = proof.slice();
      changed[at] = (changed[at] ?? 0) ^ mask;
      let opened: VerifiedEntry | undefined;
      try {
        opened = openProof(changed, entryAt(42), policy);
      } catch (error) {
        assert.instance(error, LogError, `byte ${at}: ${error}`);
        refused++;
      }
      if (opened === undefined) continue;
      const same =
        opened.index === original.index &&
        opened.checkpoint.size === original.checkpoint.size &&
        equalBytes(opened.checkpoint.root, original.checkpoint.root) &&
        opened.checkpoint.cosignatures.length >= 2;
      assert.ok(same, `byte ${at} changed the meaning`);
    }
  }
  assert.is(refused, 3 * proof.length);
});

test('opens no proof that is cut short or goes on', async () => {
  const proof = log.proofFile(42n, 100n, { signers: [logSigner, ...witnessSigners.slice(0, 2)] });
  for (let length = 0; length < proof.length; length++)
    assert.throws(() => openProof(proof.subarray(0, length), entryAt(42), policy), isLogError);
  const longer = new Uint8Array(proof.length + 1);
  longer.set(proof);
  longer[proof.length] = 0x0a;
  assert.throws(() => openProof(longer, entryAt(42), policy), isLogError);
});

function isLogError(error: unknown): boolean {
  return error instanceof LogError;
}

test('tells every hash on the way up, to the root of the checkpoint', () => {
  const trace = new Trace();
  openProof(log.proofFile(42n), entryAt(42), policy, { trace });
  const path = trace.steps.filter(({ name }) => name.startsWith('path '));
  assert.is(path.length, log.inclusion(42n).length);
  assert.is(path.at(-1)?.got, trace.steps.at(-1)?.expected);
});

test('makes a VerifiedEntry in no other way', () => {
  const forge: unknown = VerifiedEntry;
  const make = forge as new (...parts: unknown[]) => unknown;
  assert.throws(() => new make(Symbol('verified entry')), /openEntry alone/);
});

test.run();
