import { utf8 } from '@writ/core/bytes';
import { formatVkey } from '@writ/core/formats/key';
import { parsePolicy } from '@writ/core/formats/tlog-policy';
import { advance } from '@writ/verifier/advance';
import { openCheckpoint, type VerifiedCheckpoint } from '@writ/verifier/checkpoint';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { failsWith, noQuorumText, policy, SmallLog, signer, someEntries } from './world.ts';

const test = suite('advance');
const log = new SmallLog(someEntries(40));
const other = new SmallLog(someEntries(40, ' rewritten', 3));
const at = (size: bigint, of = log): VerifiedCheckpoint => openCheckpoint(of.note(size), policy);

test('goes from every size to every later one', () => {
  for (let oldSize = 0n; oldSize <= 40n; oldSize++) {
    for (let size = oldSize; size <= 40n; size += 3n) {
      const next = at(size);
      assert.is(advance(at(oldSize), next, log.consistency(oldSize, size)), next);
    }
  }
});

test('never goes back', async () => {
  await failsWith(() => advance(at(9n), at(8n), []), 'checkpoint-rolled-back');
});

test('calls two roots of one size a fork', async () => {
  await failsWith(() => advance(at(9n), at(9n, other), []), 'fork-detected');
});

test('calls it a fork when the proof shows another old tree, and a bad proof otherwise', async () => {
  for (const oldSize of [5n, 6n, 7n, 9n, 12n, 31n]) {
    const proof = other.consistency(oldSize, 40n);
    await failsWith(() => advance(at(oldSize), at(40n, other), proof), 'fork-detected');
    const wrong = log.consistency(oldSize, 40n);
    await failsWith(() => advance(at(oldSize), at(40n, other), wrong), 'consistency-failed');
  }
});

test('refuses proofs that are cut short, too long or empty', async () => {
  const proof = log.consistency(13n, 40n);
  for (const wrong of [[], proof.slice(1), proof.slice(0, -1), [...proof, ...proof.slice(0, 1)]])
    await failsWith(() => advance(at(13n), at(40n), wrong), 'consistency-failed');
});

test('does not go from one log to another', async () => {
  const key = signer('other.example/log', 1, 5);
  const both = parsePolicy(utf8(`log ${formatVkey(key)}\n${noQuorumText}`));
  const two = new SmallLog(someEntries(9), 'other.example/log');
  const foreign = openCheckpoint(two.note(9n, { signers: [key] }), both);
  await failsWith(() => advance(at(9n), foreign, []), 'origin-unknown');
});

test.run();
