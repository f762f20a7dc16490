// Inventories in the database of the node: one row for each target, so that a refresh writes what it changed.
//
//   inventory/<host>/meta        driver and time of the last full discovery
//   inventory/<host>/row/<id>    a target, when it was seen, why not later

import { parseUtf8, utf8 } from '@writ/core/bytes';
import { isLogError } from '@writ/core/errors';
import type { Level } from 'level';
import { readDiscovery } from '../engine/discovery.ts';
import type { HostInventory, InventoryRow } from '../engine/inventory-merge.ts';
import type { InventoryStore } from './inventory-port.ts';

const PREFIX = 'inventory';
const MAX_ROW_REASON = 300;

/** A store in `db`, beside whatever else is in it. */
export function levelInventoryStore(db: Level<string, Uint8Array>): InventoryStore {
  return {
    load: (host) => load(db, host),
    save: async (host, previous, next) => {
      const batch = db.batch();
      batch.put(`${PREFIX}/${host}/meta`, json({ driver: next.driver, full_ms: next.fullMs }));
      for (const [id, row] of next.rows)
        if (previous.rows.get(id) !== row) batch.put(rowKey(host, id), json(row));
      for (const id of previous.rows.keys()) if (!next.rows.has(id)) batch.del(rowKey(host, id));
      // Not synced: what is lost here, the next discovery finds again.
      await batch.write();
    },
  };
}

/** Undefined where anything is damaged: the inventory is found again, and a half of it would be mistaken for it. */
async function load(
  db: Level<string, Uint8Array>,
  host: string,
): Promise<HostInventory | undefined> {
  const meta = objectIn(await db.get(`${PREFIX}/${host}/meta`));
  const [driver, fullMs] = [meta?.get('driver'), meta?.get('full_ms')];
  if (driver !== null && typeof driver !== 'string') return undefined;
  if (fullMs !== null && !isTime(fullMs)) return undefined;
  const start = `${PREFIX}/${host}/row/`;
  const rows = new Map<string, InventoryRow>();
  for await (const [key, value] of db.iterator({ gte: start, lt: `${start}~` })) {
    const row = readRow(value);
    if (row === undefined || row.item.id !== key.slice(start.length)) return undefined;
    rows.set(row.item.id, row);
  }
  return { driver, rows, fullMs };
}

function readRow(bytes: Uint8Array): InventoryRow | undefined {
  const row = objectIn(bytes);
  const [timeMs, reason = null] = [row?.get('timeMs'), row?.get('reason')];
  if (!isTime(timeMs) || (reason !== null && !isReason(reason))) return undefined;
  try {
    const { items } = readDiscovery({ items: [row?.get('item')] });
    const [item] = items;
    return item && { item, timeMs, reason };
  } catch (error) {
    if (isLogError(error)) return undefined;
    throw error;
  }
}

function objectIn(bytes: Uint8Array | undefined): ReadonlyMap<string, unknown> | undefined {
  const text = bytes && parseUtf8(bytes);
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? new Map(Object.entries(value)) : undefined;
  } catch {
    return undefined;
  }
}

function json(value: unknown): Uint8Array {
  return utf8(JSON.stringify(value));
}

function rowKey(host: string, id: string): string {
  return `${PREFIX}/${host}/row/${id}`;
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isReason(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_ROW_REASON;
}
