// What works in a node once its village is known: engine, ledger, sources' intake, timers, and the way of records into
// the log.

import { parseHex } from '@writ/core/bytes';
import { isLogError, LogError } from '@writ/core/errors';
import { sha256 } from '@writ/core/sha256';
import type { NodePayload } from '@writ/core/statements/kinds';
import { policiesDigest } from '@writ/core/statements/kinds/node-reports';
import type { EngineEvent } from '../engine/event.ts';
import type { CallQueue } from './call-queue.ts';
import { Clockwork } from './clockwork.ts';
import { Courier, type Round } from './courier.ts';
import type { DriverPool } from './driver-pool.ts';
import { Engine, type Handled } from './engine.ts';
import { Facts } from './facts.ts';
import { Freshness } from './freshness.ts';
import { hostsRecord, recordHosts } from './hosts-record.ts';
import { Intake } from './intake.ts';
import { Inventories } from './inventory.ts';
import { levelInventoryStore } from './inventory-store.ts';
import { Ledger } from './ledger.ts';
import { MatchState } from './match-state.ts';
import type { NodeEnv, NodeSettings } from './node.ts';
import { inventoryHosts, nodeDiscoverer, nodeTargets } from './node-inventory.ts';
import type { NodeLog } from './node-log.ts';
import type { NodeRecords } from './node-records.ts';
import type { Instant, Outbox } from './outbox.ts';
import { type HeldOverride, Overrides } from './overrides.ts';
import type { InForce } from './put-in-force.ts';
import { tryingPort } from './remote-dry-run.ts';
import { RemoteRequests } from './remote-requests.ts';
import { Repeat } from './repeat.ts';
import { StoppableDrivers } from './stoppable-drivers.ts';

/** How often records are sent, and proofs of them asked for, while there are any. */
const COURIER_MS = 1000;
const SETTLE_MS = 15_000;
const FLUSH_MS = 5000;
const PRUNE_MS = 86_400_000;
/** What stays of the index when it is pruned: rows of each policy, and for a year what opens commitments. */
const KEEP = { rowsPerPolicy: 10_000, contentMs: 365 * 86_400_000 };
/** How long a start waits for the log to say whether this node is an old copy. */
const FIRST_ROUND_MS = 5000;
/** How long a stop waits for calls to end, and then for what was killed to be written. */
const DRAIN_MS = 10_000;
const KILL_MS = 5000;

export interface WorksParts {
  readonly env: NodeEnv;
  readonly settings: NodeSettings;
  readonly log: NodeLog;
  readonly pool: DriverPool;
  readonly queue: CallQueue;
  readonly records: NodeRecords;
  /** A spec by its digest in hexadecimal. */
  readonly specOf: (digest: string) => Promise<Uint8Array | undefined>;
  readonly first: InForce;
}

export class NodeWorks {
  readonly outbox: Outbox;
  readonly ledger: Ledger;
  readonly engine: Engine;
  readonly intake: Intake;
  readonly facts: Facts;
  readonly clockwork: Clockwork;
  readonly courier: Courier;
  readonly inventories: Inventories;
  readonly overrides: Overrides;
  readonly remote: RemoteRequests;
  readonly #parts: WorksParts;
  readonly #state: MatchState;
  readonly #drivers: StoppableDrivers;
  readonly #freshness: Freshness = new Freshness();
  readonly #stop = new AbortController();
  readonly #repeats: readonly Repeat[];
  #current: InForce;
  #round: Round | undefined;

