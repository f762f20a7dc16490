// Go's own sumdb/note and sumdb/tlog read a live log: checkpoints, tiles, bundles and both kinds of proofs.

import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { concatBytes, formatBase64, utf8 } from '@writ/core/bytes';
import { parseVkey } from '@writ/core/formats/key';
import { runProgram } from '@writ/e2e/harness/child';
import { demand, findGo, GO_ENV, isWanted } from '@writ/e2e/harness/foreign';
import { createLog, type LogProcess, startLog } from '@writ/e2e/harness/log-process';
import { openSigned, read } from '@writ/e2e/harness/log-reader';
import { freePort } from '@writ/e2e/harness/ports';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const SOURCE = fileURLToPath(new URL('../../go/live/main.go', import.meta.url));
const ORIGIN = 'go.example/live-log';
const INTERVAL_MS = 50;
/** Full and partial tiles on both levels, and a right edge inside a tile. */
const EARLIER_ENTRIES = 700;
const ENTRIES = 2600;
const IN_FLIGHT = 32;

const test = suite('golang.org/x/mod against a live log');
const go = findGo();
const needs = { 'go with golang.org/x/mod': go };

if (isWanted('Go reads a live log', needs)) {
  test('Go opens our checkpoints and finds every tile, bundle and proof true', async () => {
    demand(needs);
    const scratch = await mkdtemp(join(tmpdir(), 'writ-go-'));
    try {
      await readWithGo(go ?? '', scratch);
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  });
}

async function readWithGo(goProgram: string, scratch: string): Promise<void> {
  const binary = join(scratch, 'live');
  await runProgram(goProgram, ['build', '-o', binary, SOURCE], {
    env: { ...GO_ENV, GOCACHE: process.env['GOCACHE'] ?? join(tmpdir(), 'writ-go-cache') },
  });
  const setup = await createLog(join(scratch, 'log'), ORIGIN);
  const policy = join(scratch, 'trust.policy');
  await writeFile(policy, `log ${setup.vkey}\nquorum none\n`);
  const port = await freePort();
  const log = await startLog(setup, { port, policy, profile: 'raw', intervalMs: INTERVAL_MS });
  try {
    const entries = new Map<number, Uint8Array>();
    await submit(log, entries, EARLIER_ENTRIES);
    const earlier = join(scratch, 'checkpoint');
    await writeFile(earlier, await checkpointOf(log, setup.vkey, EARLIER_ENTRIES));
    await submit(log, entries, ENTRIES);
    const now = openSigned(await checkpointOf(log, setup.vkey, ENTRIES), parseVkey(setup.vkey));

    const report = await runProgram(binary, [
      ...['-url', log.url, '-vkey', setup.vkey, '-earlier', earlier],
    ]);
    assert.equal(JSON.parse(report), {
      origin: setup.origin,
      size: ENTRIES,
      root: formatBase64(now.root),
      earlierSize: EARLIER_ENTRIES,
      entries: ENTRIES,
      entriesSha256: digestOf(entries),
      fullTiles: 10, // of level 0
      partialTiles: 4, // the right edges of both levels, in both trees
      fullBundles: 10,
      partialBundles: 1,
      inclusionComputed: 14 + 20, // indexes at the edges of tiles, in the two trees
      inclusionServed: 14 + 20,
      consistencyComputed: 20 + 1, // from as many sizes, and from the earlier checkpoint
      consistencyServed: 20 + 1,
      forgeriesRefused: 34 + 21, // one was tried on each served proof
    });
  } finally {
    await log.child.stop();
  }
}

/** Adds entries of many lengths until there are `total`. */
async function submit(
  { url }: LogProcess,
  entries: Map<number, Uint8Array>,
  total: number,
): Promise<void> {
  let next = entries.size;
  const lane = async (): Promise<void> => {
    while (next < total) {
      const entry = entryNumber(next++);
      const headers = { 'content-type': 'application/octet-stream' };
      const response = await fetch(`${url}/add`, { method: 'POST', headers, body: entry });
      assert.is(response.status, 200);
      entries.set(Number(await response.text()), entry);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  assert.is(entries.size, total, 'every entry has an index of its own');
}

/** Unique, of 1 to 1,200 bytes, one at the limit of the format. */
function entryNumber(number: number): Uint8Array<ArrayBuffer> {
  const text = `${number.toString(36)}:`;
  return Uint8Array.from(utf8(text.padEnd(number === 1000 ? 65_535 : (number * 7) % 1200, '.')));
}

/** The published checkpoint, once it covers `size` entries. */
async function checkpointOf(log: LogProcess, vkey: string, size: number): Promise<Uint8Array> {
  let note = new Uint8Array(0);
  await log.child.waitUntil(async () => {
    note = Uint8Array.from(await read(`${log.url}/checkpoint`));
    return openSigned(note, parseVkey(vkey)).size === BigInt(size);
  });
  return note;
}

/** SHA-256 over the entries in order, each behind its length. */
function digestOf(entries: ReadonlyMap<number, Uint8Array>): string {
  const digest = createHash('sha256');
  for (let index = 0; index < entries.size; index++) {
    const entry = entries.get(index);
    assert.ok(entry, `there is an entry ${index}`);
    const length = Uint8Array.of(Math.floor(entry.length / 256), entry.length % 256);
    digest.update(concatBytes(length, entry));
  }
  return digest.digest('hex');
}

test.run();
