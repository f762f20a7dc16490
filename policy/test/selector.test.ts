import { readdirSync, readFileSync } from 'node:fs';
import { InventoryIndex } from '@writ/policy/engine/inventory-index';
import { parsePort } from '@writ/policy/engine/port';
import { compareResolutions } from '@writ/policy/engine/resolution-difference';
import {
  CONFIRM_ABOVE,
  formatSelector,
  MAX_UNRESOLVED_FINDINGS,
  parseSelector,
  type Resolved,
  resolve,
} from '@writ/policy/engine/selector';
import { MAX_EXPANSION } from '@writ/policy/engine/selector-items';
import {
  canonicalValue,
  parseTargetId,
  TARGET_TYPES,
  targetLabel,
} from '@writ/policy/engine/target-types';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { indexOf, inventory, item, ports } from './inventories.ts';
import { read, refusal } from './selectors.ts';

const selectors = suite('selectors');
const DYNAMIC = { isDynamic: true };
const STATIC = { isDynamic: false };

function idsOf(value: string, type: string, index?: InventoryIndex): readonly string[] {
  return resolve(read(value, type), index, DYNAMIC).resolution.ids;
}

function codesOf({ findings }: Resolved): string[] {
  return findings.map(({ code, severity }) => `${severity} ${code}`);
}

selectors('a port has one canonical id for each of its spellings', () => {
  for (const [text, canonical] of [
    ['24', '1/24'],
    ['1/24', '1/24'],
    ['1/1/24', '1/24'],
    ['A1', '1/A1'],
    ['1/A1', '1/A1'],
    ['1/A/1', '1/A1'],
    ['2/0/24', '2/0/24'],
    ['2/1/24', '2/24'],
    ['0/0/0', '0/0/0'],
    ['99/99/9999', '99/99/9999'],
  ] as const)
    assert.is(canonicalValue('poe-port', text), canonical, text);
});

selectors('what is no port is refused', () => {
  for (const text of [
    '',
    '/',
    '1/',
    '/1',
    '1//2',
    'A',
    'a1',
    'AA1',
    '01',
    '1/01',
    '100/1',
    '1/100/1',
    '1/10000',
    '1/A/B1',
    '1/2/3/4',
    '-1',
    '+1',
    '1.5',
    ' 1',
    '1e3',
    '\uff11',
    '1/A1 ',
    'A1/1',
    '1/Ä1',
  ])
    assert.is(parsePort(text), undefined, text);
});

selectors('an interface is a port or a name that starts with a letter', () => {
  assert.is(canonicalValue('interface', '24'), '1/24');
  for (const name of ['eth0', 'Gi1/0/1', 'ge-0/0/1', 'p1', 'br-lan', 'vlan.100'])
    assert.is(canonicalValue('interface', name), name, name);
  for (const text of ['', '-eth0', 'eth 0', 'A1-B4', '1-2', 'eth0:1'])
    assert.is(canonicalValue('interface', text), undefined, text);
});

selectors('canonical ids are recognised and other spellings are not', () => {
  for (const id of ['vm:101', 'vm:web-1', 'poe-port:1/A1', 'stack-member:2', 'ups:rack1@nut'])
    assert.ok(parseTargetId(id), id);
  for (const id of [
    '',
    ':',
    'vm',
    'vm:',
    ':101',
    'vm:007',
    'vm:1-2',
    'poe-port:A1',
    'poe-port:1/1/24',
    'VM:1',
    'proxmox.vm:1',
    'poe_port:1/A1',
    'stack-member:two',
    'vm:a b',
    'vm:a/b',
    'vm:1:2',
    'vm:é',
    `vm:${'9'.repeat(10)}`,
    `vm:a${'b'.repeat(128)}`,
    '__proto__:1',
    'constructor:1',
  ])
    assert.is(parseTargetId(id), undefined, id);
  assert.is(targetLabel('poe-port:1/A1'), 'PoE port 1/A1');
  assert.is(targetLabel('vm:101'), 'VM 101');
  assert.is(targetLabel('no such thing'), 'no such thing');
});

