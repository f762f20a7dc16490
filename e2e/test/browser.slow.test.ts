// Core and the verifier library in headless Chromium: the same vectors, the same outcomes as here, to the last detail
// of every refusal.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type FormatInput, hasKernel, hasNative, runAll } from '@writ/e2e/browser/run-all';
import { findProgram, findVectors, isAvailable } from '@writ/e2e/harness/foreign';
import { build } from 'esbuild';
import { type Browser, chromium, type Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readVectors, repository } from './vector-files.ts';

const FLAGS = [
  '--no-sandbox',
  '--disable-quic',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

const test = suite('the verifier in a browser');
const executablePath = findProgram('chromium');

if (isAvailable('the verifier in a browser', { chromium: executablePath })) {
  let browser: Browser | undefined;
  let page: Page | undefined;

  test.before(async () => {
    browser = await chromium.launch({ executablePath: executablePath ?? '', args: FLAGS });
    page = await browser.newPage();
    await page.addScriptTag({ content: await bundle() });
  });

  test.after(async () => {
    await browser?.close();
  });

  const evaluate = async (expression: string): Promise<unknown> => {
    assert.ok(page);
    return await page.evaluate(expression);
  };

  test('the browser uses the portable code and the SIMD module, this process the native code', async () => {
    assert.is(await evaluate('writ.hasNative()'), false);
    assert.is(await evaluate('writ.hasKernel()'), true);
    assert.is(hasNative(), true);
    assert.is(hasKernel(), true);
  });

  test('every vector has the same outcome as in Node', async () => {
    const files = readVectors();
    const inputs = files.map(({ format, vector }) => ({ format, input: vector.input }));
    assert.ok(inputs.length > 500);
    await compare(
      evaluate,
      inputs,
      files.map(({ path }) => path),
    );
  });

  const folder = findVectors();
  if (isAvailable('Ed25519 edge cases in a browser', { WRIT_VECTORS: folder })) {
    test('Ed25519 edge cases have the same verdict as in Node', async () => {
      const inputs = ed25519Cases(folder ?? '');
      assert.ok(inputs.length > 400);
      await compare(
        evaluate,
        inputs,
        inputs.map((_, i) => `case ${i}`),
      );
    });
  }
}

async function compare(
  evaluate: (expression: string) => Promise<unknown>,
  inputs: readonly FormatInput[],
  titles: readonly string[],
): Promise<void> {
  const text = JSON.stringify(inputs);
  const there = await evaluate(`writ.runAll(${JSON.stringify(text)})`);
  const outcomes: unknown[] = JSON.parse(String(there));
  const expected: unknown[] = JSON.parse(runAll(text));
  assert.is(outcomes.length, inputs.length);
  // As text: some vectors have members called `constructor`, which a comparison of objects trips over.
  for (const [i, title] of titles.entries())
    assert.is(JSON.stringify(outcomes[i]), JSON.stringify(expected[i]), title);
}

/** One script without a single Node module: esbuild refuses to bundle those for a browser. */
async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(repository, 'e2e/dist/browser/run-all.js')],
    bundle: true,
    platform: 'browser',
    format: 'iife',
    globalName: 'writ',
    write: false,
  });
  return outputFiles[0]?.text ?? '';
}

interface CctvCase {
  readonly key: string;
  readonly sig: string;
  readonly msg: string;
}

function ed25519Cases(folder: string): FormatInput[] {
  const cctv = join(folder, 'c2sp-cctv-ed25519');
  if (!existsSync(cctv)) return [];
  const inputs: FormatInput[] = [];
  for (const name of readdirSync(cctv).filter((file) => file.endsWith('.json'))) {
    const cases: CctvCase[] = JSON.parse(readFileSync(join(cctv, name), 'utf8'));
    for (const { key, sig, msg } of cases) {
      const message = Buffer.from(msg).toString('hex');
      inputs.push({ format: 'ed25519', input: { public_key: key, signature: sig, message } });
    }
  }
  return inputs;
}

test.run();
