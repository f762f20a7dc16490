// Metrics for Prometheus: requests by route template, never by path; queue, commits, checkpoints, witnesses.

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { WitnessOutcome } from '../log/cosign.ts';
import type { CommitReport, Log } from '../log/log.ts';
import type { Publisher } from '../log/publish.ts';
import type { WitnessClient } from '../log/witness-client.ts';

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const ENTRIES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096];

/** The registry of one server, and the places that things are counted. */
export interface Metrics {
  readonly registry: Registry;
  request(route: string, method: string, status: number, seconds: number): void;
  commit(report: CommitReport): void;
  published(seconds: number): void;
  witness(client: WitnessClient, outcome: WitnessOutcome, seconds: number): void;
}

/** A fresh registry. `ofProcess` adds figures of Node itself, which belong to one server of a process. */
export function createMetrics(softwareVersion: string, ofProcess = false): Metrics {
  const registry = new Registry();
  const registers = [registry];
  if (ofProcess) collectDefaultMetrics({ register: registry });
  const build = new Gauge({
    name: 'writ_build_info',
    help: 'version of the log server',
    labelNames: ['version'],
    registers,
  });
  build.set({ version: softwareVersion }, 1);
  return { registry, ...requestMetrics(registers), ...logMetrics(registers) };
}

/** How often a route answered a method with a status. */
interface Tally {
  readonly method: string;
  readonly status: number;
  count: number;
}

/**
 * prom-client finds labels by building a text of them, which costs more than the rest of a cheap request has to.
 * So requests are counted here and handed over when somebody looks, and a route is looked up once.
 */
function requestMetrics(registers: Registry[]): Pick<Metrics, 'request'> {
  const routes = new Map<string, RouteMetrics>();
  new Counter({
    name: 'writ_http_requests_total',
    help: 'requests by route template, method and status',
    labelNames: ['route', 'method', 'status'],
    registers,
    collect() {
      this.reset();
      for (const [route, { tallies }] of routes)
        for (const { method, status, count } of tallies) this.inc({ route, method, status }, count);
    },
  });
  const duration = new Histogram({
    name: 'writ_http_request_seconds',
    help: 'time from routing to answer',
    labelNames: ['route'],
    buckets: SECONDS,
    registers,
  });
  return {
    request: (route, method, status, seconds) => {
      let metrics = routes.get(route);
      if (metrics === undefined) {
        metrics = { tallies: [], duration: duration.labels(route) };
        routes.set(route, metrics);
      }
      countOne(metrics.tallies, method, status);
      metrics.duration.observe(seconds);
    },
  };
}

interface RouteMetrics {
  /** A handful: methods and statuses are few. */
  readonly tallies: Tally[];
  readonly duration: Histogram.Internal<'route'>;
}

function countOne(tallies: Tally[], method: string, status: number): void {
  const known = tallies.find((tally) => tally.status === status && tally.method === method);
  if (known === undefined) tallies.push({ method, status, count: 1 });
  else known.count++;
}

function logMetrics(registers: Registry[]): Pick<Metrics, 'commit' | 'published' | 'witness'> {
  const histogram = (name: string, help: string, buckets: number[]): Histogram =>
    new Histogram({ name, help, buckets, registers });
  const counter = (name: string, help: string): Counter => new Counter({ name, help, registers });
  const batch = histogram('writ_commit_entries', 'entries of one durable commit', ENTRIES);
  const bytes = counter('writ_commit_bytes_total', 'bytes of entries made durable');
  const duplicates = counter('writ_duplicates_total', 'submissions that the log had already');
  const publish = histogram('writ_publish_seconds', 'from signing to publishing', SECONDS);
  const outcomes = new Counter({
    name: 'writ_witness_rounds_total',
    help: 'requests to witnesses by outcome',
    labelNames: ['witness', 'outcome'],
    registers,
  });
  const latency = new Histogram({
    name: 'writ_witness_seconds',
    help: 'time until a witness answered or was given up',
    labelNames: ['witness'],
    buckets: SECONDS,
    registers,
  });
  return {
    commit: (report) => {
      batch.observe(report.entries);
      bytes.inc(report.bytes);
      duplicates.inc(report.duplicates);
    },
    published: (seconds) => publish.observe(seconds),
    witness: (client, outcome, seconds) => {
      const witness = witnessLabel(client);
      outcomes.inc({ witness, outcome });
      latency.observe({ witness }, seconds);
    },
  };
}

function witnessLabel(client: WitnessClient): string {
  return client.members.map(({ name }) => name).join('+');
}

/** Adds gauges that are read when Prometheus asks. */
export function watchLog(
  { registry }: Metrics,
  log: Log,
  publisher: Publisher,
  nowMs: () => number,
): void {
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  };
  gauge('writ_log_size', 'durable entries', () => log.head.size);
  gauge('writ_log_queue_entries', 'entries that wait for a commit', () => log.queuedEntries);
  gauge('writ_log_stopped', '1 when the log takes no entries', () =>
    log.stoppedBecause === undefined ? 0 : 1,
  );
  gauge(
    'writ_checkpoint_size',
    'entries under the newest checkpoint',
    () => publisher.published?.size ?? 0,
  );
  gauge(
    'writ_checkpoint_number',
    'rows of the history',
    () => (publisher.published?.number ?? -1) + 1,
  );
  gauge('writ_checkpoint_age_seconds', 'age of the newest checkpoint', () =>
    publisher.published === undefined ? 0 : (nowMs() - publisher.published.publishedAtMs) / 1000,
  );
  gauge('writ_quorum_met', '1 when the last round met the quorum', () =>
    publisher.isQuorumMet ? 1 : 0,
  );
  watchWitnesses(registry, publisher);
}

function watchWitnesses(registry: Registry, publisher: Publisher): void {
  const gauge = (name: string, help: string, read: (client: WitnessClient) => number): void => {
    new Gauge({
      name,
      help,
      labelNames: ['witness'],
      registers: [registry],
      collect() {
        for (const client of publisher.witnesses)
          this.set({ witness: witnessLabel(client) }, read(client));
      },
    });
  };
  gauge('writ_witness_size', 'size that the witness cosigned last', (client) => client.size);
  gauge(
    'writ_witness_failures',
    'rounds in a row without a cosignature',
    (client) => client.failures,
  );
}
