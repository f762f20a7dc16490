// What a start costs: the auditor's command cold, and the memory of a log with ten million entries.

import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Log } from '@writ/log-server/log/log';
import { openLevelStore } from '@writ/log-server/storage/level';
import { runProgram } from '../harness/child.ts';
import { createLog, startLog } from '../harness/log-process.ts';
import { freePort } from '../harness/ports.ts';
import { appendAll } from './engine.ts';
import { verifierProgram } from './programs.ts';
import { type Benchmark, lower, quantile } from './result.ts';
import { inScratch } from './scratch.ts';

const RUNS = 21;
const ENTRIES = 10_000_000;
/** The index needs the same room for entries of any length; short ones make ten million quicker. */
const ENTRY_BYTES = 32;

export const coldStart: Benchmark = {
  name: 'cold-start',
  run: async (say) => {
    const timed = async (args: readonly string[]): Promise<number> => {
      const milliseconds: number[] = [];
      for (let i = 0; i < RUNS; i++) {
        const started = performance.now();
        await runProgram(process.execPath, args);
        milliseconds.push(performance.now() - started);
      }
      return quantile(milliseconds, 0.5);
    };
    const bare = await timed(['-e', '0']);
    say(`node -e 0: ${bare.toFixed(1)} ms`);
    return [lower('CLI cold start', await timed([verifierProgram(), '--version']), 'ms', 80, 50)];
  },
};

export const memory: Benchmark = {
  name: 'memory',
  run: (say) =>
    inScratch(async (scratch) => {
      const dir = join(scratch, 'log');
      const setup = await createLog(dir, 'bench.example/log');
      const log = new Log(await openLevelStore(join(dir, 'store')));
      say(`appending ${ENTRIES} entries`);
      await appendAll(log, ENTRIES, ENTRY_BYTES);
      await log.close();
      const policy = join(scratch, 'none');
      await writeFile(policy, `log ${setup.vkey}\nquorum none\n`);
      const port = await freePort();
      const started = performance.now();
      const options = { port, policy, profile: 'raw', intervalMs: 1000 } as const;
      const { child } = await startLog(setup, options);
      say(`ready after ${Math.round(performance.now() - started)} ms`);
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      const kilobytes = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
      await child.stop();
      return [lower('log memory with 10,000,000 entries', kilobytes / 1000, 'MB', 300, 150)];
    }),
};
