// The commands of writ-node: flat, one job each (spec/node.md section 5).

import type { OptionSpec } from '@writ/verifier/cli/words';

export interface CommandSpec {
  readonly name: string;
  /** Operands in order. */
  readonly operands: readonly string[];
  readonly about: string;
  readonly options: readonly OptionSpec[];
  readonly example: string;
}

export const COMMON: readonly OptionSpec[] = [
  { name: 'config', short: 'c', value: 'FILE', about: 'the configuration (default: node.yaml)' },
  { name: 'json', about: 'answer one JSON object' },
  { name: 'help', short: 'h', about: 'show this' },
  { name: 'version', about: 'show the version' },
];

export const COMMANDS: readonly CommandSpec[] = [
  {
    name: 'run',
    operands: [],
    about: 'follow the village and act on its policies, until it is stopped',
    options: [{ name: 'log-level', value: 'LEVEL', about: 'debug, info, warn or error' }],
    example: 'writ-node run --config /etc/writ/node.yaml',
  },
  {
    name: 'check',
    operands: [],
    about: 'read the configuration, the keys and the secrets, and say what is wrong with them',
    options: [],
    example: 'writ-node check',
  },
  {
    name: 'pull',
    operands: [],
    about: 'compare with the log once and follow it; through the node where one runs',
    options: [],
    example: 'writ-node pull',
  },
  {
    name: 'drift',
    operands: [],
    about: 'compare with the log and change nothing: 0 aligned, 1 drift, 2 fault',
    options: [],
    example: 'writ-node drift --json',
  },
  {
    name: 'status',
    operands: [],
    about: 'what the node knows, does and waits for; exit code 5 when it is not ready',
    options: [],
    example: 'writ-node status',
  },
  {
    name: 'executions',
    operands: ['POLICY'],
    about: 'what the node did for a policy, newest first',
    options: [{ name: 'before', value: 'SEQ', about: 'the page before that position' }],
    example: 'writ-node executions 6f1d1b54-3c1e-4f0a-9d57-0c9b3d2f7a11',
  },
  {
    name: 'resume',
    operands: [],
    about: 'let records go on after their stream was stopped, once you know who else wrote to it',
    options: [],
    example: 'writ-node resume',
  },
  {
    name: 'event',
    operands: ['FILE'],
    about: 'hand an event to the node that runs, as JSON (- reads standard input)',
    options: [],
    example: 'writ-node event power-lost.json',
  },
  {
    name: 'override',
    operands: [],
    about: 'break the glass: act on an old state or inventory for a while, on record',
    options: [
      { name: 'scope', value: 'SCOPE', about: 'state-staleness or inventory-staleness' },
      { name: 'operator', value: 'NAME', about: 'who answers for it' },
      { name: 'reason', value: 'TEXT', about: 'why' },
      { name: 'minutes', value: 'N', about: 'for how long, at most 1,440' },
    ],
    example:
      'writ-node override --scope state-staleness --operator ada --reason "log unreachable, fire" --minutes 30',
  },
];

/** The help of one command, or of all. */
export function helpOf(name: string | undefined): string {
  const one = COMMANDS.find((command) => command.name === name);
  if (one !== undefined) {
    const options = [...one.options, ...COMMON].map(optionLine);
    return [`  ${one.example}`, '', `${synopsis(one)}`, `  ${one.about}`, '', ...options, ''].join(
      '\n',
    );
  }
  const width = Math.max(...COMMANDS.map((command) => synopsis(command).length));
  const lines = COMMANDS.map((command) => `  ${synopsis(command).padEnd(width)}  ${command.about}`);
  return [
    'Commands:',
    ...lines,
    '',
    'Options of every command:',
    ...COMMON.map(optionLine),
    '',
  ].join('\n');
}

function synopsis({ name, operands }: CommandSpec): string {
  return ['writ-node', name, ...operands].join(' ');
}

function optionLine({ name, short, value, about }: OptionSpec): string {
  const typed = `${short === undefined ? '' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`;
  return `  ${typed.padEnd(22)}  ${about}`;
}
