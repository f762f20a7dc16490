// Selectors (spec/selectors.md): what they mean in an inventory, by hand.

import { invalid, valid } from './scenery.mjs';

const FORMAT = 'selector';
const STACK = [
  ...slot('1/', 3),
  ...slot('1/A', 4),
  ...slot('1/B', 4),
  ...slot('2/A', 2),
  ['vm:1', 'a machine'],
];
const FLEET = [
  ['vm:100', 'db-1', 'tier=db', 'site=north'],
  ['vm:101', 'web-1', 'tier=web', 'site=north'],
  ['vm:102', 'web-2', 'tier=web', 'site=south'],
  ['vm:9', 'caf\u00e9 \u{1f600}'],
  ['host:1', 'web-1', 'tier=web'],
];

export function* selectorVectors() {
  yield* validLists();
  yield* validRuns();
  yield* validQueries();
  yield* invalidLists();
  yield* invalidQueries();
}

function slot(prefix, count) {
  return Array.from({ length: count }, (_, i) => [`poe-port:${prefix}${i + 1}`, `port ${i + 1}`]);
}

function meaning(name, description, [mode, targetType, value], canonical, ids, more = {}) {
  const { inventory, unresolved = [] } = more;
  const input = { mode, target_type: targetType, value, ...(inventory ? { inventory } : {}) };
  return valid(FORMAT, name, description, input, { canonical, ids, unresolved });
}

function refused(name, description, [mode, targetType, value], code) {
  return invalid(FORMAT, name, description, { mode, target_type: targetType, value }, code);
}

function* validLists() {
  const list = (type, value) => ['list', type, value];
  yield meaning('number', 'One number.', list('vm', '101'), '101', ['vm:101']);
  yield meaning(
    'order',
    'A list keeps its order, and each target once.',
    list('vm', '140-142,101 , 100,\t101'),
    '140-142, 101, 100, 101',
    ['vm:140', 'vm:141', 'vm:142', 'vm:101', 'vm:100'],
  );
  yield meaning('id-in-full', 'An id in full.', list('vm', 'vm:101, web-1'), '101, web-1', [
    'vm:101',
    'vm:web-1',
  ]);
  yield meaning(
    'port-forms',
    'Every form of a port.',
    list('poe-port', '24, 1/25, 1/1/26, A1, 1/A2, 1/A/3, 2/0/4'),
    '1/24, 1/25, 1/26, 1/A1, 1/A2, 1/A3, 2/0/4',
    ['1/24', '1/25', '1/26', '1/A1', '1/A2', '1/A3', '2/0/4'].map((value) => `poe-port:${value}`),
  );
  yield meaning(
    'port-range',
    'A range within a slot needs no inventory.',
    ['range', 'poe-port', '1/A1 - A3'],
    '1/A1-1/A3',
    ['poe-port:1/A1', 'poe-port:1/A2', 'poe-port:1/A3'],
  );
  yield meaning(
    'interface-names',
    'Interfaces have names too.',
    list('interface', 'eth0, Gi1/0/1, ge-0/0/1, B2'),
    'eth0, Gi1/0/1, ge-0/0/1, 1/B2',
    ['interface:eth0', 'interface:Gi1/0/1', 'interface:ge-0/0/1', 'interface:1/B2'],
  );
  yield meaning(
    'unresolved',
    'Members that the inventory lacks are named.',
    list('vm', '100-103'),
    '100-103',
    ['vm:100', 'vm:101', 'vm:102'],
    { inventory: FLEET, unresolved: ['vm:103'] },
  );
}

function* validRuns() {
  const run = (value) => ['range', 'poe-port', value];
  yield meaning(
    'run-of-slots',
    'A range over slots is the run in inventory order.',
    run('1/A3-1/B2'),
    '1/A3-1/B2',
    ['poe-port:1/A3', 'poe-port:1/A4', 'poe-port:1/B1', 'poe-port:1/B2'],
    { inventory: STACK.toReversed() },
  );
  yield meaning(
    'run-of-members',
    'Slots with a number come first, then letters, then the next member.',
    run('1/3-2/A1'),
    '1/3-2/A1',
    ['1/3', ...['A', 'B'].flatMap((s) => [1, 2, 3, 4].map((n) => `1/${s}${n}`)), '2/A1'].map(
      (value) => `poe-port:${value}`,
    ),
    { inventory: STACK },
  );
  yield meaning(
    'run-end-missing',
    'An end that is not there is named.',
    run('1/B4-2/A9'),
    '1/B4-2/A9',
    ['poe-port:1/B4', 'poe-port:2/A1', 'poe-port:2/A2'],
    { inventory: STACK, unresolved: ['poe-port:2/A9'] },
  );
}

