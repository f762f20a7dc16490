// The digests of a policy: SHA-256 over canonical JSON, RFC 8785 (spec/policy-engine.md section 5). All of them are
// 64 hexadecimal digits in lower case.

import { formatHex, utf8 } from '@writ/core/bytes';
import { sha256 } from '@writ/core/sha256';
import { formatCanonicalJson, type JsonValue } from '@writ/core/statements/jcs';
import type { PolicyIr, Resolution } from './policy-ir.ts';
import type { PolicySpec } from './policy-spec.ts';
import { policySpecJson } from './policy-spec-schema.ts';

export interface PolicyDigests {
  readonly spec: string;
  readonly semantic: string;
  readonly ir: string;
  readonly resolution: string;
}

/** The digests of a compiled policy, each computed when it is asked for: an engine needs one of them, an editor another. */
export function policyDigests(
  spec: PolicySpec,
  ir: PolicyIr,
  resolution: Resolution,
): PolicyDigests {
  return {
    get spec(): string {
      return specDigest(spec);
    },
    get semantic(): string {
      return semanticDigest(spec);
    },
    get ir(): string {
      return irDigest(ir);
    },
    get resolution(): string {
      return resolutionDigest(resolution);
    },
  };
}

/** Members that do not change what a policy does. */
export const NAMING_MEMBERS: readonly string[] = ['name', 'notes', 'enabled'];

/** The digest of `spec` with its defaults filled in: of everything that an author wrote or left to them. */
export function specDigest(spec: PolicySpec): string {
  return digestOf(policySpecJson(spec));
}

/** The digest of what `spec` does. Two policies of a village that have the same one are duplicates. */
export function semanticDigest(spec: PolicySpec): string {
  const members = Object.entries(policySpecJson(spec) ?? {});
  return digestOf(Object.fromEntries(members.filter(([name]) => !NAMING_MEMBERS.includes(name))));
}

/** The digest of `ir`, in which no resolution is. */
export function irDigest(ir: PolicyIr): string {
  return digestOf(irJson(ir));
}

/** The digest of what a selector meant at a time. */
export function resolutionDigest(resolution: Resolution): string {
  return digestOf({ ...resolution });
}

/** The bytes of which `irDigest` is the digest. */
export function irBytes(ir: PolicyIr): Uint8Array {
  return utf8(formatCanonicalJson(irJson(ir)));
}

// Interfaces have no index signature: spreading them shows the compiler that they are plain data.
function irJson(ir: PolicyIr): JsonValue {
  const { logic, window_s, triggers, conditions } = ir.match;
  return {
    ...ir,
    match: {
      logic,
      window_s,
      triggers,
      conditions: conditions.map((condition) => ({ ...condition })),
    },
    targets: { ...ir.targets, selector: { ...ir.targets.selector } },
    plan: ir.plan.map((action) => ({ ...action })),
  };
}

function digestOf(value: JsonValue): string {
  return formatHex(sha256(utf8(formatCanonicalJson(value))));
}
