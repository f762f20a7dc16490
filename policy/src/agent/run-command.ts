// One run of writ-node: words in, exit code out. The process is in main.ts.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isLogError, LogError } from '@writ/core/errors';
import { ERROR_EXIT } from '@writ/verifier/cli/exit-codes';
import { splitWords, type Words } from '@writ/verifier/cli/words';
import { COMMANDS, COMMON, type CommandSpec, helpOf } from './commands.ts';
import { type NodeEnv, WritNode } from './node.ts';
import { askNode } from './node-control.ts';
import { CONTROL_SOCKET, readNodeFiles } from './node-files.ts';
import { NodeService, type ServiceSettings } from './node-service.ts';

/** What a run needs of the process. */
export interface NodeProcess {
  readonly env: NodeEnv;
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  readonly out: (text: string) => void;
  readonly error: (text: string) => void;
  readonly standardInput: () => Promise<string>;
  /** From which level on what happens is said. */
  readonly setLogLevel: (level: LogLevel) => void;
  /** Resolves when the process is asked to end. */
  readonly ended: () => Promise<void>;
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

interface Answer {
  readonly exit: number;
  readonly text: string;
  readonly result: object;
}

const EXIT_BUG = 70;
const EXIT_NOT_READY = 5;
const MAX_MINUTES = 1440;

/** Runs a command. Never throws. */
export async function runNode(argv: readonly string[], world: NodeProcess): Promise<number> {
  const isJson = argv.includes('--json');
  try {
    const { words, spec } = commandOf(argv);
    if (words.switches.has('version')) world.out(`writ-node ${world.version}\n`);
    else if (spec === undefined || words.switches.has('help')) world.out(helpOf(spec?.name));
    else {
      const { exit, text, result } = await answerOf(spec, words, world);
      if (isJson) world.out(`${JSON.stringify({ command: spec.name, exit, result })}\n`);
      else if (text !== '') world.out(text);
      return exit;
    }
    return 0;
  } catch (error) {
    const exit = isLogError(error) ? ERROR_EXIT[error.code] : EXIT_BUG;
    const message = error instanceof Error ? error.message : String(error);
    const code = isLogError(error) ? error.code : 'internal';
    if (isJson) world.out(`${JSON.stringify({ exit, error: { code, message } })}\n`);
    else world.error(`writ-node: ${message}\n`);
    return exit;
  }
}

function commandOf(argv: readonly string[]): { words: Words; spec: CommandSpec | undefined } {
  const known = [...COMMON, ...COMMANDS.flatMap(({ options }) => options)];
  const words = splitWords(argv, known);
  const [name, ...operands] = words.words;
  if (name === undefined) return { words, spec: undefined };
  const spec = COMMANDS.find((command) => command.name === name);
  if (spec === undefined) throw usage(`unknown command ${name}; see writ-node --help`);
  if (words.switches.has('help')) return { words, spec };
  const allowed = new Set([...COMMON, ...spec.options].map((option) => option.name));
  for (const option of [...words.values.keys(), ...words.switches])
    if (!allowed.has(option)) throw usage(`${name} has no option --${option}`);
  if (operands.length !== spec.operands.length)
    throw usage(`${name} takes ${spec.operands.join(' ') || 'no operands'}`);
  return { words, spec };
}

async function answerOf(spec: CommandSpec, words: Words, world: NodeProcess): Promise<Answer> {
  const path = words.values.get('config') ?? world.variables['WRIT_CONFIG'] ?? 'node.yaml';
  const settings = await readNodeFiles(path, world.variables, world.version);
  const socket = join(settings.data, CONTROL_SOCKET);
  const operand = words.words[1] ?? '';
  switch (spec.name) {
    case 'run':
      world.setLogLevel(levelOf(words.values.get('log-level')));
      return serve(settings, world);
    case 'check':
      return { exit: 0, text: `${path} is in order\n`, result: { path } };
    case 'pull':
      return reportAnswer(await pullOnce(settings, socket, world), 'apply');
    case 'drift':
      return drift(settings, world);
    case 'status':
      return statusAnswer(await running(askNode(socket, 'GET', '/status')));
    case 'executions':
      return executions(socket, operand, words.values.get('before'));
    case 'resume':
      return shown(await running(askNode(socket, 'POST', '/resume')));
    case 'event':
      return shown(
        await running(askNode(socket, 'POST', '/event', await readJson(operand, world))),
      );
    default:
      return shown(await running(askNode(socket, 'POST', '/override', overrideOf(words, world))));
  }
}

async function serve(settings: ServiceSettings, world: NodeProcess): Promise<Answer> {
  const service = await NodeService.start(world.env, settings);
  const { village, node, listen } = settings.config;
  const where =
    listen === undefined ? '' : ` Health at http://${listen.host}:${listen.port}/readyz`;
  world.out(`Node ${node} of village ${village} follows ${settings.config.log}.${where}\n`);
  await world.ended();
  await service.stop();
  return { exit: 0, text: '', result: {} };
}

/** Through the node where one runs: its folder has one user at a time. */
async function pullOnce(
  settings: ServiceSettings,
  socket: string,
  { env }: NodeProcess,
): Promise<object> {
  const answered = await askNode(socket, 'POST', '/pull');
  if (answered !== undefined) return answered;
  const node = await WritNode.open(env, settings);
  try {
    return (await node.pull()).report;
  } finally {
    await node.stop();
  }
}

async function drift(settings: ServiceSettings, { env }: NodeProcess): Promise<Answer> {
  try {
    const node = await WritNode.open(env, settings);
    try {
      return reportAnswer((await node.look()).report, 'drift');
    } finally {
      await node.stop();
    }
  } catch (error) {
    if (!isLogError(error)) throw error;
    const { code, message } = error;
    // As in the report: the question could not be answered. Not 1, which says that there is drift.
    return { exit: 2, text: `fault: ${code}: ${message}\n`, result: { error: { code, message } } };
  }
}

function reportAnswer(report: object, which: 'apply' | 'drift'): Answer {
  const members = new Map<string, unknown>(Object.entries(report));
  const exits = new Map<string, unknown>(Object.entries(Object(members.get('exit'))));
  const exit = Number(exits.get(which) ?? EXIT_BUG);
  const text = `${members.get('class')}: ${members.get('message')}\n`;
  return { exit, text, result: report };
}

function statusAnswer(status: object): Answer {
  const of = new Map<string, unknown>(Object.entries(status));
  const isReady = of.get('ready') === true;
  const problems = Array.isArray(of.get('problems'))
    ? Object.values(Object(of.get('problems')))
    : [];
  const head = `node ${of.get('node')} of village ${of.get('village')}: ${isReady ? 'ready' : 'not ready'}\n`;
  const lines = problems.map((problem) => `  ${String(problem)}\n`);
  const body = `${JSON.stringify(status, null, 2)}\n`;
  return {
    exit: isReady ? 0 : EXIT_NOT_READY,
    text: `${head}${lines.join('')}${body}`,
    result: status,
  };
}

async function executions(socket: string, policy: string, before?: string): Promise<Answer> {
  if (before !== undefined && !/^[0-9]{1,15}$/.test(before)) throw usage('--before is a position');
  if (!/^(?:-|[0-9a-f-]{36})$/.test(policy)) throw usage('a policy is a UUID in lower case');
  const query = before === undefined ? '' : `?before=${before}`;
  return shown(await running(askNode(socket, 'GET', `/executions/${policy}${query}`)));
}

function levelOf(text = 'info'): LogLevel {
  const level = LOG_LEVELS.find((each) => each === text);
  if (level === undefined) throw usage(`--log-level is one of ${LOG_LEVELS.join(', ')}`);
  return level;
}

function overrideOf({ values }: Words, { env }: NodeProcess): object {
  const minutes = Number(values.get('minutes') ?? 'NaN');
  if (!Number.isSafeInteger(minutes) || minutes < 1 || minutes > MAX_MINUTES)
    throw usage(`--minutes is a whole number from 1 to ${MAX_MINUTES}`);
  const needed = (name: string): string => {
    const value = values.get(name);
    if (value === undefined || value === '') throw usage(`override needs --${name}`);
    return value;
  };
  return {
    scope: needed('scope'),
    operator: needed('operator'),
    reason: needed('reason'),
    untilSeconds: env.nowSeconds() + minutes * 60,
  };
}

async function readJson(path: string, world: NodeProcess): Promise<object> {
  try {
    const text = path === '-' ? await world.standardInput() : await readFile(path, 'utf8');
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch (error) {
    throw new LogError(
      'json-malformed',
      `${path}: ${error instanceof Error ? error.message : error}`,
    );
  }
  throw new LogError('json-malformed', `${path} is no JSON object`);
}

async function running(answer: Promise<object | undefined>): Promise<object> {
  const value = await answer;
  if (value === undefined)
    throw new LogError(
      'network-failed',
      'no node runs with this configuration: start it with writ-node run',
    );
  return value;
}

function shown(result: object): Answer {
  return { exit: 0, text: `${JSON.stringify(result, null, 2)}\n`, result };
}

function usage(message: string): LogError {
  return new LogError('usage', message);
}
