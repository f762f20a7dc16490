// The intermediate representation: what the engine runs (spec/policy-engine.md section 5). Everything in it follows
// from the arguments of the compiler; times are seconds.

import type { JsonValue } from '@writ/core/statements/jcs';
import type { Comparison, Scalar, Selector, TriggerLogic } from './policy-spec.ts';

export type IrTrigger =
  | { readonly kind: 'ups.state'; readonly equals: string; readonly for_s: number }
  | {
      readonly kind: 'metric.threshold';
      readonly metric: string;
      readonly op: Comparison;
      readonly value: Scalar;
      readonly for_s: number;
    }
  | {
      readonly kind: 'timer.at';
      /** Canonical: five fields of cron. */
      readonly cron: string;
      readonly time_zone: string;
      /** A day beyond the end of a month means its last. */
      readonly last_day: boolean;
    }
  | {
      readonly kind: 'timer.after';
      readonly after_s: number;
      readonly since: { readonly kind: string; readonly equals: string };
    }
  | {
      readonly kind: 'webhook.custom';
      readonly name: string;
      readonly attrs: { readonly [name: string]: Scalar };
    };

export interface IrCondition {
  readonly scope: string;
  readonly field: string;
  readonly op: Comparison;
  readonly value: Scalar;
}

export interface IrAction {
  readonly capability: string;
  readonly verb: string;
  readonly params: { readonly [name: string]: JsonValue };
  readonly key_hint: string | null;
  readonly key_fields: readonly string[];
  readonly destructive: boolean;
  readonly dry_run: 'required' | 'optional' | 'not_supported';
}

export interface PolicyIr {
  readonly ir_version: 1;
  /** Version of the compiler. */
  readonly compiler: string;
  /** UUID; an argument of the compiler. */
  readonly policy_id: string;
  /** Version of the policy; an argument of the compiler. */
  readonly version_int: number;
  readonly priority: number;
  readonly stop_on_match: boolean;
  readonly dynamic_resolution: boolean;
  readonly match: {
    readonly logic: TriggerLogic;
    readonly window_s: number;
    readonly triggers: readonly IrTrigger[];
    readonly conditions: readonly IrCondition[];
  };
  readonly targets: {
    readonly host_id: string;
    readonly target_type: string;
    readonly selector: Selector;
    /** Digest of the driver package in hexadecimal. */
    readonly driver: string | null;
  };
  readonly plan: readonly IrAction[];
  readonly windows: { readonly suppression_s: number; readonly idempotency_s: number };
}

/** What a selector meant at a time; kept beside the IR, outside its digest. */
export interface Resolution {
  readonly ids: readonly string[];
  /** Members of a list that the inventory lacks. */
  readonly unresolved: readonly string[];
  /** Milliseconds since 1970 of the inventory that was asked; null: none was at hand. */
  readonly inventoryMs: number | null;
  /** Why it is empty or partial; null: it is neither. */
  readonly reason: string | null;
}
