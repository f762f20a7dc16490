// The plain part of YAML: what is accepted means the same to a general parser, and nothing is slow.

import { utf8 } from '@writ/core/bytes';
import { readManifest } from '@writ/policy/engine/manifest';
import {
  MAX_MANIFEST_NODES,
  MAX_MANIFEST_SIZE,
  MAX_MAP_MEMBERS,
  readManifestYaml,
} from '@writ/policy/engine/manifest-yaml';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseDocument } from 'yaml';
import { LAMP } from './driver-world.ts';
import { fastestMs } from './fastest.ts';

const yaml = suite('plain YAML');

const READ: readonly (readonly [string, unknown])[] = [
  ['a: 1', { a: 1 }],
  ['a: 1.0.0\nb: 1.5\nc: -2\nd: 0x1f\ne: 1e3', { a: '1.0.0', b: 1.5, c: -2, d: 31, e: 1000 }],
  ['a: true\nb: ~\nc:\nd: yes', { a: true, b: null, c: null, d: 'yes' }],
  ['# one\na: b # two\n\n  # three\nc: d#e', { a: 'b', c: 'd#e' }],
  ['a:\n- 1\n- b: 2\n  c: 3\n- - x\n  - y', { a: [1, { b: 2, c: 3 }, ['x', 'y']] }],
  ['a:\n  - 1\n  -\n    b: 2\n  -', { a: [1, { b: 2 }, null] }],
  ["a: [1, \"two\", 'it''s', {b: c}, ]", { a: [1, 'two', "it's", { b: 'c' }] }],
  ['a: [\n  1, # one\n  2\n ]\nb: {\n  c: d\n  }', { a: [1, 2], b: { c: 'd' } }],
  ['{"a":1,"b":["\\u0041\\n\\"",null,true]}', { a: 1, b: ['A\n"', null, true] }],
  [
    'a: |\n  one\n    two\n\n  three\nb: |-\n  x\n\nc: d',
    { a: 'one\n  two\n\nthree\n', b: 'x', c: 'd' },
  ],
  ['"a b": http://x:1/\n\'c\' : d: e'.replace(': e', 'e'), { 'a b': 'http://x:1/', c: 'de' }],
];

for (const [text, value] of READ)
  yaml(`${JSON.stringify(text)} is read`, () => {
    assert.equal(readManifestYaml(utf8(text)), { value });
    assert.equal(parseDocument(text, { version: '1.2', schema: 'core' }).toJS(), value);
  });

const REFUSED: readonly (readonly [string, RegExp])[] = [
  ['a: &b c', /line 1: anchors/],
  ['a: 1\nb: *a', /line 2: aliases/],
  ['a: !!str 1', /tags/],
  ['a: b: c', /quotes/],
  ['a: b\n  c', /indented too far/],
  ['a:\n  b: 1\n c: 2', /line 3: is no member|belongs to nothing|indented/],
  ['a: "b\n  c"', /no end in its line/],
  ['a: >\n  b', /folded/],
  ['a: "\\x41"', /not one of JSON/],
  ['a: "\\ud800"', /not Unicode/],
  ['? a\n: b', /not expected/],
  ['a: 1\na: 2', /line 2: a name is there twice/],
  ['{a: 1, a: 2}', /twice/],
  ['1: a', /names are texts/],
  ['{null: a}', /names are texts/],
  ['[a: b]', /comma/],
  ['{a}', /colon/],
  ['{a: }', /missing/],
  ['[1, 2', /not closed/],
  ['a:\n  b: [1,\n  2]', /indented too little/],
  ['a: [1]]', /behind a value/],
  ['a: .inf', /cannot hold/],
  [`a: ${'9'.repeat(65)}`, /cannot hold/],
  ['a:\tb', /tab/],
  ['\ufeffa: b', /control/],
  ['a: 1\n---\nb: 2', /line 2: .*one document/],
  ['', /nothing/],
  ['# nothing', /nothing/],
  ['- '.repeat(17), /too deeply/],
  [`${'['.repeat(18)}${']'.repeat(18)}`, /too deeply/],
  [`[${'1,'.repeat(MAX_MANIFEST_NODES)}]`, /too many values/],
  [Array.from({ length: MAX_MAP_MEMBERS + 1 }, (_, i) => `k${i}: v`).join('\n'), /members/],
  [' '.repeat(MAX_MANIFEST_SIZE + 1), /larger/],
];

for (const [text, reason] of REFUSED)
  yaml(`${JSON.stringify(text.slice(0, 40))} is refused with its line and reason`, () => {
    const read = readManifestYaml(utf8(text));
    assert.match('findings' in read ? (read.findings[0]?.message ?? '') : 'read', reason);
  });

