// Stage "windows" of a compilation: durations to seconds (spec/policy-engine.md section 5).

import { durationSeconds } from './compile-normalise.ts';
import type { Finding } from './finding.ts';
import { findingOf } from './finding-codes.ts';
import type { PolicyIr } from './policy-ir.ts';
import type { PolicySpec } from './policy-spec.ts';

/** A suppression window above this many seconds is pointed out. */
export const LONG_WINDOW_S = 86_400;

export interface Windows {
  readonly findings: readonly Finding[];
  readonly windows: PolicyIr['windows'];
  /** Correlation window of ALL in seconds: by default the suppression window. */
  readonly correlation_s: number;
}

/** The windows of `spec` in seconds. */
export function compileWindows(spec: PolicySpec): Windows {
  const { trigger_group: group } = spec;
  const suppression_s = durationSeconds(spec.suppression_window);
  const idempotency_s = durationSeconds(spec.idempotency_window);
  const correlation_s = group.window === null ? suppression_s : durationSeconds(group.window);
  const findings: Finding[] = [];
  if (suppression_s > LONG_WINDOW_S)
    findings.push(
      findingOf(
        'window-long',
        '/suppression_window',
        `after a match the policy stays quiet for ${spec.suppression_window}, more than a day`,
      ),
    );
  if (group.window !== null && group.logic === 'ANY')
    findings.push(
      findingOf(
        'window-unused',
        '/trigger_group/window',
        'a correlation window has no meaning with logic ANY',
      ),
    );
  return { findings, windows: { suppression_s, idempotency_s }, correlation_s };
}
