// What a driver package says of itself, and what it is asked and answers (spec/drivers.md).

import type { JsonValue } from '@writ/core/statements/jcs';
import type { Severity } from './finding.ts';

export interface Capability {
  /** Such as `vm.lifecycle`. */
  readonly id: string;
  readonly verbs: readonly string[];
  /** Target types of the one registry (target-types.ts). */
  readonly targets: readonly string[];
  readonly dry_run: 'required' | 'optional' | 'not_supported';
  /** Verb → how it is undone: another verb, or the same one with parameters replaced value by value. */
  readonly invertible: { readonly [verb: string]: Inverse };
  readonly idempotency: { readonly key_fields: readonly string[] };
  /** Verbs that destroy, interrupt or switch off. */
  readonly destructive: readonly string[];
  /** JSON Schema (2020-12 subset) of the parameters of each verb. */
  readonly params: { readonly [verb: string]: JsonValue };
}

export interface Inverse {
  readonly verb: string;
  /** Parameter name → value → the value of the inverse. */
  readonly params: { readonly [name: string]: { readonly [value: string]: JsonValue } };
}

export interface DriverManifest {
  /** Reverse-domain name. */
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly min_core_version: string;
  readonly category: string;
  readonly driver: {
    readonly entrypoint: string;
    readonly language: 'javascript';
    readonly runtime: string;
  };
  /** JSON Schema of the connection; secret members carry `"secret": true`. */
  readonly schema: { readonly connection: JsonValue };
  readonly capabilities: readonly Capability[];
  readonly defaults: {
    readonly heartbeat_interval_s: number;
    /** 1 to 60. */
    readonly dry_run_refresh_sla_s: number;
    readonly timeout_s: number;
    readonly memory_mb: number;
  };
  /**
   * Where it may connect: `name:port`, or `connection:` and a JSON Pointer with `*` for every item, which names the
   * addresses or URLs in the connection. Empty: nowhere.
   */
  readonly network: readonly string[];
  /** What it needs beyond the network; empty by default. */
  readonly permissions: readonly DriverPermission[];
}

/** `child-process`: may start programs of this machine, which are then bound by nothing but their user. */
export const DRIVER_PERMISSIONS = ['child-process'] as const;
export type DriverPermission = (typeof DRIVER_PERMISSIONS)[number];

/** One target as a driver knows it. */
export interface InventoryItem {
  /** Canonical id `<type>:<value>`, such as `vm:101` or `poe-port:1/A1`. */
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly label: string;
  readonly labels: { readonly [name: string]: string };
  /** Current state as the driver reports it, for guards and effects. */
  readonly state: string | null;
}

export interface Inventory {
  readonly items: readonly InventoryItem[];
  /** Milliseconds since 1970 of the oldest row that is shown. */
  readonly timeMs: number;
  readonly stale: boolean;
  /** Why rows are old or missing; null: nothing is. */
  readonly reason: string | null;
}

/** One call of a driver. */
export interface DriverCall {
  readonly capability: string;
  readonly verb: string;
  /** Canonical target id. */
  readonly target: string;
  readonly params: { readonly [name: string]: JsonValue };
  readonly dryRun: boolean;
}

export interface Precondition {
  readonly check: string;
  readonly ok: boolean;
  readonly details: string | null;
}

/** What a driver answers, dry run or not. */
export interface DriverAnswer {
  readonly ok: boolean;
  readonly severity: Exclude<Severity, 'blocker'>;
  readonly idempotency_key: string;
  readonly preconditions: readonly Precondition[];
  readonly plan: {
    readonly kind: 'cli' | 'api' | 'ssh' | 'http' | 'none';
    readonly preview: readonly JsonValue[];
  };
  readonly effects: {
    readonly summary: string;
    readonly per_target: readonly {
      readonly id: string;
      readonly from: string | null;
      readonly to: string | null;
    }[];
  };
  readonly reason: string | null;
}