selectors('the registry names its types in the one spelling of ids', () => {
  assert.ok(TARGET_TYPES.size >= 12);
  for (const [id, type] of TARGET_TYPES) {
    assert.match(id, /^[a-z]+(?:-[a-z]+)*$/);
    assert.is(type.id, id);
  }
});

selectors('a list means its items in the order in which they stand, each once', () => {
  assert.equal(idsOf('140-142, 101 ,100,\n101', 'vm'), [
    'vm:140',
    'vm:141',
    'vm:142',
    'vm:101',
    'vm:100',
  ]);
  assert.equal(idsOf(' 1/A2 - 1/A3 , B1,24', 'poe-port'), [
    'poe-port:1/A2',
    'poe-port:1/A3',
    'poe-port:1/B1',
    'poe-port:1/24',
  ]);
  assert.equal(idsOf('vm:101, web-1', 'vm'), ['vm:101', 'vm:web-1']);
  assert.equal(idsOf('2/0/1-2/0/3', 'port'), ['port:2/0/1', 'port:2/0/2', 'port:2/0/3']);
  assert.equal(idsOf('eth0, 1/A1-A2', 'interface'), [
    'interface:eth0',
    'interface:1/A1',
    'interface:1/A2',
  ]);
});

selectors('what is no list is a blocker that says which item and what to write', () => {
  for (const [value, type, code, words] of [
    ['', 'vm', 'selector-malformed', 'item 1 is empty'],
    ['101,,102', 'vm', 'selector-malformed', 'item 2 is empty'],
    ['101,', 'vm', 'selector-malformed', 'item 2 is empty'],
    ['007', 'vm', 'selector-malformed', 'is no vm'],
    ['1 0', 'vm', 'selector-malformed', '"1 0"'],
    ['vm: 1-3', 'vm', 'selector-malformed', 'has a space'],
    ['vm:1-vm:3', 'vm', 'selector-malformed', 'is no vm'],
    ['1/A1', 'vm', 'selector-malformed', 'is no vm'],
    ['web', 'poe-port', 'selector-malformed', '1/A1-1/A16'],
    ['1-2-3', 'stack-member', 'selector-malformed', 'is no stack-member'],
    ['5-', 'vm', 'selector-malformed', 'is no vm'],
    ['100\u2013110', 'vm', 'selector-malformed', 'is no vm'],
    ['100\u00a0', 'vm', 'selector-malformed', 'is no vm'],
    ['9-3', 'vm', 'selector-range-reversed', 'runs backwards'],
    ['1/A9-1/A3', 'port', 'selector-range-reversed', 'runs backwards'],
    ['2/A1-A4', 'port', 'selector-range-reversed', '2/A1-1/A4'],
    ['host:1', 'vm', 'selector-type-mismatch', 'is a host'],
    ['robot:1', 'vm', 'selector-malformed', 'unknown target type'],
    ['1-999999999', 'vm', 'selector-too-large', '999999999 targets'],
    [`${'1,'.repeat(MAX_EXPANSION)}1`, 'vm', 'selector-too-large', '4097 targets'],
    ['1'.repeat(20_000), 'vm', 'selector-too-large', 'characters'],
  ] as const) {
    const finding = refusal(value, type);
    assert.is(finding?.code, code, value.slice(0, 40));
    assert.ok(finding?.message.includes(words), `${value.slice(0, 40)}: ${finding?.message}`);
    assert.is(finding?.path, '/targets/selector/value');
  }
  assert.is(refusal('1', 'robot')?.code, 'target-type-unknown');
  assert.is(refusal('1', 'robot')?.path, '/targets/target_type');
  assert.is(refusal('1', '__proto__')?.code, 'target-type-unknown');
});

selectors('the largest list that is allowed is resolved, and one target more is not', () => {
  assert.is(idsOf(`1-${MAX_EXPANSION}`, 'vm').length, MAX_EXPANSION);
  refusal(`1-${MAX_EXPANSION + 1}`);
});

