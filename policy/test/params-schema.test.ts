import type { JsonValue } from '@writ/core/statements/jcs';
import { checkParams } from '@writ/policy/engine/params-check';
import { checkParamsSchema, MAX_SCHEMA_DEPTH } from '@writ/policy/engine/params-schema';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const params = suite('schemas of parameters');

function object(properties: { readonly [name: string]: JsonValue }, more: object = {}): JsonValue {
  return { type: 'object', properties, additionalProperties: false, ...more };
}

const SCHEMA = object(
  {
    state: { type: 'string', enum: ['on', 'off'], title: 'State' },
    delay: { type: 'integer', minimum: 0, maximum: 60 },
    label: { type: 'string', minLength: 1, maxLength: 4 },
    force: { type: 'boolean', const: true },
    tags: { type: 'array', items: { type: 'string' }, maxItems: 2 },
    inner: object({ ratio: { type: 'number' } }, { required: ['ratio'] }),
  },
  { required: ['state'] },
);

const REFUSED: readonly (readonly [string, JsonValue, pointer: string])[] = [
  ['no object', 'text', ''],
  ['parameters that are no object', { type: 'string' }, '/type'],
  ['no type', {}, ''],
  ['a list of types', { type: ['object', 'null'] }, ''],
  ['an open object', { type: 'object', properties: {} }, ''],
  [
    'a keyword of another draft',
    object({ a: { type: 'string', format: 'ipv4' } }),
    '/properties/a/format',
  ],
  ['a pattern', object({ a: { type: 'string', pattern: '(a+)+$' } }), '/properties/a/pattern'],
  ['a reference', object({ a: { $ref: '#' } }), '/properties/a'],
  ['a combinator', object({ a: { type: 'string', anyOf: [] } }), '/properties/a/anyOf'],
  [
    'a limit of another type',
    object({ a: { type: 'string', minimum: 1 } }),
    '/properties/a/minimum',
  ],
  [
    'limits that exclude each other',
    object({ a: { type: 'integer', minimum: 2, maximum: 1 } }),
    '/properties/a/minimum',
  ],
  [
    'a length that is no count',
    object({ a: { type: 'string', maxLength: 1.5 } }),
    '/properties/a/maxLength',
  ],
  ['an empty choice', object({ a: { type: 'string', enum: [] } }), '/properties/a/enum'],
  [
    'a choice of another type',
    object({ a: { type: 'string', enum: ['a', 1] } }),
    '/properties/a/enum/1',
  ],
  ['a choice twice', object({ a: { type: 'string', enum: ['a', 'a'] } }), '/properties/a/enum/1'],
  ['a list without items', object({ a: { type: 'array' } }), '/properties/a'],
  ['a required name that there is not', object({}, { required: ['a'] }), '/required/0'],
  ['a secret parameter', object({ a: { type: 'string', secret: true } }), '/properties/a/secret'],
  ['a name that needs escaping', object({ 'a/b': { type: 'x' } }), '/properties/a~1b'],
];

for (const [what, schema, pointer] of REFUSED) {
  params(`a schema with ${what} is refused where it stands`, () => {
    assert.ok(checkParamsSchema(schema).some((problem) => problem.pointer === pointer));
  });
}

params('a schema of the subset is accepted, with secrets only in connections', () => {
  assert.equal(checkParamsSchema(SCHEMA), []);
  const secret = object({ key: { type: 'string', secret: true } });
  assert.equal(checkParamsSchema(secret, { allowSecrets: true }), []);
});

params('a schema that is too deep or too large is refused', () => {
  let deep: JsonValue = { type: 'string' };
  for (let i = 0; i <= MAX_SCHEMA_DEPTH; i++) deep = { type: 'array', items: deep };
  assert.ok(checkParamsSchema(object({ deep })).length > 0);
  const many = Object.fromEntries(
    Array.from({ length: 2000 }, (_, i) => [`p${i}`, { type: 'null' }]),
  );
  assert.is(checkParamsSchema(object(many)).length, 1);
});

type Row = readonly [what: string, value: JsonValue, code: string, pointer: string];
const BAD_PARAMS: readonly Row[] = [
  ['a missing one', {}, 'param-missing', '/state'],
  ['an unknown one', { state: 'on', stat: 'off' }, 'param-unknown', '/stat'],
  ['another choice', { state: 'cycle' }, 'param-invalid', '/state'],
  ['another type', { state: 1 }, 'param-invalid', '/state'],
  ['a fraction for an integer', { state: 'on', delay: 0.5 }, 'param-invalid', '/delay'],
  ['too small a number', { state: 'on', delay: -1 }, 'param-invalid', '/delay'],
  ['too large a number', { state: 'on', delay: 61 }, 'param-invalid', '/delay'],
  ['too short a text', { state: 'on', label: '' }, 'param-invalid', '/label'],
  ['too long a text', { state: 'on', label: 'abcde' }, 'param-invalid', '/label'],
  ['another constant', { state: 'on', force: false }, 'param-invalid', '/force'],
  ['too long a list', { state: 'on', tags: ['a', 'b', 'c'] }, 'param-invalid', '/tags'],
  ['an item of another type', { state: 'on', tags: ['a', 1] }, 'param-invalid', '/tags/1'],
  ['a missing one inside', { state: 'on', inner: {} }, 'param-missing', '/inner/ratio'],
  ['null for an object', null, 'param-invalid', ''],
  ['a list for an object', [], 'param-invalid', ''],
];

for (const [what, value, code, pointer] of BAD_PARAMS) {
  params(`parameters with ${what} are refused where they stand`, () => {
    const problems = checkParams(SCHEMA, value);
    assert.ok(
      problems.some((problem) => problem.code === code && problem.pointer === pointer),
      JSON.stringify(problems),
    );
  });
}

params('lengths count characters, as JSON Schema does', () => {
  assert.equal(checkParams(SCHEMA, { state: 'on', label: '🔌🔌🔌🔌' }), []);
});

params('names of the prototype are parameters like any other: unknown', () => {
  for (const name of ['__proto__', 'constructor', 'toString']) {
    const value: JsonValue = JSON.parse(`{"state":"on",${JSON.stringify(name)}:1}`);
    assert.is(checkParams(SCHEMA, value)[0]?.code, 'param-unknown');
  }
});

params(
  'nothing that JSON can hold makes a check throw, and an unsound schema allows nothing',
  () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (schema, value) => {
        const given: JsonValue = JSON.parse(JSON.stringify(schema));
        const asked: JsonValue = JSON.parse(JSON.stringify(value));
        const isSound = checkParamsSchema(given).length === 0;
        if (!isSound && typeof given !== 'object') assert.ok(checkParams(given, asked).length > 0);
        checkParams(given, asked);
        checkParams(SCHEMA, asked);
      }),
    );
  },
);

params.run();
