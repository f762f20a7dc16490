// The node: pull, verify, apply, execute, report (spec/node.md). It starts from what it verified before and works
// while the log is away; it begins without anything only once it has read its village.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isLogError, LogError } from '@writ/core/errors';
import type { SignerKey } from '@writ/core/formats/key';
import type { TrustPolicy } from '@writ/core/formats/tlog-policy';
import { formatStreamId } from '@writ/core/statements/stream-id';
import type { EngineEvent } from '../engine/event.ts';
import { CallQueue } from './call-queue.ts';
import { DriverPool, type PooledHost } from './driver-pool.ts';
import type { Handled } from './engine.ts';
import { keepEvidence } from './evidence-folder.ts';
import type { LogWorld } from './log-client.ts';
import type { NodeConfig } from './node-config.ts';
import { NodeLog } from './node-log.ts';
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

export class WritNode {
  readonly env: NodeEnv;
  readonly settings: NodeSettings;
  readonly log: NodeLog;
  readonly pool: DriverPool;
  readonly queue: CallQueue;
  readonly #store: StateStore;
  readonly #files: WorkingCopy;
  readonly #pulling: Repeat;
  readonly #onWorks: (works: NodeWorks) => void;
  #works: NodeWorks | undefined;
  #inForce: InForce | undefined;
  #lastPull: LastPull | undefined;

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
    this.log = new NodeLog(env, { url: config.log, policy, key, stream, maxAgeSeconds });
    const fetchBlob = (digest: string): Promise<Uint8Array> => this.log.client.blob(digest);
    const packages = new PackageStore(join(data, 'packages'), fetchBlob);
    const callTimeoutMs =
      limits.call_timeout === undefined ? undefined : limits.call_timeout * 1000;
    const fetchPackage = (digest: string): Promise<Uint8Array> => packages.get(digest);
    this.pool = new DriverPool({ hosts, fetchPackage, callTimeoutMs });
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
   * somebody to hand events to. LogError storage-locked, storage-failed.
   */
  static async open(
    env: NodeEnv,
    settings: NodeSettings,
    onWorks: (works: NodeWorks) => void = () => {},
  ): Promise<WritNode> {
    await mkdir(settings.data, { recursive: true, mode: 0o700 });
    const store = await StateStore.open(join(settings.data, 'store'), { create: true });
    return new WritNode(env, settings, store, onWorks);
  }

  /**
   * Puts the stored state in force, if there is one, and begins to follow the log. LogError when what is stored does not
   * hold under the trust policy.
   */
  async start(): Promise<void> {
    await this.#refresh();
    this.#pulling.start();
  }

  async stop(): Promise<void> {
    await this.#pulling.stop();
    await this.#works?.stop();
    await this.pool.close();
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

  /** Hands an event to the engine. LogError overloaded before there is a verified state. */
  async handle(event: EngineEvent, isForeign: boolean): Promise<Handled> {
    if (this.#works === undefined)
      throw new LogError('overloaded', 'the node has no verified state yet: try again later');
    return this.#works.handle(event, isForeign);
  }

  /** Pulls as soon as may be, instead of when it is time. */
  pullSoon(): void {
    this.#pulling.nudge();
  }

  /** One pull with apply; the node signs the report. What it refuses is kept as evidence. Errors as `pull`. */
  async pull(): Promise<Pulled> {
    const pulled = await this.#reconcile(true);
    const { class: found, reason, exit } = pulled.report;
    if (exit.apply === 0) {
      // Also without news: the checkpoint is fresher, and a package that was missing may be there now.
      await this.#refresh();
      return pulled;
    }
    const evidence = await keepEvidence(join(this.settings.data, 'evidence'), pulled);
    this.env.say('pull refused', { class: found, reason, evidence });
    return pulled;
  }

  /** The comparison alone: nothing changes. */
  look(): Promise<Pulled> {
    return this.#reconcile(false);
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
      this.env.say('pull failed', { code, message });
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
      before: this.#inForce?.snapshot,
    });
    if (next === undefined) return;
    const isFirst = this.#works === undefined;
    const works = this.#works ?? (await this.#open(next));
    const isNew = this.#inForce?.snapshot.villageSeq !== next.snapshot.villageSeq;
    this.#inForce = next;
    await works.put(next, isNew);
    for (const [digest, reason] of next.missing)
      this.env.say('driver package missing', { digest, reason });
    if (!isFirst) return;
    works.start();
    this.#onWorks(works);
  }

  async #open(first: InForce): Promise<NodeWorks> {
    const { env, settings, log, pool, queue } = this;
    this.#works = await NodeWorks.open({ env, settings, log, pool, queue, first });
    return this.#works;
  }
}

function maxAge({ pull_every }: NodeConfig): number {
  return Math.max(600, 4 * pull_every);
}
