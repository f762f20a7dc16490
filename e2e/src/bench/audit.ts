// `writ-verify log` on a folder with a million entries: every entry, tile and the root hashed anew.

import { join } from 'node:path';
import { createSigner } from '@writ/core/formats/key';
import { Log } from '@writ/log-server/log/log';
import { openLevelStore } from '@writ/log-server/storage/level';
import { runProgram } from '../harness/child.ts';
import { appendAll } from './engine.ts';
import { verifierProgram } from './programs.ts';
import { type Benchmark, lower, quantile } from './result.ts';
import { inScratch } from './scratch.ts';
import { exportLog } from './static-log.ts';

const ENTRIES = 1_000_000;
const RUNS = 5;

export const audit: Benchmark = {
  name: 'audit',
  run: (say) =>
    inScratch(async (scratch) => {
      const log = new Log(await openLevelStore(join(scratch, 'store')));
      await appendAll(log, ENTRIES, 300);
      const signer = createSigner('bench.example/log', 0x01, new Uint8Array(32).fill(3));
      const policy = await exportLog(log, signer, join(scratch, 'log'));
      await log.close();
      const seconds: number[] = [];
      for (let i = 0; i < RUNS; i++) {
        const started = performance.now();
        const args = [verifierProgram(), 'log', join(scratch, 'log'), '--policy', policy, '--json'];
        const output = await runProgram(process.execPath, args);
        seconds.push((performance.now() - started) / 1000);
        if (!output.includes('"verified"')) throw new Error(output);
      }
      say(`runs: ${seconds.map((value) => value.toFixed(2)).join(', ')} s`);
      return [
        lower(
          'full audit of 1,000,000 entries from a folder',
          quantile(seconds, 0.5),
          's',
          1.2,
          0.6,
        ),
      ];
    }),
};
