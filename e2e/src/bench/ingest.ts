// Submissions over HTTP: entries one by one and in batches, raw and signed, closed and open loop. Every answer
// means durable; afterwards the whole tree is read back and hashed anew.

import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatBase64 } from '@writ/core/bytes';
import { encodeCbor } from '@writ/core/cbor/encode';
import { Ed25519Signer } from '@writ/core/ed25519';
import { parseVkey } from '@writ/core/formats/key';
import { leafHash } from '@writ/core/merkle/hash';
import { decodeStatement, signStatement } from '@writ/core/statements/statement';
import { openSigned, read, readEntries, SignedHeads } from '../harness/log-reader.ts';
import { runLoad } from './load.ts';
import { type Benchmark, higher, lower, type Result } from './result.ts';
import { type BenchLog, withLog } from './servers.ts';
import { bareRate, describeShare } from './yardstick.ts';

const ENTRY_BYTES = 300;
const ADD = { kind: 'add', path: '/add', entryBytes: ENTRY_BYTES } as const;

/** Waits until all that was sent is published, reads it back and checks the root over all entries. */
async function checkTree(log: BenchLog, sent: number): Promise<void> {
  const key = parseVkey(log.setup.vkey);
  for (let tries = 0; tries < 100; tries++) {
    const checkpoint = openSigned(await read(`${log.url}/checkpoint`), key);
    const size = Number(checkpoint.size);
    const entries = size < sent ? [] : await readEntries(log.url, size, 0, size);
    const count = entries.filter((entry) => !isStateRoot(entry)).length;
    if (count > sent) throw new Error(`${count} entries in the log, ${sent} were sent`);
    if (count === sent) {
      const heads = new SignedHeads();
      heads.keep(checkpoint);
      heads.checkByEntries(entries);
      return;
    }
    await sleep(100);
  }
  throw new Error(`the log did not publish ${sent} entries`);
}

/** The log adds state roots of its own to a log of statements. */
function isStateRoot(entry: Uint8Array): boolean {
  return entry[0] === 0xd2 && decodeStatement(entry).kind === 'state-root';
}

export const ingest: Benchmark = {
  name: 'ingest',
  run: (say) =>
    withLog({ profile: 'raw' }, async (log) => {
      const results: Result[] = [];
      let sent = 0;
      const load = async (
        connections: number,
        requests: number,
        rate?: number,
      ): ReturnType<typeof runLoad> => {
        const job = { port: log.port, connections, requests, request: ADD, firstCounter: sent };
        sent += requests;
        return runLoad(rate === undefined ? job : { ...job, openLoopRate: rate });
      };
      await load(64, 20_000); // warm up
      const full = await load(256, 150_000);
      const bare = await bareRate(ADD, 256, 150_000);
      say(describeShare(full.requests / full.seconds, bare));
      results.push(
        higher(
          'POST /add raw, 256 connections',
          full.requests / full.seconds,
          'req/s',
          35_000,
          45_000,
        ),
      );
      results.push(lower('POST /add raw, 256 connections, ack p50', full.p50Ms, 'ms', 6, 4.5));
      results.push(lower('POST /add raw, 256 connections, ack p99', full.p99Ms, 'ms', 30, 12));
      results.push(
        lower('POST /add raw, 1 connection, ack p50', (await load(1, 3000)).p50Ms, 'ms', 1, 0.4),
      );
      results.push(
        lower(
          'POST /add raw, 64 connections, ack p50',
          (await load(64, 60_000)).p50Ms,
          'ms',
          2,
          1.3,
        ),
      );
      const open = await load(64, 10_000, 1000);
      results.push(lower('POST /add raw, open loop 1,000/s, p50', open.p50Ms, 'ms', 2, 1));
      results.push(lower('POST /add raw, open loop 1,000/s, p99', open.p99Ms, 'ms', 10, 4));
      await checkTree(log, sent);
      return results;
    }),
};

export const batch: Benchmark = {
  name: 'batch',
  run: () =>
    withLog({ profile: 'raw' }, async (log) => {
      const request = {
        kind: 'batch',
        path: '/add-batch',
        entryBytes: ENTRY_BYTES,
        entries: 100,
      } as const;
      await runLoad({ port: log.port, connections: 16, requests: 300, request });
      const job = {
        port: log.port,
        connections: 16,
        requests: 5000,
        request,
        firstCounter: 30_000,
      };
      const report = await runLoad(job);
      await checkTree(log, 530_000);
      const rate = (report.requests * 100) / report.seconds;
      return [
        higher('POST /add-batch raw, 100 entries a request', rate, 'entries/s', 250_000, 400_000),
      ];
    }),
};

