// writ-verify fork: does a file really prove that a log signed two trees.

import { formatHex } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { formatVkey } from '@writ/core/formats/key';
import { openForkProof } from '../../fork-proof.ts';
import type { Context } from '../context.ts';
import { readInput } from '../inputs.ts';
import type { Claim } from '../report.ts';

/** Verifies a fork proof; with `--policy`, also that it is about a log of that policy. */
export async function fork(context: Context): Promise<Claim> {
  const policy = context.value('policy') === undefined ? undefined : context.policy();
  const { key, smaller, larger, impliedRoot } = openForkProof(
    readInput(context.operand(0), 'fork proof'),
    context.trace,
  );
  const vkey = formatVkey(key);
  if (policy !== undefined && !policy.logs.some((log) => formatVkey(log.key) === vkey)) {
    const error = new LogError('origin-unknown', `the trust policy does not list the key ${vkey}`, {
      got: vkey,
    });
    context.trace.fail('trust', error);
    throw error;
  }
  return {
    text: `the key ${key.name}+${key.id} signed two checkpoints, of size ${smaller.size} and ${larger.size}, that cannot both be true`,
    facts: {
      vkey,
      smallerSize: String(smaller.size),
      smallerRoot: formatHex(smaller.root),
      largerSize: String(larger.size),
      largerRoot: formatHex(larger.root),
      impliedRoot: formatHex(impliedRoot),
    },
  };
}
