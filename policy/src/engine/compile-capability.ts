// Stage "capability" of a compilation: host, target type, driver, capability, verb and parameters against the
// manifest of the pinned driver package (spec/policy-engine.md section 5).

import type { Capability, DriverManifest } from './driver-manifest.ts';
import type { Finding } from './finding.ts';
import { findingOf } from './finding-codes.ts';
import { checkParams } from './params-check.ts';
import type { Action, PolicySpec } from './policy-spec.ts';

/** What the compiler knows of a host. */
export interface CompileHost {
  /** Digest of the driver package that the host has at present, in hexadecimal; null: none. */
  readonly driver: string | null;
  /** Where no package is fixed: id of the driver that the host is configured for, of which any version will do. */
  readonly driverId?: string | undefined;
  readonly targetTypes: readonly string[];
}

export interface CapabilityOptions {
  /** Digest of a driver package in hexadecimal → its manifest. */
  readonly manifests: ReadonlyMap<string, DriverManifest>;
  /** Host id → host; undefined where nothing is known of hosts. */
  readonly hosts: ReadonlyMap<string, CompileHost> | undefined;
}

export interface Capabilities {
  readonly findings: readonly Finding[];
  /** The capability of each action in the pinned package; undefined where there is none. */
  readonly pinned: readonly (Capability | undefined)[];
}

const PREFIX = 'sha256:';

/** The digest in `targets.driver`, in hexadecimal; null where the driver is not pinned. */
export function pinnedDriver(spec: PolicySpec): string | null {
  const { driver } = spec.targets;
  return driver === null ? null : driver.slice(PREFIX.length);
}

/** Checks what `spec` asks for against what there is. */
export function checkCapabilities(spec: PolicySpec, options: CapabilityOptions): Capabilities {
  const host = options.hosts?.get(spec.targets.host_id);
  const digest = pinnedDriver(spec);
  const pinned = digest === null ? undefined : options.manifests.get(digest);
  // A policy without a pin is held against what its host has at present, so that its author hears of mistakes.
  const current = host?.driver == null ? undefined : options.manifests.get(host.driver);
  const manifest = digest === null ? current : pinned;
  const findings = [
    ...checkHost(spec, options.hosts, host),
    ...checkDriver(digest, pinned, host, current),
    ...spec.actions.flatMap((action, i) => checkAction(action, i, spec, manifest)),
  ];
  const capabilities = spec.actions.map((action) =>
    pinned === undefined ? undefined : capabilityOf(pinned, action),
  );
  return { findings, pinned: capabilities };
}

function checkHost(
  spec: PolicySpec,
  hosts: CapabilityOptions['hosts'],
  host: CompileHost | undefined,
): Finding[] {
  const { host_id, target_type } = spec.targets;
  if (hosts === undefined)
    return [
      findingOf(
        'host-unchecked',
        '/targets/host_id',
        'no list of hosts is at hand: whether the host exists was not checked',
      ),
    ];
  if (host === undefined)
    return [
      findingOf(
        'host-unknown',
        '/targets/host_id',
        `no node has a host ${host_id}: choose one of the hosts that the nodes of the village name`,
      ),
    ];
  if (host.targetTypes.includes(target_type)) return [];
  return [
    findingOf(
      'target-type-absent',
      '/targets/target_type',
      `the host has no targets of type ${target_type}; it has: ${listed(host.targetTypes)}`,
    ),
  ];
}

function checkDriver(
  digest: string | null,
  pinned: DriverManifest | undefined,
  host: CompileHost | undefined,
  current: DriverManifest | undefined,
): Finding[] {
  const at = '/targets/driver';
  if (digest === null)
    return [
      findingOf(
        'driver-unpinned',
        at,
        'no driver package is pinned: name it by its digest in targets.driver before the policy is enabled',
      ),
    ];
  if (pinned === undefined)
    return [
      findingOf(
        'driver-unknown',
        at,
        'the pinned driver package is not at hand: upload it, or pin another one',
      ),
    ];
  if (host === undefined || host.driver === digest) return [];
  if (host.driver === null && host.driverId === pinned.id) return [];
  const isOtherVersion = current !== undefined && current.id === pinned.id;
  if (isOtherVersion)
    return [
      findingOf(
        'driver-superseded',
        at,
        `the host has ${current.id} ${current.version}; the policy goes on with ${pinned.version}`,
      ),
    ];
  return [
    findingOf(
      'driver-mismatch',
      at,
      `the pinned package is ${pinned.id}; the host has ${current?.id ?? host.driverId ?? 'no known driver'}`,
    ),
  ];
}

function checkAction(
  action: Action,
  i: number,
  spec: PolicySpec,
  manifest: DriverManifest | undefined,
): Finding[] {
  const at = `/actions/${i}`;
  if (manifest === undefined)
    return spec.targets.driver === null
      ? [
          findingOf(
            'capability-unchecked',
            `${at}/capability_id`,
            'no driver is known: whether it has the capability was not checked',
          ),
        ]
      : [];
  const capability = capabilityOf(manifest, action);
  if (capability === undefined)
    return [
      findingOf(
        'capability-unknown',
        `${at}/capability_id`,
        `${manifest.id} ${manifest.version} has no capability ${action.capability_id}; it has: ${listed(manifest.capabilities.map(({ id }) => id))}`,
      ),
    ];
  return [
    ...checkTargetType(capability, spec.targets.target_type, at),
    ...checkVerb(capability, action, at),
  ];
}

function checkTargetType(capability: Capability, targetType: string, at: string): Finding[] {
  if (capability.targets.includes(targetType)) return [];
  return [
    findingOf(
      'target-type-unsupported',
      `${at}/capability_id`,
      `${capability.id} is not for targets of type ${targetType}, but for: ${listed(capability.targets)}`,
    ),
  ];
}

function checkVerb(capability: Capability, action: Action, at: string): Finding[] {
  if (!capability.verbs.includes(action.verb))
    return [
      findingOf(
        'verb-unknown',
        `${at}/verb`,
        `${capability.id} has no verb ${action.verb}; it has: ${listed(capability.verbs)}`,
      ),
    ];
  // A verb without a schema takes no parameters.
  const schema = Object.hasOwn(capability.params, action.verb)
    ? (capability.params[action.verb] ?? null)
    : { type: 'object', additionalProperties: false };
  return checkParams(schema, action.params, `${at}/params`).map(({ code, pointer, message }) =>
    findingOf(
      code === 'schema-invalid' ? 'param-invalid' : code,
      pointer,
      `${capability.id} ${action.verb}: ${message}`,
    ),
  );
}

function capabilityOf(manifest: DriverManifest, action: Action): Capability | undefined {
  return manifest.capabilities.find(({ id }) => id === action.capability_id);
}

function listed(names: readonly string[]): string {
  return names.slice(0, 16).join(', ') || 'none';
}
