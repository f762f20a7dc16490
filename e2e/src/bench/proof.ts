// Proof files with three Ed25519 cosignatures, verified as an auditor's program would: from bytes, under a parsed
// trust policy, in Node and in Chromium. In Node each is under a checkpoint of its own, since signatures that were
// verified once are not verified again.

import { generateKeyPairSync, sign, verify } from 'node:crypto';
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
const RUNS = 1000;
const SIGNATURES = 4;

/** Proofs of one entry, each under another checkpoint of the same tree, and the policy to judge them by. */
export interface ProofCases {
  readonly policy: Uint8Array;
  readonly entry: Uint8Array;
  readonly proofs: readonly Uint8Array[];
}

export async function makeProofCases(count: number): Promise<ProofCases> {
  const log = new Log(openMemoryStore(), { limits: { queuedEntries: ENTRIES, queuedBytes: 1e9 } });
  const entryAt = (i: number): Uint8Array => utf8(`entry ${i} ${'x'.repeat(280)}`);
  await log.addMany(Array.from({ length: ENTRIES }, (_, i) => entryAt(i)));
  const seed = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
  const logKey = createSigner('bench.example/log', 0x01, seed(1));
  const witnesses = [2, 3, 4].map((byte) =>
    createSigner(`bench.example/w${byte}`, 0x04, seed(byte)),
  );
  const { size, root } = log.head;
  const tree = { origin: logKey.name, size: BigInt(size), root };
  const hashes = log.proveInclusion(INDEX, size);
  const proofs = Array.from({ length: count }, (_, i) => {
    const text = formatCheckpoint({ ...tree, extensions: i === 0 ? [] : [`number ${i}`] });
    const signatures = [logKey, ...witnesses].map((signer) =>
      signText(signer, text, 1_790_000_000n),
    );
    const checkpoint = formatNote({ text, signatures });
    return formatTlogProof({ index: BigInt(INDEX), hashes, checkpoint });
  });
  const names = witnesses.map((_, i) => `w${i}`);
  const lines = [
    `log ${formatVkey(logKey)}`,
    ...witnesses.map((signer, i) => `witness ${names[i]} ${formatVkey(signer)}`),
    `group witnesses all ${names.join(' ')}`,
    'quorum witnesses',
  ];
  return { policy: utf8(`${lines.join('\n')}\n`), entry: entryAt(INDEX), proofs };
}

export const proof: Benchmark = {
  name: 'proof',
  run: async (say) => {
    const { policy: policyBytes, entry, proofs } = await makeProofCases(RUNS);
    const policy = parsePolicy(policyBytes);
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const message = new Uint8Array(150);
    const signature = sign(null, message, privateKey);
    const [fresh, bare, again]: [number[], number[], number[]] = [[], [], []];
    const time = (into: number[], act: () => unknown): void => {
      const started = performance.now();
      act();
      into.push(performance.now() - started);
    };
    // In turns, so that all three see the same machine.
    for (const bytes of proofs) {
      time(fresh, () => openProof(bytes, entry, policy));
      time(bare, () => {
        for (let i = 0; i < SIGNATURES; i++) verify(null, message, publicKey, signature);
      });
      time(again, () => openProof(bytes, entry, policy));
    }
    const [ms = 0, bareMs = 0, againMs = 0] = [fresh, bare, again].map((all) => quantile(all, 0.5));
    say(`${(ms / bareMs).toFixed(2)} of ${SIGNATURES} verifications of node:crypto alone`);
    say(`under a checkpoint that was verified before: ${(againMs * 1000).toFixed(0)} us`);
    return [lower('proof with three cosignatures, verify in Node', ms, 'ms', 0.6, 0.45)];
  },
};
