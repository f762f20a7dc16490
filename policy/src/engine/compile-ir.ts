// Stage "ir" of a compilation: what the engine will run (spec/policy-engine.md section 5). Everything in it follows
// from the arguments.

import { pinnedDriver } from './compile-capability.ts';
import type { Capability } from './driver-manifest.ts';
import type { IrAction, IrTrigger, PolicyIr } from './policy-ir.ts';
import type { Action, PolicySpec } from './policy-spec.ts';

/** Goes up with every change that gives another IR for the same arguments. */
export const COMPILER = 'writ/1';

export interface IrParts {
  readonly policyId: string;
  readonly version: number;
  readonly triggers: readonly IrTrigger[];
  /** The capability of each action in the pinned package; undefined where there is none. */
  readonly capabilities: readonly (Capability | undefined)[];
  readonly windows: PolicyIr['windows'];
  readonly correlation_s: number;
}

/** The IR of `spec`. */
export function buildIr(spec: PolicySpec, parts: IrParts): PolicyIr {
  const { host_id, target_type, selector } = spec.targets;
  return {
    ir_version: 1,
    compiler: COMPILER,
    policy_id: parts.policyId,
    version_int: parts.version,
    priority: spec.priority,
    stop_on_match: spec.stop_on_match,
    dynamic_resolution: spec.dynamic_resolution,
    match: {
      logic: spec.trigger_group.logic,
      window_s: parts.correlation_s,
      triggers: parts.triggers,
      conditions: spec.conditions.all.map(({ scope, field, op, value }) => ({
        scope,
        field,
        op,
        value,
      })),
    },
    targets: { host_id, target_type, selector, driver: pinnedDriver(spec) },
    plan: spec.actions.map((action, i) => buildAction(action, parts.capabilities[i])),
    windows: parts.windows,
  };
}

// Of a capability that is not known, the worst is believed: such a policy cannot be enabled anyway.
function buildAction(action: Action, capability: Capability | undefined): IrAction {
  return {
    capability: action.capability_id,
    verb: action.verb,
    params: action.params,
    key_hint: action.idempotency.key_hint,
    key_fields: capability?.idempotency.key_fields ?? [],
    destructive: capability?.destructive.includes(action.verb) ?? true,
    dry_run: capability?.dry_run ?? 'not_supported',
  };
}
