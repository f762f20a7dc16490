// Timers of policies. timer.after runs from the beginning of a state until it is due or the state ends; timer.at gives
// an event for each run (spec/policy-engine.md section 2). Pure: what runs is JSON that the node keeps.

import { endsState } from './contrary.ts';
import type { EngineEvent } from './event.ts';
import { heldSeconds, type PreparedTrigger } from './event-match.ts';
import { eventId, eventTimeMs } from './event-schema.ts';
import { MAX_LATENESS_MS } from './next-run.ts';

/** A timer.after that runs for one subject. */
export interface RunningTimer {
  /** triggerId. */
  readonly trigger: string;
  readonly subject: EngineEvent['subject'];
  /** Milliseconds since 1970. */
  readonly dueMs: number;
  /** eventId of what it counts from. */
  readonly since: string;
  readonly correlation_id: string | null;
}

/** Most timers that run at a time in a node. */
export const MAX_RUNNING_TIMERS = 10_000;

export interface TimerStep {
  /** The same list where nothing changed. */
  readonly timers: readonly RunningTimer[];
  readonly started: readonly RunningTimer[];
  readonly cancelled: readonly RunningTimer[];
  /** Those that had no room: to be recorded, for they will not run. */
  readonly refused: readonly RunningTimer[];
}

/**
 * What `event` does to the timers: ends those whose state it leaves, starts those that count from it. One that runs
 * already for the subject goes on: the same news again does not put it off.
 */
export function stepTimers(
  timers: readonly RunningTimer[],
  triggers: readonly PreparedTrigger[],
  event: EngineEvent,
  nowMs: number,
): TimerStep {
  // Most events are neither, and nothing is written for them.
  if (event.kind !== 'ups.state' && event.kind !== 'webhook.custom') return unchanged(timers);
  const states = new Map(triggers.map(({ id, trigger }) => [id, trigger]));
  const isOver = ({ trigger: id, subject }: RunningTimer): boolean => {
    const trigger = states.get(id);
    if (trigger?.kind !== 'timer.after' || trigger.since.kind !== 'ups.state') return false;
    return isSame(subject, event.subject) && endsState(trigger.since.equals, event);
  };
  const cancelled = timers.filter(isOver);
  const running = timers.filter((timer) => !isOver(timer));
  const wanted = startedBy(triggers, event, nowMs).filter(
    ({ trigger }) =>
      !running.some((timer) => timer.trigger === trigger && isSame(timer.subject, event.subject)),
  );
  const room = Math.max(0, MAX_RUNNING_TIMERS - running.length);
  const started = wanted.slice(0, room);
  const refused = wanted.slice(room);
  if (cancelled.length === 0 && started.length === 0) return { ...unchanged(timers), refused };
  return { timers: [...running, ...started], started, cancelled, refused };
}

function unchanged(timers: readonly RunningTimer[]): TimerStep {
  return { timers, started: [], cancelled: [], refused: [] };
}

/** Takes out what is due: `due` are the events to handle, oldest first; `missed` came too long ago (MAX_LATENESS_MS). */
export function takeDue(
  timers: readonly RunningTimer[],
  nowMs: number,
): {
  readonly timers: readonly RunningTimer[];
  readonly due: readonly EngineEvent[];
  readonly missed: readonly RunningTimer[];
} {
  const over = timers.filter(({ dueMs }) => dueMs <= nowMs).sort((a, b) => a.dueMs - b.dueMs);
  const isMissed = ({ dueMs }: RunningTimer): boolean => dueMs < nowMs - MAX_LATENESS_MS;
  return {
    timers: over.length === 0 ? timers : timers.filter(({ dueMs }) => dueMs > nowMs),
    due: over.filter((timer) => !isMissed(timer)).map(afterEvent),
    missed: over.filter(isMissed),
  };
}

/** The event of a run of timer.at, `runMs` from next-run.ts. */
export function atEvent({ id }: PreparedTrigger, runMs: number): EngineEvent {
  return {
    type: 'timer',
    kind: 'timer.at',
    subject: { kind: 'integration', id: 'timer' },
    attrs: { trigger: id },
    ts: new Date(runMs).toISOString(),
    correlation_id: null,
  };
}

function afterEvent({ trigger, subject, dueMs, since, correlation_id }: RunningTimer): EngineEvent {
  return {
    type: 'timer',
    kind: 'timer.after',
    subject,
    attrs: { trigger, since },
    ts: new Date(dueMs).toISOString(),
    correlation_id,
  };
}

/** The time of the event counts, but not one that lies ahead. */
function startedBy(
  triggers: readonly PreparedTrigger[],
  event: EngineEvent,
  nowMs: number,
): RunningTimer[] {
  const startMs = Math.min(eventTimeMs(event), nowMs);
  const { subject, correlation_id } = event;
  const found = new Map<string, RunningTimer>();
  for (const { id: trigger, trigger: ir } of triggers) {
    if (ir.kind !== 'timer.after' || !startsWith(ir.since, event)) continue;
    const dueMs = startMs + ir.after_s * 1000;
    found.set(trigger, { trigger, subject, dueMs, since: eventId(event), correlation_id });
  }
  return [...found.values()];
}

function startsWith(
  since: { readonly kind: string; readonly equals: string },
  { kind, attrs }: EngineEvent,
): boolean {
  if (kind !== since.kind) return false;
  const name = kind === 'ups.state' ? attrs['state'] : attrs['name'];
  return name === since.equals && heldSeconds(attrs) === 0;
}

function isSame(a: EngineEvent['subject'], b: EngineEvent['subject']): boolean {
  return a.kind === b.kind && a.id === b.id;
}
