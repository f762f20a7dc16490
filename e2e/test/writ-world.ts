// A log in this process, a folder with keys and a trust policy, and the command `writ` run in it.

import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '@writ/cli/run';
import type { Surroundings } from '@writ/cli/surroundings';
import { concatBytes, formatBase64, utf8 } from '@writ/core/bytes';
import { createSigner, formatVkey, parseSignerKey, type SignerKey } from '@writ/core/formats/key';
import { parsePolicy } from '@writ/core/formats/tlog-policy';
import { parseAuthors } from '@writ/log-server/admission/authors';
import { openMemoryBlobs } from '@writ/log-server/blobs/memory';
import type { Env } from '@writ/log-server/env';
import { type Service, startService } from '@writ/log-server/service';
import { openMemoryStore } from '@writ/log-server/storage/memory';

export const LOG_KEY: SignerKey = createSigner(
  'log.example/writ',
  0x01,
  new Uint8Array(32).fill(1),
);

/** What a run of `writ` came to. */
export interface Ran {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into JSON of many shapes
  readonly json: any;
}

/** Changes what the log answers: a liar between the log and the command. */
export type Liar = (
  path: string,
  honest: () => Promise<Response>,
  init?: RequestInit,
) => Promise<Response>;

export class WritWorld {
  readonly dir: string;
  readonly service: Service;
  readonly keys: ReadonlyMap<string, SignerKey>;
  lie: Liar | undefined;
  readonly #servers: Server[] = [];
  /** Stops the clock of the command. */
  nowSeconds: number | undefined;

  private constructor(dir: string, service: Service, keys: ReadonlyMap<string, SignerKey>) {
    this.dir = dir;
    this.service = service;
    this.keys = keys;
  }

  /**
   * A log to which the holders of `names` may write, each with a key file `NAME.key`. `trusted` is what the trust policy
   * says behind its log.
   */
  static async start(
    names: readonly string[],
    { trusted = 'quorum none\n', refreshIntervalMs = 3_600_000 } = {},
  ): Promise<WritWorld> {
    const dir = await mkdtemp(join(tmpdir(), 'writ-cli-'));
    const keys = new Map<string, SignerKey>();
    for (const name of names) {
      const made = await runIn(dir, undefined, [
        'key',
        'new',
        name,
        '--out',
        join(dir, `${name}.key`),
      ]);
      if (made.exit !== 0) throw new Error(made.err);
      const text = await readFile(join(dir, `${name}.key`), 'utf8');
      keys.set(name, parseSignerKey(text.trimEnd()));
    }
    const policyText = `log ${formatVkey(LOG_KEY)}\n${trusted}`;
    const authorsText = [...keys]
      .map(
        ([name, { publicKey }]) =>
          `author ${name} ed25519 ${formatBase64(publicKey)} village/* inbox/* node/* package/*\n`,
      )
      .join('');
    const authors = parseAuthors(utf8(authorsText));
    const service = await startService(environment(), {
      store: openMemoryStore(),
      blobs: openMemoryBlobs(),
      signers: [LOG_KEY],
      profile: 'statements',
      policy: parsePolicy(utf8(policyText)),
      policyText,
      quorumRule: 'require',
      checkpointIntervalMs: 5,
      refreshIntervalMs,
      witnessTimeoutMs: 1000,
      grease: false,
      host: '127.0.0.1',
      port: 0,
      softwareVersion: '0.0.0-test',
      authors: () => authors,
    });
    await writeFile(join(dir, 'trust.policy'), policyText);
    return new WritWorld(dir, service, keys);
  }

  /** What the log itself answers. */
  answer(url: string, init?: RequestInit): Promise<Response> {
    const { pathname, search } = new URL(url);
    return fetch(`${this.service.url}${pathname}${search}`, init);
  }

