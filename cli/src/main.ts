// The process of writ: clock, randomness, network, terminal and exit code.

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from './run.ts';
import type { Surroundings } from './surroundings.ts';

const world: Surroundings = {
  nowSeconds: () => Math.floor(Date.now() / 1000),
  random: (length) => Uint8Array.from(randomBytes(length)),
  fetch: (...request) => fetch(...request),
  sleep: (ms) => sleep(ms),
  timeout: (ms) => AbortSignal.timeout(ms),
  env: process.env,
};

function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  const manifest: unknown = JSON.parse(text);
  const isManifest = typeof manifest === 'object' && manifest !== null && 'version' in manifest;
  return isManifest ? String(manifest.version) : 'unknown';
}

// Whoever reads our output may stop when it has enough.
process.stdout.on('error', () => process.exit());
process.stderr.on('error', () => process.exit());
process.exitCode = await run(
  process.argv.slice(2),
  world,
  {
    result: (text) => process.stdout.write(text),
    talk: (text) => process.stderr.write(text),
  },
  version(),
);
