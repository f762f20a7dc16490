// The process of writ-verify: clock, network, terminal and exit code. As a thread it audits segments.

import { readFileSync } from 'node:fs';
import type { Surroundings } from './context.ts';
import { run, type Terminal } from './run.ts';

const CLEAR_LINE = '\r\u001b[K';

function isPlain(stream: { readonly isTTY?: boolean }): boolean {
  const { NO_COLOR: noColor = '', TERM: term } = process.env;
  return stream.isTTY !== true || noColor !== '' || term === 'dumb';
}

const surroundings: Surroundings = {
  nowSeconds: () => Math.floor(Date.now() / 1000),
  fetch: (...request) => fetch(...request),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  timeout: (ms) => AbortSignal.timeout(ms),
  progress: (line) => {
    if (process.stderr.isTTY && process.env['TERM'] !== 'dumb')
      process.stderr.write(`${CLEAR_LINE}${line}`);
  },
  entryUrl: new URL(import.meta.url),
};

const terminal: Terminal = {
  result: (text) => process.stdout.write(text),
  talk: (text) => process.stderr.write(text),
  colour: !isPlain(process.stdout),
};

/** The version of the package that this file belongs to, two folders up at most. */
function version(): string {
  for (const path of ['../package.json', '../../package.json']) {
    try {
      const parsed: unknown = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
      if (typeof parsed === 'object' && parsed !== null && 'version' in parsed)
        return String(parsed.version);
    } catch {
      // not there: one folder further up
    }
  }
  return 'unknown';
}

async function main(): Promise<void> {
  // Whoever reads our output may stop when it has enough: the exit code stands, nothing is said.
  process.stdout.on('error', () => process.exit());
  process.stderr.on('error', () => process.exit());
  const argv = process.argv.slice(2);
  process.exitCode = await run(argv, surroundings, terminal, version());
}

/** Looks closer only at what a worker is called with: most runs need no threads, which take time to load. */
async function isWorker(): Promise<boolean> {
  if (process.argv[2] !== 'audit-worker') return false;
  return await (await import('./audit-pool.ts')).serveAudit();
}

if (!(await isWorker())) await main();
