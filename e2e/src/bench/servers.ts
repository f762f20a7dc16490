// The servers of the benchmarks: the real programs, as processes of their own.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createLog, type LogProcess, type LogSetup, startLog } from '../harness/log-process.ts';
import { freePort } from '../harness/ports.ts';
import {
  createWitness,
  startWitnessProcess,
  type WitnessProcess,
} from '../harness/witness-process.ts';
import { inScratch } from './scratch.ts';

export interface BenchLog {
  readonly url: string;
  readonly port: number;
  readonly dir: string;
  readonly setup: LogSetup;
  readonly policyFile: string;
  readonly process: LogProcess;
}

export interface BenchLogOptions {
  readonly profile: 'raw' | 'statements';
  readonly intervalMs?: number;
  readonly witnesses?: number;
  /** Content of an authors file. */
  readonly authors?: string;
}

/** Starts a new log, and witnesses that all have to cosign, for the time of `work`. */
export function withLog<T>(
  options: BenchLogOptions,
  work: (log: BenchLog) => Promise<T>,
): Promise<T> {
  return inScratch(async (scratch) => {
    const setup = await createLog(join(scratch, 'log'), 'bench.example/log');
    const witnesses: WitnessProcess[] = [];
    const lines = [`log ${setup.vkey}`];
    for (let i = 0; i < (options.witnesses ?? 0); i++) {
      const witness = await createWitness(join(scratch, `w${i}`), `w${i}.example`);
      const running = await startWitnessProcess(witness, [setup.vkey]);
      witnesses.push(running);
      lines.push(`witness w${i} ${witness.vkeys[0]} ${running.url}`);
    }
    lines.push(...quorumLines(witnesses.length));
    const policyFile = join(scratch, 'trust.policy');
    await writeFile(policyFile, `${lines.join('\n')}\n`);
    const more: string[] = [];
    if (options.authors !== undefined) {
      await writeFile(join(scratch, 'authors'), options.authors);
      more.push('--authors', join(scratch, 'authors'));
    }
    const port = await freePort();
    const { profile, intervalMs = 1000 } = options;
    const process = await startLog(setup, { port, policy: policyFile, profile, intervalMs, more });
    try {
      return await work({ url: process.url, port, dir: setup.dir, setup, policyFile, process });
    } finally {
      await process.child.stop();
      for (const { child } of witnesses) await child.stop();
    }
  });
}

function quorumLines(witnesses: number): string[] {
  if (witnesses === 0) return ['quorum none'];
  const names = Array.from({ length: witnesses }, (_, i) => `w${i}`);
  return [`group all-witnesses all ${names.join(' ')}`, 'quorum all-witnesses'];
}
