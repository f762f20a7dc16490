// The audit of a folder that is large enough for threads, by the bundle as a process of its own.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { utf8 } from '@writ/core/bytes';
import { SEGMENT_ENTRIES } from '@writ/verifier/audit-segment';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { report } from './command.ts';
import { policyText, SmallLog, scratchFolder, someEntries, writeFiles } from './world.ts';

const test = suite('audit in threads');
const folder = scratchFolder();
const log = new SmallLog(someEntries(3 * SEGMENT_ENTRIES + 300));
const dir = join(folder, 'log');
writeFiles(folder, new Map([['policy', utf8(policyText)]]));
writeFiles(dir, log.files());

const audit = (...options: string[]): ReturnType<typeof report> =>
  report(['log', dir, '--policy', join(folder, 'policy'), ...options]);

/** Runs `act` while one byte in each of these files is another. */
async function withDamage(paths: readonly string[], act: () => Promise<void>): Promise<void> {
  const files = paths.map((path) => join(dir, path));
  const flip = (file: string): void => {
    const bytes = readFileSync(file);
    bytes[40] = (bytes[40] ?? 0) ^ 1;
    writeFileSync(file, bytes);
  };
  files.forEach(flip);
  try {
    await act();
  } finally {
    files.forEach(flip);
  }
}

test('gives the same verdict with one thread, with two and with more than there are segments', async () => {
  const reports = await Promise.all(['1', '2', '7'].map((jobs) => audit('--jobs', jobs)));
  for (const { exit, steps } of reports) {
    assert.is(exit, 0);
    assert.equal(steps, reports[0]?.steps);
  }
});

test('reports the first of several failures, whichever thread is done first', async () => {
  const [early, middle, late] = ['tile/0/100', 'tile/0/300', 'tile/0/700'];
  for (const [paths, first] of [
    [[late, middle, early], early],
    [[late, middle], middle],
    [[late], late],
  ] as const) {
    await withDamage(paths, async () => {
      for (const jobs of ['1', '2', '4']) {
        const { error } = await audit('--jobs', jobs);
        assert.is(error?.code, 'hash-mismatch');
        assert.is(error?.detail['path'], first, `${jobs} threads`);
      }
    });
  }
});

test('goes on with threads where an earlier audit ended', async () => {
  const state = join(folder, 'state');
  const first = await audit('--state', state);
  assert.is(first.claim?.facts['auditedBefore'], '0');
  // Everything is audited, so damage in an audited segment is not looked for again.
  await withDamage(['tile/0/600'], async () => {
    const again = await audit('--state', state);
    assert.is(again.claim?.facts['auditedBefore'], String(3 * SEGMENT_ENTRIES));
  });
});

test('takes the first word of a worker for a command that does not exist', async () => {
  const { verdict, error } = await report(['audit-worker']);
  assert.is(verdict, 'usage');
  assert.match(error?.message ?? '', 'audit-worker');
});

test.run();
