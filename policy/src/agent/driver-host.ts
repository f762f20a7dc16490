// A configured driver: its package unpacked, its process kept between calls, every call with a deadline that holds
// (spec/drivers.md section 5).

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LogError } from '@writ/core/errors';
import type { JsonValue } from '@writ/core/statements/jcs';
import { checkAnswer, checkInventoryItems, MAX_ANSWER_SIZE } from '../engine/answer-check.ts';
import { checkConnection, secretFilter } from '../engine/connection-secrets.ts';
import {
  type DriverFailure,
  type DriverFailureCode,
  isDriverFailureCode,
  MAX_FAILURE_MESSAGE,
  mapDriverError,
  outcomeOfError,
} from '../engine/driver-failure.ts';
import type {
  Capability,
  DriverAnswer,
  DriverCall,
  DriverManifest,
  InventoryItem,
} from '../engine/driver-manifest.ts';
import { allowedAddresses } from '../engine/driver-network.ts';
import type { DriverPackage } from '../engine/driver-package.ts';
import { driverKey } from '../engine/idempotency-key.ts';
import { capabilityOf } from '../engine/manifest-schema.ts';
import { checkParams } from '../engine/params-check.ts';
import { unsupportedDryRun } from '../engine/plan-preview.ts';
import { parseTargetId } from '../engine/target-types.ts';
import { deadline, type EarlyEnd } from './driver-deadline.ts';
import { type DriverEnv, driverEnv } from './driver-env.ts';
import { unpackDriver } from './driver-folder.ts';
import { DriverProcess, type Reply } from './driver-process.ts';

/** Largest inventory answer in bytes. */
export const MAX_INVENTORY_SIZE: number = 32 * 1024 * 1024;
/** Most calls that wait for one driver. */
export const MAX_WAITING_CALLS = 64;

export interface CallOptions {
  /** From the moment of the call, waiting and starting included. */
  readonly deadlineMs: number;
  /** Gives the call up: the process is killed as at the deadline. */
  readonly signal?: AbortSignal;
}

export type CallResult = { readonly answer: DriverAnswer } | { readonly failure: DriverFailure };

export interface InventoryRequest {
  readonly mode: 'fast' | 'full';
  /** Canonical ids that a fast discovery needs; null: all. */
  readonly wanted: readonly string[] | null;
}

export type InventoryResult =
  | { readonly items: readonly InventoryItem[] }
  | { readonly failure: DriverFailure };

export interface DriverStats {
  readonly started: number;
  readonly killed: number;
  /** Answers that came when nobody waited for them any more; they were thrown away. */
  readonly lateAnswers: number;
  readonly waiting: number;
}

export class DriverHost {
  /** Not the whole package: its files are on the disk, and may be 10 MiB. */
  readonly #manifest: DriverManifest;
  readonly #connection: JsonValue;
  readonly #folder: string;
  readonly #env: DriverEnv;
  readonly #clean: (text: string) => string;
  #process: DriverProcess | undefined;
  #isReady = false;
  #turn: Promise<void> = Promise.resolve();
  #waiting = 0;
  #started = 0;
  #killed = 0;
  #lateAnswers = 0;
  #isClosed = false;

  private constructor(
    manifest: DriverManifest,
    connection: JsonValue,
    folder: string,
    env: DriverEnv,
  ) {
    this.#manifest = manifest;
    this.#connection = connection;
    this.#folder = folder;
    this.#env = env;
    this.#clean = secretFilter(manifest.schema.connection, connection);
  }

