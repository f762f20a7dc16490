// The node: pull, verify, apply, execute, report (spec/node.md). It starts from what it verified before and works
// while the log is away; it begins without anything only once it has read its village.

import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { formatHex } from '@writ/core/bytes';
import { isLogError, LogError } from '@writ/core/errors';
import type { SignerKey } from '@writ/core/formats/key';
import type { TrustPolicy } from '@writ/core/formats/tlog-policy';
import { sha256 } from '@writ/core/sha256';
import { formatStreamId } from '@writ/core/statements/stream-id';
import type { EngineEvent } from '../engine/event.ts';
import { CallQueue } from './call-queue.ts';
import { DriverPool, type PooledHost } from './driver-pool.ts';
import type { Handled } from './engine.ts';
import { keepEvidence } from './evidence-folder.ts';
import type { LogWorld } from './log-client.ts';
import type { NodeConfig } from './node-config.ts';
import { NodeLog } from './node-log.ts';
import { NodeRecords } from './node-records.ts';
import { NodeWorks } from './node-works.ts';
import { PackageStore } from './package-store.ts';
import { type Pulled, pull } from './pull.ts';
import { type InForce, putInForce } from './put-in-force.ts';
import { Repeat } from './repeat.ts';
import type { SourceEnv } from './sources/source.ts';
import { StateStore } from './state-store.ts';
import { WorkingCopy } from './working-copy.ts';

/** The world outside of a node. */
export interface NodeEnv extends SourceEnv, LogWorld {
  readonly randomBytes: (size: number) => Uint8Array;
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** One line of what happened, for the operator. */
  readonly say: (event: string, facts: { readonly [name: string]: unknown }) => void;
}

export interface NodeSettings {
  readonly config: NodeConfig;
  readonly policy: TrustPolicy;
  readonly key: SignerKey;
  /** With their secrets. */
  readonly hosts: readonly PooledHost[];
  /** Folder of the node, absolute. */
  readonly data: string;
  readonly version: string;
}

/** How the last pull went. */
export interface LastPull {
  /** Milliseconds since 1970. */
  readonly ms: number;
  readonly ok: boolean;
  /** The class of the reconciliation, or why there is none. */
  readonly word: string;
}

/** How long a start waits for packages that are not on the disk. */
const START_MS = 5000;

export class WritNode {
  readonly env: NodeEnv;
  readonly settings: NodeSettings;
  readonly log: NodeLog;
  readonly pool: DriverPool;
  readonly queue: CallQueue;
  readonly #store: StateStore;
  readonly #packages: PackageStore;
  readonly #files: WorkingCopy;
  readonly #pulling: Repeat;
  readonly #onWorks: (works: NodeWorks) => void;
  /** Ends every request to the log. */
  readonly #ending = new AbortController();
  /** Pulls and swaps go one after the other, whoever asks for them. */
  #turn: Promise<unknown> = Promise.resolve();
  /** While the node starts: until when it waits for packages, on the steady clock. */
  #startBy: number | undefined;
  #records: NodeRecords | undefined;
  #works: NodeWorks | undefined;
  #inForce: InForce | undefined;
  #lastPull: LastPull | undefined;
  #said = '';
  #kept = '';

