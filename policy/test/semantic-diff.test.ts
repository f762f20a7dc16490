import type { PolicySpec } from '@writ/policy/engine/policy-spec';
import { readPolicySpec } from '@writ/policy/engine/policy-spec-schema';
import { diffPolicies, type PolicyChange } from '@writ/policy/engine/semantic-diff';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { arbitrarySpec, shuffled } from './arbitrary-spec.ts';
import { SHUTDOWN, SWITCH } from './sample-policies.ts';

const diff = suite('semantic diff');

function specOf(document: unknown): PolicySpec {
  const { spec, findings } = readPolicySpec(document);
  if (spec === undefined) throw new Error(JSON.stringify(findings));
  return spec;
}

function changes(change: object): PolicyChange[] {
  return diffPolicies(specOf(SHUTDOWN), specOf({ ...SHUTDOWN, ...change }));
}

diff('Regression 19: null, empty and defaulted fields are never a difference', () => {
  const short = { ...SHUTDOWN, conditions: undefined };
  const { conditions: _, ...without } = short;
  const spelled = {
    ...without,
    version: 1,
    dynamic_resolution: true,
    conditions: { all: [] },
    idempotency_window: '10m',
    notes: null,
    trigger_group: { ...SHUTDOWN.trigger_group, window: null },
    actions: SHUTDOWN.actions.map((action) => ({
      params: {},
      idempotency: { key_hint: null },
      ...action,
    })),
  };
  assert.equal(diffPolicies(specOf(without), specOf(spelled)), []);
  fc.assert(
    fc.property(arbitrarySpec, fc.nat(), (document, seed) => {
      const spec = specOf(document);
      assert.equal(diffPolicies(spec, specOf(shuffled(document, seed))), []);
      assert.equal(diffPolicies(spec, specOf(spec)), []);
    }),
    { numRuns: 100 },
  );
});

type Row = readonly [
  what: string,
  change: object,
  pointer: string,
  words: string,
  behaves: boolean,
];

const ROWS: readonly Row[] = [
  ['a name', { name: 'Another name' }, '/name', 'it is called "Another name"', false],
  ['notes', { notes: 'why' }, '/notes', 'notes', false],
  ['being disabled', { enabled: false }, '/enabled', 'it is disabled', true],
  ['a priority', { priority: 6 }, '/priority', 'it runs later', true],
  ['a window', { suppression_window: '31m' }, '/suppression_window', 'quiet for "31m"', true],
  ['a spelling', { suppression_window: '1800s' }, '/suppression_window', 'another spelling', false],
  [
    'a driver',
    { targets: { ...SHUTDOWN.targets, driver: `sha256:${SWITCH}` } },
    '/targets/driver',
    'another driver package',
    true,
  ],
  [
    'targets',
    { targets: { ...SHUTDOWN.targets, selector: { mode: 'list', value: '101' } } },
    '/targets/selector/value',
    'other targets: "101, 100" → "101"',
    true,
  ],
  [
    'a threshold',
    {
      trigger_group: {
        ...SHUTDOWN.trigger_group,
        triggers: [
          SHUTDOWN.trigger_group.triggers[0],
          { ...SHUTDOWN.trigger_group.triggers[1], value: 5 },
        ],
      },
    },
    '/trigger_group/triggers/1/value',
    '8 → 5',
    true,
  ],
];

for (const [what, change, pointer, words, behaves] of ROWS) {
  diff(`a change of ${what} is told by its pointer and in words`, () => {
    const [found, ...more] = changes(change);
    assert.equal(more, []);
    assert.is(found?.pointer, pointer);
    assert.match(found?.meaning ?? '', words);
    assert.is(found?.changesBehaviour, behaves);
  });
}

diff('a trigger before the others is one change, and moves nothing else', () => {
  const first = { type: 'webhook.custom', name: 'alarm' };
  const triggers = [first, ...SHUTDOWN.trigger_group.triggers];
  const found = changes({ trigger_group: { ...SHUTDOWN.trigger_group, triggers } });
  assert.equal(
    found.map(({ kind, pointer }) => [kind, pointer]),
    [['added', '/trigger_group/triggers/0']],
  );
});

diff('an action that goes is one change, with its place in the old version', () => {
  const found = changes({ actions: SHUTDOWN.actions.slice(1) });
  assert.equal(
    found.map(({ kind, pointer, to }) => [kind, pointer, to]),
    [['removed', '/actions/0', null]],
  );
  assert.match(found[0]?.meaning ?? '', 'an action less');
});

diff('a trigger of another type is told as a whole', () => {
  const triggers = [{ type: 'webhook.custom', name: 'alarm' }, SHUTDOWN.trigger_group.triggers[1]];
  const found = changes({ trigger_group: { ...SHUTDOWN.trigger_group, triggers } });
  assert.equal(
    found.map(({ kind, pointer }) => [kind, pointer]),
    [['changed', '/trigger_group/triggers/0']],
  );
});

diff('two policies differ where and only where their behaviour, name or notes do', () => {
  fc.assert(
    fc.property(arbitrarySpec, arbitrarySpec, (a, b) => {
      const [before, after] = [specOf(a), specOf(b)];
      const found = diffPolicies(before, after);
      const isSame = JSON.stringify(before) === JSON.stringify(after);
      assert.is(found.length === 0, isSame);
      for (const { meaning, pointer } of found) {
        assert.ok(meaning.length > 0 && meaning.length < 600);
        assert.ok(pointer.startsWith('/'));
      }
    }),
    { numRuns: 100 },
  );
});

diff.run();
