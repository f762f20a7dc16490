import { readdirSync, readFileSync } from 'node:fs';
import { formatCanonicalJson, type JsonValue } from '@writ/core/statements/jcs';
import {
  MAX_SPEC_BYTES,
  MAX_SPEC_VALUES,
  policySpecJson,
  policySpecJsonSchema,
  readPolicySpec,
  readPolicySpecText,
} from '@writ/policy/engine/policy-spec-schema';
import { MAX_FINDINGS } from '@writ/policy/engine/schema-parts';
import { SPEC_FINDING_CODES } from '@writ/policy/engine/spec-finding-codes';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { arbitrarySpec } from './arbitrary-spec.ts';
import { fastestMs } from './fastest.ts';

const specs = suite('policy spec');
const examples = new URL('../../../examples/', import.meta.url);

const MINIMAL: { readonly [name: string]: JsonValue } = {
  name: 'Suspend the lab',
  trigger_group: { triggers: [{ type: 'ups.state', equals: 'mains-lost' }] },
  targets: {
    host_id: '6f1d1b54-3c1e-4f0a-9d57-0c9b3d2f7a11',
    target_type: 'vm',
    selector: { mode: 'list', value: '101' },
  },
  actions: [{ capability_id: 'vm.lifecycle', verb: 'suspend' }],
};

/** True when `pointer` (RFC 6901) names something in `document`. */
function resolves(document: unknown, pointer: string): boolean {
  let value = document;
  for (const segment of pointer.split('/').slice(1)) {
    const name = segment.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return false;
    value = new Map<string, unknown>(Object.entries(value)).get(name);
  }
  return pointer === '' || pointer.startsWith('/');
}

function mustFind(document: unknown): readonly string[] {
  const { findings } = readPolicySpec(document);
  assert.ok(findings !== undefined && findings.length > 0, 'it was accepted');
  for (const { code, severity, stage, path, message } of findings) {
    assert.ok(SPEC_FINDING_CODES.has(code), `${code} is not in the catalogue`);
    assert.is(`${severity} ${stage}`, 'blocker schema');
    assert.ok(resolves(document, path), `${path} does not resolve`);
    assert.ok(message.length > 0);
  }
  return findings.map(({ code, path }) => `${code} ${path}`);
}

specs('every example is a valid policy', () => {
  const names = readdirSync(examples).filter((name) => name.endsWith('.json'));
  assert.ok(names.length >= 13);
  for (const name of names) {
    const { spec, findings } = readPolicySpecText(readFileSync(new URL(name, examples), 'utf8'));
    assert.equal(findings, undefined, name);
    assert.is(spec?.version, 1, name);
  }
});

specs('regression 19: absent, empty and written out are the same policy', () => {
  const read = (document: unknown): string => {
    const { spec } = readPolicySpec(document);
    if (spec === undefined) throw new Error('the document was refused');
    return formatCanonicalJson(policySpecJson(spec));
  };
  const plain = read(MINIMAL);
  const written: readonly (readonly [string, JsonValue])[] = [
    ['conditions', {}],
    ['conditions', { all: [] }],
    ['notes', null],
    ['enabled', true],
    ['suppression_window', '5m'],
    ['actions', [{ capability_id: 'vm.lifecycle', verb: 'suspend', params: {}, idempotency: {} }]],
    [
      'trigger_group',
      {
        logic: 'ANY',
        window: null,
        triggers: [{ type: 'ups.state', equals: 'mains-lost', for: null }],
      },
    ],
  ];
  for (const [name, value] of written) assert.is(read({ ...MINIMAL, [name]: value }), plain, name);
});

specs('a policy with its defaults is read as itself', () => {
  fc.assert(
    fc.property(arbitrarySpec, (document) => {
      const { spec, findings } = readPolicySpec(document);
      assert.equal(findings, undefined);
      if (spec === undefined) return;
      const again = readPolicySpec(JSON.parse(formatCanonicalJson(policySpecJson(spec))));
      assert.ok(again.spec !== undefined);
      assert.is(
        formatCanonicalJson(policySpecJson(again.spec)),
        formatCanonicalJson(policySpecJson(spec)),
      );
    }),
    { numRuns: 50 },
  );
});

specs('whatever is done to a policy, each finding points into the document', () => {
  const junk = fc.oneof(
    fc.constantFrom<JsonValue>(null, true, -1, 0.5, '', 'x', [], {}, [[]], '5mxyz', 1e300),
    fc.constantFrom('constructor', 'prototype', 'toString').map((name) => ({ [name]: {} })),
  );
  fc.assert(
    fc.property(arbitrarySpec, fc.nat(), fc.nat(2), junk, (document, seed, way, value) => {
      const changed = changeOne(document, seed, way, value);
      const { findings } = readPolicySpec(changed);
      if (findings !== undefined) mustFind(changed);
    }),
    { numRuns: 150 },
  );
});

