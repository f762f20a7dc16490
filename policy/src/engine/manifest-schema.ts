// The closed schema of manifests: what is not listed here is refused (spec/drivers.md section 2).

import type { JsonValue } from '@writ/core/statements/jcs';
import {
  type Capability,
  DRIVER_PERMISSIONS,
  type DriverManifest,
  type DriverPermission,
} from './driver-manifest.ts';
import type { Finding } from './finding.ts';
import { formatPointer } from './json-pointer.ts';
import { readCapabilities } from './manifest-capability.ts';
import { ManifestReader } from './manifest-reader.ts';
import { isPackagePath } from './package-path.ts';
import { checkParamsSchema } from './params-schema.ts';

/** Version of the contract between node and driver; `min_core_version` of a manifest must not be beyond it. */
export const DRIVER_CORE_VERSION = '1.0.0';

export const DRIVER_CATEGORIES = [
  'host-orchestrator',
  'ups-management',
  'power-control',
  'network-device',
  'smart-home',
  'monitoring',
  'notification',
  'storage',
  'compute',
] as const;

const MAX_NETWORK_ENTRIES = 32;

const ID = /^[a-z][a-z0-9-]{0,62}(?:\.[a-z0-9][a-z0-9-]{0,62}){1,7}$/;
const SEMVER =
  /^(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})(?:-[0-9A-Za-z-]{1,32}(?:\.[0-9A-Za-z-]{1,32}){0,7})?(?:\+[0-9A-Za-z-]{1,32}(?:\.[0-9A-Za-z-]{1,32}){0,7})?$/;
const RELEASE = /^(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})$/;
const RUNTIME = /^node>=[1-9][0-9](?:\.(?:0|[1-9][0-9]?))?$/;
const ADDRESS =
  /^(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\]):(?:[1-9][0-9]{0,4})$/;
const FROM_CONNECTION = /^connection:(?:\/(?:\*|[A-Za-z0-9_-]{1,64})){1,8}$/;

export type ReadManifest =
  | { readonly manifest: DriverManifest; readonly findings: readonly Finding[] }
  | { readonly manifest?: undefined; readonly findings: readonly Finding[] };

/** The manifest in `value` with its defaults filled in, or everything that is wrong with it. */
export function readManifestValue(value: JsonValue): ReadManifest {
  const reader = new ManifestReader();
  const members = reader.object(value, '', {
    required: ['id', 'name', 'version', 'min_core_version', 'category', 'driver', 'capabilities'],
    optional: ['schema', 'defaults', 'network', 'permissions'],
  });
  const manifest: DriverManifest = {
    id: reader.text(members.get('id'), '/id', ID, 'a reverse-domain name such as org.example.lamp'),
    name: reader.text(
      members.get('name'),
      '/name',
      /^[^\p{Cc}]{1,100}$/u,
      'a name of 1 to 100 characters',
    ),
    version: reader.text(
      members.get('version'),
      '/version',
      SEMVER,
      'a semantic version such as 1.2.0',
    ),
    min_core_version: readCoreVersion(reader, members.get('min_core_version')),
    category: reader.choice(members.get('category'), '/category', DRIVER_CATEGORIES),
    driver: readDriver(reader, members.get('driver')),
    schema: { connection: readConnectionSchema(reader, members.get('schema')) },
    capabilities: readCapabilities(reader, members.get('capabilities')),
    defaults: readDefaults(reader, members.get('defaults')),
    network: readNetwork(reader, members.get('network')),
    permissions: readPermissions(reader, members.get('permissions')),
  };
  checkConnectionPaths(reader, manifest);
  return reader.findings.length > 0 ? { findings: reader.findings } : { manifest, findings: [] };
}

/** The capability `id` of `manifest`; undefined: it has none of that name. */
export function capabilityOf(manifest: DriverManifest, id: string): Capability | undefined {
  return manifest.capabilities.find((capability) => capability.id === id);
}

function readCoreVersion(reader: ManifestReader, value: JsonValue | undefined): string {
  const path = '/min_core_version';
  const version = reader.text(value, path, RELEASE, 'three numbers such as 1.0.0');
  if (version !== '' && compareReleases(version, DRIVER_CORE_VERSION) > 0)
    reader.say(
      'manifest-core-version',
      path,
      `needs version ${version} of the driver contract, this is ${DRIVER_CORE_VERSION}: update the node`,
    );
  return version;
}

