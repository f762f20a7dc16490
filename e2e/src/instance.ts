// A whole instance: the log and its witnesses, each in a process of its own.

import { join } from 'node:path';
import { LogError } from '@writ/core/errors';
import type { PolicyWitness } from '@writ/core/formats/tlog-policy';
import { type Home, readPolicy, updateLogPort, witnessPaths } from './home.ts';
import { HOST, isFreePort } from './ports.ts';
import { COMMANDS, Service } from './processes.ts';

/** A running log with its witnesses. */
export interface Instance {
  readonly url: string;
  readonly origin: string;
  readonly witnessUrls: readonly string[];
  /** Resolves when a process ended that nobody stopped, with what happened. */
  readonly failure: Promise<string>;
  /** Stops the log, then the witnesses. False when something had to be killed. */
  stop(): Promise<boolean>;
}

export interface InstanceOptions {
  readonly logPort: number;
  /** Shortest time between two checkpoints. */
  readonly checkpointIntervalMs: number;
}

/**
 * Starts what `home` holds and waits until all of it works. LogError config-invalid with what to do when a
 * port is taken or a process does not come up; then nothing is left running.
 */
export async function startInstance(home: Home, options: InstanceOptions): Promise<Instance> {
  const { logPort } = options;
  await requireFreePort(logPort, 'choose another one: PORT=8081 npm start');
  await updateLogPort(home, logPort);
  const policy = await readPolicy(home);
  const [log] = policy.logs;
  if (log === undefined) throw invalid(`${home.policyPath} has no log line`);
  const witnesses = [...policy.witnesses.values()];
  for (const { name, url } of witnesses)
    await requireFreePort(portOf(url, name), `${name} needs it: does ${home.dir} run already?`);
  const services: Service[] = [];
  const stopAll = (): Promise<boolean> => stopInReverse(services);
  try {
    services.push(...witnesses.map((witness) => startWitness(home, witness)));
    await Promise.all(services.map((service) => service.waitUntilReady()));
    // The log comes last: its first checkpoint finds the witnesses awake.
    const server = startLog(home, options);
    services.push(server);
    await server.waitUntilReady();
  } catch (error) {
    await stopAll();
    throw error;
  }
  return {
    url: `http://${HOST}:${logPort}`,
    origin: log.key.name,
    witnessUrls: witnesses.map(({ url }) => url ?? ''),
    failure: Promise.race(services.map(describeEnd)),
    stop: stopAll,
  };
}

function startWitness(home: Home, { name, url }: PolicyWitness): Service {
  const { dir, logList } = witnessPaths(home, name);
  const port = String(portOf(url, name));
  return new Service({
    name,
    command: COMMANDS.witness,
    args: ['serve', '--dir', dir, '--logs', logList, '--host', HOST, '--port', port],
    logFile: join(home.logsDir, `${name}.log`),
    readyUrl: `http://${HOST}:${port}/readyz`,
  });
}

function startLog(home: Home, { logPort, checkpointIntervalMs }: InstanceOptions): Service {
  const settings: Readonly<Record<string, string>> = {
    '--dir': home.logDir,
    '--host': HOST,
    '--port': String(logPort),
    '--policy': home.policyPath,
    '--authors': home.authorsPath,
    '--profile': 'statements',
    '--quorum': 'require',
    '--interval-ms': String(checkpointIntervalMs),
  };
  return new Service({
    name: 'log',
    command: COMMANDS.log,
    args: ['serve', ...Object.entries(settings).flat()],
    logFile: join(home.logsDir, 'log.log'),
    readyUrl: `http://${HOST}:${logPort}/readyz`,
  });
}

/** The log first: its last checkpoint still finds the witnesses. */
async function stopInReverse(services: readonly Service[]): Promise<boolean> {
  const [log, ...rest] = services.toReversed();
  const first = (await log?.stop()) ?? true;
  const others = await Promise.all(rest.map((service) => service.stop()));
  return first && others.every(Boolean);
}

async function describeEnd(service: Service): Promise<string> {
  const how = await service.ended;
  return `${service.settings.name} ended with ${how}: ${service.lastWords()}`;
}

async function requireFreePort(port: number, advice: string): Promise<void> {
  if (!(await isFreePort(port))) throw invalid(`port ${port} is in use; ${advice}`);
}

function portOf(url: string | undefined, name: string): number {
  const port = url === undefined || !URL.canParse(url) ? '' : new URL(url).port;
  if (port === '') throw invalid(`${name} needs a URL with a port in the trust policy`);
  return Number(port);
}

function invalid(message: string): LogError {
  return new LogError('config-invalid', message);
}
