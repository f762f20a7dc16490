// The one record that every stimulus becomes (spec/policy-engine.md section 2).

import type { Scalar } from './policy-spec.ts';

export const EVENT_KINDS = [
  'ups.state',
  'metric.threshold',
  'timer.at',
  'timer.after',
  'webhook.custom',
] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

/** A normalised stimulus. Its id is the SHA-256 of its canonical JSON, so a duplicate has the same. */
export interface EngineEvent {
  readonly type: 'ups' | 'metric' | 'timer' | 'webhook';
  readonly kind: EventKind;
  readonly subject: {
    readonly kind: 'ups' | 'host' | 'vm' | 'integration';
    readonly id: string;
  };
  /** `state`; `metric`, `op`, `value`; `trigger` (a timer's own id); `name` and others: which, the kind says. */
  readonly attrs: { readonly [name: string]: Scalar };
  /** RFC 3339 in UTC with milliseconds. */
  readonly ts: string;
  readonly correlation_id: string | null;
}
