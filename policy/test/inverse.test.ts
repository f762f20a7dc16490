import { compile } from '@writ/policy/engine/compile';
import { semanticDigest } from '@writ/policy/engine/digests';
import type { Capability, DriverManifest } from '@writ/policy/engine/driver-manifest';
import { type InversePolicy, invertPolicy } from '@writ/policy/engine/inverse';
import { checkInverses } from '@writ/policy/engine/inverse-check';
import { nearestPointer } from '@writ/policy/engine/json-pointer';
import type { PolicySpec } from '@writ/policy/engine/policy-spec';
import { readPolicySpec } from '@writ/policy/engine/policy-spec-schema';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { arbitrarySpec } from './arbitrary-spec.ts';
import {
  MANIFESTS,
  OPTIONS,
  POE_OFF,
  POE_PORT,
  SHUTDOWN,
  VM_LIFECYCLE,
} from './sample-policies.ts';

const inverse = suite('inverse policies');

function specOf(document: unknown): PolicySpec {
  const { spec, findings } = readPolicySpec(document);
  if (spec === undefined) throw new Error(JSON.stringify(findings));
  return spec;
}

function inverted(spec: PolicySpec, manifests = MANIFESTS): InversePolicy {
  const result = invertPolicy(spec, manifests);
  if ('findings' in result) throw new Error(JSON.stringify(result.findings));
  return result;
}

function refusal(document: unknown, manifests: ReadonlyMap<string, DriverManifest> = MANIFESTS) {
  const result = invertPolicy(specOf(document), manifests);
  return 'findings' in result
    ? result.findings.map(({ code, path, message }) => ({ code, path, message }))
    : [];
}

inverse('Regression 32: an inverse has flipped verbs and leaves the source untouched', () => {
  const source = specOf(SHUTDOWN);
  const before = JSON.stringify(source);
  const { spec } = inverted(source);
  assert.equal(
    spec.actions.map(({ verb }) => verb),
    ['start', 'resume'],
  );
  assert.is(spec.enabled, false);
  assert.is(JSON.stringify(source), before);
  for (const [name, part] of Object.entries(spec)) {
    const original = new Map<string, unknown>(Object.entries(source)).get(name);
    if (typeof part === 'object' && part !== null) assert.is.not(part, original, name);
  }
});

inverse('a verb that undoes itself has its parameter replaced and keeps the others', () => {
  const { spec } = inverted(specOf(POE_OFF));
  assert.equal(spec.actions[0]?.params, { state: 'on', confirm: true });
  assert.is(spec.actions[0]?.verb, 'set');
});

inverse('what no manifest can know is pointed at, exactly', () => {
  const { needsInput, notes, spec } = inverted(specOf(SHUTDOWN));
  assert.equal(needsInput, [
    '/trigger_group/triggers/0',
    '/trigger_group/triggers/1',
    '/conditions/all/0',
  ]);
  for (const pointer of needsInput) assert.is(nearestPointer(spec, pointer), pointer);
  assert.ok(notes.length > 0);
  assert.equal(inverted(specOf(POE_OFF)).needsInput, ['/trigger_group/triggers/0']);
});

inverse('what cannot be undone is refused by name, and with it the whole policy', () => {
  const actions = [
    { capability_id: 'vm.lifecycle', verb: 'start' },
    { capability_id: 'vm.lifecycle', verb: 'reset' },
    { capability_id: 'vm.lifecycle', verb: 'stop' },
  ];
  const findings = refusal({ ...SHUTDOWN, actions });
  assert.equal(
    findings.map(({ code, path }) => [code, path]),
    [
      ['inverse-impossible', '/actions/1'],
      ['inverse-impossible', '/actions/2'],
    ],
  );
  assert.match(findings[0]?.message ?? '', 'vm.lifecycle reset');
});

inverse('a value that the manifest does not map cannot be undone, nor one that is left out', () => {
  const set = (params: object): object => ({
    ...POE_OFF,
    actions: [{ capability_id: 'poe.port', verb: 'set', params }],
  });
  assert.match(refusal(set({ state: 'cycle' }))[0]?.message ?? '', 'state cycle');
  assert.match(refusal(set({}))[0]?.message ?? '', 'state left out');
});

