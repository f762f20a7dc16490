// What a node says of itself: readiness, status, figures. Red as soon as what it knows of its village is old.

import { Gauge, Registry } from 'prom-client';
import type { Round } from './courier.ts';
import type { WritNode } from './node.ts';
import type { Source } from './sources/source.ts';

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** What is wrong, and what to do. */
  readonly why: string;
}

/** A driver call that takes longer than this is worth a look. */
const STALL_MS = 600_000;

/** Everything that makes a node ready. */
export function readinessOf(node: WritNode): Check[] {
  const { inForce, works, queue, lastPull } = node;
  const snapshot = inForce?.snapshot;
  const ageSeconds = works?.ageSeconds;
  const maxSeconds = snapshot?.staleness.maxSeconds ?? 0;
  const status = works?.outbox.status;
  const broken = snapshot?.idle.filter(({ isOff }) => !isOff).length ?? 0;
  return [
    {
      name: 'state',
      ok: snapshot !== undefined,
      why: `no verified state yet${lastPull === undefined ? '' : ` (${lastPull.word})`}`,
    },
    {
      name: 'fresh',
      ok: ageSeconds === undefined || ageSeconds <= maxSeconds,
      why: `the verified state is ${ageOf(ageSeconds)} old, more than ${maxSeconds} s: see that the log can be reached and has its witnesses`,
    },
    {
      name: 'policies',
      ok: broken === 0,
      why: `${broken} policies in force do not run: see status`,
    },
    {
      name: 'records',
      ok: status?.isFull.destructive !== true,
      why: 'the outbox is full: destructive verbs are refused until the log takes records',
    },
    {
      name: 'stream',
      ok: (status?.stopped ?? null) === null,
      why: `the stream of records is stopped (${status?.stopped}): find out who else writes with this key, then writ-node resume`,
    },
    {
      name: 'delivery',
      ok: works?.round?.kind !== 'blocked',
      why: `the log refuses the records of the node: ${refusalOf(works?.round)}`,
    },
    {
      name: 'calls',
      ok: queue.stats().oldestMs < STALL_MS,
      why: 'a driver call does not end: look at its host',
    },
  ];
}

/** The status for people and programs. */
export async function statusOf(node: WritNode, sources: readonly Source[]): Promise<object> {
  const { inForce, works, queue, pool, lastPull, settings } = node;
  const checks = readinessOf(node);
  const snapshot = inForce?.snapshot;
  return {
    village: settings.config.village,
    node: settings.config.node,
    version: settings.version,
    ready: checks.every(({ ok }) => ok),
    problems: checks.filter(({ ok }) => !ok).map(({ name, why }) => `${name}: ${why}`),
    state:
      snapshot === undefined
        ? null
        : {
            villageSeq: snapshot.villageSeq,
            treeSize: snapshot.tree.size,
            witnessed: new Date(snapshot.timeSeconds * 1000).toISOString(),
            staleness: snapshot.staleness,
          },
    policies: {
      active: snapshot?.active.map(({ ref, ir, findings }) => ({
        ...refOf(ref),
        priority: ir.priority,
        warnings: findings.length,
      })),
      off: snapshot?.idle.filter(({ isOff }) => isOff).map(({ ref }) => refOf(ref)),
      broken: snapshot?.idle
        .filter(({ isOff }) => !isOff)
        .map(({ ref, findings }) => ({ ...refOf(ref), findings })),
    },
    pull: lastPull ?? null,
    records: works === undefined ? null : recordsOf(works),
    events: works?.engine.counters ?? null,
    calls: queue.stats(),
    drivers: await pool.stats(),
    sources: sources.map((source) => ({ name: source.name, ...source.status() })),
    nextTimer: timeOf(works?.clockwork.nextMs),
  };
}

/** The figures in the exposition format of Prometheus. */
export function metricsOf(node: WritNode): () => Promise<string> {
  const registry = new Registry();
  const gauge = (name: string, help: string, value: () => number): void => {
    new Gauge({ name, help, registers: [registry], collect: set });
    function set(this: Gauge): void {
      this.set(value());
    }
  };
  const counters = (): Readonly<Record<string, number>> => ({ ...node.works?.engine.counters });
  for (const name of ['handled', 'duplicates', 'refused', 'old', 'matched', 'unknownConditions'])
    gauge(`writ_node_events_${snake(name)}`, `events: ${name}`, () => counters()[name] ?? 0);
  gauge('writ_node_state_age_seconds', 'age of the witnessed state in force', () => {
    return node.works?.ageSeconds ?? Number.NaN;
  });
  gauge('writ_node_pull_ok', '1 when the last pull was accepted', () =>
    node.lastPull?.ok === true ? 1 : 0,
  );
  gauge('writ_node_ready', '1 when the node is ready', () =>
    readinessOf(node).every(({ ok }) => ok) ? 1 : 0,
  );
  gauge('writ_node_calls_running', 'driver calls that run', () => node.queue.stats().running);
  gauge(
    'writ_node_calls_waiting',
    'runs that wait for their host',
    () => node.queue.stats().waiting,
  );
  gauge(
    'writ_node_calls_refused',
    'runs refused since the start',
    () => node.queue.stats().refused,
  );
  gauge('writ_node_call_oldest_ms', 'age of the oldest run', () => node.queue.stats().oldestMs);
  gauge('writ_node_outbox_unsent', 'records that the log has not taken', () => unsentOf(node));
  return () => registry.metrics();
}

function refusalOf(round: Round | undefined): string {
  return round?.kind === 'blocked' ? `${round.code}: ${round.message}` : '';
}

function ageOf(seconds: number | undefined): string {
  return Number.isFinite(seconds) ? `${Math.round(seconds ?? 0)} s` : 'nobody knows how';
}

function recordsOf({ outbox, ledger, round }: NonNullable<WritNode['works']>): object {
  const { stream, next, sent, settled, unsent, stopped, isFull, lost } = outbox.status;
  return {
    stream,
    next,
    sent,
    settled,
    unsent,
    stopped,
    isFull,
    lost,
    openIntents: ledger.open,
    round: round ?? null,
  };
}

function refOf({ id, version, seq }: { id: string; version: number; seq: number }): object {
  return { id, version, seq };
}

function unsentOf({ works }: WritNode): number {
  return works?.outbox.status.unsent ?? 0;
}

function timeOf(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
