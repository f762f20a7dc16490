import { resolve } from '@writ/policy/engine/selector';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fastestMs } from './fastest.ts';
import { indexOf, item } from './inventories.ts';
import { read, refusal } from './selectors.ts';

const queries = suite('queries');
const DYNAMIC = { isDynamic: true };

const FLEET = indexOf(
  item('vm:100', { name: 'db-1', labels: { tier: 'db', site: 'north' } }),
  item('vm:101', { name: 'web-1', labels: { tier: 'web', site: 'north' } }),
  item('vm:102', { name: 'web-2', labels: { tier: 'web', site: 'south' } }),
  item('vm:9', { name: 'and', labels: { tier: 'a "b" \\c' } }),
  item('vm:web-9', { name: 'caf\u00e9 \u{1f600}', labels: {} }),
  item('host:1', { name: 'web-1', labels: { tier: 'web' } }),
);

queries('a query means the targets of its type that meet it, by canonical id', () => {
  for (const [query, ids] of [
    ['name = web-1', '101'],
    ['id = 101', '101'],
    ['id = "vm:101"', '101'],
    ['id in (102, vm:100, 7)', '100 102'],
    ['id ~ 10?', '100 101 102'],
    ['id ~ vm:10*', '100 101 102'],
    ['name ~ "web-*"', '101 102'],
    ['name ~ "WEB-*"', ''],
    ['name ~ "caf? ?"', 'web-9'],
    ['name ~ "caf? ??"', ''],
    ['label.tier = web', '101 102'],
    ['label.tier != web', '100 9 web-9'],
    ['not label.tier = web', '100 9 web-9'],
    ['label.nothing = x', ''],
    ['label.nothing != x', '100 101 102 9 web-9'],
    ['label.tier ~ *', '100 101 102 9'],
    ['label.tier in (db, web) and not label.site = south', '100 101'],
    ['label.site = south or label.tier = db', '100 102'],
    ['name = web-1 or name = web-2 and label.site = north', '101'],
    ['(name = web-1 or name = web-2) and label.site = north', '101'],
    ['not not name = db-1', '100'],
    ['name="and"', '9'],
    ['label.tier="a \\"b\\" \\\\c"', '9'],
    ['name in ("db-1","web-2")', '100 102'],
    ['label.__proto__ = x', undefined],
    ['label.constructor ~ *', ''],
  ] as const) {
    if (ids === undefined) {
      refusal(query, 'vm', 'query');
      continue;
    }
    const { resolution } = resolve(read(query, 'vm', 'query'), FLEET, DYNAMIC);
    assert.equal(
      resolution.ids,
      ids
        .split(' ')
        .filter(Boolean)
        .map((id) => `vm:${id}`),
      query,
    );
  }
});

queries('what is no query is a blocker that says where', () => {
  for (const [query, words] of [
    ['', 'the query is empty'],
    [' \t', 'the query is empty'],
    ['name', 'ends where an operator'],
    ['name =', 'ends where a value'],
    ['name = and', 'character 8: expected a value'],
    ['= web', 'character 1: expected id, name'],
    ['state = running', 'expected id, name or label.<key>'],
    ['label. = x', 'expected id, name'],
    ['Name = x', 'expected id, name'],
    ['name == x', 'expected a value'],
    ['name ! x', 'belongs to nothing'],
    ['name ~ /x/ y', 'expected and, or, or the end'],
    ['name = a AND name = b', 'and is lower case'],
    ['name = a and', 'ends where a field'],
    ['(name = a', 'ends where )'],
    ['name = a)', 'expected and, or, or the end'],
    ['name in ()', 'expected a value'],
    ['name in (a,)', 'expected a value'],
    ['name in a', 'expected ('],
    ['name = "a', 'is not closed'],
    ['name = "a\\n"', 'are escapes'],
    ['name = "a\\', 'are escapes'],
    ['name = \u201ca\u201d', 'belongs to nothing'],
    ['name = "\ud800"', 'not valid Unicode'],
    ['id = "no such"', 'cannot be the id of a vm'],
    ['id = host:1', 'cannot be the id of a vm'],
    ['id in (1, 02)', 'cannot be the id of a vm'],
    [`${'('.repeat(33)}name = a${')'.repeat(33)}`, 'nested more than 32'],
    [`${'not '.repeat(33)}name = a`, 'nested more than 32'],
  ] as const) {
    const finding = refusal(query, 'vm', 'query');
    assert.is(finding?.code, 'selector-malformed', query);
    assert.ok(finding?.message.includes(words), `${query}: ${finding?.message}`);
  }
  const terms = (count: number) => `id in (${Array.from({ length: count }, () => '1').join()})`;
  assert.ok(read(terms(64), 'vm', 'query'));
  assert.is(refusal(terms(65), 'vm', 'query')?.code, 'selector-too-large');
  assert.ok(read(`name = ${'a'.repeat(505)}`, 'vm', 'query'));
  assert.is(refusal(`name = ${'a'.repeat(506)}`, 'vm', 'query')?.code, 'selector-too-large');
});

const MANY = indexOf(
  ...Array.from({ length: 100_000 }, (_, i) =>
    item(`vm:${100_000 + i}`, {
      name: `web-${i % 977}-node-${i}`,
      labels: { note: `${i} ${'aaab'.repeat(30)}` },
    }),
  ),
);

queries('a query has at most four globs, wherever they stand', () => {
  const globs = (count: number) => Array.from({ length: count }, (_, i) => `name ~ a${i}*`);
  read(globs(4).join(' or '), 'vm', 'query');
  const found = refusal(
    `(${globs(3).join(' or ')}) and not (id ~ 1* or label.x ~ b*)`,
    'vm',
    'query',
  );
  assert.is(found?.code, 'selector-too-large');
});

queries('no query has long to look at a hundred thousand targets: it is refused, not cut', () => {
  for (const [query, isRefused] of [
    ['name ~ *?1?*', false],
    ['not name ~ *?*', false],
    ['id ~ *?9?9?*', false],
    ['label.note ~ *b?a?a?a?a*', true],
    [`name ~ *${'?'.repeat(200)}*${'n?'.repeat(60)}*`, true],
    ['not name ~ *?* and not id ~ *?* or label.note ~ *a?a* or label.note ~ *b?b*', true],
  ] as const) {
    const parsed = read(query, 'vm', 'query');
    resolve(parsed, MANY, DYNAMIC);
    const took = fastestMs(() => resolve(parsed, MANY, DYNAMIC));
    const { resolution, findings } = resolve(parsed, MANY, DYNAMIC);
    const message = findings.find(({ code }) => code === 'selector-too-large')?.message ?? '';
    assert.is(message.includes('too much to look at'), isRefused, query);
    if (isRefused) assert.equal(resolution.ids, []);
    // A bound for a slow machine that does other things too; without the limit it is seconds.
    assert.ok(took < 150, `${query}: ${took} ms`);
  }
});

queries.run();