function compareReleases(a: string, b: string): number {
  const [left, right] = [a.split('.').map(Number), b.split('.').map(Number)];
  for (const [i, number] of left.entries()) {
    const difference = number - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function readDriver(
  reader: ManifestReader,
  value: JsonValue | undefined,
): DriverManifest['driver'] {
  const members = reader.object(value, '/driver', {
    required: ['entrypoint', 'language'],
    optional: ['runtime'],
  });
  const entrypoint = reader.text(
    members.get('entrypoint'),
    '/driver/entrypoint',
    /\.m?js$/,
    'the path of a JavaScript module in the package',
  );
  if (entrypoint !== '' && !isPackagePath(entrypoint))
    reader.say('manifest-value', '/driver/entrypoint', 'is not a path inside of the package');
  reader.choice(members.get('language'), '/driver/language', ['javascript']);
  const runtime = members.get('runtime') ?? 'node>=20.19';
  return {
    entrypoint,
    language: 'javascript',
    runtime: reader.text(runtime, '/driver/runtime', RUNTIME, 'such as node>=20.19'),
  };
}

function readConnectionSchema(reader: ManifestReader, value: JsonValue | undefined): JsonValue {
  const none: JsonValue = { type: 'object', properties: {}, additionalProperties: false };
  if (value === undefined) return none;
  const members = reader.object(value, '/schema', { required: ['connection'], optional: [] });
  const schema = members.get('connection') ?? none;
  for (const { pointer, message } of checkParamsSchema(schema, { allowSecrets: true }))
    reader.say('manifest-params-schema', `/schema/connection${pointer}`, message);
  return schema;
}

function readDefaults(
  reader: ManifestReader,
  value: JsonValue | undefined,
): DriverManifest['defaults'] {
  const names = [
    'heartbeat_interval_s',
    'dry_run_refresh_sla_s',
    'timeout_s',
    'memory_mb',
  ] as const;
  const members = reader.object(value ?? {}, '/defaults', { required: [], optional: names });
  const number = (name: (typeof names)[number], low: number, high: number, otherwise: number) =>
    reader.integer(members.get(name) ?? otherwise, `/defaults/${name}`, low, high);
  return {
    heartbeat_interval_s: number('heartbeat_interval_s', 5, 3600, 60),
    dry_run_refresh_sla_s: number('dry_run_refresh_sla_s', 1, 60, 5),
    timeout_s: number('timeout_s', 1, 300, 30),
    memory_mb: number('memory_mb', 96, 1024, 192),
  };
}

function readNetwork(reader: ManifestReader, value: JsonValue | undefined): string[] {
  return reader
    .list(value ?? [], '/network', 0, MAX_NETWORK_ENTRIES)
    .map((item, i) =>
      reader.text(
        item,
        `/network/${i}`,
        (text) => FROM_CONNECTION.test(text) || isAddress(text),
        'name:port in lower case, or connection: and a JSON Pointer',
      ),
    );
}

function isAddress(text: string): boolean {
  return ADDRESS.test(text) && Number(text.slice(text.lastIndexOf(':') + 1)) <= 65535;
}

function readPermissions(reader: ManifestReader, value: JsonValue | undefined): DriverPermission[] {
  return reader
    .list(value ?? [], '/permissions', 0, DRIVER_PERMISSIONS.length)
    .map((item, i) => reader.choice(item, `/permissions/${i}`, DRIVER_PERMISSIONS));
}

/** A pointer that leads nowhere in the schema would be a wall with a hole nobody sees, or a driver that cannot work. */
function checkConnectionPaths(reader: ManifestReader, { network, schema }: DriverManifest): void {
  for (const [i, entry] of network.entries()) {
    if (!entry.startsWith('connection:')) continue;
    let at: JsonValue | undefined = schema.connection;
    for (const segment of entry.slice('connection:'.length).split('/').slice(1))
      at = segment === '*' ? memberOf(at, 'items') : memberOf(memberOf(at, 'properties'), segment);
    if (memberOf(at, 'type') !== 'string' && reader.findings.length === 0)
      reader.say(
        'manifest-network',
        `/network${formatPointer(i)}`,
        'leads to no text in the schema of the connection',
      );
  }
}

function memberOf(value: JsonValue | undefined, name: string): JsonValue | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return new Map<string, JsonValue>(Object.entries(value)).get(name);
}
