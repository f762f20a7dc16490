// writ-verify checkpoint: who signed a tree head, and is that enough.

import { openCheckpoint } from '../../checkpoint.ts';
import { checkpointFacts, signersOf } from '../claims.ts';
import type { Context } from '../context.ts';
import { readCheckpoint } from '../open-log.ts';
import type { Claim } from '../report.ts';

/** Verifies a checkpoint of a file, a folder or a URL. */
export async function checkpoint(context: Context): Promise<Claim> {
  const policy = context.policy();
  const note = await readCheckpoint(context.operand(0), context);
  const verified = openCheckpoint(note, policy, context.openOptions());
  return {
    text: `${verified.origin} has ${verified.size} entries, ${signersOf(verified)}`,
    facts: checkpointFacts(verified),
  };
}
