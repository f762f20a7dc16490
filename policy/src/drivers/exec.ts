// Runs local commands that the connection lists by name: an argument vector each, never a shell, nothing in it from a
// policy (spec/drivers.md section 9).

import { spawn } from 'node:child_process';
import type { Driver, DriverContext } from '../engine/driver-api.ts';
import { DriverError } from '../engine/driver-failure.ts';
import type { DriverAnswer, DriverCall, Precondition } from '../engine/driver-manifest.ts';
import { buildAnswer, planPreview } from '../engine/plan-preview.ts';
import { itemsOf, LastWords, namedItem, targetName, textOf, textsOf } from './connection.ts';

/** All that a command finds in its environment. */
const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8' };
/** Tells whether a program is there without running it; the driver itself may read nothing. */
const TEST_PROGRAM = '/usr/bin/test';

export const driver: Driver = {
  async call(call, context) {
    const name = targetName(call.target);
    const command = namedItem(context.connection, 'commands', name);
    const argv = textsOf(command, call.verb === 'undo' ? 'undo' : 'argv');
    const [program] = argv;
    if (program === undefined)
      throw new DriverError('request-invalid', `the command ${name} has no way back (undo)`);
    if (!program.startsWith('/'))
      throw new DriverError('permission-denied', `the program of ${name} is not an absolute path`);
    return call.dryRun ? dryRun(call, context, name, argv) : execute(call, context, name, argv);
  },

  async inventory(_request, { connection }) {
    return itemsOf(connection, 'commands').map((command) => {
      const name = textOf(command, 'name');
      return {
        id: `command:${name}`,
        type: 'command',
        name,
        label: `Command ${name}`,
        labels: { undo: textsOf(command, 'undo').length > 0 ? 'yes' : 'no' },
        state: null,
      };
    });
  },
};

async function dryRun(
  call: DriverCall,
  context: DriverContext,
  name: string,
  argv: readonly string[],
): Promise<DriverAnswer> {
  return buildAnswer(call, {
    ok: true,
    key: context.idempotencyKey,
    plan: planPreview('cli', [{ argv: [...argv] }]),
    preconditions: [await isExecutable(argv[0] ?? '', context.signal)],
    summary: `would run the command ${name}; what it changes is not known`,
  });
}

async function execute(
  call: DriverCall,
  context: DriverContext,
  name: string,
  argv: readonly string[],
): Promise<DriverAnswer> {
  const { how, words } = await run(argv, context.signal);
  if (how !== 'exit code 0')
    throw new DriverError('target-refused', `the command ${name} ended with ${how}: ${words}`);
  return buildAnswer(call, {
    ok: true,
    key: context.idempotencyKey,
    plan: planPreview('cli', [{ argv: [...argv] }]),
    summary: `ran the command ${name}`,
  });
}

async function isExecutable(program: string, signal: AbortSignal): Promise<Precondition> {
  const check = 'program is executable';
  try {
    const { how } = await run([TEST_PROGRAM, '-x', program], signal);
    const ok = how === 'exit code 0';
    return { check, ok, details: ok ? null : `${program} is not there, or is no program` };
  } catch (error) {
    // Without test(1) nobody knows; that is no reason to refuse what the operator allowed.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
      return { check, ok: true, details: 'not checked: there is no test program' };
    throw error;
  }
}

function run(
  [program = '', ...rest]: readonly string[],
  signal: AbortSignal,
): Promise<{ how: string; words: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, rest, {
      cwd: '/',
      env: ENVIRONMENT,
      shell: false,
      stdio: ['ignore', 'pipe', 'pipe'],
      signal,
      killSignal: 'SIGKILL',
    });
    const words = new LastWords();
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => words.add(String(text)));
    child.on('error', reject);
    // Not `close`: a service that the command started may hold the pipes for ever.
    child.on('exit', (code, name) => {
      resolve({ how: name === null ? `exit code ${code}` : `signal ${name}`, words: words.text });
    });
  });
}
