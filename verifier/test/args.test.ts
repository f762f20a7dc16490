import { isLogError } from '@writ/core/errors';
import { type Invocation, parseArguments } from '@writ/verifier/cli/args';
import { COMMANDS, COMMON_OPTIONS } from '@writ/verifier/cli/commands';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('parseArguments');
const parse = (...argv: string[]): Invocation => parseArguments(argv, COMMANDS, COMMON_OPTIONS);

const ODD = [
  '0e12',
  '007',
  '1.10',
  '-',
  '9'.repeat(64),
  '0x10',
  'true',
  '',
  ' ',
  'a=b',
  '[]',
  'no-x',
];

test('hands every value over as it was typed', () => {
  for (const value of ODD) {
    assert.is(parse('proof', 'x', '--policy', value).values.get('policy'), value);
    assert.is(parse('proof', 'x', `--policy=${value}`).values.get('policy'), value);
    assert.is(parse('proof', 'x', '-p', value).values.get('policy'), value);
  }
  assert.is(parse('proof', 'x', '--policy=--json').values.get('policy'), '--json');
});

test('hands every operand over as it was typed', () => {
  for (const value of ODD.filter((odd) => odd !== '')) {
    assert.equal(parse('proof', value).operands, [value]);
    assert.equal(parse('consistency', value, value).operands, [value, value]);
  }
  for (const value of ['--policy', '-p', '--', '--help', '-'])
    assert.equal(parse('proof', '--', value).operands, [value]);
});

test('hands over any text at all', () => {
  const text = fc.string().filter((value) => !value.startsWith('-') && !value.includes('\u0001'));
  fc.assert(
    fc.property(text, text, (operand, value) => {
      fc.pre(operand !== '');
      const got = parse('proof', operand, '--entry', value);
      assert.equal(got.operands, [operand]);
      assert.is(got.values.get('entry'), value);
    }),
  );
});

test('takes options before and behind the command and its operands', () => {
  const got = parse('--json', 'proof', '-q', 'x', '--policy', 'p', '--explain');
  assert.is(got.command, 'proof');
  assert.equal(got.operands, ['x']);
  assert.equal([...got.switches].sort(), ['explain', 'json', 'quiet']);
});

test('refuses what no command understands', () => {
  const cases = [
    ['unknown'],
    ['proof'],
    ['proof', 'x', 'y'],
    ['consistency', 'x'],
    ['proof', 'x', '--unknown'],
    ['proof', 'x', '-z'],
    ['proof', 'x', '--online'],
    ['key', 'x', '--policy', 'p'],
    ['proof', 'x', '--policy'],
    ['proof', 'x', '--policy', '--entry', 'e'],
    ['proof', 'x', '-p', 'p', '-p', 'p'],
    ['proof', 'x', '-p', 'p', '--policy', 'p'],
    ['proof', 'x', '--json=yes'],
    ['proof', '--', '--policy', 'x'],
    ['__proto__', 'x'],
    ['proof', 'x', '--__proto__', 'y'],
    ['proof', 'x', '--no-json'],
    ['proof', 'x', '---json'],
  ];
  for (const argv of cases)
    assert.throws(
      () => parse(...argv),
      (error: unknown) => isLogError(error, 'usage'),
      argv.join(' '),
    );
});

test.run();
