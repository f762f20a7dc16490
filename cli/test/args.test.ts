import { type CommandSpec, parseArguments } from '@writ/cli/args';
import { COMMANDS } from '@writ/cli/commands';
import { COMMON_OPTIONS } from '@writ/cli/options';
import { isLogError } from '@writ/core/errors';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const SPECS: readonly CommandSpec[] = [
  {
    words: 'policy pull',
    operands: [],
    about: '',
    options: [
      { name: 'apply', about: '' },
      { name: 'village', value: 'ID', about: '' },
    ],
    examples: [],
  },
  { words: 'policy diff', operands: ['A', 'B?'], about: '', options: [], examples: [] },
];

function parse(...argv: string[]): ReturnType<typeof parseArguments> {
  return parseArguments(argv, SPECS, COMMON_OPTIONS);
}

function refusal(...argv: string[]): string {
  try {
    parse(...argv);
  } catch (error) {
    if (isLogError(error, 'usage')) return error.message;
    throw error;
  }
  return 'accepted';
}

const args = suite('arguments');

args('finds the command by its words, wherever the options stand', () => {
  for (const argv of [
    ['policy', 'pull', '--apply', '--village', '007'],
    ['--village=007', 'policy', '--apply', 'pull'],
  ]) {
    const { command, values, switches } = parse(...argv);
    assert.is(command, 'policy pull');
    assert.is(values.get('village'), '007');
    assert.ok(switches.has('apply'));
  }
});

args('takes everything behind -- as it stands', () => {
  assert.equal(parse('policy', 'diff', '--', '--a', '-').operands, ['--a', '-']);
});

for (const [argv, message] of [
  [['polcy', 'pull'], 'unknown command polcy pull'],
  [['policy'], 'unknown command policy'],
  [['policy', 'pull', 'more'], 'policy pull does not take more'],
  [['policy', 'diff'], 'policy diff needs A'],
  [['policy', 'diff', 'a', 'b', 'c'], 'policy diff does not take c'],
  [['policy', 'pull', '--aply'], 'unknown option --aply'],
  [['policy', 'diff', 'a', '--apply'], 'policy diff has no option --apply'],
  [['policy', 'pull', '--apply=yes'], '--apply takes no value'],
  [['policy', 'pull', '--village'], '--village needs a value: --village ID'],
  [['policy', 'pull', '--village', '--apply'], '--village needs a value: --village ID'],
  [['policy', 'pull', '--village', 'a', '--village', 'b'], '--village is given twice'],
] as const) {
  args(`refuses ${argv.join(' ')}`, () => {
    assert.is(refusal(...argv), message);
  });
}

args('has for every command examples that parse', () => {
  for (const { words, examples } of COMMANDS) {
    assert.ok(examples.length > 0, words);
    for (const example of examples) {
      const [program, ...argv] = (example.match(/"[^"]*"|\S+/g) ?? []).map((word) =>
        word.replaceAll('"', ''),
      );
      assert.is(program, 'writ');
      assert.is(parseArguments(argv, COMMANDS, COMMON_OPTIONS).command, words);
    }
  }
});

args('has no words of one command as the beginning of another', () => {
  for (const { words } of COMMANDS)
    assert.is(COMMANDS.filter((other) => `${other.words} `.startsWith(`${words} `)).length, 1);
});

args.run();
