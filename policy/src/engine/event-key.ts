// What an index of policies is asked with. A policy that takes any of its triggers is found by all that a trigger says,
// so that an event costs nothing for those that wait for something else of the same kind.

import type { EngineEvent } from './event.ts';
import { heldSeconds, type PreparedTrigger } from './event-match.ts';

/** The key of a trigger: an event can only make it true when `exactEventKey` gives the same. */
export function exactTriggerKey({ id, trigger }: PreparedTrigger): string {
  switch (trigger.kind) {
    case 'ups.state':
      return `${trigger.kind} ${trigger.equals} ${trigger.for_s}`;
    case 'metric.threshold': {
      const { kind, metric, op, value, for_s } = trigger;
      return `${kind} ${metric} ${op} ${typeof value} ${value} ${for_s}`;
    }
    case 'timer.at':
    case 'timer.after':
      return `${trigger.kind} ${id}`;
    case 'webhook.custom':
      return `${trigger.kind} ${trigger.name}`;
  }
}

/** See exactTriggerKey. */
export function exactEventKey({ kind, attrs }: EngineEvent): string {
  switch (kind) {
    case 'ups.state':
      return `${kind} ${attrs['state']} ${heldSeconds(attrs)}`;
    case 'metric.threshold': {
      const { metric, op, value } = attrs;
      return `${kind} ${metric} ${op} ${typeof value} ${value} ${heldSeconds(attrs)}`;
    }
    case 'timer.at':
    case 'timer.after':
      return `${kind} ${attrs['trigger']}`;
    case 'webhook.custom':
      return `${kind} ${attrs['name']}`;
  }
}
