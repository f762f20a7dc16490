// The inventories of a node over its drivers: which package lists the targets of a host, and what its answer means.

import { LogError } from '@writ/core/errors';
import { type VerifiedDriverDigest, verifiedDriverDigest } from '../engine/driver-digest.ts';
import type { DriverManifest, InventoryItem } from '../engine/driver-manifest.ts';
import { parseTargetId } from '../engine/target-types.ts';
import type { DriverPool } from './driver-pool.ts';
import type { Inventories } from './inventory.ts';
import type { Discoverer, DiscoveryRequest, InventoryHost } from './inventory-port.ts';
import type { HostConfig } from './node-config.ts';
import type { TargetPort } from './policy-run.ts';
import type { InForce } from './put-in-force.ts';

/** The package that lists the targets of a host. */
export interface Listing {
  readonly driver: VerifiedDriverDigest;
  readonly manifest: DriverManifest;
}

/**
 * What a host is listed with: the package of its active policy that came into force last. Without one, any package of its
 * driver that a policy in force names: a selector that is resolved once has to see targets before its policy is active.
 */
export function listingOf(
  { snapshot, manifests }: InForce,
  host: Pick<HostConfig, 'id' | 'driver'>,
): Listing | undefined {
  const own = snapshot.active.filter(({ ir }) => ir.targets.host_id === host.id);
  const [newest] = own.toSorted((a, b) => b.ref.seq - a.ref.seq);
  if (newest !== undefined) return newest;
  const named = [...manifests].find(([, manifest]) => manifest.id === host.driver);
  return named && { driver: verifiedDriverDigest(named[0]), manifest: named[1] };
}

/** The hosts as their inventories are kept: without a package there is nobody to ask. */
export function inventoryHosts(inForce: InForce, hosts: readonly HostConfig[]): InventoryHost[] {
  return hosts.map((host) => {
    const listing = listingOf(inForce, host);
    const types = listing?.manifest.capabilities.flatMap(({ targets }) => targets) ?? [];
    return {
      id: host.id,
      driver: listing?.driver.hex ?? null,
      types: [...new Set(types)],
      slaSeconds: listing?.manifest.defaults.dry_run_refresh_sla_s,
      isFast: listing !== undefined,
      isFull: listing !== undefined,
      fullIntervalSeconds: host.full_discovery,
    };
  });
}

/** Asks the drivers of the pool. */
export function nodeDiscoverer(
  pool: DriverPool,
  hosts: readonly HostConfig[],
  current: () => InForce,
): Discoverer {
  return {
    discover: async (id, request, signal) => {
      const host = hosts.find((each) => each.id === id);
      const listing = host && listingOf(current(), host);
      if (listing === undefined)
        throw new LogError('not-found', 'no policy in force names a package of the driver');
      const { mode, ids, deadlineMs } = request;
      const asked = { mode, wanted: ids };
      const result = await pool.inventory(id, listing.driver, asked, { deadlineMs, signal });
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
    judge: (host, ids) => (inventories.has(host) ? inventories.judge(host, ids) : undefined),
    refresh: async (host, ids) => {
      if (inventories.has(host) && ids.length > 0) await inventories.refreshFast(host, ids);
    },
  };
}
