import type { JsonValue } from '@writ/core/statements/jcs';
import { SPEC_VERSION, type SpecUpgrade, upgradeSpec } from '@writ/policy/engine/spec-upgrade';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const upgrades = suite('spec upgrade');

upgrades('a document of the newest version, or without one, is left alone', () => {
  for (const document of [{ version: SPEC_VERSION, a: 1 }, { a: 1 }, [], null, 'text'])
    assert.equal(upgradeSpec(document), { document });
});

upgrades('a version that nothing leads from is a blocker', () => {
  for (const version of [0, 2, 1.5, -1, 1e300, '1', null, true, [], {}] as JsonValue[]) {
    const result = upgradeSpec({ version });
    assert.ok('finding' in result, JSON.stringify(version));
    assert.is(result.finding.code, 'version-unknown');
    assert.is(result.finding.severity, 'blocker');
    assert.is(result.finding.path, '/version');
  }
});

upgrades('an older document goes through every version up to the newest', () => {
  const table = new Map<number, SpecUpgrade>([
    [1, ({ old, ...rest }) => ({ ...rest, middle: old ?? null })],
    [2, ({ middle, ...rest }) => ({ ...rest, newest: middle ?? null })],
  ]);
  const document = { version: 1, old: 'x', other: 2 };
  assert.equal(upgradeSpec(document, table, 3), {
    document: { version: 3, newest: 'x', other: 2 },
  });
  assert.equal(document, { version: 1, old: 'x', other: 2 });
  assert.equal(upgradeSpec({ old: 'x' }, table, 3), { document: { version: 3, newest: 'x' } });
  const gap = new Map([...table].slice(0, 1));
  assert.ok('finding' in upgradeSpec(document, gap, 3));
});

upgrades('a version of the prototype is none of the document', () => {
  const document: { [name: string]: JsonValue } = Object.create({ version: 9 });
  assert.ok('document' in upgradeSpec(document));
});

upgrades.run();
