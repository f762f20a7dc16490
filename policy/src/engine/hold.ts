// Stability at the source: a state becomes an event only after it has held as long as an active policy asks for
// (spec/policy-engine.md section 2). Driven by observations alone: what nobody saw did not hold.

import type { EngineEvent } from './event.ts';
import type { IrTrigger, PolicyIr } from './policy-ir.ts';
import type { Comparison, Scalar } from './policy-spec.ts';

/** What somebody waits for. */
export type Watch = Extract<IrTrigger, { readonly kind: 'ups.state' | 'metric.threshold' }>;

/** What a source saw at one moment. */
export interface Observation {
  readonly subject: EngineEvent['subject'];
  /** The states that hold now; of a UPS. */
  readonly states?: readonly string[];
  /** Metric → sample. */
  readonly samples?: ReadonlyMap<string, Scalar>;
  /** Milliseconds of a clock that never jumps. */
  readonly monotonicMs: number;
  /** RFC 3339 in UTC with milliseconds. */
  readonly ts: string;
}

/** Most subjects that hold something at a time; with one more, what was seen longest ago has to begin anew. */
export const MAX_HELD_SUBJECTS = 10_000;

/** Longest gap between two observations over which a state counts as held, in milliseconds. */
export const MAX_GAP_MS = 300_000;

interface Hold {
  readonly sinceMs: number;
  readonly lastMs: number;
  readonly published: ReadonlySet<number>;
}

/** Subject → watch without its duration → hold. Subjects that hold something, by when they were seen last. */
export type Holds = ReadonlyMap<string, ReadonlyMap<string, Hold>>;

export const NO_HOLDS: Holds = new Map();

/** The watches of policies, each once. */
export function watchesOf(policies: Iterable<PolicyIr>): readonly Watch[] {
  const found = new Map<string, Watch>();
  for (const { match } of policies) {
    for (const trigger of match.triggers) {
      if (trigger.kind === 'ups.state' || trigger.kind === 'metric.threshold')
        found.set(`${trigger.for_s} ${watchKey(trigger)}`, trigger);
    }
  }
  return [...found.values()];
}

/**
 * The holds behind `seen`, and the events that are due with it: one for each episode and duration. No number of other
 * subjects keeps an event from being told: a sender that makes subjects up would blind the node.
 */
export function observe(
  holds: Holds,
  watches: readonly Watch[],
  seen: Observation,
): { readonly holds: Holds; readonly events: readonly EngineEvent[] } {
  const subject = `${seen.subject.kind}/${seen.subject.id}`;
  const after = new Map(holds.get(subject));
  const events: EngineEvent[] = [];
  for (const [key, group] of byKey(watches)) {
    const holdsNow = isMet(group[0], seen);
    if (holdsNow === undefined) continue;
    if (!holdsNow) {
      after.delete(key);
      continue;
    }
    const hold = extend(after.get(key), seen.monotonicMs);
    const heldMs = seen.monotonicMs - hold.sinceMs;
    const due = group.filter(({ for_s }) => heldMs >= for_s * 1000 && !hold.published.has(for_s));
    events.push(...due.map((watch) => eventOf(watch, seen)));
    const published = new Set([...hold.published, ...due.map(({ for_s }) => for_s)]);
    after.set(key, { ...hold, published });
  }
  return { holds: withHolds(holds, subject, after), events };
}

function withHolds(holds: Holds, subject: string, own: ReadonlyMap<string, Hold>): Holds {
  if (own.size === 0 && !holds.has(subject)) return holds;
  const after = new Map(holds);
  after.delete(subject);
  if (own.size > 0) after.set(subject, own);
  const [oldest] = after.keys();
  if (after.size > MAX_HELD_SUBJECTS && oldest !== undefined) after.delete(oldest);
  return after;
}

/** The holds without those of a subject whose source was lost: what comes back begins anew. */
export function forget(holds: Holds, subject: EngineEvent['subject']): Holds {
  const rest = new Map(holds);
  rest.delete(`${subject.kind}/${subject.id}`);
  return rest;
}

/** True when `value op threshold`. Ordering is for numbers; equality needs the same type. */
export function compares(value: Scalar, op: Comparison, threshold: Scalar): boolean {
  if (op === '=') return value === threshold;
  if (op === '!=') return typeof value === typeof threshold && value !== threshold;
  if (typeof value !== 'number' || typeof threshold !== 'number') return false;
  switch (op) {
    case '>':
      return value > threshold;
    case '>=':
      return value >= threshold;
    case '<':
      return value < threshold;
    case '<=':
      return value <= threshold;
  }
}

function extend(hold: Hold | undefined, nowMs: number): Hold {
  const isBroken = hold === undefined || nowMs - hold.lastMs > MAX_GAP_MS || nowMs < hold.lastMs;
  if (isBroken) return { sinceMs: nowMs, lastMs: nowMs, published: new Set() };
  return { ...hold, lastMs: nowMs };
}

function byKey(watches: readonly Watch[]): Map<string, [Watch, ...Watch[]]> {
  const groups = new Map<string, [Watch, ...Watch[]]>();
  for (const watch of watches) {
    const key = watchKey(watch);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [watch]);
    else group.push(watch);
  }
  return groups;
}

function watchKey(watch: Watch): string {
  return watch.kind === 'ups.state'
    ? JSON.stringify([watch.kind, watch.equals])
    : JSON.stringify([watch.kind, watch.metric, watch.op, watch.value]);
}

/** undefined: the observation says nothing about it. */
function isMet(watch: Watch, { states, samples }: Observation): boolean | undefined {
  if (watch.kind === 'ups.state') return states?.includes(watch.equals);
  const sample = samples?.get(watch.metric);
  return sample === undefined ? undefined : compares(sample, watch.op, watch.value);
}

function eventOf(watch: Watch, { subject, ts }: Observation): EngineEvent {
  const held_s = watch.for_s;
  const isUps = watch.kind === 'ups.state';
  return {
    type: isUps ? 'ups' : 'metric',
    kind: watch.kind,
    subject,
    attrs: isUps
      ? { state: watch.equals, held_s }
      : { metric: watch.metric, op: watch.op, value: watch.value, held_s },
    ts,
    correlation_id: null,
  };
}
