// How a selector that is resolved again differs from the time before (spec/selectors.md section 5).

import type { Resolution } from './policy-ir.ts';

export interface ResolutionDifference {
  /** Ids that are targets now and were not. */
  readonly added: readonly string[];
  /** Ids that were targets and are not any more. */
  readonly removed: readonly string[];
  /** True when the same ids come in another order. */
  readonly isReordered: boolean;
}

/** The difference from `before` to `after`, each list in the order of its resolution. */
export function compareResolutions(before: Resolution, after: Resolution): ResolutionDifference {
  const [old, current] = [new Set(before.ids), new Set(after.ids)];
  const added = after.ids.filter((id) => !old.has(id));
  const removed = before.ids.filter((id) => !current.has(id));
  const isSame = added.length === 0 && removed.length === 0;
  const isReordered = isSame && before.ids.some((id, i) => after.ids[i] !== id);
  return { added, removed, isReordered };
}
