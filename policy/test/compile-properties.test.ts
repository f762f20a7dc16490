import type { JsonValue } from '@writ/core/statements/jcs';
import { type Compiled, compile, MAX_FINDINGS } from '@writ/policy/engine/compile';
import { irBytes } from '@writ/policy/engine/digests';
import { type Finding, STAGES } from '@writ/policy/engine/finding';
import { FINDING_CODES } from '@writ/policy/engine/finding-codes';
import { nearestPointer } from '@writ/policy/engine/json-pointer';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { arbitrarySpec, shuffled } from './arbitrary-spec.ts';
import { OPTIONS, SHUTDOWN } from './sample-policies.ts';

const properties = suite('compile properties');

properties(
  'generated policies compile to the same bytes whatever the order of their members',
  () => {
    fc.assert(
      fc.property(arbitrarySpec, fc.nat(), (document, seed) => {
        const [a, b] = [document, shuffled(document, seed)].map((given) => compile(given, OPTIONS));
        if (a?.ok !== true || b?.ok !== true) throw new Error(JSON.stringify([a, b]));
        assert.equal(irBytes(a.ir), irBytes(b.ir));
        assert.equal(a.digests, b.digests);
      }),
      { numRuns: 300 },
    );
  },
);

properties('the spec of a compilation compiles to the same again', () => {
  fc.assert(
    fc.property(arbitrarySpec, (document) => {
      const a = compile(document, OPTIONS);
      if (!a.ok) throw new Error(JSON.stringify(a.findings));
      const b = compile(a.spec, OPTIONS);
      assert.ok(b.ok);
      if (b.ok) assert.equal(a.digests, b.digests);
    }),
    { numRuns: 100 },
  );
});

properties(
  'whatever is broken in a policy, each finding is in the catalogue and points into it',
  () => {
    const json = fc.json().map((text): JsonValue => JSON.parse(text));
    const value = fc.oneof(json, fc.constantFrom(null, '', 0, -0, '\ud800', '__proto__'));
    const broken = fc
      .tuple(arbitrarySpec, fc.nat(), value, fc.constantFrom('set', 'remove', 'add'))
      .map(([document, place, other, how]) => mutate(document, place, other, how));
    fc.assert(
      fc.property(broken, (document) => checkFindings(document, compile(document, OPTIONS))),
      { numRuns: 500 },
    );
  },
);

properties('any value at all gives findings that point into it, and no exception', () => {
  fc.assert(
    fc.property(fc.anything(), (document) => checkFindings(document, compile(document, OPTIONS))),
  );
});

properties('many mistakes give a bounded list with the gravest in it', () => {
  const many = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`p${i}`, 1]));
  const actions = [{ capability_id: 'vm.lifecycle', verb: 'start', params: many }];
  const result = compile({ ...SHUTDOWN, actions }, OPTIONS);
  assert.ok(result.findings.length <= MAX_FINDINGS);
  assert.is(result.severity, 'blocker');
  assert.ok(result.findings.some(({ severity }) => severity === 'blocker'));
});

function checkFindings(document: unknown, { ok, severity, findings }: Compiled): void {
  assert.is(ok, severity !== 'blocker');
  if (!ok) assert.ok(findings.length > 0);
  for (const { code, path, stage, severity: own, message } of findings) {
    const kind = FINDING_CODES.get(code);
    assert.ok(kind !== undefined, `${code} is not in the catalogue`);
    assert.ok(kind?.stage === stage && kind.severities.includes(own), `${code}: ${stage} ${own}`);
    assert.is(nearestPointer(document, path), path, `${code} ${path}`);
    assert.ok(message.length > 0 && message.length < 2000);
  }
  assert.equal(findings, inOrder(findings));
}

function inOrder(findings: readonly Finding[]): Finding[] {
  return findings.toSorted((a, b) => STAGES.indexOf(a.stage) - STAGES.indexOf(b.stage));
}

/** The document with one place replaced, removed or added to. */
function mutate(document: JsonValue, place: number, other: JsonValue, how: string): JsonValue {
  const places: [string, object][] = [];
  const copy: JsonValue = JSON.parse(JSON.stringify(document));
  const visit = (value: JsonValue): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [name, item] of Object.entries(value)) {
      places.push([name, value]);
      visit(item);
    }
  };
  visit(copy);
  const [name, holder] = places[place % places.length] ?? ['', {}];
  if (how === 'remove') Reflect.deleteProperty(holder, name);
  else {
    const at = how === 'add' ? `${name}x` : name;
    Object.defineProperty(holder, at, {
      value: other,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return copy;
}

properties.run();
