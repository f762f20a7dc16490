// What a condition is judged on: the facts about the subject of the event, the host of the policy and its targets.
// Where it is not clear which thing is meant, nothing is known.

import type { Facts as ConditionFacts } from '../engine/condition.ts';
import type { EngineEvent } from '../engine/event.ts';
import type { InventoryIndex } from '../engine/inventory-index.ts';
import { subjectKey } from '../engine/latch.ts';
import type { Scalar } from '../engine/policy-spec.ts';
import { resolve } from '../engine/selector.ts';
import type { ActivePolicy } from './active-policy.ts';
import type { Facts } from './facts.ts';

/** States of a virtual machine that count as running. */
const RUNNING: ReadonlySet<string> = new Set(['running', 'on']);

/** The facts for one policy and one event. `inventory` gives that of the host of the policy, when a condition asks. */
export function conditionFacts(
  facts: Facts,
  { ir, selector }: Pick<ActivePolicy, 'ir' | 'selector'>,
  event: EngineEvent,
  inventory: () => InventoryIndex | undefined,
): ConditionFacts {
  const subject = subjectKey(event);
  const host = `host/${ir.targets.host_id}`;
  return (scope, field) => {
    switch (scope) {
      case 'ups':
        return ups(facts, subject, field);
      case 'host':
        return facts.value(host, field) ?? facts.value(host, `host.${field}`);
      case 'metric':
        return facts.value(subject, field) ?? facts.value(host, field);
      case 'vm':
        return countOf(field, ir.targets.target_type === 'vm' ? selector : undefined, inventory());
      default:
        return undefined;
    }
  };
}

/** Of the UPS that the event is about, or of the only one that there is. */
function ups(facts: Facts, subject: string, field: string): Scalar | readonly string[] | undefined {
  const about = subject.startsWith('ups/') ? subject : onlyOne(facts.subjects('ups'));
  if (about === undefined) return undefined;
  if (field === 'state') return facts.states(about);
  return facts.value(about, `ups.${field}`);
}

function onlyOne(known: readonly string[]): string | undefined {
  return known.length === 1 ? known[0] : undefined;
}

function countOf(
  field: string,
  selector: ActivePolicy['selector'] | undefined,
  inventory: InventoryIndex | undefined,
): number | undefined {
  if (inventory === undefined || inventory.stale) return undefined;
  const ids =
    selector === undefined
      ? inventory.items.filter(({ type }) => type === 'vm').map(({ id }) => id)
      : resolve(selector, inventory, { isDynamic: true }).resolution.ids;
  if (field === 'count_total') return ids.length;
  if (field !== 'count_matching') return undefined;
  return ids.filter((id) => RUNNING.has(inventory.get(id)?.state ?? '')).length;
}