  private constructor(parts: WorksParts, outbox: Outbox, ledger: Ledger, state: MatchState) {
    const { env, pool, queue, settings, log, first, records } = parts;
    const { hosts, limits } = settings.config;
    this.#parts = parts;
    this.#state = state;
    this.#current = first;
    this.#drivers = new StoppableDrivers(pool);
    this.outbox = outbox;
    this.ledger = ledger;
    this.facts = new Facts(env.monotonic);
    this.inventories = new Inventories({
      env: { nowMs: env.now, random: env.randomBytes, sleep: env.sleep },
      discoverer: nodeDiscoverer(pool, hosts, () => this.#current),
      store: levelInventoryStore(records.db),
    });
    this.engine = new Engine({
      ...{ ledger, queue, state, facts: this.facts },
      now: () => nowOf(env),
      drivers: this.#drivers,
      targets: nodeTargets(this.inventories),
      maxEvents: limits.events,
    });
    const publish = (event: EngineEvent): void => this.beginEvent(event);
    this.intake = new Intake(env, this.facts, publish);
    const missed = (trigger: string, count: number): void => this.#recordMissed(trigger, count);
    this.clockwork = new Clockwork(env, state, { publish, missed });
    this.courier = new Courier(records.journal, outbox, log);
    this.overrides = new Overrides(records.journal, outbox, (held) => this.#hold(held));
    this.remote = new RemoteRequests({
      ...{ env, log, settings },
      drivers: tryingPort(pool),
      inventories: this.inventories,
      specOf: parts.specOf,
      inForce: () => this.#current,
      record: (payload) => outbox.record(payload, nowOf(env)),
    });
    this.#repeats = this.#repeatsOf();
  }

  /** Opens what is on record; intents that an earlier run left open are told as unknown. LogError storage-*. */
  static async open(parts: WorksParts): Promise<NodeWorks> {
    const { env, settings, first, records } = parts;
    const outbox = records.outbox(first.verified.state?.law.visibility === 'private');
    const { ledger, unknown } = await Ledger.open(records.journal, outbox, {
      random: env.randomBytes,
      now: nowOf(env),
      hidesTargets: settings.config.hide_targets,
    });
    for (const intent of unknown) env.say('outcome unknown', { intent });
    const state = await MatchState.open(records.journal, outbox.prefix, env.now());
    return new NodeWorks(parts, outbox, ledger, state);
  }

  /** How the last round of sending records went. */
  get round(): Round | undefined {
    return this.#round;
  }

  /** Age of the verified state in seconds; infinite where nobody knows, as after the clock was set back. */
  get ageSeconds(): number {
    return this.#freshness.ageSeconds(nowOf(this.#parts.env));
  }

  /** Puts the first state in force and starts. Whether this node is an old copy is asked before it takes an event. */
  async begin(): Promise<void> {
    const { env, first } = this.#parts;
    await this.#firstRound();
    await this.put(first, true);
    for (const { scope, operator, reason, untilSeconds } of this.overrides.restore(nowOf(env)))
      env.say('override still holds', { scope, operator, reason, untilSeconds });
    this.clockwork.start();
    this.inventories.start(this.#stop.signal);
    for (const repeat of this.#repeats) repeat.start(COURIER_MS);
    this.remote.start();
  }

  /** Puts a state in force, for events that come from now on. `isNew`: another head of the village. */
  async put(next: InForce, isNew: boolean): Promise<void> {
    const { env, settings, records } = this.#parts;
    const { hosts } = settings.config;
    // What a selector means is kept before anything is done to it.
    await records.resolutions.keep(next.snapshot);
    this.#current = next;
    this.#freshness.learn(next.snapshot.timeSeconds, nowOf(env));
    await this.inventories.setHosts(inventoryHosts(next, hosts));
    this.engine.swap(next.snapshot);
    this.intake.watch(next.snapshot);
    this.clockwork.watch(next.snapshot);
    if (isNew) await this.#recordApplied(next);
    await recordHosts(records.journal, this.outbox, hostsRecord(next, hosts), nowOf(env));
  }

  /** Hands an event to the engine, and waits for all that it begins. LogError overloaded when the node stops. */
  async handle(event: EngineEvent, isForeign: boolean): Promise<Handled> {
    if (this.#stop.signal.aborted) throw new LogError('overloaded', 'the node stops');
    const handled = await this.engine.handle(event, isForeign);
    for (const { policy, actions } of handled.runs)
      this.#parts.env.say('policy ran', { policy, actions });
    return handled;
  }

  /** Hands an event to the engine and waits for nothing; a failure is said. */
  beginEvent(event: EngineEvent): void {
    void this.#quietly('event', () => this.handle(event, false));
  }

  /**
   * Takes a request of a sender once: `key` (64 hexadecimal digits) names it, and it is durable that it came before `work`
   * begins. False: it came before. LogError overloaded when the node has no room to remember it, or for its event.
   */
  async once(key: string, work: () => Promise<unknown>): Promise<boolean> {
    if (this.#stop.signal.aborted) throw new LogError('overloaded', 'the node stops');
    if (this.engine.inFlight >= this.#parts.settings.config.limits.events)
      throw new LogError('overloaded', 'too many events are being handled: send it again later');
    const isNew = await this.#state.see(key, this.#parts.env.now());
    if (isNew === 'full')
      throw new LogError('overloaded', 'too many requests to remember: send it again later');
    if (!isNew) return false;
    void this.#quietly('event', async () => {
      await work();
      await this.#state.finish(key);
    });
    return true;
  }

  /** Records that a comparison with the log found something. */
  recordDrift(signed: Uint8Array, found: string, exit: number): Promise<void> {
    const timeMs = Math.floor(this.#parts.env.now());
    const report = sha256(signed);
    return this.#record({ kind: 'drift-report', report, class: found, exit, timeMs });
  }

  /** Ends within DRAIN_MS and KILL_MS: what still runs then is killed, and its outcome unknown. */
  async stop(): Promise<void> {
    const { env, pool } = this.#parts;
    this.#stop.abort();
    this.clockwork.stop();
    for (const repeat of [...this.#repeats, this.remote]) await repeat.stop();
    if (!(await this.#isDrained(DRAIN_MS))) {
      env.say('calls are killed, their outcome is unknown', { running: this.engine.inFlight });
      this.#drivers.stop();
      await pool.close();
      await this.#isDrained(KILL_MS);
    }
    await this.#quietly('record', () => this.ledger.suppressions.flush(nowOf(env)));
  }

  async #isDrained(ms: number): Promise<boolean> {
    const over = new AbortController();
    const late = this.#parts.env.sleep(ms, over.signal).then(() => false);
    const drained = this.engine.drained().then(() => true);
    const isDrained = await Promise.race([drained, late]);
    over.abort();
    return isDrained;
  }

  async #firstRound(): Promise<void> {
    const { env } = this.#parts;
    const over = new AbortController();
    const late = env.sleep(FIRST_ROUND_MS, over.signal);
    const asked = this.courier.submit().then((round) => {
      this.#round = round;
    });
    await Promise.race([asked, late]);
    over.abort();
    // The log may be away for long; what it says later stops the node then.
    if (this.#round === undefined) asked.catch((error: unknown) => this.#fault(error));
    else if (this.#round.kind === 'stopped') env.say('records refused', this.#round);
  }

  #hold({ scope, operator, reason, fromMs, untilSeconds }: HeldOverride): void {
    if (scope === 'state-staleness') {
      this.engine.allowStale({ untilSeconds });
      return;
    }
    const times = { from_ms: fromMs, until_ms: untilSeconds * 1000 };
    for (const { id } of this.#parts.settings.config.hosts)
      this.inventories.setOverride(id, { host_id: id, reason, by: operator, ...times });
  }

  async #recordApplied({ snapshot, verified }: InForce): Promise<void> {
    const { state } = verified;
    if (state === null) return;
    const inForce = [...state.policies].map(([policy, { version, digest }]) => ({
      policy,
      version,
      digest,
    }));
    const record = {
      villageSeq: state.head.seq,
      villageHead: state.head.id,
      checkpoint: snapshot.tree,
      policies: policiesDigest(inForce),
    };
    const { env } = this.#parts;
    await this.ledger.applied(record, nowOf(env));
    const { village, active, idle } = snapshot;
    const broken = idle.filter(({ isOff }) => !isOff);
    env.say('in force', {
      ...{ village, seq: state.head.seq },
      ...{ active: active.length, broken: broken.length },
    });
    for (const { ref, findings } of broken)
      env.say('policy refused', { policy: ref.id, version: ref.version, findings });
  }

  #recordMissed(trigger: string, count: number): void {
    const { env } = this.#parts;
    env.say('timer missed', { trigger, count });
    const stimulus = {
      event: parseHex(trigger) ?? new Uint8Array(32),
      policy: null,
      version: null,
    };
    void this.#quietly('record', () => this.ledger.suppress(stimulus, 'timer-missed', nowOf(env)));
  }

  async #record(payload: NodePayload): Promise<void> {
    await this.outbox.record(payload, nowOf(this.#parts.env));
  }

  #repeatsOf(): Repeat[] {
    const { env } = this.#parts;
    const submit = async (): Promise<number> => {
      const before = this.#round?.kind;
      this.#round = await this.courier.submit();
      const { kind } = this.#round;
      if (kind !== before && (kind === 'blocked' || kind === 'stopped'))
        env.say('records refused', this.#round);
      return kind === 'more' ? 0 : COURIER_MS;
    };
    const settle = async (): Promise<number> => {
      if (this.outbox.status.rows > 0) await this.#quietly('proof', () => this.courier.settle());
      return SETTLE_MS;
    };
    const flush = async (): Promise<number> => {
      await this.ledger.suppressions.flush(nowOf(env));
      return FLUSH_MS;
    };
    const prune = async (): Promise<number> => {
      const rows = await this.ledger.prune(KEEP, nowOf(env));
      if (rows > 0) env.say('index pruned', { rows });
      return PRUNE_MS;
    };
    return [submit, settle, flush, prune].map((work) => new Repeat(env, work));
  }

  /** What nobody waits for: a failure is said. */
  async #quietly(what: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#fault(error, what);
    }
  }

  /** What the surroundings do is said; anything else is a fault of ours, and ends the process unless that ends anyway. */
  #fault(error: unknown, what = 'record'): void {
    const isEnding = this.#stop.signal.aborted;
    if (!isLogError(error) && !isEnding) throw error;
    const message = error instanceof Error ? error.message : String(error);
    if (!isEnding) this.#parts.env.say(`${what} failed`, { message });
  }
}

/** This moment on both clocks. */
export function nowOf(env: Pick<NodeEnv, 'now' | 'monotonic'>): Instant {
  return { wallMs: env.now(), steadyMs: env.monotonic() };
}
