// The engine: one event in, at most one run of each policy out (spec/policy-engine.md section 6). It acts on the snapshot
// that is in force when the event comes, and on nothing else.

import { parseHex } from '@writ/core/bytes';
import { bug } from '@writ/core/errors';
import { evaluate } from '../engine/condition.ts';
import type { EngineEvent } from '../engine/event.ts';
import { isMatch } from '../engine/event-match.ts';
import { eventId, judgeEventTime } from '../engine/event-schema.ts';
import type { InventoryIndex } from '../engine/inventory-index.ts';
import { matchEvent, subjectKey } from '../engine/latch.ts';
import { stepTimers } from '../engine/timers.ts';
import type { ActivePolicy } from './active-policy.ts';
import type { CallQueue } from './call-queue.ts';
import { conditionFacts } from './condition-facts.ts';
import type { Facts } from './facts.ts';
import { Freshness } from './freshness.ts';
import { type MatchState, NO_LATCHES } from './match-state.ts';
import {
  type IdentifiedEvent,
  type PolicyRunRecord,
  type RunParts,
  runPolicy,
} from './policy-run.ts';
import { EngineSnapshot } from './snapshot.ts';

export interface EngineParts extends Omit<RunParts, 'staleness'> {
  readonly queue: CallQueue;
  readonly facts: Facts;
  readonly state: MatchState;
  /** Events that may be handled at a time; more are refused. */
  readonly maxEvents: number;
}

/** What became of an event. */
export interface Handled {
  readonly kind: 'handled' | 'duplicate' | 'refused' | 'old';
  readonly reason: string | null;
  readonly runs: readonly PolicyRunRecord[];
}

export interface EngineCounters {
  handled: number;
  duplicates: number;
  refused: number;
  old: number;
  matched: number;
  unknownConditions: number;
}

/** An override of the staleness mode, until its end. */
export interface StalenessPass {
  readonly untilSeconds: number;
}

export class Engine {
  readonly counters: EngineCounters = {
    handled: 0,
    duplicates: 0,
    refused: 0,
    old: 0,
    matched: 0,
    unknownConditions: 0,
  };
  readonly #parts: EngineParts;
  readonly #freshness: Freshness = new Freshness();
  #snapshot: EngineSnapshot | undefined;
  #inFlight = 0;
  #idle: (() => void)[] = [];
  #isRecovered = false;

  constructor(parts: EngineParts) {
    this.#parts = parts;
  }

