// Proof files as in proof.ts, verified in headless Chromium with the portable code.

import { fileURLToPath } from 'node:url';
import { formatBase64 } from '@writ/core/bytes';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';
import { findProgram } from '../harness/foreign.ts';
import { makeProofCases } from './proof.ts';
import { type Benchmark, lower, quantile, type Result } from './result.ts';

const RUNS = 200;
const FLAGS = [
  '--no-sandbox',
  '--disable-quic',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

export const browserProof: Benchmark = {
  name: 'browser-proof',
  run: async (say): Promise<Result[]> => {
    const executablePath = findProgram('chromium');
    if (executablePath === undefined) {
      say('skipped: chromium is not installed');
      return [];
    }
    const { policy, entry, proofs } = await makeProofCases(RUNS);
    const { outputFiles } = await build({
      entryPoints: [fileURLToPath(new URL('../browser/time-proof.js', import.meta.url))],
      bundle: true,
      platform: 'browser',
      format: 'iife',
      globalName: 'writ',
      write: false,
    });
    const browser = await chromium.launch({ executablePath, args: FLAGS });
    try {
      const page = await browser.newPage();
      await page.addScriptTag({ content: outputFiles[0]?.text ?? '' });
      const inputs = [formatBase64(policy), formatBase64(entry), proofs.map(formatBase64)];
      const words = inputs.map((input) => JSON.stringify(input));
      const times = await page.evaluate(`writ.timeProofs(${words.join(', ')})`);
      const milliseconds = Array.isArray(times) ? times.map(Number) : [];
      return [
        lower(
          'proof with three cosignatures, verify in Chromium',
          quantile(milliseconds, 0.5),
          'ms',
          6,
          4,
        ),
      ];
    } finally {
      await browser.close();
    }
  },
};