  /**
   * Unpacks `opened`, which came out of openDriverPackage, into a folder of its own below `scratch` (by default that of
   * the system). LogError config-invalid for a connection that is not of the manifest's schema.
   */
  static async open(
    opened: DriverPackage,
    connection: JsonValue,
    { env = driverEnv, scratch = tmpdir() }: { env?: DriverEnv; scratch?: string } = {},
  ): Promise<DriverHost> {
    const [problem] = checkConnection(opened.manifest.schema.connection, connection);
    if (problem !== undefined)
      throw new LogError(
        'config-invalid',
        `connection of ${opened.manifest.id}: ${problem.pointer || 'it'} ${problem.message}`,
        { path: problem.pointer },
      );
    if (/[,*]/.test(scratch))
      throw new LogError('config-invalid', 'the scratch folder has a comma or a star in its name');
    const folder = await mkdtemp(join(scratch, 'writ-driver-'));
    try {
      await unpackDriver(opened, folder);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw new LogError('storage-failed', `${opened.manifest.id} cannot be unpacked`, {}, error);
    }
    return new DriverHost(opened.manifest, connection, folder, env);
  }

  get stats(): DriverStats {
    return {
      started: this.#started,
      killed: this.#killed,
      lateAnswers: this.#lateAnswers,
      waiting: this.#waiting,
    };
  }

