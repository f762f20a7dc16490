// From a stored village to a node that is ready, in a process of its own; and what a policy in force takes of memory.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Benchmark, lower, quantile, type Result } from './result.ts';

const CHILD = fileURLToPath(new URL('./engine-start-child.js', import.meta.url));
const READY = fileURLToPath(new URL('./engine-ready.js', import.meta.url));
const ROUNDS = 5;

export const engineStart: Benchmark = {
  name: 'engine-start',
  run: async (say) => [...starts(say), ...memory(say)],
};

function starts(say: (line: string) => void): Result[] {
  const results: Result[] = [];
  for (const policies of [10, 1000, 5000]) {
    const dir = run(CHILD, 'prepare', String(policies)).trim();
    const times = Array.from({ length: ROUNDS }, () => Number(run(READY, dir)));
    run(CHILD, 'remove', dir);
    const median = quantile(times, 0.5);
    say(`start with ${policies} policies: ${median.toFixed(0)} ms`);
    if (policies === 1000)
      results.push(lower('node start to ready, 1000 policies', median / 1000, 's', 1, 0.4));
  }
  return results;
}

function memory(say: (line: string) => void): Result[] {
  const ratios = [1000, 10_000].map((policies) => {
    const ratio = Number(run(CHILD, 'memory', String(policies)));
    say(`memory of ${policies} policies in force: ${ratio.toFixed(2)} x their JSON`);
    return ratio;
  });
  return [lower('memory of a policy in force, x its JSON', ratios.at(-1) ?? 0, 'x', 8, 4)];
}

function run(...words: string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', ...words], {
    encoding: 'utf8',
    maxBuffer: 1e8,
  });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}
