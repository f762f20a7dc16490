// writ-verify proof: an entry, its proof file and a trust policy, with nothing else at hand.

import { LogError } from '@writ/core/errors';
import { openProof } from '../../entry.ts';
import { entryFacts, signersOf } from '../claims.ts';
import type { Context } from '../context.ts';
import { readInput } from '../inputs.ts';
import type { Claim } from '../report.ts';

/** Verifies a C2SP tlog-proof. */
export async function proof(context: Context): Promise<Claim> {
  const file = context.value('entry');
  if (file === undefined)
    throw new LogError('nothing-to-verify', 'no entry: --entry FILE says what the proof is about');
  const policy = context.policy();
  const [proofBytes, entryBytes] = [
    readInput(context.operand(0), 'proof'),
    readInput(file, 'entry'),
  ];
  const entry = openProof(proofBytes, entryBytes, policy, context.openOptions());
  const { checkpoint, index } = entry;
  return {
    text: `the entry is number ${index} of ${checkpoint.origin} at size ${checkpoint.size}, ${signersOf(checkpoint)}`,
    facts: entryFacts(entry),
  };
}
