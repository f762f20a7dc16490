// What a check of a policy has to say (spec/policy-engine.md section 4).

/** From harmless to worst; the order is that of the roll-up. */
export const SEVERITIES = ['info', 'warn', 'error', 'blocker'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** The stages of a compilation, in order, and those behind it. */
export const STAGES = [
  'schema',
  'normalise',
  'bind',
  'capability',
  'expand',
  'windows',
  'ir',
  'preflight',
  'execute',
] as const;
export type Stage = (typeof STAGES)[number];

export interface Finding {
  /** Stable, such as `duration-malformed`; the catalogue is in finding-codes.ts. */
  readonly code: string;
  readonly severity: Severity;
  readonly stage: Stage;
  /** JSON Pointer (RFC 6901) into the document as it was submitted; it always resolves there. */
  readonly path: string;
  /** What is wrong and what to do. */
  readonly message: string;
}
