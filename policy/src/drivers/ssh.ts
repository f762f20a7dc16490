// Runs commands that the connection names on one machine over SSH (spec/drivers.md section 11). A dry run looks at the
// host key and goes away before it shows any credential.

import { equalBytes, parseBase64 } from '@writ/core/bytes';
import type { JsonValue } from '@writ/core/statements/jcs';
import { type Channel, Client } from 'ssh2';
import type { Driver, DriverContext } from '../engine/driver-api.ts';
import { DriverError, mapDriverError } from '../engine/driver-failure.ts';
import type { DriverAnswer, DriverCall, Precondition } from '../engine/driver-manifest.ts';
import { buildAnswer, planPreview } from '../engine/plan-preview.ts';
import { LastWords, namedItem, optionalText, targetName, textOf } from './connection.ts';

/** Type of a host key → the signatures that prove it; none of them over SHA-1. */
const PROOFS: ReadonlyMap<string, readonly string[]> = new Map([
  ['ssh-ed25519', ['ssh-ed25519']],
  ['ecdsa-sha2-nistp256', ['ecdsa-sha2-nistp256']],
  ['ecdsa-sha2-nistp384', ['ecdsa-sha2-nistp384']],
  ['ecdsa-sha2-nistp521', ['ecdsa-sha2-nistp521']],
  ['ssh-rsa', ['rsa-sha2-512', 'rsa-sha2-256']],
]);

interface Machine {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly keyType: string;
  readonly key: Uint8Array;
  readonly privateKey: string | undefined;
  readonly password: string | undefined;
}

export const driver: Driver = {
  async call(call, context) {
    const machine = machineOf(context.connection, targetName(call.target));
    const command = textOf(call.params, 'command');
    const entry = namedItem(context.connection, 'commands', command);
    const line = optionalText(entry, call.verb === 'undo' ? 'undo' : 'line');
    if (line === undefined)
      throw new DriverError('request-invalid', `the command ${command} has no way back (undo)`);
    const plan = planPreview('ssh', [`${machine.user}@${machine.host}:${machine.port}`, line]);
    const key = context.idempotencyKey;
    if (call.dryRun) return dryRun(call, context, machine, { key, plan, command });
    await execute(machine, command, line, context);
    const summary = `ran ${command} on ${machine.name}`;
    return buildAnswer(call, { ok: true, key, plan, summary });
  },

  async inventory(_request, { connection }) {
    const name = textOf(connection, 'name');
    return [
      {
        id: `ssh-host:${name}`,
        type: 'ssh-host',
        name,
        label: `SSH host ${name}`,
        labels: { address: textOf(connection, 'address') },
        state: null,
      },
    ];
  },
};

async function dryRun(
  call: DriverCall,
  { signal, deadlineMs }: DriverContext,
  machine: Machine,
  { key, plan, command }: { key: string; plan: DriverAnswer['plan']; command: string },
): Promise<DriverAnswer> {
  const precondition = await hasExpectedKey(machine, signal, deadlineMs);
  return buildAnswer(call, {
    ok: true,
    key,
    plan,
    preconditions: [precondition],
    summary: `would run ${command} on ${machine.name}; what it changes is not known`,
  });
}

/** Reaches the machine and has it prove its key; goes away before anything is sent to log in with. */
async function hasExpectedKey(
  machine: Machine,
  signal: AbortSignal,
  deadlineMs: number,
): Promise<Precondition> {
  const check = 'machine is reachable and has the pinned host key';
  const client = new Client();
  try {
    await new Promise<void>((resolve, reject) => {
      connect(client, machine, signal, deadlineMs, reject);
      // The signature of the exchange has been checked by then: showing somebody else's key is not enough.
      client.on('handshake', () => {
        client.destroy();
        resolve();
      });
    });
    return { check, ok: true, details: null };
  } catch (error) {
    const { code, message } = mapDriverError(error);
    return { check, ok: false, details: `${code}: ${message}` };
  } finally {
    client.destroy();
  }
}

