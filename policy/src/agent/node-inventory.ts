// The inventories of a node over its drivers: which package lists the targets of a host, and what its answer means.

import { LogError } from '@writ/core/errors';
import type { InventoryItem } from '../engine/driver-manifest.ts';
import { parseTargetId } from '../engine/target-types.ts';
import type { ActivePolicy } from './active-policy.ts';
import type { DriverPool } from './driver-pool.ts';
import type { Inventories } from './inventory.ts';
import type { Discoverer, DiscoveryRequest, InventoryHost } from './inventory-port.ts';
import type { HostConfig } from './node-config.ts';
import type { TargetPort } from './policy-run.ts';
import type { InForce } from './put-in-force.ts';

/** The policy whose package lists the targets of a host: the one that came into force last. */
function listing({ snapshot }: InForce, host: string): ActivePolicy | undefined {
  const own = snapshot.active.filter(({ ir }) => ir.targets.host_id === host);
  return own.toSorted((a, b) => b.ref.seq - a.ref.seq)[0];
}

/** The hosts as their inventories are kept: without an active policy there is no package to ask with. */
export function inventoryHosts(inForce: InForce, hosts: readonly HostConfig[]): InventoryHost[] {
  return hosts.map(({ id, full_discovery }) => {
    const policy = listing(inForce, id);
    const types = policy?.manifest.capabilities.flatMap(({ targets }) => targets) ?? [];
    return {
      id,
      driver: policy?.driver.hex ?? null,
      types: [...new Set(types)],
      slaSeconds: policy?.manifest.defaults.dry_run_refresh_sla_s,
      isFast: policy !== undefined,
      isFull: policy !== undefined,
      fullIntervalSeconds: full_discovery,
    };
  });
}

/** Asks the drivers of the pool. */
export function nodeDiscoverer(pool: DriverPool, current: () => InForce | undefined): Discoverer {
  return {
    discover: async (host, request, signal) => {
      const inForce = current();
      const policy = inForce === undefined ? undefined : listing(inForce, host);
      if (policy === undefined) throw new LogError('not-found', 'no active policy names a driver');
      const { mode, ids, deadlineMs } = request;
      const asked = { mode, wanted: ids };
      const result = await pool.inventory(host, policy.driver, asked, { deadlineMs, signal });
      if ('failure' in result)
        throw new LogError('network-failed', `${result.failure.code}: ${result.failure.message}`);
      return discoveryOf(result.items, request);
    },
  };
}

/** A driver lists what there is: what it was asked for and did not list is not there. */
function discoveryOf(
  items: readonly InventoryItem[],
  { mode, types, ids }: DiscoveryRequest,
): object {
  const listed = new Set(items.map(({ id }) => id));
  const rows = items.map(({ id, name, label, labels, state }) => ({
    id,
    name,
    label,
    labels,
    state,
  }));
  if (mode === 'full' || ids === null)
    return { items: rows, complete: types, absent: [], failures: [] };
  const absent = ids.filter((id) => !listed.has(id) && parseTargetId(id) !== undefined);
  return { items: rows, complete: [], absent, failures: [] };
}

/** The inventories as a run asks them. A host without one is asked nothing: its lists are taken as they are written. */
export function nodeTargets(inventories: Inventories): TargetPort {
  return {
    index: (host) => inventories.index(host),
    refresh: async (host, ids) => {
      if (inventories.has(host) && ids.length > 0) await inventories.refreshFast(host, ids);
    },
  };
}
