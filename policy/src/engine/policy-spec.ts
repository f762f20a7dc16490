// Policy Spec version 1 with every default filled in (spec/policy-spec.md). The schema that reads it is in
// policy-spec-schema.ts; JSON member names are the names that users type.

import type { JsonValue } from '@writ/core/statements/jcs';

/** Longest name of a policy in UTF-16 units. */
export const MAX_NAME_LENGTH = 200;

export type TriggerLogic = 'ALL' | 'ANY';

/** How a number or a text is compared. */
export const COMPARISONS = ['>', '>=', '<', '<=', '=', '!='] as const;
export type Comparison = (typeof COMPARISONS)[number];

/** A value that a condition or a trigger compares with. */
export type Scalar = string | number | boolean;

export interface UpsStateTrigger {
  readonly type: 'ups.state';
  readonly equals: string;
  readonly for: string | null;
}

export interface MetricThresholdTrigger {
  readonly type: 'metric.threshold';
  readonly metric: string;
  readonly op: Comparison;
  readonly value: Scalar;
  readonly for: string | null;
}

export interface Schedule {
  readonly repeat: 'daily' | 'weekly' | 'monthly';
  /** HH:MM. */
  readonly at: string;
  /** Weekday names mon to sun; only where `repeat` is weekly. */
  readonly days: readonly string[];
  /** 1 to 31; only where `repeat` is monthly. A month without that day has its run on its last one. */
  readonly day: number | null;
}

export interface TimerAtTrigger {
  readonly type: 'timer.at';
  /** One of both. */
  readonly schedule: Schedule | null;
  readonly cron: string | null;
  /** IANA name; UTC by default. */
  readonly time_zone: string;
}

export interface TimerAfterTrigger {
  readonly type: 'timer.after';
  readonly after: string;
  readonly since_event: { readonly type: string; readonly equals: string };
}

export interface WebhookTrigger {
  readonly type: 'webhook.custom';
  readonly name: string;
  readonly attrs: { readonly [name: string]: Scalar };
}

export type Trigger =
  | UpsStateTrigger
  | MetricThresholdTrigger
  | TimerAtTrigger
  | TimerAfterTrigger
  | WebhookTrigger;

export interface Condition {
  readonly scope: 'ups' | 'host' | 'metric' | 'vm';
  readonly field: string;
  readonly op: Comparison;
  readonly value: Scalar;
}

export interface Selector {
  readonly mode: 'list' | 'range' | 'query';
  readonly value: string;
}

export interface Action {
  readonly capability_id: string;
  readonly verb: string;
  readonly params: { readonly [name: string]: JsonValue };
  readonly idempotency: { readonly key_hint: string | null };
}

export interface PolicySpec {
  readonly version: 1;
  readonly name: string;
  readonly enabled: boolean;
  readonly priority: number;
  readonly stop_on_match: boolean;
  readonly dynamic_resolution: boolean;
  readonly trigger_group: {
    readonly logic: TriggerLogic;
    readonly triggers: readonly Trigger[];
    /** Correlation window of ALL; null: the suppression window. */
    readonly window: string | null;
  };
  readonly conditions: { readonly all: readonly Condition[] };
  readonly targets: {
    /** UUID of the host. */
    readonly host_id: string;
    readonly target_type: string;
    readonly selector: Selector;
    /** `sha256:` and the digest of the driver package in hexadecimal; null: not pinned, which cannot be enabled. */
    readonly driver: string | null;
  };
  readonly actions: readonly Action[];
  readonly suppression_window: string;
  readonly idempotency_window: string;
  readonly notes: string | null;
}
