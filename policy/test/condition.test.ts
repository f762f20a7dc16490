import { bindConditions, evaluate, type Facts } from '@writ/policy/engine/condition';
import { CONDITION_FIELDS } from '@writ/policy/engine/condition-fields';
import type { IrCondition } from '@writ/policy/engine/policy-ir';
import type { Comparison, Condition, PolicySpec, Scalar } from '@writ/policy/engine/policy-spec';
import { readPolicySpec } from '@writ/policy/engine/policy-spec-schema';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const conditions = suite('conditions');

function specWith(all: readonly Condition[]): PolicySpec {
  const { spec } = readPolicySpec({
    name: 'Suspend the lab',
    trigger_group: { triggers: [{ type: 'ups.state', equals: 'mains-lost' }] },
    conditions: { all },
    targets: {
      host_id: '6f1d1b54-3c1e-4f0a-9d57-0c9b3d2f7a11',
      target_type: 'vm',
      selector: { mode: 'list', value: '101' },
    },
    actions: [{ capability_id: 'vm.lifecycle', verb: 'suspend' }],
  });
  if (spec === undefined) throw new Error('the policy was refused');
  return spec;
}

function factsOf(known: Readonly<Record<string, Scalar | readonly string[]>>): Facts {
  return (scope, field) => known[`${scope} ${field}`];
}

function condition(scope: string, field: string, op: Comparison, value: Scalar): IrCondition {
  return { scope, field, op, value };
}

conditions('a field of the catalogue binds to a value of its type', () => {
  for (const [scope, fields] of Object.entries(CONDITION_FIELDS)) {
    for (const [field, { type, values }] of fields) {
      const value = { number: 1, boolean: true, text: values?.[0] ?? '' }[type];
      const bound: unknown = { scope, field, op: '=', value };
      assert.equal(bindConditions(specWith([bound as Condition])), [], `${scope} ${field}`);
    }
  }
  assert.equal(
    bindConditions(specWith([{ scope: 'metric', field: 'any.thing', op: '=', value: 'x' }])),
    [],
  );
});

conditions('an unknown field, type or state is a blocker where it stands', () => {
  const found = bindConditions(
    specWith([
      { scope: 'ups', field: 'charge_pct', op: '<', value: 20 },
      { scope: 'ups', field: 'mood', op: '=', value: 1 },
      { scope: 'host', field: 'reachable', op: '=', value: 'yes' },
      { scope: 'ups', field: 'state', op: '=', value: 'OB' },
      { scope: 'metric', field: 'no metric', op: '=', value: 1 },
      { scope: 'vm', field: 'constructor', op: '=', value: 1 },
    ]),
  );
  assert.equal(
    found.map(({ code, severity, stage, path }) => [code, severity, stage, path].join(' ')),
    [
      'condition-field-unknown blocker bind /conditions/all/1/field',
      'condition-type-wrong blocker bind /conditions/all/2/value',
      'condition-value-unknown blocker bind /conditions/all/3/value',
      'condition-field-unknown blocker bind /conditions/all/4/field',
      'condition-field-unknown blocker bind /conditions/all/5/field',
    ],
  );
});

conditions('regression 30: conditions are really evaluated', () => {
  const facts = factsOf({ 'ups charge_pct': 55, 'host reachable': true, 'metric door': 'open' });
  const table: readonly (readonly [IrCondition, boolean])[] = [
    [condition('ups', 'charge_pct', '>=', 55), true],
    [condition('ups', 'charge_pct', '>', 55), false],
    [condition('ups', 'charge_pct', '<=', 55), true],
    [condition('ups', 'charge_pct', '<', 55), false],
    [condition('ups', 'charge_pct', '=', 55), true],
    [condition('ups', 'charge_pct', '!=', 55), false],
    [condition('host', 'reachable', '=', true), true],
    [condition('host', 'reachable', '=', false), false],
    [condition('host', 'reachable', '!=', false), true],
    [condition('metric', 'door', '=', 'open'), true],
    [condition('metric', 'door', '!=', 'open'), false],
  ];
  for (const [one, holds] of table)
    assert.equal(evaluate([one], facts), { holds, unknown: [] }, JSON.stringify(one));
});

conditions('all have to hold; none at all is true', () => {
  const facts = factsOf({ 'ups charge_pct': 55 });
  const yes = condition('ups', 'charge_pct', '>', 1);
  const no = condition('ups', 'charge_pct', '<', 1);
  assert.is(evaluate([], facts).holds, true);
  assert.is(evaluate([yes, yes], facts).holds, true);
  assert.is(evaluate([yes, no, yes], facts).holds, false);
});

conditions('what is not known, or of another type, makes its condition false and is said', () => {
  const facts = factsOf({ 'ups charge_pct': 'full', 'ups load_pct': Number.NaN });
  for (const op of ['=', '!=', '<', '>='] as const) {
    const { holds, unknown } = evaluate(
      [
        condition('ups', 'charge_pct', op, 55),
        condition('ups', 'load_pct', op, 55),
        condition('host', 'reachable', op, true),
      ],
      facts,
    );
    assert.is(holds, false);
    assert.equal(
      unknown.map(({ code, severity, path }) => `${code} ${severity} ${path}`),
      [0, 1, 2].map((i) => `condition-unknown warn /conditions/all/${i}`),
    );
  }
});

conditions('of the states that hold at a time, one is enough', () => {
  const facts = factsOf({ 'ups state': ['mains-lost', 'low-battery'] });
  const state = (op: Comparison, value: string): boolean =>
    evaluate([condition('ups', 'state', op, value)], facts).holds;
  assert.ok(state('=', 'low-battery'));
  assert.ok(state('=', 'mains-lost'));
  assert.not(state('=', 'mains-returned'));
  assert.not(state('!=', 'low-battery'));
  assert.ok(state('!=', 'mains-returned'));
});

conditions.run();
