// How the engine raises or lowers what a driver says of one action on one target (spec/policy-engine.md
// section 7, whose table is generated from here). The first rule that fits decides, and is recorded by its id.

import type { Severity } from './finding.ts';

/** What the engine knows of an action on a target beside the driver's own verdict. */
export interface SeverityFacts {
  /** The answer is not what the contract of drivers says. */
  readonly isAnswerMalformed: boolean;
  /** The driver did not answer within its deadline. */
  readonly isTimedOut: boolean;
  /** The host could not be reached. */
  readonly isHostUnreachable: boolean;
  /** The pinned package no longer has the capability or the verb. */
  readonly isCapabilityGone: boolean;
  /** This is a dry run, and the capability has none. */
  readonly isDryRunUnsupported: boolean;
  /** The verb destroys, interrupts or switches off. */
  readonly isDestructive: boolean;
  /** A selector that is resolved again at execution means nothing at present. */
  readonly isDynamicallyEmpty: boolean;
  /** Rows of the inventory that was asked are old. */
  readonly isInventoryStale: boolean;
  /** The refresh of the inventory came back in part. */
  readonly isRefreshPartial: boolean;
  /** The target is in the state that the action leads to. */
  readonly isAtDesiredState: boolean;
}

/** The severities that a driver, or the engine in its place, may give. */
export type AnswerSeverity = Exclude<Severity, 'blocker'>;

export interface SeverityRule {
  /** Stable; transcripts and records name it. */
  readonly id: string;
  /** When it fits, in words. */
  readonly when: string;
  readonly from: readonly AnswerSeverity[];
  readonly to: AnswerSeverity;
  /** What an operator is told. */
  readonly reason: string;
  /** True where the API refuses with 422: the driver does not keep its contract. */
  readonly isStructural: boolean;
  readonly fits: (facts: SeverityFacts) => boolean;
}

/** What a rule made of a verdict. */
export interface RuledSeverity {
  readonly severity: AnswerSeverity;
  /** Null where the driver's verdict stands. */
  readonly rule: SeverityRule | null;
}

/** In order of precedence: what cannot be trusted goes before what would excuse it. */
export const SEVERITY_RULES: readonly SeverityRule[] = [
  {
    id: 'answer-malformed',
    when: 'the answer does not have the shape of the driver contract',
    from: ['info', 'warn', 'error'],
    to: 'error',
    reason: 'the driver gave an answer that its contract does not allow; nothing in it is believed',
    isStructural: true,
    fits: (facts) => facts.isAnswerMalformed,
  },
  {
    id: 'capability-gone',
    when: 'the pinned package does not have the capability or the verb any more',
    from: ['info', 'warn', 'error'],
    to: 'error',
    reason: 'the capability was there when the policy was compiled; compile it again',
    isStructural: true,
    fits: (facts) => facts.isCapabilityGone,
  },
  {
    id: 'driver-timeout',
    when: 'the driver did not answer within its deadline',
    from: ['info', 'warn', 'error'],
    to: 'error',
    reason: 'the driver did not answer in time',
    isStructural: false,
    fits: (facts) => facts.isTimedOut,
  },
  {
    id: 'host-unreachable',
    when: 'the host cannot be reached',
    from: ['info', 'warn', 'error'],
    to: 'error',
    reason: 'the host cannot be reached, so nothing is known of its targets',
    isStructural: false,
    fits: (facts) => facts.isHostUnreachable,
  },
  {
    id: 'empty-selection',
    when: 'the selector means no target at present and is resolved again at execution',
    from: ['error'],
    to: 'warn',
    reason: 'no target at present; the selector is asked again when the policy runs',
    isStructural: false,
    fits: (facts) => facts.isDynamicallyEmpty,
  },
  {
    id: 'dry-run-unsupported-destructive',
    when: 'the capability has no dry run and the verb is destructive',
    from: ['info', 'warn'],
    to: 'error',
    reason: 'a destructive verb cannot be tried without doing it',
    isStructural: false,
    fits: (facts) => facts.isDryRunUnsupported && facts.isDestructive,
  },
  {
    id: 'dry-run-unsupported',
    when: 'the capability has no dry run',
    from: ['info'],
    to: 'warn',
    reason: 'the capability has no dry run: what would happen is not known',
    isStructural: false,
    fits: (facts) => facts.isDryRunUnsupported,
  },
  {
    id: 'stale-inventory',
    when: 'rows of the inventory are old',
    from: ['info'],
    to: 'warn',
    reason: 'the inventory is old; the state of the target may be another by now',
    isStructural: false,
    fits: (facts) => facts.isInventoryStale,
  },
  {
    id: 'partial-refresh',
    when: 'the refresh of the inventory came back in part',
    from: ['info'],
    to: 'warn',
    reason: 'a part of the inventory could not be read; its old rows are used',
    isStructural: false,
    fits: (facts) => facts.isRefreshPartial,
  },
  {
    id: 'already-desired',
    when: 'the target is in the desired state, and that is fresh and was really asked',
    from: ['warn'],
    to: 'info',
    reason: 'the target is in the desired state; there is nothing to do',
    isStructural: false,
    // An old row or a dry run that there is not shows no state.
    fits: (facts) =>
      facts.isAtDesiredState &&
      !facts.isInventoryStale &&
      !facts.isRefreshPartial &&
      !facts.isDryRunUnsupported,
  },
];

/** No fact that any rule is about. */
export const NO_FACTS: SeverityFacts = {
  isAnswerMalformed: false,
  isTimedOut: false,
  isHostUnreachable: false,
  isCapabilityGone: false,
  isDryRunUnsupported: false,
  isDestructive: false,
  isDynamicallyEmpty: false,
  isInventoryStale: false,
  isRefreshPartial: false,
  isAtDesiredState: false,
};

/** What `answer` becomes under `facts`, and by which rule. */
export function applySeverityRules(answer: AnswerSeverity, facts: SeverityFacts): RuledSeverity {
  for (const rule of SEVERITY_RULES) {
    if (rule.fits(facts) && rule.from.includes(answer)) return { severity: rule.to, rule };
  }
  return { severity: answer, rule: null };
}
