// Manifests, hosts and policies that the tests of the compiler work with.

import type { CompileOptions } from '@writ/policy/engine/compile';
import type {
  Capability,
  DriverManifest,
  InventoryItem,
} from '@writ/policy/engine/driver-manifest';
import { InventoryIndex } from '@writ/policy/engine/inventory-index';

export const HYPERVISOR = 'a1'.repeat(32);
export const SWITCH = 'b2'.repeat(32);
export const HOST_ID = '6f1d1b54-3c1e-4f0a-9d57-0c9b3d2f7a11';
export const SWITCH_ID = '0d9e4c6a-7b21-4e83-a5f6-93c8d1e07b33';
export const POLICY_ID = '3f2d9e0a-51c7-4d3b-8a64-7b1e9c0d5f21';

function manifest(id: string, capabilities: readonly Capability[]): DriverManifest {
  return {
    id,
    name: id,
    version: '1.2.0',
    min_core_version: '0.1.0',
    category: 'compute',
    driver: { entrypoint: 'driver.js', language: 'javascript', runtime: '>=20' },
    schema: { connection: { type: 'object', properties: {}, additionalProperties: false } },
    capabilities,
    defaults: { heartbeat_interval_s: 60, dry_run_refresh_sla_s: 5, timeout_s: 30, memory_mb: 64 },
    network: [],
    permissions: [],
  };
}

export const VM_LIFECYCLE: Capability = {
  id: 'vm.lifecycle',
  verbs: ['shutdown', 'start', 'stop', 'suspend', 'resume', 'reset'],
  targets: ['vm'],
  dry_run: 'required',
  invertible: {
    start: { verb: 'shutdown', params: {} },
    shutdown: { verb: 'start', params: {} },
    suspend: { verb: 'resume', params: {} },
    resume: { verb: 'suspend', params: {} },
  },
  idempotency: { key_fields: ['verb', 'target_id'] },
  destructive: ['shutdown', 'stop', 'suspend', 'reset'],
  params: {},
};

export const POE_PORT: Capability = {
  id: 'poe.port',
  verbs: ['set'],
  targets: ['poe-port'],
  dry_run: 'required',
  invertible: { set: { verb: 'set', params: { state: { on: 'off', off: 'on' } } } },
  idempotency: { key_fields: ['verb', 'target_id', 'params.state'] },
  destructive: ['set'],
  params: {
    set: {
      type: 'object',
      properties: {
        state: { type: 'string', enum: ['on', 'off', 'cycle'] },
        confirm: { type: 'boolean' },
      },
      required: ['state'],
      additionalProperties: false,
    },
  },
};

export const POE_PRIORITY: Capability = {
  id: 'poe.priority',
  verbs: ['set'],
  targets: ['poe-port'],
  dry_run: 'optional',
  invertible: {},
  idempotency: { key_fields: ['verb', 'target_id', 'params.level'] },
  destructive: [],
  params: {
    set: {
      type: 'object',
      properties: { level: { type: 'string', enum: ['low', 'high', 'critical'] } },
      required: ['level'],
      additionalProperties: false,
    },
  },
};

export const MANIFESTS: ReadonlyMap<string, DriverManifest> = new Map([
  [HYPERVISOR, manifest('example.hypervisor', [VM_LIFECYCLE])],
  [SWITCH, manifest('example.switch', [POE_PORT, POE_PRIORITY])],
]);

export const OPTIONS: CompileOptions = {
  policyId: POLICY_ID,
  version: 1,
  manifests: MANIFESTS,
  hosts: new Map([
    [HOST_ID, { driver: HYPERVISOR, targetTypes: ['vm', 'host'] }],
    [SWITCH_ID, { driver: SWITCH, targetTypes: ['poe-port', 'interface'] }],
  ]),
};

/** A document that compiles without a finding when its inventory is at hand. */
export const SHUTDOWN = {
  version: 1,
  name: 'Shut the lab down at low battery',
  enabled: true,
  priority: 5,
  stop_on_match: true,
  trigger_group: {
    logic: 'ANY',
    triggers: [
      { type: 'ups.state', equals: 'low-battery', for: '10s' },
      { type: 'metric.threshold', metric: 'ups.runtime_minutes', op: '<=', value: 8, for: '30s' },
    ],
  },
  conditions: { all: [{ scope: 'ups', field: 'runtime_minutes', op: '<=', value: 10 }] },
  targets: {
    host_id: HOST_ID,
    target_type: 'vm',
    selector: { mode: 'list', value: '101, 100' },
    driver: `sha256:${HYPERVISOR}`,
  },
  actions: [
    { capability_id: 'vm.lifecycle', verb: 'suspend' },
    { capability_id: 'vm.lifecycle', verb: 'shutdown', idempotency: { key_hint: 'low' } },
  ],
  suppression_window: '30m',
};

export const POE_OFF = {
  name: 'Phones off at night',
  trigger_group: {
    triggers: [
      { type: 'timer.at', schedule: { repeat: 'weekly', at: '20:30', days: ['mon', 'fri'] } },
    ],
  },
  targets: {
    host_id: SWITCH_ID,
    target_type: 'poe-port',
    selector: { mode: 'range', value: '1/A1-1/A4' },
    driver: `sha256:${SWITCH}`,
  },
  actions: [{ capability_id: 'poe.port', verb: 'set', params: { state: 'off', confirm: true } }],
};

/** The inventory of `ids`, each with its state unknown. */
export function inventoryOf(...ids: readonly string[]): InventoryIndex {
  const items: InventoryItem[] = ids.map((id) => ({
    id,
    type: id.slice(0, id.indexOf(':')),
    name: id,
    label: id,
    labels: {},
    state: null,
  }));
  return InventoryIndex.build({ items, timeMs: 1_700_000_000_000, stale: false, reason: null });
}

export const VMS = inventoryOf('vm:100', 'vm:101', 'vm:102');
