// From arguments to a report: everything of the program but the process around it.

import { LogError } from '@writ/core/errors';
import { parseArguments, printHelp } from './args.ts';
import { COMMANDS, COMMON_OPTIONS } from './commands.ts';
import type { Context, Surroundings } from './context.ts';
import { formatResult, printable, type Report, reportOf, reportOfError } from './report.ts';

/** Where a run writes to, and how. */
export interface Terminal {
  /** Standard output: the result. */
  result(text: string): void;
  /** Standard error: talk. */
  talk(text: string): void;
  readonly colour: boolean;
}

/** Runs one command line and answers the exit code. Never throws. */
export async function run(
  argv: readonly string[],
  surroundings: Surroundings,
  terminal: Terminal,
  version: string,
): Promise<number> {
  // Told from the raw words as well: a command line that cannot be parsed still wants its JSON.
  const typed = argv.slice(0, argv.includes('--') ? argv.indexOf('--') : argv.length);
  const wants = (name: string): boolean => typed.includes(`--${name}`);
  const quiet = wants('quiet') || typed.includes('-q');
  const report = await runCommand(argv, surroundings, terminal, version);
  if (report === undefined) return 0;
  if (wants('json')) terminal.result(`${JSON.stringify(report)}\n`);
  else if (!quiet) print(report, terminal, wants('explain'));
  return report.exit;
}

async function runCommand(
  argv: readonly string[],
  surroundings: Surroundings,
  terminal: Terminal,
  version: string,
): Promise<Report | undefined> {
  let name = '';
  let context: Context | undefined;
  try {
    const invocation = parseArguments(argv, COMMANDS, COMMON_OPTIONS);
    name = invocation.command ?? '';
    if (invocation.switches.has('version')) {
      terminal.result(`writ-verify ${version}\n`);
      return undefined;
    }
    const row = COMMANDS.find((command) => command.name === name);
    if (invocation.switches.has('help')) {
      printHelp(row?.name, COMMANDS, COMMON_OPTIONS);
      return undefined;
    }
    if (row === undefined) throw new LogError('usage', 'no command was given');
    // Only now, so that help, version and wrong use pay for no cryptography.
    const { Context: NewContext } = await import('./context.ts');
    context = new NewContext(invocation, surroundings);
    const command = await row.load();
    return reportOf(name, await command(context), context.trace.steps);
  } catch (error) {
    return reportOfError(name, error, context?.trace.steps ?? []);
  }
}

function print(report: Report, terminal: Terminal, explain: boolean): void {
  // Wrong use is talk: there is no result.
  if (report.verdict === 'usage')
    terminal.talk(printable(`writ-verify: ${report.error?.message}\n`));
  else terminal.result(formatResult(report, { colour: terminal.colour, explain }));
  if (report.error !== null) terminal.talk(printable(`next: ${report.error.next}\n`));
}