const CONNECTIONS = 256;
const PER_CONNECTION = 120;

export const statements: Benchmark = {
  name: 'statements',
  run: (say) => {
    const signer = new Ed25519Signer(new Uint8Array(32).fill(7));
    const authors = `author bench ed25519 ${formatBase64(signer.publicKey)} audit/*\n`;
    return withLog({ profile: 'statements', authors }, async (log) => {
      const bodiesFile = join(log.dir, '..', 'statements');
      const bytes = writeStatements(bodiesFile, signer);
      say(`${CONNECTIONS * PER_CONNECTION} signed statements of ${bytes} bytes`);
      const request = {
        kind: 'prepared',
        path: '/add',
        contentType: 'application/cose',
        bodiesFile,
      } as const;
      const requests = CONNECTIONS * PER_CONNECTION;
      const report = await runLoad({ port: log.port, connections: CONNECTIONS, requests, request });
      await checkTree(log, requests);
      const rate = report.requests / report.seconds;
      return [higher('POST /add signed statements, 256 connections', rate, 'req/s', 7000, 10_000)];
    });
  },
};

/** One stream for each connection, statements in order; returns the size of the last one. */
function writeStatements(path: string, signer: Ed25519Signer): number {
  const file = openSync(path, 'w');
  let length = 0;
  for (let connection = 0; connection < CONNECTIONS; connection++) {
    let previous: Uint8Array | null = null;
    for (let seq = 0; seq < PER_CONNECTION; seq++) {
      const statement = signStatement(
        {
          kind: 'note',
          issuer: 'bench',
          stream: `audit/v${connection}`,
          issuedAtSeconds: 1_790_000_000,
          seq,
          previous,
          payload: encodeCbor(`statement ${seq} of connection ${connection}`),
        },
        signer,
      );
      const head = Buffer.alloc(8);
      head.writeUInt32BE(connection);
      head.writeUInt32BE(statement.length, 4);
      writeSync(file, head);
      writeSync(file, statement);
      previous = leafHash(statement);
      length = statement.length;
    }
  }
  closeSync(file);
  return length;
}

export const read32: Benchmark = {
  name: 'read',
  run: (say) =>
    withLog({ profile: 'raw', intervalMs: 100 }, async (log) => {
      await runLoad({ port: log.port, connections: 64, requests: 2560, request: ADD });
      await checkTree(log, 2560);
      const request = { kind: 'get', path: '/tile/0/000' } as const;
      await runLoad({ port: log.port, connections: 32, requests: 20_000, request });
      const report = await runLoad({ port: log.port, connections: 32, requests: 150_000, request });
      say(describeShare(report.requests / report.seconds, await bareRate(request, 32, 150_000)));
      return [
        higher(
          'GET tile, 32 connections',
          report.requests / report.seconds,
          'req/s',
          40_000,
          50_000,
        ),
      ];
    }),
};

export const publish: Benchmark = {
  name: 'publish',
  run: () =>
    withLog({ profile: 'raw', intervalMs: 100, witnesses: 3 }, async (log) => {
      const request = { kind: 'add', path: '/add?wait=20', entryBytes: ENTRY_BYTES } as const;
      const warmUp = { port: log.port, connections: 4, requests: 40, request };
      await runLoad(warmUp);
      // 100 requests a second, so that submissions fall anywhere in the checkpoint interval.
      const job = {
        port: log.port,
        connections: 128,
        requests: 2000,
        request,
        firstCounter: 1e6,
        openLoopRate: 100,
      };
      const report = await runLoad(job);
      const proof = report.answers.at(-1) ?? '';
      const cosigners = proof.split('\n').filter((line) => line.startsWith('â\u0080\u0094 w'));
      if (cosigners.length !== 3)
        throw new Error(`a proof has ${cosigners.length} cosignatures:\n${proof}`);
      return [
        lower('submit to published, three cosignatures, p50', report.p50Ms, 'ms', 150, 80),
        lower('submit to published, three cosignatures, p99', report.p99Ms, 'ms', 400, 200),
      ];
    }),
};
