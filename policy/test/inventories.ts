// Inventories for tests: a row says what matters, the rest follows.

import type { Inventory, InventoryItem } from '@writ/policy/engine/driver-manifest';
import { InventoryIndex } from '@writ/policy/engine/inventory-index';
import { targetLabel } from '@writ/policy/engine/target-types';

export function item(id: string, more: Partial<InventoryItem> = {}): InventoryItem {
  const type = id.slice(0, id.indexOf(':'));
  const name = id.slice(type.length + 1);
  return { id, type, name, label: targetLabel(id), labels: {}, state: null, ...more };
}

export function inventory(
  items: readonly InventoryItem[],
  more: Partial<Inventory> = {},
): Inventory {
  return { items, timeMs: 1000, stale: false, reason: null, ...more };
}

export function indexOf(...items: readonly (InventoryItem | string)[]): InventoryIndex {
  const rows = items.map((row) => (typeof row === 'string' ? item(row) : row));
  return InventoryIndex.build(inventory(rows));
}

/** Ports 1 to `count` of each slot, such as `1/A`. */
export function ports(type: string, slots: readonly string[], count: number): string[] {
  return slots.flatMap((slot) =>
    Array.from({ length: count }, (_, i) => `${type}:${slot}${i + 1}`),
  );
}
