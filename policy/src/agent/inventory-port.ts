// What the inventories of a node are handed: clock, driver, store.

import type { HostInventory } from '../engine/inventory-merge.ts';

/** Seconds that a fast discovery may take where neither manifest nor operator says. */
export const DEFAULT_SLA_SECONDS = 5;
/** Seconds between two full discoveries of a host. */
export const DEFAULT_FULL_INTERVAL_SECONDS = 300;
/** Seconds that a full discovery may take. */
export const DEFAULT_FULL_TIMEOUT_SECONDS = 120;

export interface InventoryEnv {
  /** Wall clock, milliseconds since 1970. */
  nowMs(): number;
  /** Fresh random bytes. */
  random(length: number): Uint8Array;
  /** Resolves after `milliseconds`, or as soon as `signal` aborts. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

/** A host as the node is configured for it. */
export interface InventoryHost {
  readonly id: string;
  /** Digest of its driver package in hexadecimal. */
  readonly driver: string | null;
  /** Target types to ask for. */
  readonly types: readonly string[];
  /** 1 to 60; from the manifest or the operator. */
  readonly slaSeconds?: number | undefined;
  /** False: this integration has no fast discovery, and a fast refresh says so. */
  readonly isFast?: boolean | undefined;
  /** False: nothing is discovered in the background. */
  readonly isFull?: boolean | undefined;
  readonly fullIntervalSeconds?: number | undefined;
  readonly fullTimeoutSeconds?: number | undefined;
}

export interface DiscoveryRequest {
  readonly mode: 'fast' | 'full';
  readonly types: readonly string[];
  /** The ids that are wanted; null: all. */
  readonly ids: readonly string[] | null;
  readonly deadlineMs: number;
}

/** Asks the driver of a host. */
export interface Discoverer {
  /**
   * The answer of the driver, not yet read. It must settle soon after `signal` aborts, as a driver that is killed
   * does: until then the host takes no other discovery of this mode.
   */
  discover(host: string, request: DiscoveryRequest, signal: AbortSignal): Promise<unknown>;
}

/** Where inventories outlast the process. */
export interface InventoryStore {
  /** What was saved last; undefined when nothing was, or when it is damaged. */
  load(host: string): Promise<HostInventory | undefined>;
  /** Saves `next`; `previous` is what is stored, so that only the rows that differ are written. */
  save(host: string, previous: HostInventory, next: HostInventory): Promise<void>;
}

export interface InventoriesOptions {
  readonly env: InventoryEnv;
  readonly discoverer: Discoverer;
  readonly store: InventoryStore;
  readonly staleAfterMs?: number | undefined;
}

/** How often what happened; for metrics. */
export interface InventoryCounters {
  discoveries: number;
  shared: number;
  failed: number;
  /** Answers that came after their deadline and were thrown away. */
  late: number;
}
