// Compilations: a policy, what is known of hosts and drivers, and the IR with its digests, or the findings that refuse it.
// The IRs are written out by hand from spec/policy-engine.md section 5; canonical JSON is made by the few lines below.

import { ascii, digest, hex, invalid, valid } from './scenery.mjs';

const DRIVER = '5c'.repeat(32);
const HOST = '0d9e4c6a-7b21-4e83-a5f6-93c8d1e07b33';
const POLICY_ID = '3f2d9e0a-51c7-4d3b-8a64-7b1e9c0d5f21';

const MANIFEST = {
  id: 'example.switch',
  name: 'Example switch',
  version: '1.0.0',
  min_core_version: '0.1.0',
  category: 'network-device',
  driver: { entrypoint: 'driver.mjs', language: 'javascript', runtime: 'node>=20.19' },
  schema: { connection: { type: 'object', additionalProperties: false } },
  capabilities: [
    {
      id: 'poe.port',
      verbs: ['set'],
      targets: ['poe-port'],
      dry_run: 'required',
      destructive: ['set'],
      invertible: { set: { verb: 'set', params: { state: { on: 'off', off: 'on' } } } },
      idempotency: { key_fields: ['verb', 'target_id', 'params.state'] },
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
    },
  ],
};

const HOSTS = { [HOST]: { driver: DRIVER, target_types: ['poe-port', 'interface'] } };
const INVENTORY = ['poe-port:1/A1', 'poe-port:1/A2', 'poe-port:1/B1'];

/** The least that a policy says. */
const LEAST = {
  name: 'Phones off at night',
  trigger_group: { triggers: [{ type: 'timer.at', schedule: { repeat: 'daily', at: '20:30' } }] },
  targets: {
    host_id: HOST,
    target_type: 'poe-port',
    selector: { mode: 'list', value: '1/A2, 1/A1' },
    driver: `sha256:${DRIVER}`,
  },
  actions: [{ capability_id: 'poe.port', verb: 'set', params: { state: 'off' } }],
};

const LEAST_SPEC = {
  version: 1,
  name: 'Phones off at night',
  enabled: true,
  priority: 0,
  stop_on_match: false,
  dynamic_resolution: true,
  trigger_group: {
    logic: 'ANY',
    triggers: [
      {
        type: 'timer.at',
        schedule: { repeat: 'daily', at: '20:30', days: [], day: null },
        cron: null,
        time_zone: 'UTC',
      },
    ],
    window: null,
  },
  conditions: { all: [] },
  targets: LEAST.targets,
  actions: [
    {
      capability_id: 'poe.port',
      verb: 'set',
      params: { state: 'off' },
      idempotency: { key_hint: null },
    },
  ],
  suppression_window: '5m',
  idempotency_window: '10m',
  notes: null,
};

const LEAST_IR = {
  ir_version: 1,
  compiler: 'writ/1',
  policy_id: POLICY_ID,
  version_int: 1,
  priority: 0,
  stop_on_match: false,
  dynamic_resolution: true,
  match: {
    logic: 'ANY',
    window_s: 300,
    triggers: [{ kind: 'timer.at', cron: '30 20 * * *', time_zone: 'UTC', last_day: false }],
    conditions: [],
  },
  targets: {
    host_id: HOST,
    target_type: 'poe-port',
    selector: { mode: 'list', value: '1/A2, 1/A1' },
    driver: DRIVER,
  },
  plan: [
    {
      capability: 'poe.port',
      verb: 'set',
      params: { state: 'off' },
      key_hint: null,
      key_fields: ['verb', 'target_id', 'params.state'],
      destructive: true,
      dry_run: 'required',
    },
  ],
  windows: { suppression_s: 300, idempotency_s: 600 },
};

const RICH = {
  ...LEAST,
  name: 'Été 🔌',
  notes: 'ligne 1\nligne 2',
  enabled: false,
  priority: -3,
  trigger_group: {
    logic: 'ALL',
    window: '1h',
    triggers: [
      { type: 'ups.state', equals: 'mains-lost', for: '2m' },
      { type: 'metric.threshold', metric: 'room.temp_c', op: '>=', value: 34.5, for: '1d' },
      {
        type: 'timer.at',
        schedule: { repeat: 'monthly', at: '00:05', day: 31 },
        time_zone: 'Europe/Berlin',
      },
      {
        type: 'timer.after',
        after: '90s',
        since_event: { type: 'ups.state', equals: 'low-battery' },
      },
      { type: 'webhook.custom', name: 'alarm', attrs: { site: 'nord', level: 1e21 } },
    ],
  },
  conditions: { all: [{ scope: 'ups', field: 'runtime_minutes', op: '<=', value: 30 }] },
};