selectors('a range over two slots without an inventory is refused with both readings', () => {
  const { resolution, findings } = resolve(
    read('1/A1-1/B4', 'poe-port', 'range'),
    undefined,
    DYNAMIC,
  );
  assert.equal(resolution.ids, []);
  assert.is(findings.length, 1);
  const [finding] = findings;
  assert.is(finding?.code, 'selector-range-ambiguous');
  assert.is(finding?.severity, 'blocker');
  assert.match(
    finding?.message ?? '',
    /all ports from 1\/A1 .* up to 1\/B4, or ports 1 to 4 of each/,
  );
  const members = resolve(read('1/A1-2/A4', 'port'), undefined, DYNAMIC).findings[0];
  assert.match(members?.message ?? '', /crosses stack members/);
});

selectors(
  'a range over two slots runs in inventory order, whatever order the driver listed',
  () => {
    const listed = ports('poe-port', ['1/B', '1/A', '2/A', '1/'], 6).reverse();
    const index = indexOf(...listed, 'vm:1');
    assert.equal(idsOf('1/A5-1/B2', 'poe-port', index), [
      'poe-port:1/A5',
      'poe-port:1/A6',
      'poe-port:1/B1',
      'poe-port:1/B2',
    ]);
    // Slots with a number come before slots with a letter, and a member after all slots of the one before.
    assert.equal(idsOf('1/6-1/A1', 'poe-port', index), ['poe-port:1/6', 'poe-port:1/A1']);
    assert.equal(idsOf('1/B6-2/A1', 'poe-port', index), ['poe-port:1/B6', 'poe-port:2/A1']);
  },
);

selectors(
  'an end of a run that is not there is reported and the run goes as far as it says',
  () => {
    const index = indexOf(...ports('port', ['1/A', '1/B'], 4));
    const { resolution, findings } = resolve(read('1/A4-1/B9', 'port'), index, STATIC);
    assert.equal([...resolution.ids].sort(), [
      'port:1/A4',
      'port:1/B1',
      'port:1/B2',
      'port:1/B3',
      'port:1/B4',
    ]);
    assert.equal(resolution.unresolved, ['port:1/B9']);
    assert.is(findings[0]?.severity, 'blocker');
  },
);

selectors(
  'members that the inventory lacks are named one by one, as dynamic as the policy is',
  () => {
    const index = indexOf('vm:100', 'vm:102');
    for (const [options, severity] of [
      [DYNAMIC, 'warn'],
      [STATIC, 'blocker'],
    ] as const) {
      const { resolution, findings } = resolve(read('100-103'), index, options);
      assert.equal(resolution.ids, ['vm:100', 'vm:102']);
      assert.equal(resolution.unresolved, ['vm:101', 'vm:103']);
      assert.is(resolution.reason, '2 of 4 targets are not in the inventory');
      assert.is(resolution.inventoryMs, 1000);
      assert.equal(
        findings.map(({ message, severity: found }) => [found, message.split(' ')[0]]),
        [
          [severity, 'vm:101'],
          [severity, 'vm:103'],
        ],
      );
    }
  },
);

selectors('many missing members share a last finding and stay in the resolution', () => {
  const { resolution, findings } = resolve(read('1-1000'), indexOf('vm:1'), DYNAMIC);
  assert.is(resolution.unresolved.length, 999);
  assert.is(findings.length, MAX_UNRESOLVED_FINDINGS + 1);
  assert.match(findings.at(-1)?.message ?? '', /967 more/);
});

selectors('a list without an inventory is expanded, and says that nobody checked it', () => {
  const resolved = resolve(read('100, 101'), undefined, STATIC);
  assert.equal(resolved.resolution, {
    ids: ['vm:100', 'vm:101'],
    unresolved: [],
    inventoryMs: null,
    reason: 'not checked against an inventory',
  });
  assert.equal(codesOf(resolved), ['info selector-unchecked']);
});

selectors('a selector that means nothing at present is a warning', () => {
  const query = read('name = nobody', 'vm', 'query');
  assert.equal(codesOf(resolve(query, indexOf('vm:1'), STATIC)), ['warn selector-empty']);
  const list = resolve(read('7'), indexOf('vm:1'), DYNAMIC);
  assert.equal(codesOf(list), ['warn selector-unresolved', 'warn selector-empty']);
});

