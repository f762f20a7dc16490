// A village with a policy for the exec driver, its package in the blob store of a real log, and the real program
// writ-node that acts on it.

import { type ChildProcess, spawn } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatBase64, utf8 } from '@writ/core/bytes';
import { freePort } from '@writ/e2e/harness/ports';
import { COMMANDS, DRIVER_PACKAGES } from '@writ/e2e/processes';
import { signWebhook } from '@writ/policy/agent/sources/webhook-signature';
import * as assert from 'uvu/assert';
import { LocalWitness } from './local-witness.ts';
import { WritWorld } from './writ-world.ts';

export const HOST = '6f1d1b54-3c1e-4f0a-9d57-0c9b3d2f7a11';
export const SENDER_SECRET: Uint8Array = new Uint8Array(32).fill(9);

// biome-ignore lint/suspicious/noExplicitAny: tests look into JSON of many shapes
type Json = any;

export interface Ended {
  readonly exit: number | null;
  readonly out: string;
  readonly err: string;
}

/** A process of `writ-node run`. */
export interface RunningNode {
  readonly child: ChildProcess;
  /** What it wrote to standard error so far. */
  said(): string;
  /** Resolves with its exit code. */
  readonly ended: Promise<number | null>;
  stop(): Promise<number | null>;
}

export interface NodeRunOptions {
  readonly staleness?: object;
  /** Commands of the host, by name. */
  readonly commands?: readonly string[];
}

export class NodeRunWorld {
  readonly log: WritWorld;
  readonly driver: string;
  readonly port: number;
  readonly #witness: LocalWitness;
  readonly #nodes = new Set<RunningNode>();
  #numbers = 0;

  private constructor(log: WritWorld, witness: LocalWitness, driver: string, port: number) {
    this.log = log;
    this.#witness = witness;
    this.driver = driver;
    this.port = port;
  }

  /** A log, a village that ada rules, the exec driver in the blob store, and `node.yaml`. */
  static async start({ staleness }: NodeRunOptions = {}): Promise<NodeRunWorld> {
    const witness = await LocalWitness.start();
    const { trusted } = witness;
    const log = await WritWorld.start(['ada', 'ben', 'quay-1'], {
      trusted,
      refreshIntervalMs: 500,
    });
    const rule = {
      ...{ authors: ['author'], approvers: ['author'], quorum: { kind: 'count', k: 1 } },
      ...{ expiresAfterSeconds: null, notBefore: false },
    };
    const law = await log.constitution({
      members: [log.member('ada', ['author'])],
      rules: { policy: rule, constitution: rule, members: rule },
      limits: {
        statementsPerDay: 100,
        proposalsOpen: 4,
        specBytes: 4000,
        requestsPerMinute: 10_000,
      },
      ...(staleness === undefined ? {} : { staleness }),
    });
    try {
      await log.done('ada', 'village', 'create', 'north-quay', law);
      const packed = log.path('exec.writ-driver');
      await log.done('ada', 'driver', 'pack', join(DRIVER_PACKAGES, 'exec'), '--out', packed);
      const { digest } = await log.done('ada', 'driver', 'push', packed);
      const world = new NodeRunWorld(log, witness, digest, await freePort());
      await writeFile(log.path('hook'), `whsec_${formatBase64(SENDER_SECRET)}\n`, { mode: 0o600 });
      await world.configure();
      return world;
    } catch (error) {
      // A log that nobody closes keeps the tests from ending.
      await log.close();
      witness.close();
      throw error;
    }
  }

  /** Writes `node.yaml`; `more` replaces members. */
  async configure(more: object = {}, name = 'node.yaml'): Promise<string> {
    const argv = (word: string): string[] => [
      ...['/bin/sh', '-c', `echo ${word} >> ${this.log.path('journal')}`],
    ];
    return this.log.write(name, {
      ...{ village: 'north-quay', node: 'quay-1', log: this.log.service.url },
      ...{ trust_policy: 'trust.policy', key: 'quay-1.key', data: 'node', pull_every: '1s' },
      listen: { host: '127.0.0.1', port: this.port },
      hosts: [
        {
          ...{ id: HOST, name: 'quay', driver: 'org.writ.exec' },
          connection: {
            commands: [
              { name: 'light', argv: argv('light') },
              { name: 'slow', argv: ['/bin/sh', '-c', 'sleep 600'] },
            ],
          },
        },
      ],
      senders: [
        { name: 'sensors', secret: { file: 'hook' }, may: ['webhook', 'samples', 'events'] },
        { name: 'doorbell', secret: { file: 'hook' }, may: ['webhook'] },
      ],
      ...more,
    });
  }

  /** Puts a policy in force that runs `light` when a UPS loses the mains; answers its id. */
  async propose(fields: object = {}, targets: object = {}): Promise<string> {
    this.#numbers += 1;
    const file = await this.log.write(`policy-${this.#numbers}.json`, {
      version: 1,
      name: `Light ${this.#numbers}`,
      trigger_group: { triggers: [{ type: 'ups.state', equals: 'mains-lost' }] },
      targets: {
        ...{ host_id: HOST, target_type: 'command', driver: this.driver },
        selector: { mode: 'list', value: 'light' },
        ...targets,
      },
      actions: [{ capability_id: 'command.run', verb: 'run' }],
      suppression_window: '1s',
      idempotency_window: '1s',
      ...fields,
    });
    await this.log.done('ada', 'policy', 'propose', file);
    const { policies } = await this.log.done('ada', 'village', 'show');
    return policies.at(-1).policy;
  }

