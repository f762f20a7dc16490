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
import { describe, describeShare, type Measured, measureBare, measureLoad } from './yardstick.ts';

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
      ): Promise<Measured> => {
        const job = { port: log.port, connections, requests, request: ADD, firstCounter: sent };
        sent += requests;
        const { pid } = log.process.child;
        return measureLoad(pid, rate === undefined ? job : { ...job, openLoopRate: rate });
      };
      await load(64, 20_000); // warm up
      const full = await load(256, 150_000);
      say(describeShare(full, await measureBare(ADD, 256, 150_000)));
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
  run: (say) =>
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
      const report = await measureLoad(log.process.child.pid, job);
      say(describe(report));
      await checkTree(log, 530_000);
      const rate = (report.requests * 100) / report.seconds;
      return [
        higher('POST /add-batch raw, 100 entries a request', rate, 'entries/s', 250_000, 400_000),
      ];
    }),
};

const CONNECTIONS = 256;
const WARM_UP = 20;
const PER_CONNECTION = 100;

export const statements: Benchmark = {
  name: 'statements',
  run: (say) => {
    const signer = new Ed25519Signer(new Uint8Array(32).fill(7));
    const authors = `author bench ed25519 ${formatBase64(signer.publicKey)} audit/*\n`;
    return withLog({ profile: 'statements', authors }, async (log) => {
      const writer = new StatementWriter(signer);
      const load = (perConnection: number): Promise<Measured> => {
        const bodiesFile = join(log.dir, '..', 'statements');
        writer.write(bodiesFile, perConnection);
        const requests = CONNECTIONS * perConnection;
        const [path, contentType] = ['/add', 'application/cose'];
        const request = { kind: 'prepared', path, contentType, bodiesFile } as const;
        const job = { port: log.port, connections: CONNECTIONS, requests, request };
        return measureLoad(log.process.child.pid, job);
      };
      await load(WARM_UP);
      const report = await load(PER_CONNECTION);
      say(`statements of ${writer.latestSize} bytes: ${describe(report)}`);
      await checkTree(log, CONNECTIONS * (WARM_UP + PER_CONNECTION));
      const rate = report.requests / report.seconds;
      return [higher('POST /add signed statements, 256 connections', rate, 'req/s', 7000, 10_000)];
    });
  },
};

/** One stream for each connection, statements in order from one file to the next. */
class StatementWriter {
  latestSize = 0;
  readonly #signer: Ed25519Signer;
  readonly #heads: (Uint8Array | null)[] = Array.from({ length: CONNECTIONS }, () => null);
  #seq = 0;

  constructor(signer: Ed25519Signer) {
    this.#signer = signer;
  }

  /** Writes the next `perConnection` statements of each stream, as the load client reads them. */
  write(path: string, perConnection: number): void {
    const file = openSync(path, 'w');
    const end = this.#seq + perConnection;
    for (; this.#seq < end; this.#seq++) {
      for (let connection = 0; connection < CONNECTIONS; connection++) {
        const statement = this.#sign(connection);
        const head = Buffer.alloc(8);
        head.writeUInt32BE(connection);
        head.writeUInt32BE(statement.length, 4);
        writeSync(file, head);
        writeSync(file, statement);
        this.#heads[connection] = leafHash(statement);
        this.latestSize = statement.length;
      }
    }
    closeSync(file);
  }

  #sign(connection: number): Uint8Array {
    const seq = this.#seq;
    const fields = {
      kind: 'note',
      issuer: 'bench',
      stream: `audit/v${connection}`,
      issuedAtSeconds: 1_790_000_000,
      seq,
      previous: this.#heads[connection] ?? null,
      payload: encodeCbor(`statement ${seq} of connection ${connection}`),
    };
    return signStatement(fields, this.#signer);
  }
}

export const read32: Benchmark = {
  name: 'read',
  run: (say) =>
    withLog({ profile: 'raw', intervalMs: 100 }, async (log) => {
      await runLoad({ port: log.port, connections: 64, requests: 2560, request: ADD });
      await checkTree(log, 2560);
      const request = { kind: 'get', path: '/tile/0/000' } as const;
      await runLoad({ port: log.port, connections: 32, requests: 20_000, request });
      const job = { port: log.port, connections: 32, requests: 150_000, request };
      const report = await measureLoad(log.process.child.pid, job);
      say(describeShare(report, await measureBare(request, 32, 150_000)));
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