function* validQueries() {
  for (const [name, description, value, canonical, ids] of [
    ['query-name', 'Names are compared exactly.', 'name = web-1', 'name = web-1', ['101']],
    [
      'query-id',
      'Ids with and without their type.',
      'id in("vm:102",100)',
      'id in (102, 100)',
      ['100', '102'],
    ],
    ['query-glob', 'A star is any run.', 'name ~ "*-1"', 'name ~ *-1', ['100', '101']],
    [
      'query-glob-character',
      'A question mark is one code point.',
      'name ~ "caf? ?"',
      'name ~ "caf? ?"',
      ['9'],
    ],
    ['query-label', 'A label.', 'label.tier=web', 'label.tier = web', ['101', '102']],
    [
      'query-label-missing',
      'Without the label a target is not equal.',
      'label.tier != web',
      'label.tier != web',
      ['100', '9'],
    ],
    [
      'query-precedence',
      'And binds closer than or.',
      'name = db-1 or name = web-1 and label.site = south',
      'name = db-1 or name = web-1 and label.site = south',
      ['100'],
    ],
    [
      'query-parentheses',
      'Parentheses bind closest.',
      'not (label.tier = web or ((label.site = north)))',
      'not (label.tier = web or label.site = north)',
      ['9'],
    ],
    [
      'query-order',
      'Results are in code point order.',
      'id ~ *',
      'id ~ *',
      ['100', '101', '102', '9'],
    ],
    ['query-none', 'A query may mean nothing.', 'name = "and"', 'name = "and"', []],
  ])
    yield meaning(
      name,
      description,
      ['query', 'vm', value],
      canonical,
      ids.map((id) => `vm:${id}`),
      {
        inventory: FLEET,
      },
    );
}

function* invalidLists() {
  const bad = 'selector-malformed';
  for (const [name, description, type, value, code] of [
    ['empty', 'No item.', 'vm', '', bad],
    ['comma-trailing', 'An empty item.', 'vm', '101,', bad],
    ['leading-zero', 'A second spelling of 7.', 'vm', '007', bad],
    ['space-inside', 'White space inside a number.', 'vm', '1 0', bad],
    ['dash', 'A dash is no hyphen.', 'vm', '100\u2013110', bad],
    ['no-break-space', 'Only space, tab and line ends are white space.', 'vm', '100\u00a0', bad],
    ['slot-lower-case', 'Slots are upper case.', 'poe-port', '1/a1', bad],
    ['slot-twice', 'A slot is said once.', 'poe-port', '1/A/B1', bad],
    ['port-of-vm', 'A machine has no ports.', 'vm', '1/A1', bad],
    ['type-unknown-in-id', 'An id of an unknown type.', 'vm', 'robot:1', bad],
    ['type-other', 'An id of another type.', 'vm', 'host:1', 'selector-type-mismatch'],
    ['type-unknown', 'An unknown target type.', 'poe_port', '1', 'target-type-unknown'],
    ['reversed', 'A range that runs backwards.', 'vm', '9-3', 'selector-range-reversed'],
    [
      'reversed-member',
      'The member is not taken over.',
      'port',
      '2/A1-A4',
      'selector-range-reversed',
    ],
    ['too-large', 'More than 4,096 targets.', 'vm', '0-4096', 'selector-too-large'],
    [
      'ambiguous-slots',
      'Two readings without an inventory.',
      'port',
      '1/A1-1/B4',
      'selector-range-ambiguous',
    ],
    [
      'ambiguous-members',
      'Two readings without an inventory.',
      'port',
      '1/A1-2/A4',
      'selector-range-ambiguous',
    ],
  ])
    yield refused(name, description, ['list', type, value], code);
}

function* invalidQueries() {
  const bad = 'selector-malformed';
  for (const [name, description, value, code = bad] of [
    ['query-empty', 'No comparison.', ' '],
    ['query-field', 'An unknown field.', 'state = running'],
    ['query-operator', 'An unknown operator.', 'name == web'],
    ['query-regexp', 'There are no regular expressions.', 'name ~ "a" i'],
    ['query-keyword-case', 'Keywords are lower case.', 'name = a AND name = b'],
    ['query-keyword-value', 'A keyword is no value.', 'name = and'],
    ['query-quote-open', 'A quotation mark that is not closed.', 'name = "a'],
    ['query-escape', 'An unknown escape.', 'name = "a\\n"'],
    ['query-parenthesis-open', 'A parenthesis that is not closed.', '(name = a'],
    ['query-in-empty', 'A list without values.', 'name in ()'],
    ['query-id-impossible', 'An id that no target of the type has.', 'id = 007'],
    ['query-deep', 'More than 32 levels.', `${'not '.repeat(33)}name = a`],
    [
      'query-terms',
      'More than 64 comparisons.',
      `id in (${'1,'.repeat(64)}1)`,
      'selector-too-large',
    ],
    ['query-long', 'More than 512 characters.', `name = ${'a'.repeat(506)}`, 'selector-too-large'],
    [
      'query-globs',
      'More than 4 globs.',
      'name ~ a* or name ~ b* or not (name ~ c* or id ~ 1*) or label.x ~ d*',
      'selector-too-large',
    ],
    ['query-unchecked', 'A query needs an inventory.', 'name = a', 'selector-needs-inventory'],
  ])
    yield refused(name, description, ['query', 'vm', value], code);
}
