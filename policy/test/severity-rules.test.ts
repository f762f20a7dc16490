import type { Severity } from '@writ/policy/engine/finding';
import { worstSeverity } from '@writ/policy/engine/severity';
import {
  type AnswerSeverity,
  applySeverityRules,
  NO_FACTS,
  SEVERITY_RULES,
  type SeverityFacts,
} from '@writ/policy/engine/severity-rules';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const rules = suite('severity rules');

type Row = readonly [
  what: string,
  answer: AnswerSeverity,
  facts: Partial<SeverityFacts>,
  severity: AnswerSeverity,
  rule: string | null,
];

const ROWS: readonly Row[] = [
  ['a verdict that no rule is about stands', 'warn', {}, 'warn', null],
  ['stale inventory raises info', 'info', { isInventoryStale: true }, 'warn', 'stale-inventory'],
  ['stale inventory leaves an error', 'error', { isInventoryStale: true }, 'error', null],
  ['a partial refresh raises info', 'info', { isRefreshPartial: true }, 'warn', 'partial-refresh'],
  [
    'an empty dynamic selection lowers an error',
    'error',
    { isDynamicallyEmpty: true },
    'warn',
    'empty-selection',
  ],
  [
    'what is as desired lowers a warning',
    'warn',
    { isAtDesiredState: true },
    'info',
    'already-desired',
  ],
  [
    'what is as desired does not excuse an error',
    'error',
    { isAtDesiredState: true },
    'error',
    null,
  ],
  [
    'an old row does not show that anything is as desired',
    'warn',
    { isAtDesiredState: true, isInventoryStale: true },
    'warn',
    null,
  ],
  [
    'no dry run is a warning, never "no change"',
    'info',
    { isDryRunUnsupported: true, isAtDesiredState: true },
    'warn',
    'dry-run-unsupported',
  ],
  [
    'no dry run of a destructive verb is an error',
    'info',
    { isDryRunUnsupported: true, isDestructive: true },
    'error',
    'dry-run-unsupported-destructive',
  ],
  ['a late driver is an error', 'info', { isTimedOut: true }, 'error', 'driver-timeout'],
  [
    'a late driver is an error though the target is as desired',
    'info',
    { isTimedOut: true, isAtDesiredState: true },
    'error',
    'driver-timeout',
  ],
  [
    'an unreachable host is an error',
    'warn',
    { isHostUnreachable: true },
    'error',
    'host-unreachable',
  ],
  [
    'an unreachable host is an error though the selection is empty',
    'error',
    { isHostUnreachable: true, isDynamicallyEmpty: true },
    'error',
    'host-unreachable',
  ],
  [
    'a capability that vanished is an error',
    'info',
    { isCapabilityGone: true },
    'error',
    'capability-gone',
  ],
  [
    'a malformed answer goes before all else',
    'info',
    { isAnswerMalformed: true, isTimedOut: true, isDynamicallyEmpty: true },
    'error',
    'answer-malformed',
  ],
];

for (const [what, answer, facts, severity, rule] of ROWS) {
  rules(what, () => {
    const ruled = applySeverityRules(answer, { ...NO_FACTS, ...facts });
    assert.is(ruled.severity, severity);
    assert.is(ruled.rule?.id ?? null, rule);
  });
}

rules('each rule decides in some case, and is told apart by its id', () => {
  const decided = new Set(ROWS.map(([, , , , rule]) => rule));
  for (const { id } of SEVERITY_RULES) assert.ok(decided.has(id), `no row reaches ${id}`);
  assert.is(new Set(SEVERITY_RULES.map(({ id }) => id)).size, SEVERITY_RULES.length);
});

rules('no combination of facts makes less of a structural fault than an error', () => {
  const names = Object.keys(NO_FACTS);
  for (let bits = 0; bits < 2 ** names.length; bits++) {
    const facts = { ...NO_FACTS };
    for (const [i, name] of names.entries())
      Object.assign(facts, { [name]: Math.floor(bits / 2 ** i) % 2 === 1 });
    for (const answer of ['info', 'warn', 'error'] as const) {
      const { severity } = applySeverityRules(answer, facts);
      if (facts.isAnswerMalformed || facts.isCapabilityGone || facts.isTimedOut)
        assert.is(severity, 'error');
      if (facts.isDryRunUnsupported && facts.isDestructive && !facts.isDynamicallyEmpty)
        assert.is(severity, 'error');
      if (facts.isDryRunUnsupported) assert.is.not(severity, 'info');
    }
  }
});

rules('the severity of a whole is the worst of its parts, in any order', () => {
  const rows: readonly (readonly [readonly Severity[], Severity])[] = [
    [[], 'info'],
    [['info', 'warn'], 'warn'],
    [['error', 'warn', 'info'], 'error'],
    [['info', 'blocker', 'error'], 'blocker'],
  ];
  for (const [parts, worst] of rows) {
    assert.is(worstSeverity(parts), worst);
    assert.is(worstSeverity([...parts].reverse()), worst);
  }
});

rules.run();
