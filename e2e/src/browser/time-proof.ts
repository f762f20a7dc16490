// Runs in a browser: verifies one proof file again and again. Bundled by the benchmark, never by a page of ours.

import { parseBase64 } from '@writ/core/bytes';
import { parsePolicy } from '@writ/core/formats/tlog-policy';
import { openProof } from '@writ/verifier/entry';

/** Milliseconds of each of `runs` verifications; the three files are base64. */
export function timeProof(policy: string, entry: string, proof: string, runs: number): number[] {
  const [policyBytes, entryBytes, proofBytes] = [policy, entry, proof].map(
    (text) => parseBase64(text) ?? new Uint8Array(0),
  ) as [Uint8Array, Uint8Array, Uint8Array];
  const trusted = parsePolicy(policyBytes);
  const milliseconds: number[] = [];
  for (let i = 0; i < runs; i++) {
    const started = performance.now();
    openProof(proofBytes, entryBytes, trusted);
    milliseconds.push(performance.now() - started);
  }
  return milliseconds;
}
