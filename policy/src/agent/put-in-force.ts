// From what a node stored of its village to a snapshot for its engine: the checkpoint is verified again, every spec is
// hashed again, every package is fetched by the digest that a spec names.

import { formatHex } from '@writ/core/bytes';
import { isLogError } from '@writ/core/errors';
import type { TrustPolicy } from '@writ/core/formats/tlog-policy';
import { type VerifiedVillage, VillageReading } from '@writ/verifier/follow/reading';
import type { CompileHost } from '../engine/compile-capability.ts';
import { verifiedDriverDigest } from '../engine/driver-digest.ts';
import type { DriverManifest } from '../engine/driver-manifest.ts';
import type { InventoryIndex } from '../engine/inventory-index.ts';
import { packageOf } from './active-policy.ts';
import type { DriverPool, PooledHost } from './driver-pool.ts';
import { EngineSnapshot, type SnapshotParts } from './snapshot.ts';
import type { StateStore } from './state-store.ts';

export interface InForceParts {
  readonly village: string;
  readonly policy: TrustPolicy;
  readonly store: StateStore;
  readonly pool: DriverPool;
  readonly hosts: readonly PooledHost[];
  readonly inventoryOf: (host: string) => InventoryIndex | undefined;
  readonly resolutionOf?: SnapshotParts['resolutionOf'];
  readonly before: EngineSnapshot | undefined;
}

export interface InForce {
  readonly snapshot: EngineSnapshot;
  readonly verified: VerifiedVillage;
  /** Manifests by package digest. */
  readonly manifests: ReadonlyMap<string, DriverManifest>;
  /** Packages that could not be had, and why. */
  readonly missing: ReadonlyMap<string, string>;
}

/**
 * The snapshot of what is stored; undefined when nothing was applied yet. LogError when the stored checkpoint does not hold
 * under the trust policy (any more), storage-corrupt.
 */
export async function putInForce(parts: InForceParts): Promise<InForce | undefined> {
  const { village, policy, store, hosts } = parts;
  const saved = await store.load(village);
  if (saved?.snapshot === undefined) return undefined;
  const { checkpoint, snapshot } = saved;
  const reading = new VillageReading({
    village,
    policy,
    saved: { village, checkpoint, ...snapshot },
  });
  const verified = reading.saved;
  if (verified === undefined) return undefined;
  const specs = await specsOf(verified, store);
  const { manifests, missing } = await manifestsOf(specs.values(), parts.pool);
  const built = EngineSnapshot.build({
    verified,
    spec: (digest) => specs.get(digest),
    manifests,
    hosts: compileHosts(hosts, manifests),
    inventoryOf: parts.inventoryOf,
    resolutionOf: parts.resolutionOf,
    before: parts.before,
  });
  return { snapshot: built, verified, manifests, missing };
}

/** Specs that are read from the disk at a time. */
const READ_AT_ONCE = 64;

async function specsOf(
  { state }: VerifiedVillage,
  store: StateStore,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const digests = [...(state?.policies.values() ?? [])].flatMap(({ digest }) =>
    digest === null ? [] : [formatHex(digest)],
  );
  const specs = new Map<string, Uint8Array>();
  for (let at = 0; at < digests.length; at += READ_AT_ONCE)
    await Promise.all(
      digests.slice(at, at + READ_AT_ONCE).map(async (digest) => {
        const spec = await store.spec(digest);
        if (spec !== undefined) specs.set(digest, spec);
      }),
    );
  return specs;
}

async function manifestsOf(
  specs: Iterable<Uint8Array>,
  pool: DriverPool,
): Promise<Pick<InForce, 'manifests' | 'missing'>> {
  const manifests = new Map<string, DriverManifest>();
  const missing = new Map<string, string>();
  // The specs are those of the verified state, so what they name is what a verified policy names.
  const digests = new Set([...specs].flatMap((spec) => packageOf(spec) ?? []));
  for (const digest of digests) {
    try {
      manifests.set(digest, await pool.manifest(verifiedDriverDigest(digest)));
    } catch (error) {
      if (!isLogError(error)) throw error;
      missing.set(digest, error.message);
    }
  }
  return { manifests, missing };
}

/** The hosts of the node as the compiler knows them: with a driver, of which each policy pins the version it wants. */
export function compileHosts(
  hosts: readonly PooledHost[],
  manifests: ReadonlyMap<string, DriverManifest>,
): ReadonlyMap<string, CompileHost> {
  return new Map(
    hosts.map(({ id, driver }) => {
      const own = [...manifests.values()].filter((manifest) => manifest.id === driver);
      const types = own.flatMap(({ capabilities }) =>
        capabilities.flatMap(({ targets }) => targets),
      );
      return [id, { driver: null, driverId: driver, targetTypes: [...new Set(types)] }];
    }),
  );
}
