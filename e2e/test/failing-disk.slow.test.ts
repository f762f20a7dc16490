// System calls of the log that fail: strace makes one of them return an error, each in its turn. What was
// acknowledged stays, the log never goes on after a failed fsync, and it needs no hand to start again.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseVkey } from '@writ/core/formats/key';
import type { Child } from '@writ/e2e/harness/child';
import { Dice } from '@writ/e2e/harness/dice';
import { demand, findProgram, isWanted } from '@writ/e2e/harness/foreign';
import { duplicates, Load } from '@writ/e2e/harness/load';
import { createLog, type LogProcess, launchLog } from '@writ/e2e/harness/log-process';
import { openSigned, read, readEntries } from '@writ/e2e/harness/log-reader';
import { freePort } from '@writ/e2e/harness/ports';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const ENTRIES = 8;
const INTERVAL_MS = 20;
/** Calls that fail, one a run. strace counts them for each thread. */
const TURNS = 6;
const READY_MS = 60_000;
const EXIT_SURROUNDINGS = 10;

const test = suite('a failing disk');
const strace = findProgram('strace');

/** What one run came to. */
interface Run {
  readonly load: Load;
  /** It did not get as far as listening. */
  readonly failedAtStart: boolean;
  readonly refused: number;
  /** Submissions that were acknowledged after one was refused. */
  readonly acceptedAfterRefusal: number;
}

if (isWanted('system calls fail under the log', { strace })) {
  for (const fault of ['fdatasync:error=EIO', 'pwrite64:error=EIO', 'pwrite64:error=ENOSPC']) {
    test(`${fault} at each of the first ${TURNS} calls loses nothing that was acknowledged`, () => {
      demand({ strace });
      return failInTurn(fault);
    });
  }
}

async function failInTurn(fault: string): Promise<void> {
  const runs: Run[] = [];
  for (let turn = 1; turn <= TURNS; turn++) runs.push(await runWithFault(`${fault}:when=${turn}`));
  const failedAtStart = runs.filter((run) => run.failedAtStart).length;
  const refusing = runs.filter(({ refused }) => refused > 0).length;
  const accepted = runs.map(({ acceptedAfterRefusal }) => acceptedAfterRefusal);
  process.stdout.write(
    `${fault}: ${failedAtStart} runs failed at the start, ${refusing} refused entries, ` +
      `then accepted ${accepted.join(' ')}\n`,
  );
  // Each run makes enough calls to meet its fault, and a fault that nobody hears of is one that was ignored.
  assert.is(failedAtStart + refusing, TURNS, 'every fault is answered by a refusal');
  // Without room for the entries nothing was written and the log goes on. After any other failure nobody knows
  // what the disk holds: only a new start may look.
  if (fault.endsWith('ENOSPC')) assert.ok(Math.max(...accepted) > 0, 'the log goes on');
  else assert.is(Math.max(...accepted), 0, 'the log does not go on');
}

/** Serves, submits and reads with one failing call, then starts again without and compares. */
async function runWithFault(fault: string): Promise<Run> {
  const scratch = await mkdtemp(join(tmpdir(), 'writ-disk-'));
  const children: Child[] = [];
  try {
    const setup = await createLog(join(scratch, 'log'), 'disk.example/log');
    const policy = join(scratch, 'trust.policy');
    await writeFile(policy, `log ${setup.vkey}\nquorum none\n`);
    const port = await freePort();
    const options = { port, policy, profile: 'raw', intervalMs: INTERVAL_MS } as const;
    const log = launchLog(setup, {
      ...options,
      // One thread in the pool, so that the n-th call is the same one each time.
      env: { UV_THREADPOOL_SIZE: '1' },
      // -D: the tracer is the grandchild, so that the process we start, and kill, is the log.
      under: [strace ?? '', '-D', '-f', '-q', '-o', '/dev/null', '-e', `inject=${fault}`],
    });
    children.push(log.child);
    const run = await useUnderFault(log, new Load(new Dice(fault)));
    await log.child.kill();

    const healthy = launchLog(setup, options);
    children.push(healthy.child);
    await healthy.child.waitUntil(() => healthy.child.output.includes('serves'), READY_MS);
    await compare(healthy, setup.vkey, run.load);
    assert.is(await run.load.submit(healthy.url, 'after the repair'), 'acknowledged');
    return run;
  } finally {
    for (const child of children) await child.kill();
    await rm(scratch, { recursive: true, force: true });
  }
}

async function useUnderFault(log: LogProcess, load: Load): Promise<Run> {
  const { child, url } = log;
  await child.waitUntil(
    () => child.exit !== undefined || child.output.includes('serves'),
    READY_MS,
  );
  if (child.exit !== undefined) {
    assert.is(child.exit.code, EXIT_SURROUNDINGS, child.output);
    assert.not.match(child.output, /\n {4}at /, 'no stack trace');
    return { load, failedAtStart: true, refused: 0, acceptedAfterRefusal: 0 };
  }
  let acceptedAfterRefusal = 0;
  for (let i = 0; i < ENTRIES; i++) {
    const outcome = await load.submit(url, load.freshEntry());
    if (outcome === 'acknowledged' && load.refused > 0) acceptedAfterRefusal++;
    assert.is.not(outcome, 'unknown', 'the log answers');
  }
  await read(`${url}/livez`);
  return { load, failedAtStart: false, refused: load.refused, acceptedAfterRefusal };
}

async function compare({ url }: LogProcess, vkey: string, load: Load): Promise<void> {
  const { size } = openSigned(await read(`${url}/checkpoint`), parseVkey(vkey));
  const entries = await readEntries(url, Number(size), 0, Number(size));
  assert.ok(load.lastIndex < Number(size), 'no acknowledged entry is beyond the end');
  load.check(0, entries);
  assert.equal(load.violations, []);
  assert.is(duplicates(entries), 0);
}

test.run();
