// Runs in a browser: verifies proof files one after the other. Bundled by the benchmark, never by a page of ours.

import { parseBase64 } from '@writ/core/bytes';
import { parsePolicy } from '@writ/core/formats/tlog-policy';
import { openProof } from '@writ/verifier/entry';

/** Milliseconds that each of `proofs` takes; all files are base64. */
export function timeProofs(policy: string, entry: string, proofs: readonly string[]): number[] {
  const bytesOf = (text: string): Uint8Array => parseBase64(text) ?? new Uint8Array(0);
  const [trusted, entryBytes] = [parsePolicy(bytesOf(policy)), bytesOf(entry)];
  return proofs.map(bytesOf).map((proof) => {
    const started = performance.now();
    openProof(proof, entryBytes, trusted);
    return performance.now() - started;
  });
}
