// From arguments to an exit code: everything of the program but the process around it.

import { BugError, isLogError, LogError } from '@writ/core/errors';
import { ERROR_EXIT } from '@writ/verifier/cli/exit-codes';
import { printable } from '@writ/verifier/cli/report';
import { helpOf, type Invocation, parseArguments } from './args.ts';
import { COMMANDS } from './commands.ts';
import type { Answer } from './context.ts';
import { nextStepOf } from './next-step.ts';
import { COMMON_OPTIONS } from './options.ts';
import type { Surroundings } from './surroundings.ts';

/** Where a run writes to. */
export interface Terminal {
  /** Standard output: the result. */
  result(text: string): void;
  /** Standard error: talk. */
  talk(text: string): void;
}

const EXIT_INTERNAL = 70;
const EXIT_DRIFT_FAULT = 2;

/** Runs one command line and answers the exit code. Never throws. */
export async function run(
  argv: readonly string[],
  world: Surroundings,
  terminal: Terminal,
  version: string,
): Promise<number> {
  const isJson = argv.includes('--json');
  let command = '';
  try {
    const invocation = parseArguments(argv, COMMANDS, COMMON_OPTIONS);
    command = invocation.command;
    const words = wordsOnly(invocation, version);
    if (words !== undefined) {
      terminal.result(words);
      return 0;
    }
    const answer = await runCommand(invocation, world, version);
    const exit = answer.exit ?? 0;
    if (isJson) terminal.result(`${JSON.stringify({ command, exit, ...answer.result })}\n`);
    else terminal.result(printable(answer.lines.map((line) => `${line}\n`).join('')));
    return exit;
  } catch (error) {
    return reportError(error, command, isJson, terminal);
  }
}

function wordsOnly({ command, switches }: Invocation, version: string): string | undefined {
  if (switches.has('version')) return `writ ${version}\n`;
  return switches.has('help') ? helpOf(command, COMMANDS, COMMON_OPTIONS) : undefined;
}

async function runCommand(
  invocation: Invocation,
  world: Surroundings,
  version: string,
): Promise<Answer> {
  const row = COMMANDS.find(({ words }) => words === invocation.command);
  if (row === undefined) throw new LogError('usage', 'no command was given');
  const { Context } = await import('./context.ts');
  return (await row.load())(new Context(invocation, world, version));
}

function reportError(error: unknown, command: string, isJson: boolean, terminal: Terminal): number {
  const { code, message, detail, next } = describe(error);
  // What cron reads has three values only.
  const own = isLogError(error) ? ERROR_EXIT[error.code] : EXIT_INTERNAL;
  const exit = command === 'policy drift' ? EXIT_DRIFT_FAULT : own;
  if (isJson) {
    const facts = Object.fromEntries(
      Object.entries(detail).map(([name, value]) => [
        name,
        typeof value === 'bigint' ? String(value) : value,
      ]),
    );
    terminal.result(
      `${JSON.stringify({ command, exit, error: { code, message, detail: facts, next } })}\n`,
    );
  } else terminal.talk(printable(`writ: ${message} (${code})\nnext: ${next}\n`));
  return exit;
}

interface Described {
  readonly code: string;
  readonly message: string;
  readonly detail: LogError['detail'];
  readonly next: string;
}

function describe(error: unknown): Described {
  if (error instanceof LogError) {
    const { code, message, detail } = error;
    return { code, message, detail, next: nextStepOf(code) };
  }
  const kind = error instanceof BugError ? 'broken invariant' : 'unexpected error';
  const message = `${kind}: ${error instanceof Error ? error.message : String(error)}`;
  return {
    code: 'internal',
    message,
    detail: {},
    next: 'this is a fault of writ: please report it',
  };
}
