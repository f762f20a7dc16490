// Idempotency keys: one key for each thing that is done, the same today and in a year (spec/drivers.md section 6).
//
// A key is made of what is done and to what, and of nothing else: no time, no counter, no random token. That a key
// never changes is what lets a node see that it did the same thing a minute ago.

import { formatHex, utf8 } from '@writ/core/bytes';
import { sha256 } from '@writ/core/sha256';
import { formatCanonicalJson, type JsonValue } from '@writ/core/statements/jcs';
import type { DriverCall } from './driver-manifest.ts';

/** What a key is made of; the rest of a call does not change it. */
export type KeyedCall = Pick<DriverCall, 'capability' | 'verb' | 'target' | 'params'>;

/** The part of `params` that `key_fields` name: `params.level` is the member `level`. */
const PARAMETER_FIELD = /^params\.(.+)$/;

/**
 * The key that a driver answers with: SHA-256 in hexadecimal over the canonical JSON of capability, verb, target and
 * those parameters that `keyFields` of the capability name. `verb` and `target_id` are always part of it, so naming them
 * changes nothing. A parameter that is named and absent differs from one that is null.
 */
export function driverKey(call: KeyedCall, keyFields: readonly string[]): string {
  return digestOf(['writ-driver-key-v1', ...parts(call, keyFields)]);
}

/** The key of the engine's window: that of the driver, for one host, with the hint of the policy. */
export function executionKey(
  hostId: string,
  call: KeyedCall,
  keyFields: readonly string[],
  hint: string | null,
): string {
  return digestOf(['writ-execution-key-v1', hostId, hint, ...parts(call, keyFields)]);
}

function parts(call: KeyedCall, keyFields: readonly string[]): JsonValue[] {
  const fields: [string, JsonValue][] = [];
  for (const field of new Set(keyFields)) {
    const name = PARAMETER_FIELD.exec(field)?.[1];
    if (name === undefined || !Object.hasOwn(call.params, name)) continue;
    fields.push([name, call.params[name] ?? null]);
  }
  fields.sort(([a], [b]) => (a < b ? -1 : 1));
  return [call.capability, call.verb, call.target, fields];
}

function digestOf(value: readonly JsonValue[]): string {
  return formatHex(sha256(utf8(formatCanonicalJson(value))));
}
