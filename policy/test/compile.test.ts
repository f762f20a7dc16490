import type { JsonValue } from '@writ/core/statements/jcs';
import {
  type Compiled,
  type CompiledPolicy,
  type CompileOptions,
  compile,
} from '@writ/policy/engine/compile';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  HOST_ID,
  HYPERVISOR,
  inventoryOf,
  MANIFESTS,
  OPTIONS,
  POE_OFF,
  POLICY_ID,
  SHUTDOWN,
  SWITCH,
  VMS,
} from './sample-policies.ts';

const compiling = suite('compile');

function compiled(document: unknown, options: Partial<CompileOptions> = {}): CompiledPolicy {
  const result = compile(document, { ...OPTIONS, inventory: VMS, ...options });
  if (!result.ok) throw new Error(JSON.stringify(result.findings));
  return result;
}

function codes({ findings }: Compiled): string[] {
  return findings.map(({ code, path }) => `${code} ${path}`);
}

compiling('a good policy compiles without a finding to the IR that the engine runs', () => {
  const { findings, severity, ir, resolution } = compiled(SHUTDOWN);
  assert.equal(findings, []);
  assert.is(severity, 'info');
  assert.equal(ir, {
    ir_version: 1,
    compiler: 'writ/1',
    policy_id: POLICY_ID,
    version_int: 1,
    priority: 5,
    stop_on_match: true,
    dynamic_resolution: true,
    match: {
      logic: 'ANY',
      window_s: 1800,
      triggers: [
        { kind: 'ups.state', equals: 'low-battery', for_s: 10 },
        {
          kind: 'metric.threshold',
          metric: 'ups.runtime_minutes',
          op: '<=',
          value: 8,
          for_s: 30,
        },
      ],
      conditions: [{ scope: 'ups', field: 'runtime_minutes', op: '<=', value: 10 }],
    },
    targets: {
      host_id: HOST_ID,
      target_type: 'vm',
      selector: { mode: 'list', value: '101, 100' },
      driver: HYPERVISOR,
    },
    plan: [
      {
        capability: 'vm.lifecycle',
        verb: 'suspend',
        params: {},
        key_hint: null,
        key_fields: ['verb', 'target_id'],
        destructive: true,
        dry_run: 'required',
      },
      {
        capability: 'vm.lifecycle',
        verb: 'shutdown',
        params: {},
        key_hint: 'low',
        key_fields: ['verb', 'target_id'],
        destructive: true,
        dry_run: 'required',
      },
    ],
    windows: { suppression_s: 1800, idempotency_s: 600 },
  });
  assert.equal(resolution.ids, ['vm:101', 'vm:100']);
});

const TIMERS: readonly (readonly [JsonValue, cron: string, lastDay: boolean])[] = [
  [{ schedule: { repeat: 'daily', at: '06:05' } }, '5 6 * * *', false],
  [{ schedule: { repeat: 'monthly', at: '00:00', day: 31 } }, '0 0 31 * *', true],
  [{ cron: '0 0 31 * *' }, '0 0 31 * *', false],
];

for (const [timer, cron, lastDay] of TIMERS) {
  compiling(`the schedule ${JSON.stringify(timer)} becomes ${cron}`, () => {
    const triggers = [{ type: 'timer.at', ...Object(timer) }];
    const { ir } = compiled({ ...SHUTDOWN, trigger_group: { triggers } });
    const expected = { kind: 'timer.at', cron, time_zone: 'UTC', last_day: lastDay };
    assert.equal(ir.match.triggers, [expected]);
  });
}

compiling('a weekly schedule and the same cron expression become one IR', () => {
  const schedule = { repeat: 'weekly', at: '20:30', days: ['fri', 'mon'] };
  const [a, b] = [{ schedule }, { cron: '30 20 * * mon,fri' }].map((timer) =>
    compiled({ ...SHUTDOWN, trigger_group: { triggers: [{ type: 'timer.at', ...timer }] } }),
  );
  assert.is(a?.digests.ir, b?.digests.ir);
  assert.is.not(a?.digests.spec, b?.digests.spec);
});

compiling('Regression 31: stored windows equal those of the spec', () => {
  const { ir } = compiled({ ...SHUTDOWN, suppression_window: '7m', idempotency_window: '2d' });
  assert.equal(ir.windows, { suppression_s: 420, idempotency_s: 172_800 });
});

compiling('Regression 29: parameters reach the IR that the driver is called with', () => {
  const { ir } = compiled(POE_OFF, { inventory: undefined });
  assert.equal(ir.plan[0]?.params, { state: 'off', confirm: true });
});

