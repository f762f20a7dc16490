// From the document of a policy to what the engine runs (spec/policy-engine.md section 5): named pure stages in a
// fixed order. No clock, no randomness, no locale: the same arguments give the same bytes everywhere.

import { type CompileHost, checkCapabilities } from './compile-capability.ts';
import { buildIr } from './compile-ir.ts';
import { normaliseTriggers } from './compile-normalise.ts';
import { compileWindows } from './compile-windows.ts';
import { bindConditions } from './condition.ts';
import { type PolicyDigests, policyDigests } from './digests.ts';
import type { Capability, DriverManifest } from './driver-manifest.ts';
import { type Finding, SEVERITIES, type Severity, STAGES } from './finding.ts';
import type { InventoryIndex } from './inventory-index.ts';
import { nearestPointer } from './json-pointer.ts';
import type { PolicyIr, Resolution } from './policy-ir.ts';
import type { PolicySpec } from './policy-spec.ts';
import { readPolicySpec } from './policy-spec-schema.ts';
import { parseSelector, resolve } from './selector.ts';
import { worstSeverity } from './severity.ts';

/** Most findings of one compilation; the gravest are kept. */
export const MAX_FINDINGS = 100;

export interface CompileOptions {
  /** UUID in lower case; never made up here. */
  readonly policyId: string;
  /** Number of this version, from 1. */
  readonly version: number;
  /** Digest of a driver package in hexadecimal → its manifest. */
  readonly manifests: ReadonlyMap<string, DriverManifest>;
  /** Host id → host; left out where nothing is known of hosts, which a finding then says. */
  readonly hosts?: ReadonlyMap<string, CompileHost> | undefined;
  /** The inventory of the host of the policy. */
  readonly inventory?: InventoryIndex | undefined;
  /** What a selector that is resolved once was found to mean before; then the inventory is not asked. */
  readonly resolution?: Resolution | undefined;
}

/** A policy that can be saved, and may yet have findings that refuse enabling it. */
export interface CompiledPolicy {
  readonly ok: true;
  readonly severity: Severity;
  readonly findings: readonly Finding[];
  /** With every default filled in. */
  readonly spec: PolicySpec;
  readonly ir: PolicyIr;
  readonly digests: PolicyDigests;
  /** What the selector means in the inventory that was at hand. */
  readonly resolution: Resolution;
}

/** A policy with a blocker. */
export interface RefusedPolicy {
  readonly ok: false;
  readonly severity: Severity;
  readonly findings: readonly Finding[];
  /** Where the document has the shape of a policy. */
  readonly spec?: PolicySpec;
}

export type Compiled = CompiledPolicy | RefusedPolicy;

/**
 * Compiles `document`, a JSON value that is not trusted. Never throws for what is in it: whatever is wrong is a
 * finding, whose pointer resolves in `document`. RangeError where `version` is no number of a version.
 */
export function compile(document: unknown, options: CompileOptions): Compiled {
  if (!Number.isSafeInteger(options.version) || options.version < 1)
    throw new RangeError('version must be a whole number from 1');
  const read = readPolicySpec(document);
  if (read.spec === undefined) return refuse(document, read.findings);
  const { spec } = read;
  const triggers = normaliseTriggers(spec);
  const capabilities = checkCapabilities(spec, { ...options, hosts: options.hosts });
  const known = spec.dynamic_resolution ? undefined : options.resolution;
  const expanded =
    known === undefined
      ? expandTargets(spec, options.inventory, capabilities.pinned)
      : { resolution: known, findings: [] };
  const { windows, correlation_s, findings: windowFindings } = compileWindows(spec);
  const found = [
    ...bindConditions(spec),
    ...capabilities.findings,
    ...expanded.findings,
    ...windowFindings,
  ];
  if (found.some(({ severity }) => severity === 'blocker')) return refuse(document, found, spec);
  const ir = buildIr(spec, {
    policyId: options.policyId,
    version: options.version,
    triggers,
    capabilities: capabilities.pinned,
    windows,
    correlation_s,
  });
  return {
    ok: true,
    ...finish(document, found),
    spec,
    ir,
    digests: policyDigests(spec, ir, expanded.resolution),
    resolution: expanded.resolution,
  };
}

/** Stage "expand": what the selector of `spec` means in `inventory`. */
export function expandTargets(
  spec: PolicySpec,
  inventory: InventoryIndex | undefined,
  capabilities: readonly (Capability | undefined)[],
): { readonly resolution: Resolution; readonly findings: readonly Finding[] } {
  const { selector, target_type } = spec.targets;
  const { parsed, findings } = parseSelector(selector, target_type);
  if (parsed === undefined)
    return {
      resolution: {
        ids: [],
        unresolved: [],
        inventoryMs: null,
        reason: 'the selector is malformed',
      },
      findings,
    };
  return resolve(parsed, inventory, {
    isDynamic: spec.dynamic_resolution,
    isDestructive: spec.actions.some(
      ({ verb }, i) => capabilities[i]?.destructive.includes(verb) ?? true,
    ),
  });
}

function refuse(document: unknown, findings: readonly Finding[], spec?: PolicySpec): RefusedPolicy {
  const finished = finish(document, findings);
  return spec === undefined ? { ok: false, ...finished } : { ok: false, ...finished, spec };
}

// In the order of the stages; within one, the gravest first.
function finish(
  document: unknown,
  found: readonly Finding[],
): { readonly severity: Severity; readonly findings: readonly Finding[] } {
  const severity = worstSeverity(found.map((finding) => finding.severity));
  const kept = found
    .toSorted((a, b) => SEVERITIES.indexOf(b.severity) - SEVERITIES.indexOf(a.severity))
    .slice(0, MAX_FINDINGS);
  const findings = kept
    .map((finding) => ({ ...finding, path: nearestPointer(document, finding.path) }))
    .sort((a, b) => STAGES.indexOf(a.stage) - STAGES.indexOf(b.stage));
  return { severity, findings };
}
