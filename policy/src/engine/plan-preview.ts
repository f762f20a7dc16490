// Building blocks of driver answers: for the drivers of this repository and for those of others (spec/drivers.md
// section 7).

import type { JsonValue } from '@writ/core/statements/jcs';
import type { Capability, DriverAnswer, DriverCall, Precondition } from './driver-manifest.ts';

/** Longest line of a preview that `planPreview` lets through. */
export const MAX_PREVIEW_LINE = 1000;
/** Most lines of a preview. */
export const MAX_PREVIEW_LINES = 64;

export type Plan = DriverAnswer['plan'];

/** A plan whose preview is short enough to be shown and recorded; what was cut off is said in its last line. */
export function planPreview(kind: Plan['kind'], preview: readonly JsonValue[]): Plan {
  const shown = preview
    .slice(0, preview.length > MAX_PREVIEW_LINES ? MAX_PREVIEW_LINES - 1 : MAX_PREVIEW_LINES)
    .map((line) =>
      typeof line === 'string' && line.length > MAX_PREVIEW_LINE
        ? `${line.slice(0, MAX_PREVIEW_LINE).toWellFormed()}…`
        : line,
    );
  const left = preview.length - shown.length;
  return { kind, preview: left > 0 ? [...shown, `… and ${left} more`] : shown };
}

/** What the parts of an answer that a driver does not set are. */
export interface AnswerParts {
  readonly ok: boolean;
  readonly key: string;
  readonly plan: Plan;
  readonly summary: string;
  readonly severity?: DriverAnswer['severity'];
  readonly preconditions?: readonly Precondition[];
  /** State before and after; null: not known. */
  readonly from?: string | null;
  readonly to?: string | null;
  readonly reason?: string | null;
}

/** An answer about the one target of a call. A precondition that does not hold makes it an error. */
export function buildAnswer(call: Pick<DriverCall, 'target'>, parts: AnswerParts): DriverAnswer {
  const preconditions = parts.preconditions ?? [];
  const failed = preconditions.find(({ ok }) => !ok);
  const ok = parts.ok && failed === undefined;
  return {
    ok,
    severity: ok ? (parts.severity ?? 'info') : 'error',
    idempotency_key: parts.key,
    preconditions,
    plan: parts.plan,
    effects: {
      summary: parts.summary,
      per_target: [{ id: call.target, from: parts.from ?? null, to: parts.to ?? null }],
    },
    reason: parts.reason ?? (failed === undefined ? null : (failed.details ?? failed.check)),
  };
}

/**
 * The answer where a driver has no dry run for a capability. It is never "no change": nothing is known about the
 * effect, and the severity says so (an error where the verb is destructive).
 */
export function unsupportedDryRun(
  call: DriverCall,
  capability: Pick<Capability, 'destructive'>,
  key: string,
): DriverAnswer {
  const isDestructive = capability.destructive.includes(call.verb);
  return {
    ok: false,
    severity: isDestructive ? 'error' : 'warn',
    idempotency_key: key,
    preconditions: [],
    plan: { kind: 'none', preview: [] },
    effects: {
      summary: `not known: ${call.capability} has no dry run`,
      per_target: [{ id: call.target, from: null, to: null }],
    },
    reason: 'dry-run-unsupported',
  };
}

/** True when an answer says that the target already is as wanted: only two known, equal states say that. */
export function isNoChange(answer: DriverAnswer): boolean {
  const { per_target } = answer.effects;
  return (
    answer.ok &&
    per_target.length > 0 &&
    per_target.every(({ from, to }) => from !== null && from === to)
  );
}

/**
 * A plan for drivers that cannot say how they would do it: the call in one line. Honest about being no more than
 * that.
 */
export function minimalPlan(call: DriverCall): Plan {
  const names = Object.keys(call.params).sort();
  const params = names.map((name) => `${name}=${JSON.stringify(call.params[name])}`);
  return planPreview('api', [[call.capability, call.verb, call.target, ...params].join(' ')]);
}
