// A world for tests: a log in memory with keys of its own, a quiet environment, an author, fake witnesses.

import { createServer, type Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { concatBytes, formatBase64, utf8 } from '@writ/core/bytes';
import { Ed25519Signer } from '@writ/core/ed25519';
import { type AddCheckpoint, parseAddCheckpoint } from '@writ/core/formats/add-checkpoint';
import { type Checkpoint, parseCheckpoint } from '@writ/core/formats/checkpoint';
import { signText } from '@writ/core/formats/cosignature';
import { createSigner, formatVkey, type SignerKey } from '@writ/core/formats/key';
import { formatSignatureLine, parseNote } from '@writ/core/formats/note';
import { parsePolicy } from '@writ/core/formats/tlog-policy';
import { encodePayload } from '@writ/core/statements/kinds';
import { signStatement } from '@writ/core/statements/statement';
import type { Blobs } from '@writ/log-server/blobs/store';
import type { Env } from '@writ/log-server/env';
import { Log, type LogLimits } from '@writ/log-server/log/log';
import { Publisher, type PublisherOptions } from '@writ/log-server/log/publish';
import { openMemoryStore } from '@writ/log-server/storage/memory';
import type { LogStore } from '@writ/log-server/storage/port';
import { Ledger } from '@writ/log-server/streams/ledger';
import { LogClock } from '@writ/log-server/streams/log-clock';

export const ORIGIN = 'log.example/test';

/** A seed that is the same in every run. */
export function seed(number: number): Uint8Array {
  return new Uint8Array(32).fill(number);
}

export const LOG_KEY: SignerKey = createSigner(ORIGIN, 0x01, seed(1));

/** Log lines of a test: what was said at warn and above. */
export interface TestEnv extends Env {
  readonly said: string[];
  /** Added to the real clock. */
  shiftMs: number;
}

export function testEnv(): TestEnv {
  const said: string[] = [];
  const say = (_fields: object, message: string): void => void said.push(message);
  const env: TestEnv = {
    said,
    shiftMs: 0,
    nowMs: () => Date.now() + env.shiftMs,
    random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    fetch: globalThis.fetch,
    sleep: (ms, signal) =>
      sleep(ms, undefined, signal === undefined ? { ref: false } : { signal, ref: true }).catch(
        () => undefined,
      ),
    log: { debug: () => {}, info: () => {}, warn: say, error: say },
  };
  return env;
}

export interface WorldOptions extends Partial<PublisherOptions> {
  /** The steady clock; unless given, it moves as the wall clock does. */
  readonly monotonicMs?: () => number;
  /** Keeps the rules of streams, as a log of statements does. */
  readonly hasLedger?: boolean;
  readonly store?: LogStore;
  /** Keeps openings, for private villages, and shared blobs. */
  readonly blobs?: Blobs;
  readonly limits?: LogLimits;
  readonly witnesses?: readonly FakeWitness[];
  /** Text behind the witness lines: groups and quorum. */
  readonly quorum?: string;
}

export interface World {
  readonly env: TestEnv;
  readonly log: Log;
  readonly publisher: Publisher;
  readonly policyText: string;
}

/** A log and its publisher, not started. */
export function makeWorld(options: WorldOptions = {}): World {
  const { witnesses = [], quorum = 'quorum none\n' } = options;
  const lines = witnesses.map(
    ({ name, key, url }) => `witness ${name} ${formatVkey(key)} ${url}\n`,
  );
  const policyText = `log ${formatVkey(LOG_KEY)}\n${lines.join('')}${quorum}`;
  const env = testEnv();
  const store = options.store ?? openMemoryStore();
  const log = new Log(store, {
    ...(options.hasLedger === true
      ? { ledger: ledgerOf(env, store, options.monotonicMs, options.blobs) }
      : {}),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    onCommit: () => publisher.noteGrowth(),
  });
  const publisher: Publisher = new Publisher(env, log, {
    origin: ORIGIN,
    signers: [LOG_KEY],
    policy: parsePolicy(utf8(policyText)),
    quorumRule: 'require',
    softwareVersion: '0.0.0-test',
    checkpointIntervalMs: 10,
    timeoutMs: 1000,
    graceMs: 50,
    onPublished: ({ size }) => log.ledger?.published(size),
    ...options,
  });
  return { env, log, publisher, policyText };
}

/** Adds entries that no other call adds. */
/** The ledger of a store whose log signs with LOG_KEY. */
export function ledgerOf(
  env: TestEnv,
  store: LogStore,
  monotonicMs = env.nowMs,
  blobs?: Blobs,
): Ledger {
  const clock = new LogClock({
    nowSeconds: () => env.nowMs() / 1000,
    monotonicMs,
  });
  const veil =
    blobs === undefined ? {} : { veil: { openings: blobs.openings, random: env.random } };
  const ledger = new Ledger({ origin: ORIGIN, signer: LOG_KEY, clock, ...veil });
  ledger.load(store, store.latestCheckpoint?.size ?? 0);
  return ledger;
}

export async function addEntries(log: Log, count: number, label = 'entry'): Promise<void> {
  const first = log.head.size;
  const entries = Array.from({ length: count }, (_, i) => utf8(`${label} ${first + i}`));
  await log.addMany(entries);
}

/** What a fake witness answers to one request; undefined breaks the connection. */
export interface FakeAnswer {
  readonly status: number;
  readonly type?: string;
  readonly body: string | Uint8Array;
}

/** One request as the fake witness got it. */
export interface FakeRequest extends AddCheckpoint {
  readonly text: string;
  readonly head: Checkpoint;
}

export interface FakeWitness {
  readonly name: string;
  readonly key: SignerKey;
  readonly url: string;
  readonly requests: FakeRequest[];
  /** Replaces the honest answer. */
  script:
    | ((request: FakeRequest, honest: FakeAnswer) => Promise<FakeAnswer | undefined>)
    | undefined;
  /** What it believes to have cosigned last. */
  size: bigint;
  close(): Promise<void>;
}

/** A witness on loopback that is honest about sizes, checks nothing, and lies as its script says. */
export async function fakeWitness(name: string, number: number): Promise<FakeWitness> {
  const key = createSigner(`witness.example/${name}`, 0x04, seed(number));
  const requests: FakeRequest[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = parseAddCheckpoint(concatBytes(...chunks));
    const { text } = parseNote(body.checkpoint);
    const asked: FakeRequest = { ...body, text, head: parseCheckpoint(text) };
    requests.push(asked);
    const honest = honestAnswer(witness, asked);
    const answer = witness.script === undefined ? honest : await witness.script(asked, honest);
    if (answer === undefined) return void response.destroy();
    response.writeHead(answer.status, { 'content-type': answer.type ?? 'text/plain' });
    response.end(answer.body);
  });
  const url = `http://127.0.0.1:${await listenAnywhere(server)}`;
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  const witness: FakeWitness = { name, key, url, requests, script: undefined, size: 0n, close };
  return witness;
}

