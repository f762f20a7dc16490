// The smallest policy and the same with every default: what the vectors of policies are made from.

export const HOST = '6f1d1b54-3c1e-4f0a-9d57-0c9b3d2f7a11';

/** The smallest policy, with `changes` on top. */
export function minimal(changes = {}) {
  return {
    name: 'Suspend the lab',
    trigger_group: { triggers: [{ type: 'ups.state', equals: 'mains-lost' }] },
    targets: { host_id: HOST, target_type: 'vm', selector: { mode: 'list', value: '101' } },
    actions: [{ capability_id: 'vm.lifecycle', verb: 'suspend' }],
    ...changes,
  };
}

/** The same with every default. */
export function complete(changes = {}) {
  return {
    version: 1,
    name: 'Suspend the lab',
    enabled: true,
    priority: 0,
    stop_on_match: false,
    dynamic_resolution: true,
    trigger_group: {
      logic: 'ANY',
      triggers: [{ type: 'ups.state', equals: 'mains-lost', for: null }],
      window: null,
    },
    conditions: { all: [] },
    targets: {
      host_id: HOST,
      target_type: 'vm',
      selector: { mode: 'list', value: '101' },
      driver: null,
    },
    actions: [
      {
        capability_id: 'vm.lifecycle',
        verb: 'suspend',
        params: {},
        idempotency: { key_hint: null },
      },
    ],
    suppression_window: '5m',
    idempotency_window: '10m',
    notes: null,
    ...changes,
  };
}

export function triggers(...list) {
  return { triggers: list };
}

export function allTriggers(list, logic = 'ANY', window = null) {
  return { trigger_group: { logic, triggers: list, window } };
}
