// Checkpoints of C2SP tlog-checkpoint.

import { MAX_UINT63 } from '@writ/core/bytes';
import { type Checkpoint, formatCheckpoint, parseCheckpoint } from '@writ/core/formats/checkpoint';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkMutants, refusal, textFormat } from './mutants.ts';

const test = suite('checkpoints');
const ROOT = new Uint8Array(32).fill(3);
const GOOD: Checkpoint = { origin: 'log.example', size: 21n, root: ROOT, extensions: [] };
const line = fc.stringMatching(/^[a-zA-Z0-9 /.+—-]{1,20}$/u);

test('the example of the specification is read', () => {
  const text =
    'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n';
  const checkpoint = parseCheckpoint(text);
  assert.is(checkpoint.origin, 'example.com/behind-the-sofa');
  assert.is(checkpoint.size, 20_852_163n);
  assert.is(formatCheckpoint(checkpoint), text);
});

test('any checkpoint reads back, up to the largest size', () => {
  fc.assert(
    fc.property(
      fc.record(
        {
          origin: line,
          size: fc.bigInt(0n, MAX_UINT63),
          root: fc.uint8Array({ minLength: 32, maxLength: 32 }),
          extensions: fc.array(line, { maxLength: 3 }),
        },
        { noNullPrototype: true },
      ),
      (checkpoint) => assert.equal(parseCheckpoint(formatCheckpoint(checkpoint)), checkpoint),
    ),
  );
});

test('a mutant is refused or read exactly', () => {
  for (const extensions of [[], ['one', 'two']]) {
    const good = new TextEncoder().encode(formatCheckpoint({ ...GOOD, extensions }));
    const format = textFormat(parseCheckpoint, formatCheckpoint, ['checkpoint-malformed']);
    assert.ok(checkMutants(good, format) > 0);
  }
});

test('refusals name field and line', () => {
  const [origin = '', size = '', root = ''] = formatCheckpoint(GOOD).split('\n');
  for (const [text, field, number] of [
    [`${origin}\n${size}\n${root}`, 'body', 1],
    [`\n${size}\n${root}\n`, 'origin', 1],
    [`a\u0001\n${size}\n${root}\n`, 'origin', 1],
    [`${origin}\n021\n${root}\n`, 'size', 2],
    [`${origin}\n${MAX_UINT63 + 1n}\n${root}\n`, 'size', 2],
    [`${origin}\n${size}\n${root.slice(1)}\n`, 'root', 3],
    [`${origin}\n${size}\n${root}\n\n`, 'extension', 4],
  ] as const) {
    const { detail } = refusal(() => parseCheckpoint(text), 'checkpoint-malformed');
    assert.is(detail['field'], field, text);
    assert.is(detail['line'], number, text);
  }
});

test.run();
