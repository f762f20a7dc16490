// One running log: store, log, publisher and HTTP server put together, and taken apart in the right order.

import type { Server } from 'node:http';
import { LogError } from '@writ/core/errors';
import type { SignerKey } from '@writ/core/formats/key';
import type { TrustPolicy } from '@writ/core/formats/tlog-policy';
import type { Authors } from './admission/authors.ts';
import { openMemoryBlobs } from './blobs/memory.ts';
import type { BlobStore, Blobs } from './blobs/store.ts';
import type { Env } from './env.ts';
import { createApp, requestIds } from './http/app.ts';
import type { Lifecycle, Profile } from './http/deps.ts';
import { createFaultLog } from './http/fault-log.ts';
import { createHotPath, type HotPath } from './http/hot.ts';
import { createMetrics, type Metrics, watchLog } from './http/metrics.ts';
import { createPolicyServices, type PolicyServices } from './http/policy-services.ts';
import { ROUTES } from './http/routes.ts';
import { closeServer, createLogServer, listen } from './http/server.ts';
import { admit } from './http/submit.ts';
import { latestAtHand } from './http/villages.ts';
import { Log } from './log/log.ts';
import { Publisher, type QuorumRule } from './log/publish.ts';
import { MemoryRows } from './projections/memory-rows.ts';
import { Projection } from './projections/projection.ts';
import type { RowStore } from './projections/rows.ts';
import type { LogStore } from './storage/port.ts';
import { Ledger } from './streams/ledger.ts';
import { LogClock } from './streams/log-clock.ts';

/** Time that requests under way get at the end. */
const DRAIN_MS = 5000;

/** What a service is made of; times in milliseconds. */
export interface ServiceOptions {
  readonly store: LogStore;
  /** Without them the log takes no private villages and no blobs. */
  readonly blobs?: Blobs | undefined;
  /** Rows of the projection, and transcripts of dry runs; in memory unless given. */
  readonly rows?: RowStore | undefined;
  readonly transcripts?: BlobStore | undefined;
  readonly signers: readonly SignerKey[];
  readonly profile: Profile;
  readonly policy: TrustPolicy;
  readonly policyText: string;
  readonly quorumRule: QuorumRule;
  readonly checkpointIntervalMs: number;
  readonly refreshIntervalMs: number;
  readonly witnessTimeoutMs: number;
  readonly grease: boolean;
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  readonly softwareVersion: string;
  /** Adds figures of the Node process to the metrics. */
  readonly processMetrics?: boolean;
  authors(): Authors;
}

/** A log that listens. */
export interface Service {
  readonly url: string;
  readonly log: Log;
  readonly publisher: Publisher;
  readonly server: Server;
  /** Readiness first, then no new connections, requests under way, a last checkpoint, the store. */
  close(): Promise<void>;
}

/** Starts a log on an opened store, which it closes when it cannot: compares with the witnesses first, then listens. */
export async function startService(env: Env, options: ServiceOptions): Promise<Service> {
  try {
    return await start(env, options);
  } catch (error) {
    await options.store.close().catch(() => undefined); // the first reason is the one to hear
    await options.rows?.close().catch(() => undefined);
    throw error;
  }
}

async function start(env: Env, options: ServiceOptions): Promise<Service> {
  const { store, profile, softwareVersion } = options;
  await bindProfile(store, profile);
  const metrics = createMetrics(softwareVersion, options.processMetrics);
  const lifecycle: Lifecycle = { isStopping: false };
  const log = new Log(store, {
    ...(profile === 'statements' ? { ledger: await loadLedger(env, options) } : {}),
    onCommit: (report) => {
      metrics.commit(report);
      publisher.noteGrowth();
      policies?.projection.wake();
    },
  });
  const policies = await openPolicies(env, log, options);
  const publisher: Publisher = new Publisher(env, log, {
    ...options,
    origin: originOf(options),
    timeoutMs: options.witnessTimeoutMs,
    onWitness: metrics.witness,
    onPublished: (record, seconds) => {
      metrics.published(seconds);
      log.ledger?.published(record.size);
      if (!record.quorumMet) return;
      if (record.witnesses.length > 0) log.ledger?.confirmClock();
      log.release();
    },
  });
  watchLog(metrics, log, publisher, () => env.nowMs());
  const app = createApp({ ...options, env, log, policies, publisher, metrics, lifecycle });
  const hot = openHotPath(env, { options, log, publisher, metrics });
  const server = createLogServer(app, hot);
  await publisher.start();
  if (publisher.needsConfirmation)
    log.hold('its witnesses have not confirmed that its data is the newest');
  const port = await listen(server, options.port, options.host).catch(async (error: unknown) => {
    await publisher.stop();
    throw error;
  });
  const close = async (): Promise<void> => {
    lifecycle.isStopping = true;
    policies?.nodes.close();
    await closeServer(env, server, DRAIN_MS);
    if (log.head.size > (publisher.published?.size ?? 0))
      await publisher.publishNow().catch(() => undefined); // durable all the same; the next start publishes
    await publisher.stop();
    await policies?.projection.close();
    await log.close();
  };
  return { url: urlOf(options.host, port), log, publisher, server, close };
}