  /** Starts the node and waits until it answers at its port. */
  async run(config = 'node.yaml', more: readonly string[] = []): Promise<RunningNode> {
    const args = [COMMANDS.node, 'run', '--config', this.log.path(config), ...more];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    child.stderr?.on('data', (chunk: Uint8Array) => {
      said += String(chunk);
    });
    child.stdout?.resume();
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    const node: RunningNode = {
      child,
      ended,
      said: () => said,
      stop: async () => {
        child.kill('SIGTERM');
        return ended;
      },
    };
    this.#nodes.add(node);
    let isOver = false;
    void ended.then(() => {
      isOver = true;
      this.#nodes.delete(node);
    });
    for (let tries = 0; tries < 200; tries++) {
      if (isOver) throw new Error(`the node ended with ${await ended}: ${said}`);
      if ((await this.get('/livez')).status === 200) return node;
      await sleep(50);
    }
    throw new Error(`the node does not answer: ${said}`);
  }

  /** Starts the node and waits until it is ready. */
  async ready(config = 'node.yaml'): Promise<RunningNode> {
    const node = await this.run(config);
    await this.until(
      async () => (await this.get('/readyz')).status === 200,
      () => node.said(),
    );
    return node;
  }

  /** Runs a command of writ-node to its end. */
  node(...words: string[]): Promise<Ended> {
    return this.nodeIn({}, ...words);
  }

  async nodeIn(env: Record<string, string>, ...words: string[]): Promise<Ended> {
    const [name = '', ...rest] = words;
    const args = [COMMANDS.node, name, '--config', this.log.path('node.yaml'), ...rest];
    const config = rest.includes('--config') ? [COMMANDS.node, ...words] : args;
    const child = spawn(process.execPath, config, { env: { ...process.env, ...env } });
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk: Uint8Array) => {
      out += String(chunk);
    });
    child.stderr.on('data', (chunk: Uint8Array) => {
      err += String(chunk);
    });
    const exit = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return { exit, out, err };
  }

  async status(): Promise<Json> {
    return JSON.parse((await this.get('/status')).body);
  }

  get(path: string): Promise<{ status: number; body: string }> {
    return this.ask('GET', path, {}, undefined);
  }

  /** What a sender sends, signed; `change` spoils it. */
  send(
    path: string,
    id: string,
    body: unknown,
    { seconds = Math.floor(Date.now() / 1000), secret = SENDER_SECRET, headers = {} } = {},
  ): Promise<{ status: number; body: string }> {
    const bytes = utf8(typeof body === 'string' ? body : JSON.stringify(body));
    const signed = {
      'webhook-id': id,
      'webhook-timestamp': String(seconds),
      'webhook-signature': signWebhook(secret, id, seconds, bytes),
      ...headers,
    };
    return this.ask('POST', path, signed, bytes);
  }

  ask(
    method: string,
    path: string,
    headers: Record<string, string>,
    body: Uint8Array | undefined,
  ): Promise<{ status: number; body: string }> {
    return new Promise((resolve) => {
      const outgoing = request(
        { host: '127.0.0.1', port: this.port, method, path, headers },
        async (incoming) => {
          let text = '';
          for await (const chunk of incoming) text += String(chunk);
          resolve({ status: incoming.statusCode ?? 0, body: text });
        },
      );
      outgoing.on('error', (error) => resolve({ status: 0, body: error.message }));
      outgoing.end(body);
    });
  }

  /** The mains are gone: hands the event to the node and answers what came of it. */
  async loseMains(fields: object = {}): Promise<Json> {
    this.#numbers += 1;
    const event = {
      ...{ type: 'ups', kind: 'ups.state', attrs: { state: 'mains-lost' } },
      subject: { kind: 'ups', id: `ups-${this.#numbers}` },
      ...fields,
    };
    const file = await this.log.write('event.json', event);
    const { exit, out, err } = await this.node('event', file, '--json');
    assert.is(exit, 0, `${out}${err}`);
    return JSON.parse(out).result;
  }

  /** What the commands wrote. */
  async journal(): Promise<string[]> {
    const text = await readFile(this.log.path('journal'), 'utf8').catch(() => '');
    return text.split('\n').filter((line) => line !== '');
  }

  /** Kinds of the node's records in the log, once there are `count` of `kind`. */
  async logged(kind: string, count = 1): Promise<string[]> {
    let kinds: string[] = [];
    await this.until(
      async () => {
        kinds = await this.kinds();
        return kinds.filter((each) => each === kind).length >= count;
      },
      () => `the log has ${kinds.join(' ')}`,
    );
    return kinds;
  }

  /** Kinds of the node's records in the log, as a follow page has them. */
  async kinds(): Promise<string[]> {
    const { url } = this.log.service;
    const response = await fetch(`${url}/streams/node/north-quay/quay-1?limit=100`);
    if (!response.ok) return [];
    const text = new TextDecoder('latin1').decode(await response.arrayBuffer());
    const kinds = [...text.matchAll(/application\/vnd\.writ\.([a-z-]+)\+cbor/g)];
    return kinds.map(([, name]) => name ?? '').filter((name) => name !== 'state-root');
  }

  async until(isSo: () => Promise<boolean>, why: () => string): Promise<void> {
    for (let tries = 0; tries < 200; tries++) {
      if (await isSo()) return;
      await sleep(100);
    }
    throw new Error(`it never came: ${why()}`);
  }

  async forget(path: string): Promise<void> {
    await rm(this.log.path(path), { recursive: true, force: true });
  }

  async close(): Promise<void> {
    for (const node of this.#nodes) {
      node.child.kill('SIGKILL');
      await node.ended;
    }
    await this.log.close();
    this.#witness.close();
  }
}
