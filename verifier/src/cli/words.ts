// The words of a command line: options and their values told from operands, every one as the string that was typed.
// The command lines of `writ-verify` and `writ` both read theirs with it.

import { LogError } from '@writ/core/errors';

/** One option. With `value` it takes one, without it is a switch. */
export interface OptionSpec {
  readonly name: string;
  /** One letter, typed behind a single dash. */
  readonly short?: string;
  /** What the value is called in the help. */
  readonly value?: string;
  readonly about: string;
}

export interface Words {
  /** What is no option: the command and its operands. */
  readonly words: readonly string[];
  readonly values: ReadonlyMap<string, string>;
  readonly switches: ReadonlySet<string>;
}

/**
 * Tells options from operands; `-` is an operand or a value, and nothing behind `--` is an option. LogError usage
 * for an option that is not `known`, is given twice, or lacks its value.
 */
export function splitWords(argv: readonly string[], known: readonly OptionSpec[]): Words {
  const words: string[] = [];
  const values = new Map<string, string>();
  const switches = new Set<string>();
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? '';
    if (word === '--') {
      words.push(...argv.slice(i + 1));
      break;
    }
    if (word === '-' || !word.startsWith('-')) {
      words.push(word);
      continue;
    }
    const equals = word.indexOf('=');
    const typed = equals < 0 ? word : word.slice(0, equals);
    const option = known.find(({ name, short }) => typed === `--${name}` || typed === `-${short}`);
    if (option === undefined) throw usage(`unknown option ${typed}`);
    if (values.has(option.name)) throw usage(`--${option.name} is given twice`);
    if (option.value === undefined) {
      if (equals >= 0) throw usage(`--${option.name} takes no value`);
      switches.add(option.name);
    } else {
      values.set(option.name, equals < 0 ? nextValue(argv, ++i, option) : word.slice(equals + 1));
    }
  }
  return { words, values, switches };
}

function nextValue(argv: readonly string[], at: number, { name, value }: OptionSpec): string {
  const next = argv[at];
  if (next === undefined || (next.startsWith('-') && next !== '-'))
    throw usage(`--${name} needs a value: --${name} ${value}`);
  return next;
}

/** Wrong use of a command. */
export function usage(message: string): LogError {
  return new LogError('usage', message);
}
