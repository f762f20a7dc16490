// One proof file with three Ed25519 cosignatures, verified again and again as an auditor's program would: from
// bytes, under a parsed trust policy, in Node and in Chromium.

import { utf8 } from '@writ/core/bytes';
import { formatCheckpoint } from '@writ/core/formats/checkpoint';
import { signText } from '@writ/core/formats/cosignature';
import { createSigner, formatVkey } from '@writ/core/formats/key';
import { formatNote } from '@writ/core/formats/note';
import { parsePolicy } from '@writ/core/formats/tlog-policy';
import { formatTlogProof } from '@writ/core/formats/tlog-proof';
import { Log } from '@writ/log-server/log/log';
import { openMemoryStore } from '@writ/log-server/storage/memory';
import { openProof } from '@writ/verifier/entry';
import { type Benchmark, lower, quantile } from './result.ts';

const ENTRIES = 100_000;
const INDEX = 12_345;
const RUNS = 2000;

/** A proof, the entry it is about and the policy to judge it by. */
export interface ProofCase {
  readonly policy: Uint8Array;
  readonly entry: Uint8Array;
  readonly proof: Uint8Array;
}

export async function makeProofCase(): Promise<ProofCase> {
  const log = new Log(openMemoryStore(), { limits: { queuedEntries: ENTRIES, queuedBytes: 1e9 } });
  const entryAt = (i: number): Uint8Array => utf8(`entry ${i} ${'x'.repeat(280)}`);
  await log.addMany(Array.from({ length: ENTRIES }, (_, i) => entryAt(i)));
  const seed = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
  const logKey = createSigner('bench.example/log', 0x01, seed(1));
  const witnesses = [2, 3, 4].map((byte) =>
    createSigner(`bench.example/w${byte}`, 0x04, seed(byte)),
  );
  const { size, root } = log.head;
  const text = formatCheckpoint({ origin: logKey.name, size: BigInt(size), root, extensions: [] });
  const signatures = [logKey, ...witnesses].map((signer) => signText(signer, text, 1_790_000_000n));
  const names = witnesses.map((_, i) => `w${i}`);
  const lines = [
    `log ${formatVkey(logKey)}`,
    ...witnesses.map((signer, i) => `witness ${names[i]} ${formatVkey(signer)}`),
    `group witnesses all ${names.join(' ')}`,
    'quorum witnesses',
  ];
  return {
    policy: utf8(`${lines.join('\n')}\n`),
    entry: entryAt(INDEX),
    proof: formatTlogProof({
      index: BigInt(INDEX),
      hashes: log.proveInclusion(INDEX, size),
      checkpoint: formatNote({ text, signatures }),
    }),
  };
}

export const proof: Benchmark = {
  name: 'proof',
  run: async () => {
    const example = await makeProofCase();
    const policy = parsePolicy(example.policy);
    const milliseconds: number[] = [];
    for (let i = 0; i < RUNS; i++) {
      const started = performance.now();
      openProof(example.proof, example.entry, policy);
      milliseconds.push(performance.now() - started);
    }
    return [
      lower(
        'proof with three cosignatures, verify in Node',
        quantile(milliseconds, 0.5),
        'ms',
        0.6,
        0.45,
      ),
    ];
  },
};
