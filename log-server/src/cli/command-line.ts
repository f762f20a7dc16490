// The command line: cac knows the commands and writes the help, node:util reads the values. cac's own parser
// turns "0e12" into 0 and "007" into 7; here strings stay strings.

import { parseArgs } from 'node:util';
import { LogError } from '@writ/core/errors';
import { cac } from 'cac';

/** An option of a command: `--name <value>`, or a switch without `value`. */
export interface Flag {
  readonly name: string;
  /** What stands for the value in the help; a flag without one is a switch. */
  readonly value?: string;
  readonly description: string;
  /** Value when neither the command line nor the environment has one. */
  readonly fallback?: string;
}

export interface Command {
  readonly name: string;
  readonly summary: string;
  readonly flags: readonly Flag[];
  run(values: Values): Promise<void>;
}

/** Values of a command by flag name: texts as typed, `'true'` for a switch that is on. */
export type Values = ReadonlyMap<string, string>;

/** What a command line asks for. */
export interface Parsed {
  readonly command: Command;
  readonly values: Values;
}

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Reads a command line; undefined when help or version was printed. A flag that is not given is taken from the
 * environment (`--interval-ms`: WRIT_INTERVAL_MS), then from its fallback. LogError usage.
 */
export function parseCommandLine(
  program: { readonly name: string; readonly version: string },
  commands: readonly Command[],
  args: readonly string[],
  variables: Variables,
): Parsed | undefined {
  const usage = (message: string): LogError =>
    new LogError('usage', `${message}; see ${program.name} --help`);
  const cli = cac(program.name).help().version(program.version);
  for (const { name, summary, flags } of commands) {
    const command = cli.command(name, summary);
    for (const flag of flags) command.option(spelling(flag), describe(flag));
  }
  const { options } = cli.parse(['node', program.name, ...args], { run: false });
  if (options['help'] === true || options['version'] === true) return undefined;
  const name = args[0];
  const command = commands.find((row) => row.name === name);
  if (command === undefined)
    throw usage(name === undefined ? 'no command given' : `unknown command ${name}`);
  return { command, values: readValues(command, args.slice(1), variables, usage) };
}

function spelling({ name, value }: Flag): string {
  return value === undefined ? `--${name}` : `--${name} <${value}>`;
}

function describe({ description, fallback }: Flag): string {
  return fallback === undefined ? description : `${description} (default: ${fallback})`;
}

function readValues(
  { flags }: Command,
  args: readonly string[],
  variables: Variables,
  usage: (message: string) => LogError,
): Values {
  const given = parseFlags(flags, args, usage);
  const values = new Map<string, string>();
  for (const { name, fallback } of flags) {
    const variable = variables[`WRIT_${name.toUpperCase().replaceAll('-', '_')}`];
    const value = given.get(name) ?? variable ?? fallback;
    if (value !== undefined) values.set(name, value);
  }
  return values;
}

function parseFlags(
  flags: readonly Flag[],
  args: readonly string[],
  usage: (message: string) => LogError,
): Map<string, string> {
  const options = Object.fromEntries(
    flags.map(({ name, value }) => {
      const type: 'string' | 'boolean' = value === undefined ? 'boolean' : 'string';
      return [name, { type }];
    }),
  );
  const given = new Map<string, string>();
  for (const token of strictTokens(args, options, usage)) {
    if (token.kind === 'positional') throw usage(`unexpected argument ${token.value}`);
    if (token.kind !== 'option') continue;
    if (given.has(token.name)) throw usage(`--${token.name} is given twice`);
    given.set(token.name, token.value ?? 'true');
  }
  return given;
}

type Tokens = NonNullable<ReturnType<typeof parseArgs>['tokens']>;

function strictTokens(
  args: readonly string[],
  options: Readonly<Record<string, { type: 'string' | 'boolean' }>>,
  usage: (message: string) => LogError,
): Tokens {
  try {
    const settings = { args: [...args], options, strict: true, allowPositionals: true };
    return parseArgs({ ...settings, tokens: true }).tokens;
  } catch (error) {
    throw usage(error instanceof Error ? error.message : String(error));
  }
}

/** A value that the command cannot do without. LogError usage. */
export function requireValue(values: Values, name: string): string {
  const value = values.get(name);
  if (value === undefined || value === '') throw new LogError('usage', `--${name} is missing`);
  return value;
}
