// What nodes said last about the targets of their hosts: in memory, bounded, and never older rows for newer ones.

import { InventoryIndex } from '@writ/policy/engine/inventory-index';
import type { InventoryAnswer } from '@writ/policy/engine/transcript';

/** Inventories that are kept, and their size as they were answered. */
export const MAX_INVENTORIES = 64;
export const MAX_INVENTORY_BYTES: number = 64 * 1024 * 1024;

/** The last answer of a host that had targets to show. */
export interface KeptInventory {
  readonly answer: InventoryAnswer;
  readonly index: InventoryIndex;
  readonly bytes: number;
}

export class HostInventories {
  /** By village and host, the one that was used longest ago first. */
  readonly #kept = new Map<string, KeptInventory>();
  #bytes = 0;

  /** What the node `node` said last of a host; what another node said before does not count. */
  find(village: string, host: string, node: string): KeptInventory | undefined {
    const key = `${village}/${host}`;
    const found = this.#kept.get(key);
    if (found === undefined || found.answer.node !== node) return undefined;
    this.#kept.delete(key);
    this.#kept.set(key, found);
    return found;
  }

  /** Takes an answer of `bytes`. One without a time shows nothing, and takes away nothing. */
  keep(answer: InventoryAnswer, bytes: number): void {
    const { village, host, items, ts, stale, reason } = answer;
    if (ts === null) return;
    const index = InventoryIndex.build({ items, timeMs: ts, stale, reason });
    const key = `${village}/${host}`;
    this.#drop(key);
    this.#kept.set(key, { answer, index, bytes });
    this.#bytes += bytes;
    while (this.#kept.size > MAX_INVENTORIES || this.#bytes > MAX_INVENTORY_BYTES) {
      const [oldest] = this.#kept.keys();
      if (oldest === undefined) return;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    this.#bytes -= this.#kept.get(key)?.bytes ?? 0;
    this.#kept.delete(key);
  }
}
