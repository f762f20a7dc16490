// What works in a node once its village is known: engine, ledger, sources' intake, timers, and the way of records into
// the log.

import { join } from 'node:path';
import { parseHex } from '@writ/core/bytes';
import { isLogError } from '@writ/core/errors';
import { policiesDigest } from '@writ/core/statements/kinds/node-reports';
import { Level } from 'level';
import type { EngineEvent } from '../engine/event.ts';
import type { CallQueue } from './call-queue.ts';
import { Clockwork } from './clockwork.ts';
import { Courier, type Round } from './courier.ts';
import type { DriverPool } from './driver-pool.ts';
import { Engine, type Handled } from './engine.ts';
import { Facts } from './facts.ts';
import { Intake } from './intake.ts';
import { Inventories } from './inventory.ts';
import { levelInventoryStore } from './inventory-store.ts';
import { Journal } from './journal.ts';
import { Ledger } from './ledger.ts';
import { MatchState } from './match-state.ts';
import type { NodeEnv, NodeSettings } from './node.ts';
import { inventoryHosts, nodeDiscoverer, nodeTargets } from './node-inventory.ts';
import type { NodeLog } from './node-log.ts';
import { type Instant, Outbox } from './outbox.ts';
import type { InForce } from './put-in-force.ts';
import { Repeat } from './repeat.ts';

/** How often records are sent, and proofs of them asked for, while there are any. */
const COURIER_MS = 1000;
const SETTLE_MS = 15_000;
const FLUSH_MS = 5000;

export interface WorksParts {
  readonly env: NodeEnv;
  readonly settings: NodeSettings;
  readonly log: NodeLog;
  readonly pool: DriverPool;
  readonly queue: CallQueue;
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
  readonly #parts: WorksParts;
  readonly #records: Level<string, Uint8Array>;
  readonly #stop = new AbortController();
  readonly #repeats: readonly Repeat[];
  #current: InForce;
  #round: Round | undefined;

  private constructor(
    parts: WorksParts,
    records: Level<string, Uint8Array>,
    journal: Journal,
    outbox: Outbox,
    ledger: Ledger,
    state: MatchState,
  ) {
    const { env, pool, queue, settings, log, first } = parts;
    this.#parts = parts;
    this.#records = records;
    this.#current = first;
    this.outbox = outbox;
    this.ledger = ledger;
    this.facts = new Facts(env.monotonic);
    this.inventories = new Inventories({
      env: { nowMs: env.now, random: env.randomBytes, sleep: env.sleep },
      discoverer: nodeDiscoverer(pool, () => this.#current),
      store: levelInventoryStore(records),
    });
    this.engine = new Engine({
      ...{ ledger, queue, state, facts: this.facts },
      now: () => nowOf(env),
      drivers: pool,
      targets: nodeTargets(this.inventories),
      maxEvents: settings.config.limits.events,
    });
    const publish = (event: EngineEvent): void =>
      void this.#quietly('event', () => this.handle(event, false));
    this.intake = new Intake(env, this.facts, publish);
    const missed = (trigger: string, count: number): void => this.#recordMissed(trigger, count);
    this.clockwork = new Clockwork(env, state, { publish, missed });
    this.courier = new Courier(journal, outbox, log);
    this.#repeats = this.#repeatsOf();
  }

  /** Opens the records of the node; intents that an earlier run left open are told as unknown. LogError storage-*. */
  static async open(parts: WorksParts): Promise<NodeWorks> {
    const { env, settings, first } = parts;
    const { config, key, data } = settings;
    const records = new Level<string, Uint8Array>(join(data, 'records'), { valueEncoding: 'view' });
    await records.open();
    const journal = new Journal(records);
    const outbox = new Outbox(journal, {
      village: config.village,
      node: config.node,
      issuer: config.node,
      signer: { publicKey: key.publicKey, sign: (message) => key.signRaw(message) },
      isPrivate: first.verified.state?.law.visibility === 'private',
      random: env.randomBytes,
    });
    const { ledger, unknown } = await Ledger.open(journal, outbox, {
      random: env.randomBytes,
      now: nowOf(env),
      hidesTargets: config.hide_targets,
    });
    for (const intent of unknown) env.say('outcome unknown', { intent });
    const state = await MatchState.open(journal, outbox.prefix, env.now());
    return new NodeWorks(parts, records, journal, outbox, ledger, state);
  }

  /** How the last round of sending records went. */
  get round(): Round | undefined {
    return this.#round;
  }

  start(): void {
    this.clockwork.start();
    this.inventories.start(this.#stop.signal);
    for (const repeat of this.#repeats) repeat.start(COURIER_MS);
  }

  /** Puts a state in force, for events that come from now on. `isNew`: another head of the village. */
  async put(next: InForce, isNew: boolean): Promise<void> {
    this.#current = next;
    this.engine.swap(next.snapshot);
    this.intake.watch(next.snapshot);
    this.clockwork.watch(next.snapshot);
    const { hosts } = this.#parts.settings.config;
    await this.inventories.setHosts(inventoryHosts(next, hosts));
    if (isNew) await this.#recordApplied(next);
  }

  /** Hands an event to the engine. */
  async handle(event: EngineEvent, isForeign: boolean): Promise<Handled> {
    const handled = await this.engine.handle(event, isForeign);
    for (const { policy, actions } of handled.runs)
      this.#parts.env.say('policy ran', { policy, actions });
    return handled;
  }

  /** Ends calls that run, writes what is to be written, and closes. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.clockwork.stop();
    for (const repeat of this.#repeats) await repeat.stop();
    await this.engine.drained();
    await this.ledger.suppressions.flush(nowOf(this.#parts.env));
    await this.#records.close();
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
      village,
      seq: state.head.seq,
      active: active.length,
      broken: broken.length,
    });
    for (const { ref, findings } of broken)
      env.say('policy does not run', { policy: ref.id, version: ref.version, findings });
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

  #repeatsOf(): Repeat[] {
    const { env } = this.#parts;
    const submit = async (): Promise<number> => {
      this.#round = await this.courier.submit();
      return this.#round.kind === 'more' ? 0 : COURIER_MS;
    };
    const settle = async (): Promise<number> => {
      if (this.outbox.status.rows > 0) await this.#quietly('proof', () => this.courier.settle());
      return SETTLE_MS;
    };
    const flush = async (): Promise<number> => {
      await this.ledger.suppressions.flush(nowOf(env));
      return FLUSH_MS;
    };
    return [submit, settle, flush].map((work) => new Repeat(env, work));
  }

  /** What nobody waits for: a failure is said. */
  async #quietly(what: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!isLogError(error)) throw error;
      const { code, message } = error;
      this.#parts.env.say(`${what} failed`, { code, message });
    }
  }
}

/** This moment on both clocks. */
export function nowOf(env: Pick<NodeEnv, 'now' | 'monotonic'>): Instant {
  return { wallMs: env.now(), steadyMs: env.monotonic() };
}
