// Villages over HTTP, on the real server: statements that are judged by all rules of their village, in batches; what is in
// force, with its proof; and a reader that follows a thousand villages after a change of each.

import { closeSync, openSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { concatBytes, formatBase64 } from '@writ/core/bytes';
import { parsePolicy } from '@writ/core/formats/tlog-policy';
import { type FollowStore, followVillage } from '@writ/verifier/follow/follow';
import type { SavedVillage } from '@writ/verifier/follow/reading';
import { read } from '../harness/log-reader.ts';
import { servedSizes } from './growth.ts';
import { type Benchmark, higher, lower, type Result } from './result.ts';
import { type BenchLog, withLog } from './servers.ts';
import { FOUNDER, StatementAuthor } from './village-statements.ts';
import { describeShare, type Measured, measureBare, measureLoad } from './yardstick.ts';

const BATCH = 100;
const SEQUENCE = 'application/cbor-seq';
const AUTHORS = `author bench ed25519 ${formatBase64(FOUNDER.publicKey)} village/* audit/*\n`;

/** Submits statements, `BATCH` at a time, and throws when one is refused. */
async function submit(log: BenchLog, statements: readonly Uint8Array[]): Promise<void> {
  for (let at = 0; at < statements.length; at += BATCH) {
    const body = concatBytes(...statements.slice(at, at + BATCH));
    const response = await fetch(`${log.url}/add-batch`, {
      method: 'POST',
      headers: { 'content-type': SEQUENCE },
      body: new Uint8Array(body),
    });
    const answer = await response.text();
    if (!response.ok || answer.includes('"error"')) throw new Error(answer.slice(0, 500));
  }
}

/** Waits for a checkpoint that covers all that was acknowledged. */
async function published(log: BenchLog, atLeast: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const [, size] = new TextDecoder().decode(await read(`${log.url}/checkpoint`)).split('\n');
    if (Number(size) >= atLeast) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`no checkpoint covers ${atLeast} entries`);
}

const LANES = 16;
const WARM_UP = 2;
const BATCHES = 4;

export const villageStatements: Benchmark = {
  name: 'village-statements',
  run: (say) =>
    withLog({ profile: 'statements', authors: AUTHORS }, async (log) => {
      const author = new StatementAuthor();
      const villages = Array.from({ length: LANES }, (_, i) => `bench-${i}`);
      await submit(
        log,
        villages.map((village) => author.found(village)),
      );
      const load = (batches: number): Promise<Measured> => {
        const bodiesFile = join(log.dir, '..', 'batches');
        writeBatches(bodiesFile, author, villages, batches);
        const path = '/add-batch';
        const request = { kind: 'prepared', path, contentType: SEQUENCE, bodiesFile } as const;
        const requests = LANES * batches;
        const job = { port: log.port, connections: LANES, requests, request };
        return measureLoad(log.process.child.pid, job);
      };
      await load(WARM_UP);
      const results: Result[] = [];
      let sent = LANES * (1 + WARM_UP * BATCH);
      for (const goal of [10_000, 50_000]) {
        const batches = Math.max(BATCHES, Math.ceil((goal - sent) / (LANES * BATCH)));
        const report = await load(batches);
        sent += LANES * batches * BATCH;
        await requireHeads(log, villages, (sent - LANES) / LANES);
        const micros = report.cpuMicros / BATCH;
        const rate = (report.requests * BATCH) / report.seconds;
        say(`up to ${sent} entries: ${micros.toFixed(1)} us of processor time for each statement`);
        const what = `POST /add-batch by village rules, 100 a request, up to ${goal} entries`;
        results.push(higher(what, rate, 'entries/s', 7000, 15_000));
      }
      return results;
    }),
};

/** One village for each connection: u32 connection, u32 length, body. */
function writeBatches(
  path: string,
  author: StatementAuthor,
  villages: readonly string[],
  batches: number,
): void {
  const file = openSync(path, 'w');
  for (let i = 0; i < batches; i++) {
    for (const [lane, village] of villages.entries()) {
      const body = concatBytes(...Array.from({ length: BATCH }, () => author.change(village)));
      const head = Buffer.alloc(8);
      head.writeUInt32BE(lane);
      head.writeUInt32BE(body.length, 4);
      writeSync(file, head);
      writeSync(file, body);
    }
  }
  closeSync(file);
}

/** An answer of 200 may hold refusals: every stream has to end where the last of its statements stands. */
async function requireHeads(
  log: BenchLog,
  villages: readonly string[],
  seq: number,
): Promise<void> {
  for (const village of villages) {
    const bytes = await read(`${log.url}/streams/village/${village}/head`);
    const head: { seq?: number } = JSON.parse(new TextDecoder().decode(bytes));
    if (head.seq !== seq) throw new Error(`${village} ends with ${head.seq}, not with ${seq}`);
  }
}