interface HotParts {
  readonly options: ServiceOptions;
  readonly log: Log;
  readonly publisher: Publisher;
  readonly metrics: Metrics;
}

/** The few routes that are answered without a framework. */
function openHotPath(env: Env, { options, log, publisher, metrics }: HotParts): HotPath {
  const { profile } = options;
  const [freshId, faultLog] = [
    requestIds({ env }),
    createFaultLog(env.log, () => performance.now()),
  ];
  const admission = { ...options, log, publisher };
  return createHotPath({
    log,
    published: () => publisher.published,
    ...(profile === 'raw'
      ? {}
      : {
          admit: (bytes) => admit(admission, bytes),
          latest: (village) => latestAtHand({ log, publisher }, village),
        }),
    failed: (error) => {
      const requestId = freshId();
      faultLog(error, requestId);
      return requestId;
    },
    observe: (route, status, seconds) => {
      const { path, method } = ROUTES[route];
      metrics.request(path, method.toUpperCase(), status, seconds);
    },
    monotonicMs: () => performance.now(),
  });
}

/** A log keeps its profile for life: raw entries among statements could never be replayed. LogError config-invalid. */
async function bindProfile(store: LogStore, profile: Profile): Promise<void> {
  if (store.profile === undefined) await store.putProfile(profile);
  else if (store.profile !== profile) {
    throw new LogError(
      'config-invalid',
      `this log was started with --profile ${store.profile}, and keeps it`,
    );
  }
}

/** The projection, which follows the log from here on, and what else policies need; none for a log of any bytes. */
async function openPolicies(
  env: Env,
  log: Log,
  { profile, rows, transcripts, blobs }: ServiceOptions,
): Promise<PolicyServices | undefined> {
  if (profile !== 'statements') return undefined;
  const projection = await Projection.open(rows ?? new MemoryRows(), log, (error) =>
    env.log.error({ err: error }, 'the rows of policies do not follow the log'),
  );
  projection.wake();
  return createPolicyServices({
    ...{ env, projection, blobs },
    transcripts: transcripts ?? openMemoryBlobs().shared,
  });
}

/** The states of all streams, from the entries. LogError storage-corrupt. */
async function loadLedger(env: Env, options: ServiceOptions): Promise<Ledger> {
  const origin = originOf(options);
  const signer = options.signers.find(({ type }) => type === 0x01);
  if (signer === undefined)
    throw new LogError('config-invalid', 'a log of statements has an Ed25519 key');
  const clock = new LogClock({
    nowSeconds: () => env.nowMs() / 1000,
    monotonicMs: () => env.monotonicMs?.() ?? performance.now(),
  });
  const { blobs } = options;
  const veil =
    blobs === undefined
      ? {}
      : { veil: { openings: blobs.openings, random: (length: number) => env.random(length) } };
  const ledger = new Ledger({ origin, signer, clock, ...veil });
  const published = options.store.latestCheckpoint;
  ledger.load(options.store, published?.size ?? 0);
  const swept = await ledger.sweep(published?.publishedAtMs ?? 0);
  if (swept > 0) env.log.info({ swept }, 'removed openings of statements that were never logged');
  return ledger;
}

function originOf({ signers }: ServiceOptions): string {
  const [first] = signers;
  if (first === undefined) throw new RangeError('a log has at least one key');
  return first.name;
}

function urlOf(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
