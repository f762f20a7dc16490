import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { repositoryRoot } from '../repository-files.mjs';
import { currentPolicyPage, findingTable, replaceTable } from '../write-policy-tables.mjs';

const tables = suite('policy tables');

tables('the tables of the page are those of the engine', async () => {
  const page = readFileSync(join(repositoryRoot, 'spec/policy-engine.md'), 'utf8');
  assert.is(await currentPolicyPage(repositoryRoot), page);
});

tables('a table takes the place of what stood between its marks, and of nothing else', () => {
  const page = 'before\n<!-- table: t -->\n\nold\n\n<!-- end: t -->\nafter\n';
  const once = replaceTable(page, 't', 'new');
  assert.is(once, 'before\n<!-- table: t -->\n\nnew\n\n<!-- end: t -->\nafter\n');
  assert.is(replaceTable(once, 't', 'new'), once);
  assert.throws(() => replaceTable('no marks', 't', 'new'), /no marks/);
});

tables('findings are listed by stage, in the order of the catalogue', () => {
  const kind = (stage) => ({ stage, severities: ['warn', 'blocker'], meaning: 'what' });
  const codes = new Map([
    ['b-b', kind('late')],
    ['c-c', kind('early')],
    ['a-a', kind('late')],
  ]);
  const rows = findingTable(codes, ['early', 'late']).split('\n').slice(2);
  assert.equal(
    rows.map((row) => row.slice(3, 6)),
    ['c-c', 'b-b', 'a-a'],
  );
  assert.match(rows[0], 'warn or blocker');
});

tables.run();
