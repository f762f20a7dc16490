// The severity of a whole: the worst of its parts (spec/policy-engine.md section 4).

import { SEVERITIES, type Severity } from './finding.ts';

/** The worst of `severities`; info where there is none. */
export function worstSeverity(severities: Iterable<Severity>): Severity {
  let worst: Severity = 'info';
  for (const severity of severities) if (isWorse(severity, worst)) worst = severity;
  return worst;
}

/** True when `a` is worse than `b`. */
export function isWorse(a: Severity, b: Severity): boolean {
  return SEVERITIES.indexOf(a) > SEVERITIES.indexOf(b);
}

/** True when `severity` refuses enabling: an error or a blocker. */
export function refusesEnabling(severity: Severity): boolean {
  return isWorse(severity, 'warn');
}
