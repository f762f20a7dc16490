// Every file of test-vectors/policy-spec, found by reading the folders.

import { readdirSync, readFileSync } from 'node:fs';
import { formatHex, utf8 } from '@writ/core/bytes';
import { sha256 } from '@writ/core/sha256';
import { formatCanonicalJson, type JsonValue } from '@writ/core/statements/jcs';
import { policySpecJson, readPolicySpec } from '@writ/policy/engine/policy-spec-schema';
import { SCHEMA_CODES, SPEC_FINDING_CODES } from '@writ/policy/engine/spec-finding-codes';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const vectors = suite('policy spec vectors');
const folder = new URL('../../../test-vectors/policy-spec/', import.meta.url);

interface Vector {
  readonly input: { readonly document: unknown };
  readonly expect: {
    readonly spec: JsonValue;
    readonly spec_digest?: string;
    readonly findings?: readonly unknown[];
  };
}

function read(verdict: string): readonly (readonly [string, Vector])[] {
  const names = readdirSync(new URL(verdict, folder));
  assert.ok(names.length > 5, `${verdict} is nearly empty`);
  return names.map((name) => [
    name,
    JSON.parse(readFileSync(new URL(`${verdict}/${name}`, folder), 'utf8')),
  ]);
}

vectors('each valid document becomes the policy that stands beside it', () => {
  for (const [name, { input, expect }] of read('valid')) {
    const { spec, findings } = readPolicySpec(input.document);
    assert.equal(findings, undefined, name);
    if (spec === undefined) continue;
    const json = policySpecJson(spec);
    assert.is(formatCanonicalJson(json), formatCanonicalJson(expect.spec), name);
    assert.is(formatHex(sha256(utf8(formatCanonicalJson(json)))), expect.spec_digest, name);
  }
});

vectors('each invalid document has the findings that stand beside it', () => {
  for (const [name, { input, expect }] of read('invalid')) {
    const { findings } = readPolicySpec(input.document);
    assert.equal(
      findings?.map(({ code, path }) => ({ code, path })),
      expect.findings,
      name,
    );
  }
});

vectors('every code of the schema that a JSON file can show is shown', () => {
  const shown = read('invalid').flatMap(([, { input }]) => readPolicySpec(input.document).findings);
  const seen = new Set(shown.map((finding) => finding?.code ?? ''));
  const elsewhere = ['digest-malformed', 'event-kind-unknown', 'time-malformed', 'findings-cut'];
  // No JSON, and what no field of version 1 can cause.
  const others = ['json-malformed', 'field-repeated', 'value-malformed', 'number-too-small'];
  const missing = Object.keys(SCHEMA_CODES).filter((code) => !seen.has(code));
  assert.equal(missing.sort(), [...elsewhere, ...others].sort());
});

vectors('the page of the specification lists every code with its meaning', () => {
  const page = readFileSync(new URL('../../../spec/policy-spec.md', import.meta.url), 'utf8');
  const listed = [...page.matchAll(/^\| `([a-z-]+)` \| (schema|bind|execute) \| (.+) \|$/gm)];
  assert.equal(
    listed.map(([, code, stage, meaning]) => [code, stage, meaning]),
    [...SPEC_FINDING_CODES].map(([code, { stage, meaning }]) => [code, stage, meaning]),
  );
});

vectors.run();
