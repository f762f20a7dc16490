// Runs a fork proof of test-vectors/.

import { formatHex } from '@writ/core/bytes';
import { formatVkey } from '@writ/core/formats/key';
import { openForkProof } from '@writ/verifier/fork-proof';

/** What a proof shows; LogError when it shows no fork. */
export function runForkProof(input: {
  octets(name: string): Uint8Array;
}): Readonly<Record<string, unknown>> {
  const { key, smaller, larger, impliedRoot } = openForkProof(input.octets('fork_proof'));
  return {
    vkey: formatVkey(key),
    smaller_size: String(smaller.size),
    smaller_root: formatHex(smaller.root),
    larger_size: String(larger.size),
    larger_root: formatHex(larger.root),
    implied_root: formatHex(impliedRoot),
  };
}