const RICH_IR = {
  ...LEAST_IR,
  version_int: 7,
  priority: -3,
  match: {
    logic: 'ALL',
    window_s: 3600,
    triggers: [
      { kind: 'ups.state', equals: 'mains-lost', for_s: 120 },
      { kind: 'metric.threshold', metric: 'room.temp_c', op: '>=', value: 34.5, for_s: 86_400 },
      { kind: 'timer.at', cron: '5 0 31 * *', time_zone: 'Europe/Berlin', last_day: true },
      {
        kind: 'timer.after',
        after_s: 90,
        since: { kind: 'ups.state', equals: 'low-battery' },
      },
      { kind: 'webhook.custom', name: 'alarm', attrs: { site: 'nord', level: 1e21 } },
    ],
    conditions: [{ scope: 'ups', field: 'runtime_minutes', op: '<=', value: 30 }],
  },
};

export function* policyIrVectors() {
  yield accepted('least', 'Everything that has a default is left out.', input(LEAST), {
    severity: 'info',
    ir: LEAST_IR,
    ir_digest: digestOf(LEAST_IR),
    spec_digest: digestOf(LEAST_SPEC),
    semantic_digest: digestOf(withoutNaming(LEAST_SPEC)),
    resolved_ids: ['poe-port:1/A2', 'poe-port:1/A1'],
  });
  yield accepted(
    'defaults-spelled-out',
    'Defaults that are spelled out change no digest.',
    input(LEAST_SPEC),
    {
      ir_digest: digestOf(LEAST_IR),
      spec_digest: digestOf(LEAST_SPEC),
    },
  );
  yield accepted(
    'renamed',
    'Name, notes and being disabled change the digest of the spec alone.',
    input({ ...LEAST, name: 'Copy', notes: 'n', enabled: false }),
    {
      ir_digest: digestOf(LEAST_IR),
      spec_digest: digestOf({ ...LEAST_SPEC, name: 'Copy', notes: 'n', enabled: false }),
      semantic_digest: digestOf(withoutNaming(LEAST_SPEC)),
    },
  );
  yield accepted(
    'all-triggers',
    'Every kind of trigger, a number that JSON spells in its own way, and version 7.',
    input(RICH, { version: 7 }),
    {
      ir: RICH_IR,
      ir_digest: digestOf(RICH_IR),
    },
  );
  yield accepted(
    'driver-unpinned',
    'Without a pinned driver it can be saved, with an error, and the worst is believed of its actions.',
    input(withTargets({ driver: null })),
    {
      severity: 'error',
      codes: ['driver-unpinned'],
      ir: {
        ...LEAST_IR,
        targets: { ...LEAST_IR.targets, driver: null },
        plan: [{ ...LEAST_IR.plan[0], key_fields: [], dry_run: 'not_supported' }],
      },
    },
  );
  yield* refusedCompilations();
}

function* refusedCompilations() {
  const action = (change) => ({ ...LEAST, actions: [{ ...LEAST.actions[0], ...change }] });
  const other = '00000000-0000-4000-8000-000000000000';
  yield refused(
    'host-unknown',
    'No node has the host.',
    withTargets({ host_id: other }),
    '/targets/host_id',
  );
  yield refused(
    'driver-unknown',
    'The pinned package is not at hand.',
    withTargets({ driver: `sha256:${'00'.repeat(32)}` }),
    '/targets/driver',
  );
  yield refused(
    'capability-unknown',
    'The driver has no such capability.',
    action({ capability_id: 'poe.budget' }),
    '/actions/0/capability_id',
  );
  yield refused(
    'verb-unknown',
    'The capability has no such verb.',
    action({ verb: 'get' }),
    '/actions/0/verb',
  );
  yield refused(
    'param-unknown',
    'The verb has no such parameter.',
    action({ params: { state: 'on', colour: 'red' } }),
    '/actions/0/params/colour',
  );
  yield refused(
    'param-missing',
    'A parameter is missing; the pointer names its parent.',
    action({ params: {} }),
    '/actions/0/params',
  );
  yield refused(
    'param-invalid',
    'A parameter has a value that the verb does not take.',
    action({ params: { state: 'dim' } }),
    '/actions/0/params/state',
  );
  yield refused(
    'condition-field-unknown',
    'A condition asks for a field that there is not.',
    { ...LEAST, conditions: { all: [{ scope: 'ups', field: 'mood', op: '=', value: 1 }] } },
    '/conditions/all/0/field',
  );
  yield refused(
    'selector-unresolved',
    'A port that is not there, in a list that is resolved once.',
    { ...withTargets({ selector: { mode: 'list', value: '1/A9' } }), dynamic_resolution: false },
    '/targets/selector/value',
  );
}

function accepted(name, description, given, facts) {
  return valid('policy-ir', name, description, given, facts);
}

function refused(code, description, document, path) {
  return invalid('policy-ir', code, description, input(document), code, { path });
}

function input(document, { version = 1 } = {}) {
  return {
    document,
    policy_id: POLICY_ID,
    version,
    manifests: { [DRIVER]: MANIFEST },
    hosts: HOSTS,
    inventory: INVENTORY,
  };
}

function withTargets(change) {
  return { ...LEAST, targets: { ...LEAST.targets, ...change } };
}

function withoutNaming({ name: _, notes: __, enabled: ___, ...rest }) {
  return rest;
}

function digestOf(value) {
  return hex(digest(ascii(canonical(value))));
}

// RFC 8785 for values whose texts hold no lone surrogates.
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(',')}}`;
}
