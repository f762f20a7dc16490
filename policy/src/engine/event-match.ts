// Which triggers an event makes true. Everything that depends on the policy alone is prepared once, so that an event
// costs a look into a map and a few comparisons.

import { formatHex, utf8 } from '@writ/core/bytes';
import { sha256 } from '@writ/core/sha256';
import { formatCanonicalJson, type JsonValue } from '@writ/core/statements/jcs';
import { endsOf } from './contrary.ts';
import type { EngineEvent } from './event.ts';
import type { IrTrigger, PolicyIr } from './policy-ir.ts';
import type { TriggerLogic } from './policy-spec.ts';

export interface PreparedTrigger {
  /** The SHA-256 of the canonical JSON of the trigger: policies with the same trigger share its timers. */
  readonly id: string;
  readonly trigger: IrTrigger;
}

export interface PreparedMatch {
  readonly logic: TriggerLogic;
  readonly windowMs: number;
  readonly triggers: readonly PreparedTrigger[];
}

/** Name of a trigger: what a timer event carries in `attrs.trigger`, and what a latch is kept under. */
export function triggerId(trigger: IrTrigger): string {
  return formatHex(sha256(utf8(formatCanonicalJson(jsonOf(trigger)))));
}

/** What a policy waits for, ready for many events. */
export function prepareMatch({ logic, window_s, triggers }: PolicyIr['match']): PreparedMatch {
  return {
    logic,
    windowMs: window_s * 1000,
    triggers: triggers.map((trigger) => ({ id: triggerId(trigger), trigger })),
  };
}

/** The keys under which an index has to list a policy: an event can only concern those listed under its eventKey. */
export function matchKeys({ logic, triggers }: PreparedMatch): readonly string[] {
  return [...new Set(triggers.flatMap((trigger) => keysOf(trigger, logic)))];
}

/** See matchKeys. */
export function eventKey({ kind, attrs }: EngineEvent): string {
  switch (kind) {
    case 'ups.state':
      return `${kind} ${attrs['state']}`;
    case 'metric.threshold':
      return `${kind} ${attrs['metric']}`;
    case 'timer.at':
    case 'timer.after':
      return `${kind} ${attrs['trigger']}`;
    case 'webhook.custom':
      return `${kind} ${attrs['name']}`;
  }
}

/** True when `event` makes the trigger true. A state counts when it has held exactly as long as the trigger asks. */
export function isMatch({ id, trigger }: PreparedTrigger, { kind, attrs }: EngineEvent): boolean {
  if (kind !== trigger.kind) return false;
  switch (trigger.kind) {
    case 'ups.state':
      return attrs['state'] === trigger.equals && heldSeconds(attrs) === trigger.for_s;
    case 'metric.threshold':
      return (
        attrs['metric'] === trigger.metric &&
        attrs['op'] === trigger.op &&
        attrs['value'] === trigger.value &&
        heldSeconds(attrs) === trigger.for_s
      );
    case 'timer.at':
    case 'timer.after':
      return attrs['trigger'] === id;
    case 'webhook.custom':
      return (
        attrs['name'] === trigger.name &&
        Object.entries(trigger.attrs).every(
          ([name, value]) => Object.hasOwn(attrs, name) && attrs[name] === value,
        )
      );
  }
}

/** `held_s`; an event without it has just begun. */
export function heldSeconds(attrs: EngineEvent['attrs']): number {
  const held = attrs['held_s'] ?? 0;
  return typeof held === 'number' ? held : 0;
}

function keysOf({ id, trigger }: PreparedTrigger, logic: TriggerLogic): readonly string[] {
  switch (trigger.kind) {
    case 'ups.state': {
      const ends = logic === 'ALL' ? endsOf(trigger.equals) : [];
      return [trigger.equals, ...ends].map((state) => `${trigger.kind} ${state}`);
    }
    case 'metric.threshold':
      return [`${trigger.kind} ${trigger.metric}`];
    case 'timer.at':
    case 'timer.after':
      return [`${trigger.kind} ${id}`];
    case 'webhook.custom':
      return [`${trigger.kind} ${trigger.name}`];
  }
}

function jsonOf(trigger: IrTrigger): JsonValue {
  return trigger.kind === 'timer.after'
    ? { ...trigger, since: { ...trigger.since } }
    : { ...trigger };
}
