// The command line: words that name a command, operands, options. Every value reaches its command as it was typed.

import { type OptionSpec, splitWords, usage } from '@writ/verifier/cli/words';

export interface CommandSpec {
  /** As typed: `policy pull`. */
  readonly words: string;
  /** Operands in order; those that end in `?` may be left out. */
  readonly operands: readonly string[];
  readonly about: string;
  readonly options: readonly OptionSpec[];
  readonly examples: readonly string[];
}

/** What was typed, checked against the commands. */
export interface Invocation {
  readonly command: string;
  readonly operands: readonly string[];
  readonly values: ReadonlyMap<string, string>;
  readonly switches: ReadonlySet<string>;
}

/** Parses `argv` without node and script. LogError usage with what is wrong. */
export function parseArguments(
  argv: readonly string[],
  commands: readonly CommandSpec[],
  common: readonly OptionSpec[],
): Invocation {
  const known = [...common, ...commands.flatMap(({ options }) => options)];
  const { words, values, switches } = splitWords(argv, known);
  const spec = commandOf(words, commands);
  if (spec === undefined) {
    if (words.length === 0 || switches.has('help'))
      return { command: words.join(' '), operands: [], values, switches };
    throw usage(`unknown command ${words.slice(0, 2).join(' ')}`);
  }
  const operands = words.slice(spec.words.split(' ').length);
  const result = { command: spec.words, operands, values, switches };
  if (switches.has('help')) return result;
  checkOptions(spec, common, [...values.keys(), ...switches]);
  checkOperands(spec, operands);
  return result;
}

function commandOf(
  words: readonly string[],
  commands: readonly CommandSpec[],
): CommandSpec | undefined {
  return commands.find((spec) => spec.words.split(' ').every((word, i) => words[i] === word));
}

function checkOptions(
  spec: CommandSpec,
  common: readonly OptionSpec[],
  given: readonly string[],
): void {
  const allowed = new Set([...common, ...spec.options].map(({ name }) => name));
  for (const name of given)
    if (!allowed.has(name)) throw usage(`${spec.words} has no option --${name}`);
}

function checkOperands({ words, operands }: CommandSpec, given: readonly string[]): void {
  const needed = operands.filter((name) => !name.endsWith('?'));
  const missing = needed[given.length];
  if (missing !== undefined) throw usage(`${words} needs ${missing}`);
  const more = given[operands.length];
  if (more !== undefined) throw usage(`${words} does not take ${more}`);
}

/** The help of one command, or of all commands that start with `words`; examples first. */
export function helpOf(
  words: string,
  commands: readonly CommandSpec[],
  common: readonly OptionSpec[],
): string {
  const exact = commands.find((spec) => spec.words === words);
  if (exact !== undefined) return commandHelp(exact, common);
  const shown = commands.filter((spec) => words === '' || spec.words.startsWith(`${words} `));
  const list = shown.length > 0 ? shown : commands;
  const width = Math.max(...list.map((spec) => synopsis(spec).length));
  const lines = list.map((spec) => `  writ ${synopsis(spec).padEnd(width)}  ${spec.about}`);
  const examples = list.flatMap((spec) => spec.examples.slice(0, 1)).slice(0, 6);
  return [
    'Examples:',
    ...examples.map((example) => `  ${example}`),
    '',
    'Commands:',
    ...lines,
    '',
    'Options of every command:',
    ...optionLines(common),
    '',
    'writ COMMAND --help shows the options of one command.',
    '',
  ].join('\n');
}

function commandHelp(spec: CommandSpec, common: readonly OptionSpec[]): string {
  return [
    'Examples:',
    ...spec.examples.map((example) => `  ${example}`),
    '',
    `writ ${synopsis(spec)}`,
    `  ${spec.about}`,
    '',
    ...(spec.options.length > 0 ? ['Options:', ...optionLines(spec.options), ''] : []),
    'Options of every command:',
    ...optionLines(common),
    '',
  ].join('\n');
}

function synopsis({ words, operands }: CommandSpec): string {
  const shown = operands.map((name) => (name.endsWith('?') ? `[${name.slice(0, -1)}]` : name));
  return [words, ...shown].join(' ');
}

function optionLines(options: readonly OptionSpec[]): string[] {
  const typed = options.map(
    ({ name, short, value }) =>
      `${short === undefined ? '' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`,
  );
  const width = Math.max(...typed.map(({ length }) => length));
  return options.map(({ about }, i) => `  ${(typed[i] ?? '').padEnd(width)}  ${about}`);
}
