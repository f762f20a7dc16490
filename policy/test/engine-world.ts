// The engine with a ledger and an outbox in a folder, a clock that is moved by hand, and drivers that only write down
// what they are asked.

import type { NodePayload } from '@writ/core/statements/kinds';
import { CallQueue } from '@writ/policy/agent/call-queue';
import type { CallResult } from '@writ/policy/agent/driver-host';
import { Engine, type Handled } from '@writ/policy/agent/engine';
import { Facts } from '@writ/policy/agent/facts';
import { MatchState } from '@writ/policy/agent/match-state';
import type { Instant } from '@writ/policy/agent/outbox';
import type { DriverPort, TargetPort } from '@writ/policy/agent/policy-run';
import type { EngineSnapshot } from '@writ/policy/agent/snapshot';
import type { VerifiedDriverDigest } from '@writ/policy/engine/driver-digest';
import type { DriverAnswer, DriverCall } from '@writ/policy/engine/driver-manifest';
import type { EngineEvent } from '@writ/policy/engine/event';
import { driverKey } from '@writ/policy/engine/idempotency-key';
import type { InventoryIndex } from '@writ/policy/engine/inventory-index';
import { type Node, type NodeOptions, payloads, START, startNode } from './node-world.ts';

export const START_SECONDS: number = START.wallMs / 1000;

/** A UPS that goes on battery, unless told otherwise. */
export function upsEvent(number: number, fields: Partial<EngineEvent> = {}): EngineEvent {
  return {
    type: 'ups',
    kind: 'ups.state',
    subject: { kind: 'ups', id: 'main' },
    attrs: { state: 'mains-lost' },
    ts: new Date(START.wallMs + number).toISOString(),
    correlation_id: null,
    ...fields,
  };
}

/** What a driver says when all is well. */
export function answerTo(call: DriverCall, more: Partial<DriverAnswer> = {}): DriverAnswer {
  return {
    ok: true,
    severity: 'info',
    idempotency_key: driverKey(call, []),
    preconditions: [],
    plan: { kind: 'api', preview: [call.verb] },
    effects: { summary: call.verb, per_target: [{ id: call.target, from: 'before', to: 'after' }] },
    reason: null,
    ...more,
  };
}

export interface MadeCall {
  readonly host: string;
  readonly driver: string;
  readonly call: DriverCall;
}

/** Writes down what it is asked, and answers as told. */
export class RecordingDrivers implements DriverPort {
  readonly calls: MadeCall[] = [];
  readonly dryRuns: MadeCall[] = [];
  answer: (call: DriverCall, host: string) => CallResult | Promise<CallResult> = (call) => ({
    answer: answerTo(call),
  });

  async call(host: string, { hex }: VerifiedDriverDigest, call: DriverCall): Promise<CallResult> {
    (call.dryRun ? this.dryRuns : this.calls).push({ host, driver: hex, call });
    return this.answer(call, host);
  }

  get verbs(): string[] {
    return this.calls.map(({ call }) => `${call.verb} ${call.target}`);
  }
}

export interface WorldOptions extends NodeOptions {
  readonly maxWaiting?: number;
  readonly maxEvents?: number;
  readonly inventory?: (host: string) => InventoryIndex | undefined;
  readonly refresh?: TargetPort['refresh'];
  readonly drivers?: DriverPort;
}

export class EngineWorld {
  readonly node: Node;
  readonly engine: Engine;
  readonly facts: Facts;
  readonly state: MatchState;
  readonly queue: CallQueue;
  readonly drivers: RecordingDrivers;
  readonly clock: { wallMs: number; steadyMs: number };

  private constructor(
    node: Node,
    state: MatchState,
    clock: EngineWorld['clock'],
    options: WorldOptions,
  ) {
    this.node = node;
    this.state = state;
    this.clock = clock;
    this.drivers = new RecordingDrivers();
    this.facts = new Facts(() => clock.steadyMs);
    const { maxWaiting = 256, maxEvents = 10_000, inventory, refresh } = options;
    const limits = { maxCalls: 10, maxWaiting, maxWaitingAll: 100_000 };
    this.queue = new CallQueue(() => clock.steadyMs, limits);
    this.engine = new Engine({
      ledger: node.ledger,
      queue: this.queue,
      facts: this.facts,
      state,
      now: () => ({ ...clock }),
      drivers: options.drivers ?? this.drivers,
      targets: { index: inventory ?? (() => undefined), refresh: refresh ?? (async () => {}) },
      maxEvents,
    });
  }

  /** Starts the node of a folder with a snapshot in force, at a time. */
  static async start(
    dir: string,
    snapshot: EngineSnapshot | undefined,
    options: WorldOptions = {},
  ): Promise<EngineWorld> {
    const now: Instant = options.now ?? START;
    const node = await startNode(dir, { ...options, now });
    const state = await MatchState.open(node.journal, node.outbox.prefix, now.wallMs);
    const world = new EngineWorld(node, state, { ...now }, options);
    if (snapshot !== undefined) world.engine.swap(snapshot);
    return world;
  }

  /** Both clocks go on. */
  pass(ms: number): void {
    this.clock.wallMs += ms;
    this.clock.steadyMs += ms;
  }

  handle(event: EngineEvent, isForeign = false): Promise<Handled> {
    return this.engine.handle(event, isForeign);
  }

  /** What came of each action, in a word. */
  async results(event: EngineEvent, isForeign = false): Promise<string[]> {
    const { runs } = await this.handle(event, isForeign);
    return runs.flatMap(({ actions }) =>
      actions.map(({ result, reason }) => (reason === null ? result : `${result}: ${reason}`)),
    );
  }

  /** Every record that was written, those of what was held back included. */
  async records(): Promise<NodePayload[]> {
    await this.node.ledger.suppressions.flush({ ...this.clock });
    return payloads(this.node);
  }

  /** Reasons of what was held back, each with its count. */
  async suppressed(): Promise<{ [reason: string]: number }> {
    const counts: { [reason: string]: number } = {};
    for (const record of await this.records())
      if (record.kind === 'execution-suppressed')
        counts[record.reason] = (counts[record.reason] ?? 0) + record.count;
    return counts;
  }

  close(): Promise<void> {
    return this.node.close();
  }
}