selectors('a query without an inventory waits when dynamic and blocks when static', () => {
  const query = read('name ~ "web-*"', 'vm', 'query');
  assert.equal(codesOf(resolve(query, undefined, DYNAMIC)), ['warn selector-needs-inventory']);
  assert.equal(codesOf(resolve(query, undefined, STATIC)), ['blocker selector-needs-inventory']);
});

selectors('more than 64 targets of a destructive verb ask for confirmation', () => {
  const destructive = { isDynamic: true, isDestructive: true };
  const index = indexOf(...Array.from({ length: 100 }, (_, i) => `vm:${i}`));
  const at = (count: number, options: typeof destructive) =>
    codesOf(resolve(read(`0-${count - 1}`), index, options));
  assert.equal(at(CONFIRM_ABOVE, destructive), []);
  assert.equal(at(CONFIRM_ABOVE + 1, destructive), ['warn selector-confirm']);
  assert.equal(at(CONFIRM_ABOVE + 1, { isDynamic: true, isDestructive: false }), []);
});

selectors('a query that means too many targets is refused rather than cut', () => {
  const items = Array.from({ length: MAX_EXPANSION + 1 }, (_, i) => `vm:${i}`);
  const query = read('name ~ *', 'vm', 'query');
  const { resolution, findings } = resolve(query, indexOf(...items), DYNAMIC);
  assert.equal(resolution.ids, []);
  assert.is(findings[0]?.code, 'selector-too-large');
  assert.is(
    resolve(query, indexOf(...items.slice(1)), DYNAMIC).resolution.ids.length,
    MAX_EXPANSION,
  );
});

selectors('an old inventory is said', () => {
  const index = InventoryIndex.build(
    inventory([item('vm:1')], { stale: true, reason: 'no answer within 5 s' }),
  );
  const { findings } = resolve(read('1'), index, DYNAMIC);
  assert.equal(
    findings.map(({ code, message }) => [code, message]),
    [['inventory-stale', 'the inventory is old: no answer within 5 s']],
  );
});

selectors('the canonical text of a selector is the shortest that reads the same', () => {
  for (const [text, mode, canonical] of [
    ['101 ,120 - 122', 'list', '101, 120-122'],
    ['vm:101', 'list', '101'],
    [
      'label.tier  =  "web"  and(name~"a b*"or id in("vm:1",2))',
      'query',
      'label.tier = web and (name ~ "a b*" or id in (1, 2))',
    ],
    ['((name = a and (name = b and name = c)))', 'query', 'name = a and name = b and name = c'],
    [
      'not (name = a and name = b) or not(not(name = "in"))',
      'query',
      'not (name = a and name = b) or not not name = "in"',
    ],
  ] as const)
    assert.is(formatSelector(read(text, 'vm', mode)), canonical);
});

selectors('every example has a selector that can be read', () => {
  const folder = new URL('../../../examples/', import.meta.url);
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
  assert.ok(files.length >= 13);
  for (const file of files) {
    const { targets } = JSON.parse(readFileSync(new URL(file, folder), 'utf8'));
    const { parsed, findings } = parseSelector(targets.selector, targets.target_type);
    assert.ok(parsed, `${file}: ${findings?.[0]?.message}`);
    assert.ok(resolve(parsed, undefined, DYNAMIC).resolution.ids.length > 0, file);
  }
});

selectors('the difference between two resolutions names what came and what went', () => {
  const at = (ids: readonly string[]) => ({ ids, unresolved: [], inventoryMs: 1, reason: null });
  assert.equal(compareResolutions(at(['vm:1', 'vm:2']), at(['vm:2', 'vm:3'])), {
    added: ['vm:3'],
    removed: ['vm:1'],
    isReordered: false,
  });
  assert.ok(compareResolutions(at(['vm:1', 'vm:2']), at(['vm:2', 'vm:1'])).isReordered);
  assert.not(compareResolutions(at(['vm:1']), at(['vm:1'])).isReordered);
});

selectors.run();
