// What a driver module exports and is handed (spec/drivers.md section 4).
//
//     export const driver: Driver = {
//       async call(call, context) { … return answer; },
//       async inventory(request, context) { return items; },
//     };

import type { JsonValue } from '@writ/core/statements/jcs';
import type { DriverAnswer, DriverCall, InventoryItem } from './driver-manifest.ts';

export interface DriverContext {
  /** As the schema in the manifest describes it, secrets included. */
  readonly connection: JsonValue;
  /** What the answer carries as `idempotency_key`. */
  readonly idempotencyKey: string;
  /** Milliseconds since 1970, by the clock of the node. */
  readonly nowMs: number;
  /** How long the node waits, in milliseconds. */
  readonly deadlineMs: number;
  /** Aborted at the deadline, shortly before the process is killed. */
  readonly signal: AbortSignal;
}

export interface DriverInventoryRequest {
  readonly mode: 'fast' | 'full';
  /** Canonical ids that are needed; null: all. */
  readonly wanted: readonly string[] | null;
}

export interface Driver {
  /** Does what `call` says, or with `dryRun` says what it would do and changes nothing. Throws DriverError. */
  readonly call: (call: DriverCall, context: DriverContext) => Promise<DriverAnswer>;
  /** The targets there are. Changes nothing. */
  readonly inventory?: (
    request: DriverInventoryRequest,
    context: DriverContext,
  ) => Promise<readonly InventoryItem[]>;
}