function execute(
  machine: Machine,
  command: string,
  line: string,
  { signal, deadlineMs }: DriverContext,
): Promise<void> {
  const client = new Client();
  let isSent = false;
  return new Promise<void>((resolve, rejectWith) => {
    // Once the command is on its way, a lost connection no longer means that nothing happened.
    const reject = (error: Error): void => {
      const isLost = isSent && mapDriverError(error).code !== 'target-refused';
      rejectWith(isLost ? new DriverError('outcome-unknown', error.message, error) : error);
    };
    connect(client, machine, signal, deadlineMs, reject);
    client.on('ready', () => {
      isSent = true;
      client.exec(line, { pty: false, agentForward: false }, (error, channel) => {
        if (error) reject(error);
        else follow(channel, machine, command, resolve, reject);
      });
    });
  }).finally(() => client.destroy());
}

function follow(
  channel: Channel,
  machine: Machine,
  command: string,
  resolve: () => void,
  reject: (error: Error) => void,
): void {
  const words = new LastWords();
  for (const stream of [channel, channel.stderr])
    stream.setEncoding('utf8').on('data', (text: unknown) => words.add(String(text)));
  let how: string | undefined;
  channel.on('exit', (code: unknown, name: unknown) => {
    how = code === null ? `signal ${name}` : `exit code ${code}`;
  });
  channel.on('close', () => {
    if (how === 'exit code 0') resolve();
    // A connection that broke off says nothing of the command.
    else if (how === undefined)
      reject(new DriverError('outcome-unknown', `${machine.name} broke off during ${command}`));
    else
      reject(
        new DriverError(
          'target-refused',
          `${command} on ${machine.name} ended with ${how}: ${words.text}`,
        ),
      );
  });
}

function connect(
  client: Client,
  machine: Machine,
  signal: AbortSignal,
  deadlineMs: number,
  reject: (error: Error) => void,
): void {
  client.on('error', (error: Error & { level?: unknown }) => {
    reject(
      error.level === 'client-authentication'
        ? new DriverError('authentication-failed', `${machine.name} refused the credentials`)
        : error.level === 'client-timeout'
          ? new DriverError('target-unreachable', `${machine.name} did not finish the handshake`)
          : error,
    );
  });
  client.on('close', () =>
    reject(new DriverError('target-unreachable', `${machine.name} closed the connection`)),
  );
  signal.addEventListener('abort', () => client.destroy(), { once: true });
  client.connect({
    host: machine.host,
    port: machine.port,
    username: machine.user,
    ...(machine.privateKey === undefined ? {} : { privateKey: machine.privateKey }),
    ...(machine.password === undefined ? {} : { password: machine.password }),
    readyTimeout: Math.max(1000, deadlineMs),
    hostVerifier: (key) => {
      const isExpected = equalBytes(key, machine.key);
      if (!isExpected) reject(wrongKey(machine));
      return isExpected;
    },
    algorithms: { serverHostKey: PROOFS.get(machine.keyType) ?? [] },
    agentForward: false,
    tryKeyboard: false,
  });
}

function machineOf(connection: JsonValue, name: string): Machine {
  if (textOf(connection, 'name') !== name)
    throw new DriverError('target-unknown', `the connection is not that of ${name}`);
  const address = textOf(connection, 'address');
  const colon = address.lastIndexOf(':');
  const port = Number(address.slice(colon + 1));
  if (colon < 1 || !Number.isInteger(port) || port < 1 || port > 65535)
    throw new DriverError('request-invalid', 'address is name:port');
  const [keyType = '', base64 = ''] = textOf(connection, 'host_key').trim().split(' ');
  const key = parseBase64(base64);
  if (key === undefined || !PROOFS.has(keyType))
    throw new DriverError(
      'request-invalid',
      'host_key is a type and base64, as ssh-keyscan prints',
    );
  const privateKey = optionalText(connection, 'private_key');
  const password = optionalText(connection, 'password');
  if (privateKey === undefined && password === undefined)
    throw new DriverError('request-invalid', 'the connection has neither private_key nor password');
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  return { name, host, port, user: textOf(connection, 'user'), keyType, key, privateKey, password };
}

function wrongKey({ name }: Machine): DriverError {
  return new DriverError('target-untrusted', `${name} shows another host key than the pinned one`);
}