compiling('Regression 30: conditions reach the IR, each of them', () => {
  const all = [
    { scope: 'ups', field: 'charge_pct', op: '<', value: 20 },
    { scope: 'host', field: 'reachable', op: '=', value: true },
  ];
  assert.equal(compiled({ ...SHUTDOWN, conditions: { all } }).ir.match.conditions, all);
});

type Refusal = readonly [
  what: string,
  change: { readonly [name: string]: unknown },
  expected: readonly string[],
];

function targets(change: object): { targets: object } {
  return { targets: { ...SHUTDOWN.targets, ...change } };
}

function action(change: object): { actions: object[] } {
  return { actions: [{ capability_id: 'vm.lifecycle', verb: 'start', ...change }] };
}

const BLOCKERS: readonly Refusal[] = [
  [
    'a host that no node has',
    targets({ host_id: '00000000-0000-4000-8000-000000000000' }),
    ['host-unknown /targets/host_id'],
  ],
  [
    'a target type that the host has not',
    targets({ target_type: 'ups', selector: { mode: 'list', value: 'main' } }),
    [
      'target-type-absent /targets/target_type',
      'target-type-unsupported /actions/0/capability_id',
      'target-type-unsupported /actions/1/capability_id',
    ],
  ],
  [
    'a target type that the capability is not for',
    targets({ target_type: 'host', selector: { mode: 'list', value: 'pve1' } }),
    [
      'target-type-unsupported /actions/0/capability_id',
      'target-type-unsupported /actions/1/capability_id',
    ],
  ],
  [
    'a driver that is not at hand',
    targets({ driver: `sha256:${'00'.repeat(32)}` }),
    ['driver-unknown /targets/driver'],
  ],
  [
    'a capability that the driver has not',
    action({ capability_id: 'vm.snapshot' }),
    ['capability-unknown /actions/0/capability_id'],
  ],
  [
    'a verb that the capability has not',
    action({ verb: 'explode' }),
    ['verb-unknown /actions/0/verb'],
  ],
  [
    'a parameter that the verb has not',
    action({ params: { force: true } }),
    ['param-unknown /actions/0/params/force'],
  ],
  [
    'a port range over two slots without an inventory',
    {
      ...POE_OFF,
      targets: { ...POE_OFF.targets, selector: { mode: 'range', value: '1/A1-1/B4' } },
    },
    ['selector-range-ambiguous /targets/selector/value'],
  ],
];

for (const [what, change, expected] of BLOCKERS) {
  compiling(`${what} is a blocker`, () => {
    const result = compile({ ...SHUTDOWN, ...change }, OPTIONS);
    assert.is(result.ok, false);
    assert.is(result.severity, 'blocker');
    const blockers = result.findings.filter(({ severity }) => severity === 'blocker');
    assert.equal(codes({ ...result, findings: blockers }), expected);
  });
}

compiling('a parameter that is wrong or missing is named where it stands', () => {
  const wrong = compile(
    {
      ...POE_OFF,
      actions: [{ capability_id: 'poe.port', verb: 'set', params: { state: 'blue' } }],
    },
    OPTIONS,
  );
  assert.ok(codes(wrong).includes('param-invalid /actions/0/params/state'));
  const missing = compile(
    { ...POE_OFF, actions: [{ capability_id: 'poe.port', verb: 'set' }] },
    OPTIONS,
  );
  assert.ok(codes(missing).includes('param-missing /actions/0'), codes(missing).join());
});

compiling('a policy without a pinned driver can be saved, with an error', () => {
  const { severity, ir, ...rest } = compiled({ ...SHUTDOWN, ...targets({ driver: null }) });
  assert.is(severity, 'error');
  assert.equal(codes({ severity, ir, ...rest }), ['driver-unpinned /targets/driver']);
  assert.is(ir.targets.driver, null);
  // Whatever runs later, nothing is taken for harmless because nobody knew it.
  assert.ok(ir.plan.every((planned) => planned.destructive && planned.dry_run === 'not_supported'));
});

compiling('a policy without a pinned driver is held against the driver of its host', () => {
  const document = { ...SHUTDOWN, ...action({ verb: 'explode' }), ...targets({ driver: null }) };
  assert.ok(codes(compile(document, OPTIONS)).includes('verb-unknown /actions/0/verb'));
});

compiling('without a list of hosts the rest is checked, and the gap is said', () => {
  const result = compiled(SHUTDOWN, { hosts: undefined });
  assert.equal(codes(result), ['host-unchecked /targets/host_id']);
  assert.is(result.severity, 'info');
});

