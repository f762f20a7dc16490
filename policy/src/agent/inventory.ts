// The inventories of a node: refreshed on demand within a deadline, and in the background as a whole
// (spec/inventory.md section 3).

import type { Finding } from '../engine/finding.ts';
import { InventoryIndex } from '../engine/inventory-index.ts';
import { type HostInventory, ofDriver, unknownInventory } from '../engine/inventory-merge.ts';
import {
  type JudgedInventory,
  judgeInventory,
  type StalenessOverride,
} from '../engine/inventory-staleness.ts';
import { DiscoveryLane, type LaneHost, type LaneOutcome } from './inventory-lane.ts';
import {
  DEFAULT_FULL_INTERVAL_SECONDS,
  DEFAULT_FULL_TIMEOUT_SECONDS,
  DEFAULT_SLA_SECONDS,
  type InventoriesOptions,
  type InventoryCounters,
  type InventoryHost,
} from './inventory-port.ts';

/** How a refresh ended, and what may be said of the inventory after it. */
export interface Refreshed {
  /** True when the driver answered for everything. */
  readonly refreshed: boolean;
  readonly inventory: JudgedInventory;
  /** Warnings at most: a refresh fails nothing. */
  readonly findings: readonly Finding[];
}

class HostState implements LaneHost {
  host: InventoryHost;
  inventory: HostInventory;
  index: InventoryIndex | undefined;
  indexed: HostInventory | undefined;
  override: StalenessOverride | undefined;
  readonly fast: DiscoveryLane;
  readonly full: DiscoveryLane;
  readonly stop: AbortController = new AbortController();

  constructor(
    host: InventoryHost,
    inventory: HostInventory,
    options: InventoriesOptions,
    counters: InventoryCounters,
  ) {
    this.host = host;
    this.inventory = inventory;
    this.fast = new DiscoveryLane('fast', this, options, counters);
    this.full = new DiscoveryLane('full', this, options, counters);
  }
}

/** The inventories of all hosts of a node. */
export class Inventories {
  readonly #options: InventoriesOptions;
  readonly #states = new Map<string, HostState>();
  readonly counters: InventoryCounters = { discoveries: 0, shared: 0, failed: 0, late: 0 };
  #background: AbortSignal | undefined;

  constructor(options: InventoriesOptions) {
    this.#options = options;
  }

  /**
   * The hosts from now on. What was stored of a new one is loaded; what a driver of another digest listed is kept
   * and old. TypeError for a deadline outside of 1 to 60 seconds.
   */
  async setHosts(hosts: readonly InventoryHost[]): Promise<void> {
    for (const { slaSeconds = DEFAULT_SLA_SECONDS } of hosts)
      if (!(slaSeconds >= 1 && slaSeconds <= 60)) throw new TypeError('slaSeconds must be 1 to 60');
    const ids = new Set(hosts.map(({ id }) => id));
    for (const [id, state] of this.#states) {
      if (ids.has(id)) continue;
      state.stop.abort();
      this.#states.delete(id);
    }
    for (const host of hosts) {
      const state = this.#states.get(host.id) ?? (await this.#open(host));
      const before = state.inventory;
      state.host = host;
      state.inventory = ofDriver(before, host.driver);
      if (state.inventory !== before)
        await this.#options.store.save(host.id, before, state.inventory);
    }
  }

  /** Whether `setHosts` named the host. */
  has(hostId: string): boolean {
    return this.#states.has(hostId);
  }

  /** What is known of a host, to be asked; undefined for a host that was never seen. */
  index(hostId: string): InventoryIndex | undefined {
    const state = this.#states.get(hostId);
    if (state === undefined) return undefined;
    const { inventory } = state;
    if (inventory.rows.size === 0 && inventory.fullMs === null) return undefined;
    const stamp = this.#judge(state);
    if (state.index === undefined || state.indexed !== inventory) {
      const items = [...inventory.rows.values()].map(({ item }) => item);
      state.index = InventoryIndex.build({ items, ...stamp });
      state.indexed = inventory;
    }
    return state.index.stamped(stamp);
  }

