// The list of refusals: spec/refusals.md says the same as the code.

import { readFileSync } from 'node:fs';
import { REFUSALS } from '@writ/core/streams/refusal';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('refusals');
const page = readFileSync(new URL('../../../spec/refusals.md', import.meta.url), 'utf8');

test('the page lists every code with its meaning, and no other', () => {
  const rows = [...page.matchAll(/^\| `([a-z-]+)` \| ([^|]+) \| `/gm)];
  assert.equal(
    rows.map(([, code, meaning]) => [code, meaning]),
    Object.entries(REFUSALS),
  );
});

test.run();