function honestAnswer(witness: FakeWitness, { oldSize, text, head }: FakeRequest): FakeAnswer {
  if (oldSize !== witness.size)
    return { status: 409, type: 'text/x.tlog.size', body: `${witness.size}\n` };
  witness.size = head.size;
  return { status: 200, body: cosignatureLine(witness.key, text) };
}

/** A cosignature now, or at another time in POSIX seconds. */
export function cosignatureLine(
  key: SignerKey,
  text: string,
  timestamp: bigint = BigInt(Math.floor(Date.now() / 1000)),
): string {
  return formatSignatureLine(signText(key, text, timestamp));
}

function listenAnywhere(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}

export const AUTHOR: Ed25519Signer = new Ed25519Signer(seed(9));
/** An authors file that lets AUTHOR write to some audit streams. */
export const AUTHORS_TEXT = `author tester ed25519 ${formatBase64(AUTHOR.publicKey)} audit/one audit/x*\n`;

/** A signed note statement on an audit stream. */
export function noteStatement(
  seq: number,
  previous: Uint8Array | null,
  options: { stream?: string; signer?: Ed25519Signer; text?: string } = {},
): Uint8Array {
  const { stream = 'audit/one', signer = AUTHOR, text = `note ${seq}` } = options;
  const payload = encodePayload({ kind: 'note', text });
  const fields = { kind: 'note', issuer: 'tester', stream, issuedAtSeconds: 1, seq, previous };
  return signStatement({ ...fields, payload }, signer);
}
