// The drivers of a node: for each host and each package that a verified policy names, one process, opened when it is first
// needed (spec/drivers.md section 5). The bytes of a package come from anywhere; its digest decides.

import { LogError } from '@writ/core/errors';
import type { JsonValue } from '@writ/core/statements/jcs';
import type { VerifiedDriverDigest } from '../engine/driver-digest.ts';
import type { DriverFailure } from '../engine/driver-failure.ts';
import type { DriverCall, DriverManifest } from '../engine/driver-manifest.ts';
import { type DriverPackage, openDriverPackage } from '../engine/driver-package.ts';
import {
  type CallResult,
  DriverHost,
  type DriverStats,
  type InventoryResult,
} from './driver-host.ts';

/** A host of this node with its connection, secrets included. */
export interface PooledHost {
  readonly id: string;
  /** Id of the driver that may use the connection. */
  readonly driver: string;
  /**
   * Digests in hexadecimal of the packages that may; left out: any that says it is that driver. The id is what a package
   * says of itself, so without this list whoever may author policies decides who gets the credentials.
   */
  readonly packages?: readonly string[] | undefined;
  readonly connection: JsonValue;
}

export interface DriverPoolOptions {
  readonly hosts: readonly PooledHost[];
  /** The bytes of a package by its digest in hexadecimal. LogError not-found, network-failed. */
  readonly fetchPackage: (digest: string) => Promise<Uint8Array>;
  /** Overrides what manifests say, in milliseconds. */
  readonly callTimeoutMs?: number | undefined;
  readonly scratch?: string | undefined;
}

/** Processes that stay open while they have nothing to do; the one that was used longest ago goes first. */
const MAX_OPEN = 64;
/** Manifests that are kept. The files of a package are not: 256 times 10 MiB is more than a node has. */
const MAX_MANIFESTS = 256;

export class DriverPool {
  readonly #options: DriverPoolOptions;
  readonly #hosts: ReadonlyMap<string, PooledHost>;
  readonly #manifests = new Map<string, DriverManifest>();
  readonly #open = new Map<string, Promise<DriverHost>>();
  /** How many calls each of them works at: one that works is not closed. */
  readonly #busy = new Map<string, number>();

  constructor(options: DriverPoolOptions) {
    this.#options = options;
    this.#hosts = new Map(options.hosts.map((host) => [host.id, host]));
  }

  /** The manifest in the package with that digest. LogError hash-mismatch, json-malformed, not-found, network-failed. */
  async manifest(digest: VerifiedDriverDigest): Promise<DriverManifest> {
    return this.#manifests.get(digest.hex) ?? (await this.#package(digest)).manifest;
  }

  /** One call. Never rejects for what the driver or its package is; the failure says. */
  async call(host: string, digest: VerifiedDriverDigest, call: DriverCall): Promise<CallResult> {
    const ready = await this.#ready(host, digest);
    if ('failure' in ready) return ready;
    const { timeout_s, dry_run_refresh_sla_s } = ready.manifest.defaults;
    const seconds = call.dryRun ? dry_run_refresh_sla_s : timeout_s;
    const deadlineMs = this.#options.callTimeoutMs ?? seconds * 1000;
    return this.#atWork(keyOf(host, digest), () => ready.driver.call(call, { deadlineMs }));
  }

  /** The targets of a host. Never rejects for what the driver is. */
  async inventory(
    host: string,
    digest: VerifiedDriverDigest,
    request: { readonly mode: 'fast' | 'full'; readonly wanted: readonly string[] | null },
    { deadlineMs, signal }: { readonly deadlineMs: number; readonly signal: AbortSignal },
  ): Promise<InventoryResult> {
    const ready = await this.#ready(host, digest);
    if ('failure' in ready) return ready;
    const { driver } = ready;
    return this.#atWork(keyOf(host, digest), () =>
      driver.inventory(request, { deadlineMs, signal }),
    );
  }

  async stats(): Promise<readonly DriverStats[]> {
    const open = await Promise.allSettled(this.#open.values());
    return open.flatMap((host) => (host.status === 'fulfilled' ? [host.value.stats] : []));
  }

  /** Ends every process. */
  async close(): Promise<void> {
    const open = await Promise.allSettled(this.#open.values());
    this.#open.clear();
    for (const host of open) if (host.status === 'fulfilled') await host.value.close();
  }

  async #ready(
    host: string,
    digest: VerifiedDriverDigest,
  ): Promise<
    | { readonly driver: DriverHost; readonly manifest: DriverManifest }
    | { readonly failure: DriverFailure }
  > {
    try {
      const manifest = await this.manifest(digest);
      return { driver: await this.#driver(host, digest), manifest };
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      const message = error.message;
      return {
        failure: { code: 'driver-start-failed', severity: 'error', message, outcome: 'none' },
      };
    }
  }

  async #atWork<T>(key: string, work: () => Promise<T>): Promise<T> {
    this.#busy.set(key, (this.#busy.get(key) ?? 0) + 1);
    try {
      return await work();
    } finally {
      const left = (this.#busy.get(key) ?? 1) - 1;
      if (left > 0) this.#busy.set(key, left);
      else this.#busy.delete(key);
    }
  }

  async #package(digest: VerifiedDriverDigest): Promise<DriverPackage> {
    const opened = openDriverPackage(await this.#options.fetchPackage(digest.hex), digest);
    this.#manifests.set(digest.hex, opened.manifest);
    if (this.#manifests.size > MAX_MANIFESTS) {
      const [oldest] = this.#manifests.keys();
      if (oldest !== undefined) this.#manifests.delete(oldest);
    }
    return opened;
  }

  #driver(hostId: string, digest: VerifiedDriverDigest): Promise<DriverHost> {
    const key = keyOf(hostId, digest);
    const known = this.#open.get(key);
    const opening = known ?? this.#start(hostId, digest);
    // To the end of the line: the first of the map is the one that was used longest ago.
    this.#open.delete(key);
    this.#open.set(key, opening);
    if (known === undefined) {
      opening.catch(() => this.#open.delete(key));
      this.#closeOldest();
    }
    return opening;
  }

  async #start(hostId: string, digest: VerifiedDriverDigest): Promise<DriverHost> {
    const host = this.#hosts.get(hostId);
    if (host === undefined)
      throw new LogError('config-invalid', `host ${hostId} is not one of this node`);
    if (host.packages !== undefined && !host.packages.includes(digest.hex))
      throw new LogError('config-invalid', `host ${hostId} is not for the package ${digest.hex}`);
    const opened = await this.#package(digest);
    // The author of a policy chooses the package; whose credentials it gets is the node's to say.
    if (opened.manifest.id !== host.driver) {
      const message = `host ${hostId} is for the driver ${host.driver}, not ${opened.manifest.id}`;
      throw new LogError('config-invalid', message);
    }
    const { scratch } = this.#options;
    return DriverHost.open(opened, host.connection, scratch === undefined ? {} : { scratch });
  }

  #closeOldest(): void {
    if (this.#open.size <= MAX_OPEN) return;
    // The newest is the one that somebody is about to use.
    const idle = [...this.#open].slice(0, -1).find(([key]) => !this.#busy.has(key));
    if (idle === undefined) return;
    this.#open.delete(idle[0]);
    void idle[1].then((host) => host.close()).catch(() => {});
  }
}

function keyOf(host: string, { hex }: VerifiedDriverDigest): string {
  return `${host} ${hex}`;
}
