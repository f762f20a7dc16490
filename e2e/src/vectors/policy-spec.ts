// Vectors of format policy-spec: a document, and the policy that it is or the findings that refuse it.

import { formatHex, utf8 } from '@writ/core/bytes';
import { sha256 } from '@writ/core/sha256';
import { formatCanonicalJson } from '@writ/core/statements/jcs';
import { policySpecJson, readPolicySpec } from '@writ/policy/engine/policy-spec-schema';

/** What an outcome has beside the verdict; `valid` is there where the document is refused. */
export function runPolicySpec(input: {
  readonly value: (name: string) => unknown;
}): Readonly<Record<string, unknown>> {
  const { spec, findings } = readPolicySpec(input.value('document'));
  if (spec === undefined)
    return { valid: false, findings: findings.map(({ code, path }) => ({ code, path })) };
  const json = policySpecJson(spec);
  return { spec: json, spec_digest: formatHex(sha256(utf8(formatCanonicalJson(json)))) };
}
