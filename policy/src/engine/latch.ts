// ANY and ALL over events that do not come together (spec/policy-engine.md section 2). Pure: the latches go in and come
// out as JSON, and the node keeps them with its windows.

import { isContrary } from './contrary.ts';
import type { EngineEvent } from './event.ts';
import { isMatch, type PreparedMatch } from './event-match.ts';
import { eventId, eventTimeMs } from './event-schema.ts';

/** Says that a trigger of a policy was true of a subject. */
export interface Latch {
  /** triggerId. */
  readonly trigger: string;
  /** Kind and id, as subjectKey. */
  readonly subject: string;
  /** Milliseconds since 1970: when it became true, on the clock of the source but never ahead of the node's. */
  readonly ms: number;
  /** eventId of what set it. */
  readonly event: string;
}

/** Most latches of one policy; the oldest is let go, which can make the policy do nothing, never too much. */
export const MAX_LATCHES = 256;

export interface MatchVerdict {
  /** True: the group is true with this event. */
  readonly matched: boolean;
  /** The latches from now on; the same list where nothing changed. */
  readonly latches: readonly Latch[];
  /** eventId of all that made the group true, oldest first; empty without a match. */
  readonly events: readonly string[];
}

/** `kind/id`: what windows and latches keep apart. */
export function subjectKey({ subject }: EngineEvent): string {
  return `${subject.kind}/${subject.id}`;
}

/**
 * Judges an event against a policy. ANY: true when the event makes a trigger true. ALL: true when this event makes a
 * trigger true and every other one was, within the window and not taken back since; then all latches are taken off.
 */
export function matchEvent(
  match: PreparedMatch,
  latches: readonly Latch[],
  event: EngineEvent,
  nowMs: number,
): MatchVerdict {
  const hits = match.triggers.filter((trigger) => isMatch(trigger, event));
  if (match.logic === 'ANY') {
    const events = hits.length > 0 ? [eventId(event)] : [];
    return { matched: hits.length > 0, latches: latches.length > 0 ? [] : latches, events };
  }
  const held = stillHeld(match, latches, event, nowMs);
  if (hits.length === 0) return { matched: false, latches: held, events: [] };
  const subject = subjectKey(event);
  const ms = Math.min(eventTimeMs(event), nowMs);
  const added = hits.map(({ id }) => ({ trigger: id, subject, ms, event: eventId(event) }));
  const others = held.filter(
    (latch) => !added.some(({ trigger }) => trigger === latch.trigger && subject === latch.subject),
  );
  const all = [...others, ...added].filter((latch) => isWithin(match, latch, nowMs));
  const isTrue = match.triggers.every(({ id }) => all.some(({ trigger }) => trigger === id));
  if (!isTrue) return { matched: false, latches: all.slice(-MAX_LATCHES), events: [] };
  const events = [...all].sort((a, b) => a.ms - b.ms).map((latch) => latch.event);
  return { matched: true, latches: [], events: [...new Set(events)] };
}

/** Without those whose window ended, whose trigger is gone, or that the event takes back. */
function stillHeld(
  match: PreparedMatch,
  latches: readonly Latch[],
  event: EngineEvent,
  nowMs: number,
): readonly Latch[] {
  const subject = subjectKey(event);
  const held = latches.filter((latch) => {
    const found = match.triggers.find(({ id }) => id === latch.trigger);
    if (found === undefined || !isWithin(match, latch, nowMs)) return false;
    return latch.subject !== subject || !isContrary(found.trigger, event);
  });
  return held.length === latches.length ? latches : held;
}

// A clock that went back by more than the window leaves nobody knowing how old the latch is: it is let go.
function isWithin({ windowMs }: PreparedMatch, { ms }: Latch, nowMs: number): boolean {
  return Math.abs(nowMs - ms) <= windowMs;
}