  get snapshot(): EngineSnapshot | undefined {
    return this.#snapshot;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Puts another snapshot in force, for events that come from now on. TypeError for what EngineSnapshot.build did not make. */
  swap(next: EngineSnapshot): void {
    if (!EngineSnapshot.is(next)) throw new TypeError('the engine runs engine snapshots alone');
    this.#snapshot = next;
    this.#freshness.learn(next.timeSeconds, this.#parts.now());
    if (!this.#isRecovered) this.#recordInterrupted();
    this.#isRecovered = true;
  }

  /** Lets a stale state pass until a time; the caller has its record in the stream before. */
  allowStale(pass: StalenessPass | undefined): void {
    this.#freshness.allow(pass?.untilSeconds, this.#parts.now());
  }

  /**
   * Handles an event. Resolves when all that it began has ended. `isForeign`: somebody outside could send it again, so
   * it is remembered; events of timers always are. Rejects with LogError when the records cannot be written: then
   * nothing more is begun.
   */
  async handle(event: EngineEvent, isForeign = false): Promise<Handled> {
    const hex = eventId(event);
    const identified = { event, id: parseHex(hex) ?? bug('an event id is not hexadecimal') };
    const { now, maxEvents } = this.#parts;
    if (this.#inFlight >= maxEvents) return this.#leave(identified, 'refused', 'queue-full');
    this.#inFlight += 1;
    try {
      const verdict = judgeEventTime(event, now().wallMs);
      if (verdict === 'ahead') return await this.#leave(identified, 'refused', 'event-ahead');
      if (verdict === 'old') return await this.#leave(identified, 'old', 'event-old');
      return isForeign || event.type === 'timer'
        ? await this.#handleOnce(identified, hex)
        : await this.#handle(identified);
    } finally {
      this.#inFlight -= 1;
      if (this.#inFlight === 0) for (const tell of this.#idle.splice(0)) tell();
    }
  }

  /** Resolves when no event is being handled. */
  async drained(): Promise<void> {
    if (this.#inFlight === 0) return;
    await new Promise<void>((resolve) => {
      this.#idle.push(resolve);
    });
  }

  /** Handles an event unless it was seen before. A crash before its end shows at the next start. */
  async #handleOnce(identified: IdentifiedEvent, hex: string): Promise<Handled> {
    const { state, now } = this.#parts;
    // What cannot be handled must not count as seen.
    if (this.#snapshot === undefined) return this.#leave(identified, 'refused', 'state-missing');
    const isNew = await state.see(hex, now().wallMs);
    if (isNew === 'full') return this.#leave(identified, 'refused', 'queue-full');
    if (!isNew) {
      this.counters.duplicates += 1;
      return { kind: 'duplicate', reason: 'event-seen', runs: [] };
    }
    const handled = await this.#handle(identified);
    await state.finish(hex);
    return handled;
  }

  async #handle(identified: IdentifiedEvent): Promise<Handled> {
    const snapshot = this.#snapshot;
    if (snapshot === undefined) return this.#leave(identified, 'refused', 'state-missing');
    this.counters.handled += 1;
    // The journal keeps the order: what a match changes is durable before the intent that follows from it.
    const writes: Promise<unknown>[] = [];
    push(writes, this.#stepTimers(snapshot, identified));
    const runs: Promise<PolicyRunRecord>[] = [];
    for (const policy of snapshot.candidates(identified.event)) {
      if (!this.#isMatch(policy, identified, writes)) continue;
      this.counters.matched += 1;
      const run = this.#begin(snapshot, policy, identified);
      // Its failure is told below; until then nobody listens.
      run.done.catch(() => {});
      runs.push(run.done);
      if (policy.ir.stop_on_match && (await run.isScheduled)) break;
    }
    // All of them end before anything is said: a driver may be at work for one when another fails.
    await Promise.allSettled([...writes, ...runs]);
    await Promise.all(writes);
    return { kind: 'handled', reason: null, runs: await Promise.all(runs) };
  }

  /** Triggers, latches and conditions. What has to be written goes to `writes`. */
  #isMatch(policy: ActivePolicy, identified: IdentifiedEvent, writes: Promise<unknown>[]): boolean {
    const { event, id } = identified;
    const { facts, targets, ledger, now } = this.#parts;
    if (!this.#isTriggered(policy, event, writes)) return false;
    if (policy.ir.match.conditions.length === 0) return true;
    const inventory = (): InventoryIndex | undefined => targets.index(policy.ir.targets.host_id);
    const known = conditionFacts(facts, policy, event, inventory);
    const { holds, unknown } = evaluate(policy.ir.match.conditions, known);
    if (unknown.length === 0) return holds;
    // Not in silence: the record shows that a condition could not be judged.
    this.counters.unknownConditions += unknown.length;
    const { id: policyId, version } = policy.ref;
    const stimulus = { event: id, policy: policyId, version };
    push(writes, ledger.suppress(stimulus, 'condition-unknown', now()));
    return false;
  }

  #isTriggered(
    { ref, match }: ActivePolicy,
    event: EngineEvent,
    writes: Promise<unknown>[],
  ): boolean {
    const { state, now } = this.#parts;
    const before = state.latchesOf(ref.id);
    if (match.logic === 'ANY' && before === NO_LATCHES) {
      for (const trigger of match.triggers) if (isMatch(trigger, event)) return true;
      return false;
    }
    const { matched, latches } = matchEvent(match, before, event, now().wallMs);
    push(writes, state.setLatches(ref.id, latches));
    return matched;
  }

  #begin(
    snapshot: EngineSnapshot,
    policy: ActivePolicy,
    event: IdentifiedEvent,
  ): { readonly isScheduled: Promise<boolean>; readonly done: Promise<PolicyRunRecord> } {
    let tell: (isScheduled: boolean) => void = () => {};
    const isScheduled = new Promise<boolean>((resolve) => {
      tell = resolve;
    });
    const parts = { ...this.#parts, staleness: this.#staleness() };
    const work = (): Promise<PolicyRunRecord> => runPolicy(parts, snapshot, policy, event, tell);
    const run = this.#parts.queue.run(policy.ir.targets.host_id, work);
    const done = (run ?? this.#refuseRun(policy, event)).finally(() => tell(false));
    return { isScheduled, done };
  }

  async #refuseRun({ ref }: ActivePolicy, { id }: IdentifiedEvent): Promise<PolicyRunRecord> {
    const { ledger, now } = this.#parts;
    this.counters.refused += 1;
    await ledger.suppress({ event: id, policy: ref.id, version: ref.version }, 'queue-full', now());
    return { policy: ref.id, isScheduled: false, actions: [] };
  }

  /** By the newest state that is known when it is asked, and not by that of the event. */
  #staleness(): RunParts['staleness'] {
    return (isDestructive) => {
      const now = this.#parts.now();
      const staleness = this.#snapshot?.staleness;
      if (staleness === undefined || staleness.mode === 'keep-last-good') return undefined;
      if (this.#freshness.ageSeconds(now) <= staleness.maxSeconds) return undefined;
      if (this.#freshness.isAllowed(now)) return undefined;
      if (staleness.mode === 'freeze') return 'state-frozen';
      return isDestructive ? 'state-stale' : undefined;
    };
  }

  async #stepTimers(snapshot: EngineSnapshot, { event, id }: IdentifiedEvent): Promise<void> {
    const { state, now, ledger } = this.#parts;
    const triggers = snapshot.afterTriggers;
    if (triggers.length === 0 && state.timers.length === 0) return;
    const step = stepTimers(state.timers, triggers, event, now().wallMs);
    if (step.started.length + step.cancelled.length > 0) await state.setTimers(step.timers);
    for (const _ of step.refused)
      await ledger.suppress({ event: id, policy: null, version: null }, 'timer-full', now());
  }

  /** Events that an earlier run of the node began and did not end: nobody knows what else they would have begun. */
  #recordInterrupted(): void {
    const { state, ledger, now } = this.#parts;
    const recorded = state.interrupted.map(async (hex) => {
      const event = parseHex(hex) ?? bug('an event id is not hexadecimal');
      await ledger.suppress({ event, policy: null, version: null }, 'event-interrupted', now());
      await state.finish(hex);
    });
    // A journal that is broken says so to every event.
    void Promise.allSettled(recorded);
  }

  async #leave(
    { event, id }: IdentifiedEvent,
    kind: 'refused' | 'old',
    reason: string,
  ): Promise<Handled> {
    this.counters[kind] += 1;
    const { ledger, now } = this.#parts;
    await ledger.suppress({ event: id, policy: null, version: null }, reason, now());
    return { kind, reason: `${reason} (${subjectKey(event)})`, runs: [] };
  }
}

function push(writes: Promise<unknown>[], write: Promise<unknown>): void {
  // Its failure is told when all has ended.
  write.catch(() => {});
  writes.push(write);
}
