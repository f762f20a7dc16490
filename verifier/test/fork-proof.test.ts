import { equalBytes, utf8 } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { openCheckpoint, type VerifiedCheckpoint } from '@writ/verifier/checkpoint';
import { makeForkProof, openForkProof } from '@writ/verifier/fork-proof';
import { proveFork } from '@writ/verifier/tiles';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { failsWith, logSigner, memorySource, policy, SmallLog, someEntries } from './world.ts';

const test = suite('fork proofs');
const log = new SmallLog(someEntries(40));
const other = new SmallLog(someEntries(40, ' rewritten', 3));
const source = memorySource(other.files());
const at = (size: bigint, of: SmallLog): VerifiedCheckpoint =>
  openCheckpoint(of.note(size), policy);

test('prove two roots of one size, whatever the order they come in', () => {
  const file = makeForkProof(at(9n, log), at(9n, other));
  assert.equal(makeForkProof(at(9n, other), at(9n, log)), file);
  const { key, smaller, larger } = openForkProof(file);
  assert.is(key.id, logSigner.id);
  assert.is(smaller.size, 9n);
  assert.not(equalBytes(smaller.root, larger.root));
});

test('prove that a larger tree does not continue a smaller one, for every smaller size', async () => {
  for (let size = 4n; size < 40n; size++) {
    const file = makeForkProof(at(size, log), at(40n, other), await proveFork(source, size, 40n));
    const fork = openForkProof(file);
    assert.equal(fork.impliedRoot, other.root(size));
    assert.equal(fork.smaller.root, log.root(size));
  }
});

test('cannot be made of checkpoints that can both be true', async () => {
  for (const size of [1n, 2n, 3n]) {
    // The logs share their first three entries.
    const hashes = await proveFork(source, size, 40n);
    await failsWith(
      () => makeForkProof(at(size, log), at(40n, other), hashes),
      'fork-proof-malformed',
    );
  }
  await failsWith(() => makeForkProof(at(9n, log), at(9n, log)), 'fork-proof-malformed');
});

test('cannot be made with hashes of another tree, so no honest log can be accused', async () => {
  const honest = memorySource(log.files());
  for (const size of [4n, 5n, 16n, 33n]) {
    const hashes = await proveFork(honest, size, 40n);
    await failsWith(() => makeForkProof(at(size, log), at(40n, other), hashes), 'hash-mismatch');
    for (const wrong of [[], hashes.slice(1), [...hashes, ...hashes]])
      await failsWith(() => makeForkProof(at(size, log), at(40n, log), wrong), 'hash-mismatch');
  }
});

test('are refused when any byte is changed, cut off or added', async () => {
  const signers = [logSigner];
  const open = { ...policy, quorum: undefined };
  const [a, b] = [log.note(9n, { signers }), other.note(40n, { signers })];
  const hashes = await proveFork(source, 9n, 40n);
  const file = makeForkProof(openCheckpoint(a, open), openCheckpoint(b, open), hashes);
  for (let i = 0; i < file.length; i++) {
    for (const mask of [0x01, 0x20]) {
      const changed = file.slice();
      changed[i] = (changed[i] ?? 0) ^ mask;
      assert.throws(() => openForkProof(changed), isLogError, `byte ${i}`);
    }
    assert.throws(() => openForkProof(file.subarray(0, i)), isLogError, `cut at ${i}`);
  }
  assert.throws(() => openForkProof(utf8(`${new TextDecoder().decode(file)}\n`)), isLogError);
});

function isLogError(error: unknown): boolean {
  return error instanceof LogError;
}

test('have one form: checkpoints in order, no hashes for one size', async () => {
  const text = new TextDecoder().decode(makeForkProof(at(9n, log), at(9n, other)));
  const head = text.slice(0, text.indexOf('\n\n') + 2);
  const body = text.slice(head.length);
  const half = body.length / 2;
  const swapped = utf8(head + body.slice(half) + body.slice(0, half));
  await failsWith(() => openForkProof(swapped), 'fork-proof-malformed');
  const hash = `hash ${'A'.repeat(43)}=\n`;
  const padded = utf8(head.replace('checkpoint ', `${hash}checkpoint `) + body);
  await failsWith(() => openForkProof(padded), 'fork-proof-malformed');
});

test.run();
