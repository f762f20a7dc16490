// The command line, typed: cac knows the commands and prints the help, this file sees to it that every value
// reaches a command as the string that was typed.
//
// cac turns `0e12` and `007` into numbers and drops `-`. So values travel through it behind a shield, a
// character that no number starts with, and lose it on the way out.

import { type CAC, cac } from 'cac';
import { type OptionSpec, splitWords, usage } from './words.ts';

export interface CommandSpec {
  readonly name: string;
  /** Operands in the notation of cac: `<file> [other]`. */
  readonly operands: string;
  readonly about: string;
  readonly options: readonly OptionSpec[];
  readonly examples: readonly string[];
}

/** What was typed, checked against the commands. */
export interface Invocation {
  /** Undefined when only help or version was asked for. */
  readonly command: string | undefined;
  readonly operands: readonly string[];
  readonly values: ReadonlyMap<string, string>;
  readonly switches: ReadonlySet<string>;
}

const SHIELD = '\u0001';

/** Parses `argv` without node and script. LogError usage with what is wrong. */
export function parseArguments(
  argv: readonly string[],
  commands: readonly CommandSpec[],
  common: readonly OptionSpec[],
): Invocation {
  const known = [...common, ...commands.flatMap(({ options }) => options)];
  const { words, values, switches } = splitWords(argv, known);
  const [command, ...operands] = words;
  if (command === undefined || switches.has('help') || switches.has('version'))
    return { command, operands, values, switches };
  if (!commands.some(({ name }) => name === command)) throw usage(`unknown command ${command}`);
  let seen: readonly string[] = [];
  const cli = describe(commands, common, (got) => {
    seen = got;
  });
  const shielded = operands.map((operand) => SHIELD + operand);
  const options = [...values].map(([name, value]) => `--${name}=${SHIELD}${value}`);
  const flags = [...switches].map((name) => `--${name}`);
  try {
    cli.parse(['node', 'writ-verify', command, ...shielded, ...options, ...flags], { run: false });
    cli.runMatchedCommand();
  } catch (error) {
    if (error instanceof Error && error.name === 'CACError') throw usage(unshield(error.message));
    throw error;
  }
  return { command, operands: seen.map(unshield), values, switches };
}

/** The help of one command, or of all. Goes to standard output. */
export function printHelp(
  command: string | undefined,
  commands: readonly CommandSpec[],
  common: readonly OptionSpec[],
): void {
  const cli = describe(commands, common, () => undefined);
  const argv = command === undefined ? [] : [command];
  cli.parse(['node', 'writ-verify', ...argv], { run: false });
  cli.outputHelp();
}

function describe(
  commands: readonly CommandSpec[],
  common: readonly OptionSpec[],
  onRun: (operands: readonly string[]) => void,
): CAC {
  const cli = cac('writ-verify');
  cli.usage('<command> [operands] [options]');
  for (const option of common) cli.option(rawName(option), option.about);
  for (const spec of commands) {
    const command = cli.command(`${spec.name} ${spec.operands}`, spec.about);
    for (const option of spec.options) command.option(rawName(option), option.about);
    for (const example of spec.examples) command.example(`  ${example}`);
    command.action((...got: unknown[]) =>
      onRun(got.flat().filter((item) => typeof item === 'string')),
    );
  }
  return cli;
}

function rawName({ name, short, value }: OptionSpec): string {
  const long = value === undefined ? `--${name}` : `--${name} <${value}>`;
  return short === undefined ? long : `-${short}, ${long}`;
}

function unshield(text: string): string {
  return text.replaceAll(SHIELD, '');
}