inverse('without the manifest of the pinned driver there is no inverse', () => {
  const unpinned = { ...SHUTDOWN, targets: { ...SHUTDOWN.targets, driver: null } };
  assert.is(refusal(unpinned)[0]?.code, 'inverse-driver-unknown');
  assert.is(refusal(SHUTDOWN, new Map())[0]?.code, 'inverse-driver-unknown');
});

inverse(
  'the inverse of every policy that has one compiles, and its inverse is the original but for the name',
  () => {
    fc.assert(
      fc.property(arbitrarySpec, (document) => {
        const source = specOf(document);
        const once = inverted(source);
        assert.ok(compile(once.spec, OPTIONS).ok);
        const twice = inverted(once.spec);
        assert.is(semanticDigest(twice.spec), semanticDigest(source));
        assert.is(twice.spec.name, source.name);
        assert.is(twice.spec.notes, source.notes);
      }),
      { numRuns: 100 },
    );
  },
);

inverse(
  'the name of an inverse is one that the schema accepts, however long the original is',
  () => {
    for (const name of [
      'x'.repeat(200),
      `${'x'.repeat(188)}😀tail`,
      `${'x'.repeat(188)} tail`,
      'Inverse of ab',
    ]) {
      const { spec } = inverted(specOf({ ...SHUTDOWN, name }));
      assert.is(readPolicySpec(spec).findings, undefined, name);
    }
  },
);

inverse('manifests whose declarations are sound are accepted', () => {
  assert.equal(checkInverses(VM_LIFECYCLE), []);
  assert.equal(checkInverses(POE_PORT), []);
});

type Unsound = readonly [what: string, capability: Capability, pointer: string];
const UNSOUND: readonly Unsound[] = [
  [
    'a verb that there is not',
    { ...VM_LIFECYCLE, invertible: { snapshot: { verb: 'start', params: {} } } },
    '/invertible/snapshot',
  ],
  [
    'an inverse that there is not',
    { ...VM_LIFECYCLE, invertible: { start: { verb: 'halt', params: {} } } },
    '/invertible/start/verb',
  ],
  [
    'a name of the prototype',
    { ...VM_LIFECYCLE, invertible: { start: { verb: 'constructor', params: {} } } },
    '/invertible/start/verb',
  ],
  [
    'a pair whose way back leads elsewhere',
    {
      ...VM_LIFECYCLE,
      invertible: {
        start: { verb: 'shutdown', params: {} },
        shutdown: { verb: 'resume', params: {} },
      },
    },
    '/invertible/start/verb',
  ],
  [
    'a verb that undoes itself and changes nothing',
    { ...POE_PORT, invertible: { set: { verb: 'set', params: {} } } },
    '/invertible/set/params',
  ],
  [
    'a value that undoes itself',
    { ...POE_PORT, invertible: { set: { verb: 'set', params: { state: { on: 'on' } } } } },
    '/invertible/set/params/state/on',
  ],
  [
    'a map that is no involution',
    {
      ...POE_PORT,
      invertible: {
        set: { verb: 'set', params: { state: { on: 'off', off: 'cycle', cycle: 'on' } } },
      },
    },
    '/invertible/set/params/state/on',
  ],
  [
    'a value that the verb does not take',
    {
      ...POE_PORT,
      invertible: { set: { verb: 'set', params: { state: { up: 'off', off: 'up' } } } },
    },
    '/invertible/set/params/state/up',
  ],
  [
    'a parameter that there is not',
    { ...POE_PORT, invertible: { set: { verb: 'set', params: { mode: { a: 'b', b: 'a' } } } } },
    '/invertible/set/params/mode',
  ],
];

for (const [what, capability, pointer] of UNSOUND) {
  inverse(`a manifest with ${what} is refused where it stands`, () => {
    const found = checkInverses(capability).map((problem) => problem.pointer);
    assert.ok(found.includes(pointer), JSON.stringify(found));
  });
}

inverse('values that are no texts are mapped by their JSON text', () => {
  const capability: Capability = {
    ...POE_PORT,
    invertible: { set: { verb: 'set', params: { confirm: { true: false, false: true } } } },
  };
  assert.equal(checkInverses(capability), []);
  const textual: Capability = {
    ...POE_PORT,
    invertible: { set: { verb: 'set', params: { confirm: { true: 'false', false: 'true' } } } },
  };
  assert.ok(checkInverses(textual).length > 0);
});

inverse.run();
