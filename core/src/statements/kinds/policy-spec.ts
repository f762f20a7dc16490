// The Policy Spec inside statements: canonical JSON (RFC 8785), an object.

import { LogError } from '../../errors.ts';
import { type JsonValue, parseCanonicalJson } from '../jcs.ts';

/**
 * The Policy Spec of a change. Throws LogError `json-malformed` unless it is a JSON object in canonical form;
 * what the object says is for the policy compiler.
 */
export function parsePolicySpec(spec: Uint8Array): { readonly [name: string]: JsonValue } {
  const value = parseCanonicalJson(spec);
  if (!isJsonObject(value))
    throw new LogError('json-malformed', 'policy spec must be a JSON object');
  return value;
}

function isJsonObject(value: JsonValue): value is { readonly [name: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