  /** The URL of a server that answers as `answer` and the liar do: for commands that run as processes. */
  async listen(): Promise<string> {
    const server = createServer(async (request, response) => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const { method = 'GET', headers, url = '/' } = request;
      const type = headers['content-type'];
      const init: RequestInit = {
        method,
        ...(method === 'POST' ? { body: concatBytes(...chunks).slice() } : {}),
        ...(type === undefined ? {} : { headers: { 'content-type': type } }),
      };
      const found = await answer(this, `${this.service.url}${url}`, init);
      response.writeHead(found.status);
      response.end(new Uint8Array(await found.arrayBuffer()));
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    this.#servers.push(server);
    const address = server.address();
    return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  }

  /** A constitution under which ada and ben decide together; `more` replaces members of it. */
  async constitution(more: object = {}): Promise<string> {
    const rule = {
      authors: ['author'],
      approvers: ['author'],
      quorum: { kind: 'count', k: 2 },
      expiresAfterSeconds: null,
      notBefore: false,
    };
    return this.write('constitution.json', {
      members: ['ada', 'ben'].map((name) => this.member(name, ['author'])),
      rules: { policy: rule, constitution: rule, members: rule },
      limits: { statementsPerDay: 100, proposalsOpen: 4, specBytes: 1000, requestsPerMinute: 1000 },
      quarantine: {
        approvers: ['author'],
        quorum: { kind: 'count', k: 1 },
        expiresAfterSeconds: 3600,
        proposalsOpen: 4,
        statementsPerDay: 10,
      },
      staleness: { mode: 'keep-last-good', maxSeconds: 3600 },
      visibility: 'public',
      recordDenials: false,
      ...more,
    });
  }

  /** A member of a constitution, with the key of that name. */
  member(name: string, roles: readonly string[]): object {
    return { name, roles, weight: 1, keys: [this.vkey(name)] };
  }

  vkey(name: string): string {
    const key = this.keys.get(name);
    if (key === undefined) throw new RangeError(`the world has no key ${name}`);
    return formatVkey(key);
  }

  path(name: string): string {
    return join(this.dir, name);
  }

  async write(name: string, value: unknown): Promise<string> {
    await writeFile(this.path(name), JSON.stringify(value));
    return this.path(name);
  }

  /** Runs `writ` with JSON output, settings for this world, and `key` as the key. */
  async writ(key: string, ...words: string[]): Promise<Ran> {
    return runIn(this.dir, this, [...words, '--json'], {
      WRIT_KEY: this.path(`${key}.key`),
      WRIT_POLICY: this.path('trust.policy'),
      WRIT_LOG: this.service.url,
      WRIT_DIR: this.path('state'),
      WRIT_VILLAGE: 'north-quay',
    });
  }

  /** As `writ`, and it has to end with exit code 0. */
  async done(key: string, ...words: string[]): Promise<Ran['json']> {
    const { exit, out, json } = await this.writ(key, ...words);
    if (exit !== 0) throw new Error(`writ ${words.join(' ')} ends with ${exit}: ${out}`);
    return json;
  }

  async close(): Promise<void> {
    for (const server of this.#servers) {
      server.closeAllConnections();
      server.close();
    }
    await this.service.close();
    await rm(this.dir, { recursive: true });
  }
}

/** Runs the command in a folder, with JSON answers parsed where they were asked for; `world` answers for the network. */
export async function runIn(
  dir: string,
  world: WritWorld | undefined,
  argv: readonly string[],
  env: Record<string, string> = {},
): Promise<Ran> {
  let [out, err] = ['', ''];
  const surroundings: Surroundings = {
    nowSeconds: () => world?.nowSeconds ?? Math.floor(Date.now() / 1000),
    random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    fetch: (input, init) => answer(world, String(input), init),
    sleep: (ms) => sleep(Math.min(ms, 50)),
    timeout: (ms) => AbortSignal.timeout(ms),
    env: { HOME: dir, ...env },
  };
  const terminal = {
    result: (text: string) => {
      out += text;
    },
    talk: (text: string) => {
      err += text;
    },
  };
  const exit = await run(argv, surroundings, terminal, '0.0.0-test');
  return { exit, out, err, json: argv.includes('--json') ? JSON.parse(out) : undefined };
}

async function answer(
  world: WritWorld | undefined,
  url: string,
  init: RequestInit | undefined,
): Promise<Response> {
  if (world === undefined) throw new TypeError('no network here');
  // Addresses of others, such as webhooks, are asked for real.
  if (new URL(url).origin !== new URL(world.service.url).origin) return fetch(url, init);
  const path = new URL(url).pathname + new URL(url).search;
  const honest = (): Promise<Response> => world.answer(url, init);
  return world.lie === undefined ? honest() : world.lie(path, honest, init);
}

function environment(): Env {
  return {
    nowMs: () => Date.now(),
    random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    fetch: globalThis.fetch,
    sleep: (ms, signal) =>
      sleep(ms, undefined, signal === undefined ? { ref: false } : { signal }).catch(
        () => undefined,
      ),
    log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
  };
}