  /** How old what is known of a host is, or of some of its targets. RangeError for a host that is not there. */
  judge(hostId: string, ids?: readonly string[]): JudgedInventory {
    return this.#judge(this.#state(hostId), ids);
  }

  /** Lets an old inventory of a host pass from now on; undefined takes the word back. The caller writes the record. */
  setOverride(hostId: string, override: StalenessOverride | undefined): void {
    this.#state(hostId).override = override;
  }

  /** Asks for `ids` and no more, and comes back within the deadline of the host whatever the driver does. */
  async refreshFast(hostId: string, ids: readonly string[]): Promise<Refreshed> {
    const state = this.#state(hostId);
    if (state.host.isFast === false) {
      const problems = ['this integration has no fast discovery'];
      return this.#refreshed(state, { isWhole: false, problems }, ids);
    }
    const seconds = state.host.slaSeconds ?? DEFAULT_SLA_SECONDS;
    return this.#refreshed(state, await state.fast.request(ids, seconds), ids);
  }

  /** Asks for everything. */
  async refreshFull(hostId: string): Promise<Refreshed> {
    return this.#refreshFull(this.#state(hostId));
  }

  /** Starts the full discoveries in the background: at once with some spread, then at the interval of each host. */
  start(signal: AbortSignal): void {
    this.#background = signal;
    for (const state of this.#states.values()) this.#startLoop(state, signal);
  }

  async #open(host: InventoryHost): Promise<HostState> {
    const stored = await this.#options.store.load(host.id);
    const inventory = stored ?? unknownInventory(host.driver);
    const state = new HostState(host, inventory, this.#options, this.counters);
    this.#states.set(host.id, state);
    if (this.#background !== undefined) this.#startLoop(state, this.#background);
    return state;
  }

  #startLoop(state: HostState, signal: AbortSignal): void {
    // What a discovery can throw is a fault of ours, and must not stay unseen.
    void this.#loop(state, AbortSignal.any([signal, state.stop.signal]));
  }

  async #loop(state: HostState, signal: AbortSignal): Promise<void> {
    const { env } = this.#options;
    const fraction = (): number => (env.random(1)[0] ?? 0) / 256;
    const intervalMs = (): number =>
      (state.host.fullIntervalSeconds ?? DEFAULT_FULL_INTERVAL_SECONDS) * 1000;
    let waitMs = fraction() * 0.1 * intervalMs();
    while (!signal.aborted) {
      await env.sleep(waitMs, signal);
      if (signal.aborted) return;
      if (state.host.isFull !== false) await this.#refreshFull(state);
      // A tenth either way, so that hosts which started together drift apart.
      waitMs = (0.9 + 0.2 * fraction()) * intervalMs();
    }
  }

  async #refreshFull(state: HostState): Promise<Refreshed> {
    const seconds = state.host.fullTimeoutSeconds ?? DEFAULT_FULL_TIMEOUT_SECONDS;
    return this.#refreshed(state, await state.full.request(null, seconds));
  }

  #judge({ host, inventory, override }: HostState, ids?: readonly string[]): JudgedInventory {
    const nowMs = this.#options.env.nowMs();
    const { staleAfterMs } = this.#options;
    return judgeInventory(inventory, { nowMs, staleAfterMs, override, hostId: host.id, ids });
  }

  #refreshed(state: HostState, outcome: LaneOutcome, ids?: readonly string[]): Refreshed {
    const inventory = this.#judge(state, ids);
    const findings = outcome.problems.slice(0, 1).map((problem) => {
      const more = outcome.problems.length - 1;
      return warning(
        'inventory-refresh-incomplete',
        `the inventory was not refreshed in full: ${problem}${more > 0 ? `, and ${more} more` : ''}`,
      );
    });
    if (inventory.stale)
      findings.push(warning('inventory-stale', `the inventory is old: ${inventory.reason ?? ''}`));
    return { refreshed: outcome.isWhole, inventory, findings };
  }

  #state(hostId: string): HostState {
    const state = this.#states.get(hostId);
    if (state === undefined) throw new RangeError('there is no such host');
    return state;
  }
}

function warning(code: string, message: string): Finding {
  return { code, severity: 'warn', stage: 'preflight', path: '/targets', message };
}
