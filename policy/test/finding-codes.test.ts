import { readdirSync, readFileSync } from 'node:fs';
import { FINDING_CODES } from '@writ/policy/engine/finding-codes';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const catalogue = suite('catalogue of findings');

// How the sources name a code: handed to what makes a finding, or at the start of the words of a schema.
const NAMED =
  /(?:(?:findingOf|refusal|blocker|refuse|\.say|SelectorFault)\(|code: )\s*'([a-z]+(?:-[a-z]+)+)'|'([a-z]+(?:-[a-z]+)+): [a-z$]/g;

/** Codes of errors (spec/errors.md), of drivers (spec/drivers.md) and of problems inside, which are no findings. */
const NO_FINDINGS =
  /^(?:request|schema-invalid|driver-(?:failed|timeout|crashed|busy|start|memory|output|answer|cancelled|package)|package)/;

catalogue('every code that the engine names is in the catalogue', () => {
  const folder = new URL('../../src/engine/', import.meta.url);
  const missing: string[] = [];
  let found = 0;
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.ts'))) {
    for (const [, call, words] of readFileSync(new URL(file, folder), 'utf8').matchAll(NAMED)) {
      const code = call ?? words ?? '';
      if (FINDING_CODES.has(code)) found++;
      else if (!NO_FINDINGS.test(code)) missing.push(`${file}: ${code}`);
    }
  }
  assert.equal(missing, []);
  assert.ok(found > 60, `only ${found} codes were found: the sources name them another way now`);
});

catalogue('every code is spelled alike and says what it means', () => {
  for (const [code, { severities, meaning }] of FINDING_CODES) {
    assert.match(code, /^[a-z]+(?:-[a-z]+)+$/);
    assert.ok(meaning.length > 10 && severities.length > 0);
  }
});

catalogue.run();