  /** The key that the answer to `call` has. RangeError for a capability that the manifest does not have. */
  keyOf(call: DriverCall): string {
    const capability = capabilityOf(this.#manifest, call.capability);
    if (capability === undefined) throw new RangeError(`no capability ${call.capability}`);
    return driverKey(call, capability.idempotency.key_fields);
  }

  /** One call. Never rejects for what the driver does. A dry run that there is not is answered without asking. */
  async call(call: DriverCall, options: CallOptions): Promise<CallResult> {
    const capability = capabilityOf(this.#manifest, call.capability);
    const problem = capability === undefined ? 'unknown capability' : misfit(call, capability);
    if (capability === undefined || problem !== undefined)
      return { failure: failure('request-invalid', problem ?? '', 'none') };
    const key = driverKey(call, capability.idempotency.key_fields);
    if (call.dryRun && capability.dry_run === 'not_supported')
      return { answer: unsupportedDryRun(call, capability, key) };
    const reply = await this.#ask('call', call, key, MAX_ANSWER_SIZE, options);
    if (!('value' in reply)) return reply;
    const checked = checkAnswer(reply.value, call, key, this.#clean);
    return 'answer' in checked ? checked : { failure: this.#mismatch(checked.problem) };
  }

  /** The targets of the connection. Read-only by contract. Never rejects for what the driver does. */
  async inventory(request: InventoryRequest, options: CallOptions): Promise<InventoryResult> {
    const reply = await this.#ask('inventory', request, '', MAX_INVENTORY_SIZE, options);
    if (!('value' in reply)) return reply;
    const checked = checkInventoryItems(reply.value, this.#clean);
    return 'items' in checked ? checked : { failure: this.#mismatch(checked.problem) };
  }

  /** Ends the process and removes the folder. Calls that wait fail. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#process?.kill('driver-cancelled', 'the driver is being closed');
    await this.#process?.ended;
    await this.#turn;
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #ask(
    op: string,
    argument: object,
    key: string,
    maxBytes: number,
    { deadlineMs, signal }: CallOptions,
  ): Promise<{ readonly value: unknown } | { readonly failure: DriverFailure }> {
    if (!Number.isFinite(deadlineMs) || deadlineMs <= 0) throw new RangeError('deadlineMs <= 0');
    if (this.#waiting >= MAX_WAITING_CALLS || this.#isClosed)
      return { failure: failure('driver-busy', 'too many calls wait, or it is closed', 'none') };
    const before = this.#turn;
    let leave: () => void = () => {};
    this.#turn = new Promise((resolve) => {
      leave = resolve;
    });
    this.#waiting++;
    const end = deadline(this.#env, deadlineMs, signal);
    try {
      const early = await Promise.race([before, end.reached]);
      if (early !== undefined) {
        void before.then(leave);
        return { failure: failure(early, 'it was not this call that ran', 'none') };
      }
      const nowMs = this.#env.nowMs();
      const payload = { argument, key, deadlineMs, nowMs };
      const result = await this.#exchange(op, payload, maxBytes, end.reached);
      leave();
      return result;
    } finally {
      end.cancel();
      this.#waiting--;
    }
  }

  async #exchange(
    op: string,
    payload: object,
    maxBytes: number,
    end: Promise<EarlyEnd>,
  ): Promise<{ readonly value: unknown } | { readonly failure: DriverFailure }> {
    const killed = end.then((code) => {
      this.#kill(code);
    });
    const ready = await this.#ready();
    if (ready.kind !== 'result') return { failure: this.#failureOf(ready, 'none') };
    const running = this.#process;
    if (running === undefined) return { failure: failure('driver-start-failed', '', 'none') };
    void killed;
    const reply = await running.request(op, payload, maxBytes);
    if (!running.isAlive) this.#drop(running);
    return reply.kind === 'result' ? reply : { failure: this.#failureOf(reply, 'unknown') };
  }

  /** Starts a process where none is ready. */
  async #ready(): Promise<Reply> {
    if (this.#process?.isAlive && this.#isReady) return { kind: 'result', value: true };
    if (this.#isClosed) return failed('driver-cancelled', 'the driver is being closed');
    const manifest = this.#manifest;
    const packageFolder = join(this.#folder, 'package');
    this.#isReady = false;
    const process = new DriverProcess(
      {
        packageFolder,
        workFolder: join(this.#folder, 'work'),
        memoryMb: manifest.defaults.memory_mb,
        permissions: manifest.permissions,
        clean: this.#clean,
      },
      this.#env,
      () => {
        this.#lateAnswers++;
      },
    );
    this.#process = process;
    this.#started++;
    const reply = await process.request(
      'start',
      {
        entrypoint: join(packageFolder, manifest.driver.entrypoint),
        connection: this.#connection,
        network: allowedAddresses(manifest, this.#connection),
      },
      MAX_ANSWER_SIZE,
    );
    this.#isReady = reply.kind === 'result';
    if (reply.kind === 'error') {
      process.kill('driver-start-failed', reply.message);
      return failed('driver-start-failed', `the driver did not load: ${reply.message}`);
    }
    if (!process.isAlive) this.#drop(process);
    return reply;
  }

  #kill(code: EarlyEnd): void {
    this.#killed++;
    const message =
      code === 'driver-timeout' ? 'no answer within the deadline' : 'the call was given up';
    this.#process?.kill(code, message);
    this.#drop(this.#process);
  }

  #drop(process: DriverProcess | undefined): void {
    if (this.#process === process) this.#process = undefined;
  }

  #mismatch(problem: string): DriverFailure {
    return failure('driver-answer-malformed', problem, 'unknown');
  }

  #failureOf(
    reply: Exclude<Reply, { kind: 'result' }>,
    outcome: 'none' | 'unknown',
  ): DriverFailure {
    const message = this.#clean(reply.message).toWellFormed();
    if (reply.kind === 'failed') return failure(reply.code, message, outcome);
    // Only the codes that are a driver's to give; the runner's would say something that did not happen.
    const given = isDriverFailureCode(reply.code) && !reply.code.startsWith('driver-');
    const code = given ? reply.code : mapDriverError({ code: reply.code }).code;
    return failure(code, message, outcomeOfError(code));
  }
}

/** Why `call` is not one that the capability takes; undefined: it is. */
function misfit(call: DriverCall, capability: Capability): string | undefined {
  if (!capability.verbs.includes(call.verb)) return `${capability.id} has no verb ${call.verb}`;
  const type = parseTargetId(call.target)?.type;
  if (type === undefined || !capability.targets.includes(type))
    return `${capability.id} has no targets such as ${call.target.slice(0, 200)}`;
  const [problem] = checkParams(capability.params[call.verb] ?? null, call.params, '/params');
  return problem === undefined ? undefined : `${problem.pointer} ${problem.message}`;
}

function failed(code: DriverFailureCode, message: string): Exclude<Reply, { kind: 'result' }> {
  return { kind: 'failed', code, message };
}

function failure(
  code: DriverFailureCode,
  message: string,
  outcome: DriverFailure['outcome'],
): DriverFailure {
  return {
    code,
    severity: 'error',
    message: message.slice(0, MAX_FAILURE_MESSAGE).toWellFormed(),
    outcome,
  };
}