export const policyLatest: Benchmark = {
  name: 'policy-latest',
  run: async (say) => {
    const results: Result[] = [];
    for (const entries of servedSizes()) {
      const options = {
        profile: 'statements',
        authors: AUTHORS,
        intervalMs: 500,
        witnesses: 3,
      } as const;
      results.push(await withLog(options, (log) => measureLatest(log, entries, say)));
    }
    return results;
  },
};

async function measureLatest(
  log: BenchLog,
  entries: number,
  say: (line: string) => void,
): Promise<Result> {
  const author = new StatementAuthor();
  const villages = Array.from({ length: Math.min(1000, entries / 100) }, (_, i) => `bench-${i}`);
  await submit(
    log,
    villages.map((village) => author.found(village)),
  );
  await fill(log, author, entries - villages.length);
  await submit(
    log,
    villages.slice(0, 10).flatMap((village) => [author.change(village), author.change(village)]),
  );
  await published(log, entries + 20);
  const request = { kind: 'get', path: '/villages/bench-1/policy/latest' } as const;
  const job = { port: log.port, connections: 32, request };
  await measureLoad(log.process.child.pid, { ...job, requests: 5000 });
  const report = await measureLoad(log.process.child.pid, { ...job, requests: 40_000 });
  say(`log of ${entries}: ${describeShare(report, await measureBare(request, 32, 40_000))}`);
  const rate = report.requests / report.seconds;
  return higher(`GET policy/latest, log of ${entries}`, rate, 'req/s', 5000, 15_000);
}

/** Statements by rules alone, as many as it takes. */
async function fill(log: BenchLog, author: StatementAuthor, count: number): Promise<void> {
  const village = 'filler';
  await submit(log, [author.found(village)]);
  for (let at = 1; at < count; at += BATCH) {
    const size = Math.min(BATCH, count - at);
    await submit(
      log,
      Array.from({ length: size }, () => author.change(village)),
    );
  }
}

const VILLAGES = 1000;
const AT_ONCE = 8;

export const followVillages: Benchmark = {
  name: 'follow-villages',
  run: async (say) => {
    const results: Result[] = [];
    for (const entries of servedSizes()) {
      const options = {
        profile: 'statements',
        authors: AUTHORS,
        intervalMs: 500,
        witnesses: 3,
      } as const;
      results.push(await withLog(options, (log) => measureFollow(log, entries, say)));
    }
    return results;
  },
};

async function measureFollow(
  log: BenchLog,
  entries: number,
  say: (line: string) => void,
): Promise<Result> {
  const author = new StatementAuthor();
  const villages = Array.from({ length: VILLAGES }, (_, i) => `bench-${i}`);
  await submit(
    log,
    villages.map((village) => author.found(village)),
  );
  await fill(log, author, entries - VILLAGES);
  await published(log, entries);
  const policy = parsePolicy(new Uint8Array(await readFile(log.policyFile)));
  const stores = new Map(villages.map((village) => [village, memoryStore()]));
  let bytes = 0;
  const pass = async (): Promise<number> => {
    const waiting = [...villages];
    const started = performance.now();
    const lane = async (): Promise<void> => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
        const env = {
          read: async (path: string): Promise<Uint8Array> => {
            const page = await read(`${log.url}/${path}`);
            bytes += page.length;
            return page;
          },
          nowSeconds: () => BigInt(Math.floor(Date.now() / 1000)),
        };
        const { news } = await followVillage(env, stores.get(next) ?? memoryStore(), policy, next);
        if (news.length !== 1) throw new Error(`${next} had ${news.length} news`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
    return (performance.now() - started) / 1000;
  };
  say(`log of ${entries}: the first pass took ${(await pass()).toFixed(2)} s`);
  await submit(
    log,
    villages.map((village) => author.change(village)),
  );
  await published(log, entries + VILLAGES);
  bytes = 0;
  const seconds = await pass();
  say(`log of ${entries}: ${Math.round(bytes / VILLAGES)} bytes for each village`);
  return lower(
    `${VILLAGES} villages followed after a change, log of ${entries}`,
    seconds,
    's',
    10,
    3,
  );
}

function memoryStore(): FollowStore {
  let saved: SavedVillage | undefined;
  return {
    load: () => Promise.resolve(saved),
    save: (expected, next) => {
      const isNewest = saved?.checkpoint === expected;
      if (isNewest) saved = next;
      return Promise.resolve(isNewest);
    },
  };
}