const TOKENS = [
  ...['a', 'b', 'a b', '- ', '-', '\n', '\n  ', '\n    ', '\n ', ':', ': ', ' ', '"', "'", '"x"'],
  ...["'y'", '[', ']', '{', '}', ',', ', ', '#', ' # c', '|', '|\n', '|-\n', '1', '1.5', '-0'],
  ...['.5', '1e3', '0x1f', '0o7', 'true', 'null', '~', 'k: ', 'k:\n  ', 'j: 1\n', '- a\n', '\\n'],
  ...['http://x:1', '?', '!', '&', '*', '>', '@', '%', '`', 'é', '\u2028', '---', '{"a":1}'],
];

yaml('whatever is accepted means the same to a parser of all of YAML', () => {
  let accepted = 0;
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...TOKENS), { maxLength: 14 }), (tokens) => {
      const text = tokens.join('');
      const read = readManifestYaml(utf8(text));
      if (!('value' in read)) return;
      accepted++;
      const document = parseDocument(text, {
        ...{ version: '1.2', schema: 'core', merge: false, stringKeys: true },
        ...{ prettyErrors: false, logLevel: 'silent' },
      });
      assert.equal([...document.errors, ...document.warnings], [], JSON.stringify(text));
      assert.is(JSON.stringify(document.toJS()), JSON.stringify(read.value), JSON.stringify(text));
    }),
    { numRuns: 20_000 },
  );
  assert.ok(accepted > 1000);
});

yaml('JSON is read as JSON.parse reads it', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
      const text = JSON.stringify(value);
      if (/[\u007f-\u009f\ufeff]/.test(text)) return;
      const read = readManifestYaml(utf8(text));
      if ('value' in read) assert.is(JSON.stringify(read.value), JSON.stringify(JSON.parse(text)));
      else
        assert.match(read.findings[0]?.message ?? '', /twice|too many|deeply|Unicode|cannot hold/);
    }),
  );
});

const HEAD = LAMP.slice(0, LAMP.indexOf('schema:'));
const most = (unit: string): string => unit.repeat(Math.floor(60_000 / unit.length));
const rows = (count: number, row: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => row(i)).join('');
const HOSTILE: readonly (readonly [string, string])[] = [
  ['brackets', most('[]')],
  ['quotes', most('"\n')],
  ['bad escapes', `x: "${most('\\q')}"`],
  ['escapes', `x: "${most('\\n')}"`],
  ['doubled quotes', `x: '${most("''")}'`],
  ['closing brackets', most('}\n')],
  ['question marks', most('?\n')],
  ['tags', `x:\n${most('- !a b\n')}`],
  ['lists', `x:\n${most('- []\n')}`],
  ['lists in lists', `x:\n${most('- - - - - - - - a\n')}`],
  ['blank lines', most('\n')],
  ['comments', most('#\n')],
  ['comments in brackets', `x: [${most('\n  # c')}]`],
  ['spaces', `x: ${most(' ')}[${'1,'.repeat(2000)}]`],
  ['a text of many lines', `x: |\n${most('  a\n')}`],
  ['blank lines in a text', `x: |\n  a\n${most('\n')}  b`],
  ['as many values as may be', `x: [${rows(2000, (i) => `${i},`)}]`],
  ['as many members as may be', rows(7, (j) => `m${j}:\n${rows(250, (i) => `  k${i}: v\n`)}`)],
  ['a name twice at the end', `x: {${rows(250, (i) => `k${i}: 1,`)} k0: 1}`],
  ['a long name', `${most('a')}: 1`],
  ['colons', most(': ')],
  ['numbers', `x: ${most('9')}`],
  [
    'a capability with all that it may have',
    `capabilities:\n${rows(32, (j) => `- id: lamp.c${String.fromCharCode(97 + (j % 26))}\n  verbs: [${rows(31, (i) => `v${i},`)}]\n  targets: [outlet]\n`)}`,
  ],
  [
    'schemas',
    `schema:\n  connection:\n    type: object\n    additionalProperties: false\n    properties:\n${rows(250, (i) => `      k${i}: { type: string, pattern: x, maxLength: -1 }\n`)}`,
  ],
];

for (const [title, text] of HOSTILE)
  yaml(`a manifest of nothing but ${title} takes less than 10 ms`, () => {
    const bytes = utf8(`${HEAD}${text}`);
    assert.ok(bytes.length <= MAX_MANIFEST_SIZE);
    assert.ok(readManifest(bytes).findings.length > 0);
    const ms = fastestMs(() => readManifest(bytes));
    assert.ok(ms < 10, `it took ${ms} ms`);
  });

yaml.run();
