// What an answer of a driver, or its silence, means for the record (spec/policy-engine.md sections 6 and 7).

import { utf8 } from '@writ/core/bytes';
import { sha256 } from '@writ/core/sha256';
import { formatCanonicalJson, type JsonValue } from '@writ/core/statements/jcs';
import type { DriverFailure } from '../engine/driver-failure.ts';
import type { DriverAnswer } from '../engine/driver-manifest.ts';
import {
  type AnswerSeverity,
  applySeverityRules,
  NO_FACTS,
  type SeverityFacts,
} from '../engine/severity-rules.ts';
import type { CallOutcome } from './ledger.ts';

/** How a call ended: an outcome, or that nobody knows. */
export type Verdict =
  | ({ readonly kind: 'outcome' } & CallOutcome)
  | { readonly kind: 'unknown'; readonly reason: string };

/** What an answer to a real call means. */
export function verdictOfAnswer(answer: DriverAnswer, facts: Partial<SeverityFacts>): Verdict {
  const { severity, rule } = applySeverityRules(answer.severity, { ...NO_FACTS, ...facts });
  const effects = effectsOf(answer);
  const reason = wordsOf(answer.reason, rule?.id);
  if (!answer.ok) return { kind: 'outcome', result: 'failed', severity: 'error', effects, reason };
  return { kind: 'outcome', result: 'succeeded', severity, effects, reason };
}

/** What a failure of a real call means: only a call that was never made, or that says itself that it failed, is known. */
export function verdictOfFailure({ code, message, outcome }: DriverFailure): Verdict {
  if (outcome === 'unknown') return { kind: 'unknown', reason: code };
  return {
    kind: 'outcome',
    result: 'failed',
    severity: ruled('error', factsOf(code)),
    effects: [],
    reason: `${code}: ${message}`,
  };
}

/** What a dry run showed. */
export interface Preview {
  /** For the intent. */
  readonly preconditions: JsonValue;
  /** SHA-256 of the answer's canonical JSON. */
  readonly transcript: Uint8Array;
  /** Set: the call must not be made, and this is its outcome. */
  readonly verdict: Verdict | undefined;
}

/** Judges the dry run that goes before a call. */
export function previewOf(answer: DriverAnswer, facts: Partial<SeverityFacts>): Preview {
  const { preconditions } = answer;
  const shown = preconditions.map(({ check, ok, details }) => ({ check, ok, details }));
  const transcript = transcriptDigest(answer);
  const failed = preconditions.filter(({ ok }) => !ok).map(({ check }) => check);
  const effects = effectsOf(answer);
  if (!answer.ok || failed.length > 0) {
    const reason = answer.reason ?? `does not hold: ${failed.join(', ')}`;
    const verdict = { kind: 'outcome', result: 'skipped', effects, reason } as const;
    return { preconditions: shown, transcript, verdict: { ...verdict, severity: 'error' } };
  }
  const isDesired =
    effects.length > 0 && effects.every(({ from, to }) => from === to && to !== null);
  if (!isDesired) return { preconditions: shown, transcript, verdict: undefined };
  const severity = ruled(answer.severity, { ...facts, isAtDesiredState: true });
  const reason = 'already-desired';
  const verdict = { kind: 'outcome', result: 'skipped', severity, effects, reason } as const;
  return { preconditions: shown, transcript, verdict };
}

/** SHA-256 of the canonical JSON of an answer: what records name a dry run by. */
export function transcriptDigest(answer: DriverAnswer): Uint8Array {
  const { preconditions, plan, effects } = answer;
  return sha256(
    utf8(
      formatCanonicalJson({
        ...answer,
        preconditions: preconditions.map((row) => ({ ...row })),
        plan: { ...plan },
        effects: { ...effects, per_target: effects.per_target.map((row) => ({ ...row })) },
      }),
    ),
  );
}

function effectsOf({ effects }: DriverAnswer): CallOutcome['effects'] {
  return effects.per_target.map(({ id, from, to }) => ({ target: id, from, to }));
}

function ruled(severity: AnswerSeverity, facts: Partial<SeverityFacts>): AnswerSeverity {
  return applySeverityRules(severity, { ...NO_FACTS, ...facts }).severity;
}

function factsOf(code: DriverFailure['code']): Partial<SeverityFacts> {
  return {
    isTimedOut: code === 'driver-timeout',
    isHostUnreachable: code === 'target-unreachable',
    isAnswerMalformed: code === 'driver-answer-malformed',
  };
}

function wordsOf(reason: string | null, rule: string | undefined): string | null {
  const words = [reason, rule === undefined ? null : `rule ${rule}`].filter(
    (text) => text !== null,
  );
  return words.length === 0 ? null : words.join('; ');
}
