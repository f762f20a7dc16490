import { parseCanonicalJson } from '@writ/core/statements/jcs';
import { type CompiledPolicy, compile } from '@writ/policy/engine/compile';
import { irBytes } from '@writ/policy/engine/digests';
import { formatPointer, nearestPointer } from '@writ/policy/engine/json-pointer';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { OPTIONS, SHUTDOWN, VMS } from './sample-policies.ts';

const digests = suite('digests of policies');

function compiled(change: object): CompiledPolicy {
  const result = compile({ ...SHUTDOWN, ...change }, { ...OPTIONS, inventory: VMS });
  if (!result.ok) throw new Error(JSON.stringify(result.findings));
  return result;
}

function withValue(value: number): CompiledPolicy {
  const [first] = SHUTDOWN.conditions.all;
  return compiled({ conditions: { all: [{ ...first, value }] } });
}

digests('the bytes of an IR are canonical JSON of it', () => {
  const { ir } = compiled({});
  assert.equal(parseCanonicalJson(irBytes(ir)), JSON.parse(JSON.stringify(ir)));
});

digests('two spellings of one number are one number, and two numbers are not', () => {
  const spelled = ['1e1', '10', '10.0', '100e-1'].map((text) => withValue(JSON.parse(text)));
  assert.is(new Set(spelled.map((result) => result.digests.spec)).size, 1);
  assert.is(withValue(-0).digests.ir, withValue(0).digests.ir);
  assert.is.not(withValue(0.1 + 0.2).digests.ir, withValue(0.3).digests.ir);
});

digests('text is taken as it is: composed and decomposed letters are different names', () => {
  const [composed, decomposed] = ['Caf\u00e9', 'Cafe\u0301'].map((name) => compiled({ name }));
  assert.is.not(composed?.digests.spec, decomposed?.digests.spec);
  assert.is(composed?.digests.semantic, decomposed?.digests.semantic);
});

digests('the order of actions, triggers and targets means something', () => {
  const reversed = [
    { actions: SHUTDOWN.actions.toReversed() },
    {
      trigger_group: {
        ...SHUTDOWN.trigger_group,
        triggers: SHUTDOWN.trigger_group.triggers.toReversed(),
      },
    },
    { targets: { ...SHUTDOWN.targets, selector: { mode: 'list', value: '100, 101' } } },
  ];
  const all = [{}, ...reversed].map((change) => compiled(change).digests);
  assert.is(new Set(all.map(({ semantic }) => semantic)).size, all.length);
  assert.is(new Set(all.map(({ ir }) => ir)).size, all.length);
});

digests('a pointer is cut to what resolves, and never follows a prototype', () => {
  const document = { 'a/b': [{ 'm~n': null }] };
  assert.is(nearestPointer(document, formatPointer('a/b', 0, 'm~n')), '/a~1b/0/m~0n');
  assert.is(nearestPointer(document, formatPointer('a/b', 1, 'x')), '/a~1b');
  assert.is(nearestPointer(document, '/toString/name'), '');
  assert.is(nearestPointer([1], '/length'), '');
  assert.is(nearestPointer('text', '/0'), '');
});

digests.run();