/** `document` with one member replaced, removed or added, chosen by `seed`. */
function changeOne(document: JsonValue, seed: number, way: number, value: JsonValue): unknown {
  const copy: unknown = JSON.parse(JSON.stringify(document));
  const places: (readonly [object, string])[] = [];
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    for (const [name, child] of Object.entries(node)) {
      places.push([node, name]);
      visit(child);
    }
  };
  visit(copy);
  const [parent, name] = places[seed % places.length] ?? [{}, ''];
  if (way === 0) Reflect.set(parent, name, value);
  else if (way === 1) Reflect.deleteProperty(parent, name);
  else Reflect.set(parent, Array.isArray(parent) ? String(parent.length) : 'surprise/~', value);
  return copy;
}

specs('no text does anything but give findings, and none takes ten milliseconds', () => {
  const text = fc.oneof(
    fc.string({ maxLength: 300 }),
    fc.json(),
    fc.constantFrom('__proto__', 'constructor').map((name) => `{"${name}": {"enabled": false}}`),
  );
  fc.assert(
    fc.property(text, (value) => {
      const { findings } = readPolicySpecText(value);
      assert.ok(findings !== undefined && findings.length > 0);
    }),
    { numRuns: 150 },
  );
  assert.is(Reflect.get({}, 'enabled'), undefined);
});

/** A policy whose one action has lists of 1,000 of such values. */
function wide(item: (i: number) => unknown, lists: number): string {
  const params = Object.fromEntries(
    Array.from({ length: lists }, (_, row) => [
      `r${row}`,
      Array.from({ length: 1000 }, (_, i) => item(i)),
    ]),
  );
  return JSON.stringify({ ...MINIMAL, actions: [{ capability_id: 'a.b', verb: 'c', params }] });
}

const HOSTILE: readonly (readonly [string, string])[] = [
  ['deep lists', `${'['.repeat(31_000)}${']'.repeat(31_000)}`],
  ['deep objects', `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`],
  ['unknown fields', `{${Array.from({ length: 6000 }, (_, i) => `"f${i}":1`).join(',')}}`],
  ['many unknown fields', `{${Array.from({ length: 250 }, (_, i) => `"f${i}":1`).join(',')}}`],
  ['triggers that are none', `{"trigger_group":{"triggers":[${'1,'.repeat(30_000)}1]}}`],
  ['empty triggers', `{"trigger_group":{"triggers":[${'{},'.repeat(15_000)}{}]}}`],
  ['a long duration', `{"suppression_window":"${'9'.repeat(60_000)}"}`],
  ['a long name of spaces', `{"name":"x${' '.repeat(60_000)}\\u0007"}`],
  [
    'a long cron',
    `{"trigger_group":{"triggers":[{"type":"timer.at","cron":"${'1,'.repeat(30_000)}"}]}}`,
  ],
  [
    'long lists of weekdays',
    `{"trigger_group":{"triggers":[{"type":"timer.at","schedule":{"days":[${'"mon",'.repeat(9000)}"mon"]}}]}}`,
  ],
  ['escapes', `{"name":"${'\\u0000'.repeat(10_000)}"}`],
  ['lists in lists', wide((i) => [[i % 2]], 10)],
  ['many empty lists', wide(() => [], 20)],
  ['many escapes', wide(() => '\n', 12)],
  ['more values than may be', wide(() => '\n\n\n', 5)],
  [
    'actions full of parameters',
    JSON.stringify({
      ...MINIMAL,
      actions: Array.from({ length: 32 }, () => ({
        ...{ capability_id: 'a', verb: 'b' },
        params: Object.fromEntries(Array.from({ length: 250 }, (_, i) => [i.toString(36), 1])),
      })),
    }),
  ],
  [
    'cron expressions of many items',
    JSON.stringify({
      trigger_group: {
        triggers: Array.from({ length: 32 }, () => ({
          ...{ type: 'timer.at', cron: `${'*,'.repeat(95)}* * * * *` },
        })),
      },
    }),
  ],
  ['a text that is too large', `{"notes":"${'x'.repeat(MAX_SPEC_BYTES)}"}`],
];

for (const [title, text] of HOSTILE) {
  specs(`${title}: refused with bounded findings in bounded time`, () => {
    const { findings } = readPolicySpecText(text);
    assert.ok(findings !== undefined && findings.length > 0 && findings.length <= MAX_FINDINGS);
    const ms = fastestMs(() => readPolicySpecText(text));
    assert.ok(ms < 10, `it took ${ms} ms`);
  });
}

specs(
  'as many values as may be are read below 10 ms, one more is refused, defaults included',
  () => {
    const withValues = (count: number): string => {
      // The document itself, its fields and the lists are values, too.
      const used = 24;
      const lists = Array.from({ length: 4 }, (_, row) =>
        Array.from({ length: Math.floor((count - used + row) / 4) }, () => '\n'),
      );
      return JSON.stringify({
        ...MINIMAL,
        actions: [{ capability_id: 'a.b', verb: 'c', params: Object.fromEntries(lists.entries()) }],
      });
    };
    const isRead = (count: number): boolean =>
      readPolicySpecText(withValues(count)).findings === undefined;
    let most = MAX_SPEC_VALUES - 64;
    assert.ok(isRead(most));
    while (isRead(most + 1)) most++;
    assert.ok(most <= MAX_SPEC_VALUES);
    const text = withValues(most);
    const ms = fastestMs(() => readPolicySpecText(text));
    assert.ok(ms < 10, `it took ${ms} ms`);
    const { spec } = readPolicySpecText(text);
    assert.ok(spec !== undefined);
    assert.is(readPolicySpec(policySpecJson(spec)).findings, undefined);
    assert.is(readPolicySpecText(withValues(most + 1)).findings?.[0]?.code, 'document-too-large');
  },
);

