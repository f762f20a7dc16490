// A policy in force, ready for events: parsed and compiled once, when the snapshot is made.

import { formatHex, parseHex, parseUtf8 } from '@writ/core/bytes';
import { bug } from '@writ/core/errors';
import { sha256 } from '@writ/core/sha256';
import { type CompileOptions, compile } from '../engine/compile.ts';
import { type VerifiedDriverDigest, verifiedDriverDigest } from '../engine/driver-digest.ts';
import type { Capability, DriverManifest } from '../engine/driver-manifest.ts';
import { type PreparedMatch, prepareMatch } from '../engine/event-match.ts';
import type { Finding } from '../engine/finding.ts';
import type { PolicyIr, Resolution } from '../engine/policy-ir.ts';
import { type ParsedSelector, parseSelector } from '../engine/selector.ts';
import { refusesEnabling } from '../engine/severity.ts';

/** Which version of a policy the verified state of the village names. */
export interface PolicyRef {
  /** UUID. */
  readonly id: string;
  readonly version: number;
  /** SHA-256 of the spec. */
  readonly digest: Uint8Array;
  /** Position in the stream of the village from which it holds. */
  readonly seq: number;
}

/** What a policy needs of its surroundings to be compiled. */
export type PolicySurroundings = Pick<
  CompileOptions,
  'manifests' | 'hosts' | 'inventory' | 'resolution'
>;

/** A policy that runs. */
export interface ActivePolicy {
  readonly ref: PolicyRef;
  readonly ir: PolicyIr;
  /** SHA-256 of the canonical IR. */
  readonly irDigest: Uint8Array;
  readonly match: PreparedMatch;
  readonly driver: VerifiedDriverDigest;
  readonly manifest: DriverManifest;
  /** The capability of each action. */
  readonly capabilities: readonly Capability[];
  readonly selector: ParsedSelector;
  /** What the selector meant when the policy was compiled: what counts where resolution is not dynamic. */
  readonly resolution: Resolution;
  /** Warnings; an active policy has nothing worse. */
  readonly findings: readonly Finding[];
}

/** A policy in force that does not run, and why. `isOff`: its spec says so, and nothing is wrong. */
export interface IdlePolicy {
  readonly ref: PolicyRef;
  readonly isOff: boolean;
  readonly findings: readonly Finding[];
}

/**
 * Makes a policy ready. `spec` has to be the bytes that `ref` names: other bytes, and bytes with a blocker or an error,
 * give an idle policy that says so. Never throws for what is in the bytes.
 */
export function activate(
  ref: PolicyRef,
  spec: Uint8Array | undefined,
  surroundings: PolicySurroundings,
): ActivePolicy | IdlePolicy {
  if (spec === undefined) return idle(ref, 'spec-missing', 'the spec is not here; pull again');
  if (formatHex(sha256(spec)) !== formatHex(ref.digest))
    return idle(ref, 'spec-changed', 'the spec is not the one that the village put in force');
  const document = documentOf(spec);
  const compiled = compile(document, { policyId: ref.id, version: ref.version, ...surroundings });
  if (!compiled.ok) return { ref, isOff: false, findings: compiled.findings };
  const { findings, ir, digests, resolution, severity } = compiled;
  if (!compiled.spec.enabled) return { ref, isOff: true, findings };
  const { driver: pinned, selector, target_type } = compiled.spec.targets;
  const { parsed } = parseSelector(selector, target_type);
  const manifest =
    ir.targets.driver === null ? undefined : surroundings.manifests.get(ir.targets.driver);
  if (refusesEnabling(severity) || pinned === null || manifest === undefined || !parsed)
    return { ref, isOff: false, findings };
  const match = prepareMatch(ir.match);
  return {
    ...{ ref, ir, match, manifest, resolution, findings },
    irDigest: parseHex(digests.ir) ?? bug('a digest is not hexadecimal'),
    driver: verifiedDriverDigest(pinned),
    capabilities: ir.plan.map(({ capability }) => capabilityOf(manifest, capability)),
    selector: parsed,
  };
}

function capabilityOf({ capabilities }: DriverManifest, id: string): Capability {
  const found = capabilities.find((capability) => capability.id === id);
  if (found === undefined) throw new TypeError(`compiled with the capability ${id}, which is gone`);
  return found;
}

/** The driver package that a spec names, in hexadecimal; undefined where it names none, or is no spec. */
export function packageOf(spec: Uint8Array): string | undefined {
  const driver = targetOf(spec, 'driver');
  return driver === undefined ? undefined : /^sha256:([0-9a-f]{64})$/.exec(driver)?.[1];
}

/** The host that a spec names; undefined where it names none, or is no spec. */
export function hostOf(spec: Uint8Array): string | undefined {
  return targetOf(spec, 'host_id');
}

function targetOf(spec: Uint8Array, name: 'driver' | 'host_id'): string | undefined {
  const targets: unknown = membersOf(documentOf(spec)).get('targets');
  const value: unknown = membersOf(targets).get(name);
  return typeof value === 'string' ? value : undefined;
}

function membersOf(value: unknown): ReadonlyMap<string, unknown> {
  return new Map(typeof value === 'object' && value !== null ? Object.entries(value) : []);
}

// The reducer of the village admitted nothing but canonical JSON under the digest that `activate` compares.
function documentOf(spec: Uint8Array): unknown {
  try {
    return JSON.parse(parseUtf8(spec) ?? 'null');
  } catch {
    return null;
  }
}

function idle(ref: PolicyRef, code: string, message: string): IdlePolicy {
  return {
    ref,
    isOff: false,
    findings: [{ code, severity: 'blocker', stage: 'schema', path: '', message }],
  };
}
