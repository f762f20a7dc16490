// How what a driver found changes what is known of a host (spec/inventory.md section 3). Nothing here takes a target
// away that nobody saw gone: a failure leaves the old rows, with the reason.

import type { Discovery, DiscoveryFailure } from './discovery.ts';
import type { InventoryItem } from './driver-manifest.ts';
import { MAX_TARGETS } from './inventory-index.ts';
import { parseTargetId } from './target-types.ts';

/** A target, when it was seen last, and why not later. */
export interface InventoryRow {
  readonly item: InventoryItem;
  /** When the discovery that saw it began, milliseconds since 1970. */
  readonly timeMs: number;
  /** Why a later discovery did not bring it; null: it did. */
  readonly reason: string | null;
}

/** What is known of the targets of one host. */
export interface HostInventory {
  /** Digest of the driver package that listed them, in hexadecimal; null: none was named. */
  readonly driver: string | null;
  readonly rows: ReadonlyMap<string, InventoryRow>;
  /** When the last full discovery that went well began; null: there was none. */
  readonly fullMs: number | null;
}

/** One discovery that came to an end. */
export interface DiscoveryRun {
  readonly mode: 'fast' | 'full';
  /** The ids that were asked for; null: all. */
  readonly wanted: readonly string[] | null;
  readonly driver: string | null;
  readonly startedMs: number;
  readonly nowMs: number;
}

export interface Merged {
  readonly inventory: HostInventory;
  /** What did not go well, in a sentence each; empty when all did. */
  readonly problems: readonly string[];
}

/** A host of which nothing is known. */
export function unknownInventory(driver: string | null): HostInventory {
  return { driver, rows: new Map(), fullMs: null };
}

/** What is known after a discovery that gave an answer. */
export function mergeDiscovery(
  previous: HostInventory,
  discovery: Discovery,
  run: DiscoveryRun,
): Merged {
  const before = ofDriver(previous, run.driver);
  const rows = new Map(before.rows);
  const asked = run.wanted === null ? null : new Set(run.wanted);
  let refused = 0;
  for (const item of discovery.items) {
    // A fast answer may only speak of what it was asked.
    if (asked !== null && !asked.has(item.id)) continue;
    const row = rows.get(item.id);
    // A driver that never says what is gone must not fill the memory.
    if (row === undefined && rows.size >= MAX_TARGETS) refused++;
    else if (isOlder(row, run)) rows.set(item.id, { item, timeMs: run.startedMs, reason: null });
  }
  const seen = new Set(discovery.items.map(({ id }) => id));
  const fate = asked === null ? fateInFull(discovery) : fateInFast(discovery);
  for (const id of asked ?? [...rows.keys()]) {
    const row = rows.get(id);
    if (row === undefined || seen.has(id) || !isOlder(row, run)) continue;
    const reason = fate(id);
    if (reason === null) rows.delete(id);
    else rows.set(id, { ...row, reason });
  }
  const isWhole = asked === null && discovery.failures.length === 0;
  const fullMs = isWhole ? run.startedMs : before.fullMs;
  const problems = discovery.failures.map(describe);
  if (refused > 0) problems.push(`${refused} targets beyond ${MAX_TARGETS} were not taken`);
  return { inventory: { driver: run.driver, rows, fullMs }, problems };
}

/** What is known after a discovery that gave none: all of it, with the reason. */
export function keepRows(previous: HostInventory, reason: string, run: DiscoveryRun): Merged {
  const before = ofDriver(previous, run.driver);
  const rows = new Map(before.rows);
  for (const id of run.wanted ?? [...rows.keys()]) {
    const row = rows.get(id);
    if (row !== undefined && isOlder(row, run)) rows.set(id, { ...row, reason });
  }
  return { inventory: { ...before, rows }, problems: [reason] };
}

/** The same targets under another driver package: kept, and old until that package has seen them. */
export function ofDriver(inventory: HostInventory, driver: string | null): HostInventory {
  if (inventory.driver === driver) return inventory;
  const reason = 'listed by another driver package';
  const rows = new Map([...inventory.rows].map(([id, row]) => [id, { ...row, reason }]));
  return { driver, rows, fullMs: null };
}

// A fast discovery may have seen a row after this one began. A row from the future was written by a clock that was
// wrong, and gives way.
function isOlder(row: InventoryRow | undefined, { startedMs, nowMs }: DiscoveryRun): boolean {
  return row === undefined || row.timeMs <= startedMs || row.timeMs > nowMs;
}

/** For a row that was not seen: why it stays; null: it is gone. */
type Fate = (id: string) => string | null;

function fateInFull({ complete, failures }: Discovery): Fate {
  const whole = new Set(complete);
  const reasons = reasonsOf(failures);
  return (id) =>
    whole.has(typeOf(id))
      ? null
      : (reasons(id) ?? 'the last full discovery did not list its type in full');
}

function fateInFast({ absent, failures }: Discovery): Fate {
  const gone = new Set(absent);
  const reasons = reasonsOf(failures);
  return (id) => (gone.has(id) ? null : (reasons(id) ?? 'the driver did not answer for it'));
}

function reasonsOf(failures: readonly DiscoveryFailure[]): (id: string) => string | undefined {
  const byId = new Map(failures.flatMap(({ id, reason }) => (id === null ? [] : [[id, reason]])));
  const byType = new Map(
    failures.flatMap(({ id, type, reason }) => (id === null ? [[type, reason]] : [])),
  );
  return (id) => byId.get(id) ?? byType.get(typeOf(id)) ?? byType.get(null);
}

function typeOf(id: string): string {
  return parseTargetId(id)?.type ?? '';
}

function describe({ type, id, reason }: DiscoveryFailure): string {
  return `${id ?? (type === null ? 'some targets' : `targets of type ${type}`)}: ${reason}`;
}