compiling('a host whose driver went on is a warning, one with another driver an error', () => {
  const older = MANIFESTS.get(HYPERVISOR);
  if (older === undefined) throw new Error('no manifest');
  const newer = 'c3'.repeat(32);
  const manifests = new Map([...MANIFESTS, [newer, { ...older, version: '2.0.0' }]]);
  const host = (driver: string | null): Partial<CompileOptions> => ({
    manifests,
    hosts: new Map([[HOST_ID, { driver, targetTypes: ['vm'] }]]),
  });
  const superseded = compiled(SHUTDOWN, host(newer));
  assert.equal(
    [superseded.severity, codes(superseded)],
    ['warn', ['driver-superseded /targets/driver']],
  );
  for (const driver of [SWITCH, null, 'dd'.repeat(32)]) {
    const mismatch = compiled(SHUTDOWN, host(driver));
    assert.equal(
      [mismatch.severity, codes(mismatch)],
      ['error', ['driver-mismatch /targets/driver']],
    );
  }
});

compiling('a new manifest that lost a verb blocks what depends on it', () => {
  const older = MANIFESTS.get(HYPERVISOR);
  const [lifecycle] = older?.capabilities ?? [];
  if (older === undefined || lifecycle === undefined) throw new Error('no manifest');
  const capabilities = [{ ...lifecycle, verbs: ['start'] }];
  const manifests = new Map([[HYPERVISOR, { ...older, capabilities }]]);
  assert.equal(codes(compile(SHUTDOWN, { ...OPTIONS, manifests, inventory: VMS })), [
    'verb-unknown /actions/0/verb',
    'verb-unknown /actions/1/verb',
  ]);
});

compiling('an empty selection is a warning, and the resolution says why', () => {
  const result = compiled(SHUTDOWN, { inventory: inventoryOf('vm:7') });
  assert.is(result.severity, 'warn');
  assert.equal(result.resolution.ids, []);
  assert.equal(result.resolution.unresolved, ['vm:101', 'vm:100']);
  assert.ok((result.resolution.reason ?? '').length > 0);
});

compiling('a missing member of a list blocks only where it is resolved once', () => {
  const inventory = inventoryOf('vm:100');
  assert.is(compiled(SHUTDOWN, { inventory }).severity, 'warn');
  const once = compile({ ...SHUTDOWN, dynamic_resolution: false }, { ...OPTIONS, inventory });
  assert.ok(codes(once).includes('selector-unresolved /targets/selector/value'));
  assert.is(once.ok, false);
});

compiling('a long suppression window and a window without ALL are pointed out', () => {
  const trigger_group = { ...SHUTDOWN.trigger_group, window: '10m' };
  const result = compiled({ ...SHUTDOWN, trigger_group, suppression_window: '25h' });
  assert.equal(codes(result), [
    'window-long /suppression_window',
    'window-unused /trigger_group/window',
  ]);
});

compiling('the resolution has a digest of its own and no part in that of the IR', () => {
  const [a, b] = [VMS, inventoryOf('vm:101')].map((inventory) => compiled(SHUTDOWN, { inventory }));
  assert.is(a?.digests.ir, b?.digests.ir);
  assert.is.not(a?.digests.resolution, b?.digests.resolution);
});

compiling('name, notes and enabled change the digest of the spec alone', () => {
  const a = compiled(SHUTDOWN);
  const b = compiled({ ...SHUTDOWN, name: 'Renamed', notes: 'why', enabled: false });
  assert.is(a.digests.semantic, b.digests.semantic);
  assert.is(a.digests.ir, b.digests.ir);
  assert.is.not(a.digests.spec, b.digests.spec);
  const c = compiled({ ...SHUTDOWN, priority: 6 });
  assert.is.not(a.digests.semantic, c.digests.semantic);
});

compiling('id and version of the policy are in the IR and in no digest of the spec', () => {
  const a = compiled(SHUTDOWN);
  const b = compiled(SHUTDOWN, { version: 2 });
  assert.is(b.ir.version_int, 2);
  assert.is(a.digests.spec, b.digests.spec);
  assert.is.not(a.digests.ir, b.digests.ir);
  assert.throws(() => compile(SHUTDOWN, { ...OPTIONS, version: 0 }), RangeError);
});

compiling('Regression 19: what is left out and what is spelled out have one digest', () => {
  const { stop_on_match, ...short } = compiled(POE_OFF, { inventory: undefined }).spec;
  const a = compiled(POE_OFF, { inventory: undefined });
  const b = compiled(short, { inventory: undefined });
  const c = compiled({ ...short, stop_on_match, notes: null }, { inventory: undefined });
  assert.equal(a.digests, b.digests);
  assert.equal(a.digests, c.digests);
});

compiling.run();