  private constructor(
    env: NodeEnv,
    settings: NodeSettings,
    store: StateStore,
    onWorks: (works: NodeWorks) => void,
  ) {
    const { config, policy, key, data, hosts } = settings;
    const { village, node, limits } = config;
    const stream = formatStreamId({ family: 'node', village, node });
    this.env = env;
    this.settings = settings;
    this.#store = store;
    this.#onWorks = onWorks;
    const maxAgeSeconds = maxAge(config);
    const world: LogWorld = {
      nowSeconds: env.nowSeconds,
      fetch: env.fetch,
      timeout: (ms) => AbortSignal.any([env.timeout(ms), this.#ending.signal]),
    };
    this.log = new NodeLog(world, { url: config.log, policy, key, stream, maxAgeSeconds });
    const fetchBlob = (digest: string): Promise<Uint8Array> => this.#fetchPackage(digest);
    this.#packages = new PackageStore(join(data, 'packages'), fetchBlob, env.nowSeconds);
    this.pool = new DriverPool({
      hosts,
      fetchPackage: (digest) => this.#packages.get(digest),
      callTimeoutMs: limits.call_timeout === undefined ? undefined : limits.call_timeout * 1000,
    });
    this.queue = new CallQueue(env.monotonic, {
      maxCalls: limits.calls,
      maxWaiting: limits.waiting,
      maxWaitingAll: limits.waiting * 16,
    });
    this.#files = new WorkingCopy(join(data, 'villages'), village);
    this.#pulling = new Repeat(env, () => this.#pullOnce());
  }

  /**
   * Opens the folder of a node. `onWorks` is called once, when the first verified state is in force: from then on there is
   * somebody to hand events to. LogError storage-locked when another node uses the folder, storage-failed.
   */
  static async open(
    env: NodeEnv,
    settings: NodeSettings,
    onWorks: (works: NodeWorks) => void = () => {},
  ): Promise<WritNode> {
    const { data } = settings;
    try {
      await mkdir(data, { recursive: true, mode: 0o700 });
      // Records, their secrets and the control socket are in it: nobody else has business there.
      await chmod(data, 0o700);
    } catch (error) {
      const message = `data: cannot use the folder ${data}: see that it belongs to the user of the node`;
      throw new LogError('storage-failed', message, {}, error);
    }
    const store = await StateStore.open(join(data, 'store'), { create: true });
    try {
      return new WritNode(env, settings, store, onWorks);
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  /**
   * Puts the stored state in force, if there is one, and begins to follow the log, which need not be there. LogError when
   * what is stored does not hold under the trust policy, and for storage.
   */
  async start(): Promise<void> {
    this.#records = await NodeRecords.open(this.env, this.settings);
    this.#startBy = this.env.monotonic() + START_MS;
    try {
      await this.#inTurn(() => this.#refresh());
    } catch (error) {
      if (!isLogError(error) || error.code.startsWith('storage-')) throw error;
      const advice =
        'go back to the trust policy under which it was stored, and change it once a checkpoint was pulled that holds under both';
      const message = `what is stored does not hold under the trust policy (${error.message}): ${advice}`;
      throw new LogError(error.code, message, error.detail, error);
    }
    this.#startBy = undefined;
    this.#pulling.start();
  }

  /** Ends within a bounded time: calls that still run then are killed, and nobody knows their outcome. */
  async stop(): Promise<void> {
    // Told first, so that it does not take the end of its requests for a log that is away.
    const remote = this.#works?.remote.stop();
    this.#ending.abort();
    await remote;
    await this.#pulling.stop();
    await this.#turn;
    await this.#works?.stop();
    await this.pool.close();
    await this.#records?.close();
    await this.#store.close();
  }

  /** undefined: the village was never read. */
  get works(): NodeWorks | undefined {
    return this.#works;
  }

  get inForce(): InForce | undefined {
    return this.#inForce;
  }

  get lastPull(): LastPull | undefined {
    return this.#lastPull;
  }

  /** What works here. LogError overloaded before there is a verified state. */
  get ready(): NodeWorks {
    if (this.#works !== undefined) return this.#works;
    const why = this.#lastPull === undefined ? '' : ` (${this.#lastPull.word})`;
    throw new LogError('overloaded', `the node has no verified state yet${why}: try again later`);
  }

  /** Hands an event to the engine. LogError overloaded before there is a verified state, and when the node stops. */
  async handle(event: EngineEvent, isForeign: boolean): Promise<Handled> {
    return this.ready.handle(event, isForeign);
  }

  /** Pulls as soon as may be, instead of when it is time. */
  pullSoon(): void {
    this.#pulling.nudge();
  }

  /**
   * One pull with apply; the node signs the report. What it refuses is kept as evidence. A node that was not started puts
   * nothing in force. Errors as `pull`.
   */
  pull(): Promise<Pulled> {
    return this.#inTurn(async () => {
      const pulled = await this.#reconcile(true);
      const { report } = pulled;
      if (report.exit.apply !== 0) await this.#refuse(pulled);
      // Also without news: the checkpoint is fresher, and a package that was missing may be there now.
      else if (this.#records !== undefined) await this.#refresh();
      return pulled;
    });
  }

  /** The comparison alone: nothing changes. What does not hold is kept as evidence. */
  look(): Promise<Pulled> {
    return this.#inTurn(async () => {
      const pulled = await this.#reconcile(false);
      if (pulled.report.exit.apply !== 0) await this.#refuse(pulled);
      return pulled;
    });
  }

  /** What is here is not kept waiting at a start for what a log does not send: it is asked again with the next pull. */
  async #fetchPackage(digest: string): Promise<Uint8Array> {
    const asked = this.log.client.blob(digest);
    if (this.#startBy === undefined) return asked;
    const over = new AbortController();
    const leftMs = Math.max(0, this.#startBy - this.env.monotonic());
    const late = this.env.sleep(leftMs, over.signal).then(() => undefined);
    asked.catch(() => {});
    try {
      const bytes = await Promise.race([asked, late]);
      if (bytes !== undefined) return bytes;
      throw new LogError('network-failed', 'the log does not send the driver package in time');
    } finally {
      over.abort();
    }
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  #reconcile(apply: boolean): Promise<Pulled> {
    const { config, policy, key, version } = this.settings;
    return pull(
      this.log.fetchPage,
      { store: this.#store, files: this.#files },
      {
        village: config.village,
        policy,
        nowSeconds: this.env.nowSeconds(),
        maxAgeSeconds: maxAge(config),
        toolVersion: version,
        mode: 'enforce',
        apply,
        signer: key,
      },
    );
  }

  /** Keeps what speaks against the log, and says so; the same lie again is said once. */
  async #refuse(pulled: Pulled): Promise<void> {
    const { class: found, reason, exit, message } = pulled.report;
    const pages = pulled.pages.map(({ bytes }) => formatHex(sha256(bytes)));
    const kept = [found, reason, ...pages].join(' ');
    if (kept === this.#kept) return;
    const evidence = await keepEvidence(join(this.settings.data, 'evidence'), pulled);
    this.#kept = kept;
    this.env.say('pull refused', { class: found, reason, message, evidence });
    await this.#works?.recordDrift(pulled.signed, found, exit.apply);
  }

  async #pullOnce(): Promise<number> {
    const ms = this.env.now();
    try {
      const { report } = await this.pull();
      const ok = report.exit.apply === 0;
      this.#lastPull = { ms, ok, word: ok ? report.class : `${report.class}: ${report.message}` };
    } catch (error) {
      if (!isLogError(error)) throw error;
      const { code, message } = error;
      this.#lastPull = { ms, ok: false, word: `${code}: ${message}` };
      if (!this.#ending.signal.aborted) this.env.say('pull failed', { code, message });
    }
    return this.settings.config.pull_every * 1000;
  }

  /** Compiles what is stored and swaps it in; whatever fails leaves the one before. */
  async #refresh(): Promise<void> {
    const { config, policy, hosts } = this.settings;
    const next = await putInForce({
      village: config.village,
      policy,
      store: this.#store,
      pool: this.pool,
      hosts,
      inventoryOf: (host) => this.#works?.inventories.index(host),
      resolutionOf: (ref) => this.#records?.resolutions.of(ref),
      before: this.#inForce?.snapshot,
    });
    if (next === undefined || this.#ending.signal.aborted) return;
    this.#packages.protect(next.manifests.keys());
    this.#sayMissing(next);
    const isNew = this.#inForce?.snapshot.villageSeq !== next.snapshot.villageSeq;
    if (this.#works === undefined) await this.#begin(next);
    else await this.#works.put(next, isNew);
    this.#inForce = next;
  }

  /** The first state: from here on there is somebody who acts. */
  async #begin(first: InForce): Promise<void> {
    const { env, settings, log, pool, queue } = this;
    const records = this.#records;
    if (records === undefined) return;
    const specOf = (digest: string): Promise<Uint8Array | undefined> => this.#store.spec(digest);
    const works = await NodeWorks.open({
      ...{ env, settings, log, pool, queue, records, specOf, first },
    });
    await works.begin();
    this.#works = works;
    this.#onWorks(works);
  }

  #sayMissing({ missing }: InForce): void {
    const said = [...missing].map(([digest, reason]) => `${digest} ${reason}`).join('\n');
    if (said === this.#said) return;
    this.#said = said;
    for (const [digest, reason] of missing)
      this.env.say('driver package missing', { digest, reason });
  }
}

function maxAge({ pull_every }: NodeConfig): number {
  return Math.max(600, 4 * pull_every);
}
