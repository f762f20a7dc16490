// A witness under load: 64 logs that grow at the same time, every update verified, durable and cosigned.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatAddCheckpoint } from '@writ/core/formats/add-checkpoint';
import { formatCheckpoint } from '@writ/core/formats/checkpoint';
import { signText } from '@writ/core/formats/cosignature';
import { createSigner, formatVkey } from '@writ/core/formats/key';
import { formatNote } from '@writ/core/formats/note';
import { consistencyNodes } from '@writ/core/merkle/consistency';
import { emptyRoot, leafHash, nodeHash } from '@writ/core/merkle/hash';
import type { Node } from '@writ/core/merkle/range';
import { buildProof, GrowingTree } from '@writ/core/merkle/tree';
import { createWitness, startWitnessProcess } from '../harness/witness-process.ts';
import { type Benchmark, higher } from './result.ts';
import { inScratch } from './scratch.ts';
import { describe, measureLoad } from './yardstick.ts';

const LOGS = 64;
const UPDATES = 120;

export const witness: Benchmark = {
  name: 'witness',
  run: (say) =>
    inScratch(async (scratch) => {
      const setup = await createWitness(join(scratch, 'witness'), 'bench.example/witness');
      const signers = Array.from({ length: LOGS }, (_, i) =>
        createSigner(`bench.example/${i}`, 1, new Uint8Array(32).fill(i + 1)),
      );
      const { url, child } = await startWitnessProcess(setup, signers.map(formatVkey));
      const bodiesFile = join(scratch, 'bodies');
      await writeFile(
        bodiesFile,
        Buffer.concat(signers.flatMap((signer, i) => updatesOf(signer, i))),
      );
      const request = {
        kind: 'prepared',
        path: '/add-checkpoint',
        contentType: 'text/plain',
        bodiesFile,
      } as const;
      const port = Number(new URL(url).port);
      const job = { port, connections: LOGS, requests: LOGS * UPDATES, request };
      const report = await measureLoad(child.pid, job);
      say(describe(report));
      await child.stop();
      if (report.answers.length !== LOGS * UPDATES)
        throw new Error('not every update was cosigned');
      const rate = report.requests / report.seconds;
      return [higher('witness update, durable, Ed25519, 64 logs', rate, 'updates/s', 2000, 5000)];
    }),
};

/** The requests with which one log grows from nothing, one entry at a time. */
function updatesOf(signer: ReturnType<typeof createSigner>, connection: number): Buffer[] {
  const leaves = Array.from({ length: UPDATES }, (_, i) =>
    leafHash(Buffer.from(`${signer.name} ${i}`)),
  );
  const source = (node: Node): Uint8Array => {
    if (node.level === 0) return leaves[Number(node.index)] ?? emptyRoot();
    const level = node.level - 1;
    return nodeHash(
      source({ level, index: node.index * 2n }),
      source({ level, index: node.index * 2n + 1n }),
    );
  };
  const tree = new GrowingTree();
  return leaves.map((leaf, i) => {
    tree.append(leaf);
    const text = formatCheckpoint({
      origin: signer.name,
      size: tree.size,
      root: tree.root(),
      extensions: [],
    });
    const checkpoint = formatNote({ text, signatures: [signText(signer, text, 0n)] });
    const proof = buildProof(consistencyNodes(BigInt(i), tree.size), source);
    const body = formatAddCheckpoint({ oldSize: BigInt(i), proof, checkpoint });
    const head = Buffer.alloc(8);
    head.writeUInt32BE(connection);
    head.writeUInt32BE(body.length, 4);
    return Buffer.concat([head, body]);
  });
}
