// A real log in this process whose clock the tests turn, with a village that three members and an outsider use.

import { setTimeout as sleep } from 'node:timers/promises';
import { formatBase64, utf8 } from '@writ/core/bytes';
import { Ed25519Signer } from '@writ/core/ed25519';
import { createSigner, formatVkey } from '@writ/core/formats/key';
import { parsePolicy } from '@writ/core/formats/tlog-policy';
import { sha256 } from '@writ/core/sha256';
import { encodePayload, type Payload } from '@writ/core/statements/kinds';
import type { Constitution } from '@writ/core/statements/kinds/constitution';
import { signStatement } from '@writ/core/statements/statement';
import type { StreamStates } from '@writ/core/streams/reduce';
import { parseAuthors } from '@writ/log-server/admission/authors';
import type { Env } from '@writ/log-server/env';
import { type Service, startService } from '@writ/log-server/service';
import { openMemoryStore } from '@writ/log-server/storage/memory';
import type { CheckpointRecord } from '@writ/log-server/storage/port';
import { proveFollow } from '@writ/log-server/streams/prove-follow';
import * as assert from 'uvu/assert';

export const VILLAGE = 'north-grid';
export const STREAM = `village/${VILLAGE}`;
export const INBOX = `inbox/${VILLAGE}`;
export const POLICY_ID = '3f2a1b4c-1111-4222-8333-944455556666';
const SEED = new Uint8Array(32).fill(1);
export const LOG_KEY = createSigner('log.example/follow', 0x01, SEED);
export const POLICY_TEXT = `log ${formatVkey(LOG_KEY)}\nquorum none\n`;
/** Believes the log alone. */
export const policy = parsePolicy(utf8(POLICY_TEXT));

const people = new Map(
  ['ada', 'ben', 'cid', 'outsider'].map((name) => [name, new Ed25519Signer(sha256(utf8(name)))]),
);

function signerOf(name: string): Ed25519Signer {
  const signer = people.get(name);
  if (signer === undefined) throw new RangeError(name);
  return signer;
}

const quorum = { kind: 'count', k: 1 } as const;
const rule = {
  authors: ['author'],
  approvers: ['author'],
  quorum,
  expiresAfterSeconds: 600,
  notBefore: true,
};
/** Two of three change policies; outsiders may propose. */
export const LAW: Constitution = {
  members: ['ada', 'ben', 'cid'].map((name) => ({
    name,
    roles: ['author'],
    weight: 1,
    keys: [signerOf(name).publicKey],
  })),
  rules: {
    policy: { ...rule, quorum: { kind: 'count', k: 2 } },
    constitution: rule,
    members: rule,
  },
  limits: { statementsPerDay: 1000, proposalsOpen: 9, specBytes: 1000, requestsPerMinute: 100_000 },
  quarantine: {
    approvers: ['author'],
    quorum,
    expiresAfterSeconds: 900,
    proposalsOpen: 9,
    statementsPerDay: 1000,
  },
  staleness: { mode: 'keep-last-good', maxSeconds: 86_400 },
  visibility: 'public',
  recordDenials: true,
};

/** A log whose clock the test turns. */
export class Watched {
  readonly service: Service;
  readonly clock: { nowMs: number };

  private constructor(service: Service, clock: { nowMs: number }) {
    this.service = service;
    this.clock = clock;
  }

  static async start(): Promise<Watched> {
    const clock = { nowMs: 1_800_000_000_000 };
    const env: Env = {
      nowMs: () => clock.nowMs,
      monotonicMs: () => clock.nowMs,
      random: (length) => crypto.getRandomValues(new Uint8Array(length)),
      fetch: globalThis.fetch,
      sleep: (ms, signal) =>
        sleep(ms, undefined, signal === undefined ? { ref: false } : { signal }).catch(
          () => undefined,
        ),
      log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
    };
    const authors = parseAuthors(
      utf8(
        [...people]
          .map(
            ([name, { publicKey }]) =>
              `author ${name} ed25519 ${formatBase64(publicKey)} village/* inbox/* node/*\n`,
          )
          .join(''),
      ),
    );
    const service = await startService(env, {
      store: openMemoryStore(),
      signers: [LOG_KEY],
      profile: 'statements',
      policy,
      policyText: POLICY_TEXT,
      quorumRule: 'require',
      checkpointIntervalMs: 5,
      refreshIntervalMs: 3_600_000,
      witnessTimeoutMs: 1000,
      grease: false,
      host: '127.0.0.1',
      port: 0,
      softwareVersion: '0.0.0-test',
      authors: () => authors,
    });
    return new Watched(service, clock);
  }

  get states(): StreamStates {
    const { ledger } = this.service.log;
    if (ledger === undefined) throw new RangeError('a log without streams');
    return ledger.states;
  }

  /** Submits over HTTP; true when the log took it. */
  async submit(name: string, stream: string, payload: Payload): Promise<boolean> {
    const head = this.states.get(stream)?.head;
    const statement = signStatement(
      {
        kind: payload.kind,
        issuer: name,
        stream,
        issuedAtSeconds: 0,
        seq: head === undefined ? 0 : head.seq + 1,
        previous: head?.id ?? null,
        payload: encodePayload(payload),
      },
      signerOf(name),
    );
    const response = await fetch(`${this.service.url}/add`, {
      method: 'POST',
      headers: { 'content-type': 'application/cose' },
      body: Uint8Array.from(statement),
    });
    await response.arrayBuffer();
    assert.ok(response.status === 200 || response.status === 403, String(response.status));
    return response.status === 200;
  }

  /** What the log answers at `path` over HTTP; for follow pages under an older `record`, what it answered then. */
  async read(path: string, record?: CheckpointRecord): Promise<Uint8Array | undefined> {
    const url = new URL(path, `${this.service.url}/`);
    const stream = /^\/streams\/(.+)\/follow$/.exec(url.pathname)?.[1];
    if (stream !== undefined && record !== undefined) {
      const number = (name: string): number => Number(url.searchParams.get(name));
      const [from, limit, since] = [number('from'), number('limit'), number('since')];
      return proveFollow(this.service.log, record, { stream, from, limit, since });
    }
    const response = await fetch(url);
    const body = new Uint8Array(await response.arrayBuffer());
    return response.status === 200 ? body : undefined;
  }
}