specs('a field that is named twice is refused: readers differ in which one they take', () => {
  const text = JSON.stringify({ ...MINIMAL, notes: 'a "quoted" : colon \\' });
  assert.is(readPolicySpecText(text).findings, undefined);
  for (const twice of ['"enabled":false,', '"name":"x:y",', '"na\\u006de":"Another name",']) {
    const { findings } = readPolicySpecText(text.replace('{', `{${twice}${twice}`));
    assert.equal(
      findings?.map(({ code, path }) => code + path),
      ['field-repeated'],
      twice,
    );
  }
});

specs('what is no JSON is refused where it stands', () => {
  const cycle: Record<string, unknown> = { ...MINIMAL };
  cycle['notes'] = cycle;
  const cases: readonly unknown[] = [
    undefined,
    () => 1,
    { ...MINIMAL, notes: undefined },
    { ...MINIMAL, notes: new Date(0) },
    { ...MINIMAL, priority: Number.NaN },
    { ...MINIMAL, priority: Number.POSITIVE_INFINITY },
    { ...MINIMAL, notes: '\ud800' },
    { ...MINIMAL, priority: 1n },
    cycle,
  ];
  for (const document of cases) mustFind(document);
});

specs('a document that changes while it is read is judged as it was copied', () => {
  let reads = 0;
  const document = { ...MINIMAL };
  Object.defineProperty(document, 'name', {
    enumerable: true,
    get: () => (reads++ === 0 ? 'Suspend the lab' : '\u001b[2J'),
  });
  assert.is(readPolicySpec(document).spec?.name, 'Suspend the lab');
  assert.is(reads, 1);
});

specs('a policy whose defaults make it too large is refused', () => {
  const params = Object.fromEntries(
    Array.from({ length: 4 }, (_, i) => [`p${i}`, 'x'.repeat(15_858)]),
  );
  const document = { ...MINIMAL, actions: [{ capability_id: 'a', verb: 'b', params }] };
  const size = formatCanonicalJson(document).length;
  assert.ok(size < MAX_SPEC_BYTES && size > MAX_SPEC_BYTES - 300, String(size));
  assert.equal(mustFind(document), ['document-too-large ']);
});

specs('all that is wrong is said at once', () => {
  const found = mustFind({
    ...MINIMAL,
    name: 'ab',
    priority: 'high',
    trigger_group: {
      triggers: [
        { type: 'timer.at', schedule: { repeat: 'weekly', at: '7:00', day: 3 }, cron: '* *' },
        { type: 'ups.state', equals: 'dark', for: '25h', extra: 1 },
      ],
    },
  });
  for (const expected of [
    'text-too-small /name',
    'type-wrong /priority',
    'clock-time-malformed /trigger_group/triggers/0/schedule/at',
    'weekdays-missing /trigger_group/triggers/0/schedule',
    'day-unexpected /trigger_group/triggers/0/schedule/day',
    'cron-malformed /trigger_group/triggers/0/cron',
    'schedule-ambiguous /trigger_group/triggers/0',
    'ups-state-unknown /trigger_group/triggers/1/equals',
    'duration-out-of-range /trigger_group/triggers/1/for',
    'field-unknown /trigger_group/triggers/1/extra',
  ])
    assert.ok(found.includes(expected), `${expected} is missing in ${found.join('; ')}`);
});

specs('the number of findings is bounded, and the last one says so', () => {
  const trigger = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`x${i}`, 1]));
  const found = mustFind({
    ...MINIMAL,
    trigger_group: {
      triggers: Array.from({ length: 20 }, () => ({ ...trigger, type: 'ups.state' })),
    },
  });
  assert.is(found.length, MAX_FINDINGS);
  assert.is(found.at(-1), 'findings-cut ');
});

specs('the JSON Schema is made from the same source', () => {
  const schema: { [name: string]: unknown } = JSON.parse(JSON.stringify(policySpecJsonSchema()));
  assert.is(schema['$schema'], 'https://json-schema.org/draft/2020-12/schema');
  assert.is(schema['additionalProperties'], false);
  assert.equal(schema['required'], ['name', 'trigger_group', 'targets', 'actions']);
  const { spec } = readPolicySpec(MINIMAL);
  const properties = Object.entries(schema['properties'] ?? {});
  assert.equal(properties.map(([name]) => name).sort(), Object.keys(spec ?? {}).sort());
  for (const [name, property] of properties) {
    const found: { readonly default?: unknown } = property;
    if (Object.hasOwn(property, 'default'))
      assert.equal(found.default, Reflect.get(spec ?? {}, name), name);
  }
});

specs.run();
