// The conformance kit: whether a driver keeps the contract, found out by using it (spec/drivers.md section 12).

import { formatHex } from '@writ/core/bytes';
import { isLogError } from '@writ/core/errors';
import { sha256 } from '@writ/core/sha256';
import { formatCanonicalJson, type JsonValue } from '@writ/core/statements/jcs';
import { type DriverEnv, driverEnv } from '../agent/driver-env.ts';
import { DriverHost } from '../agent/driver-host.ts';
import { verifiedDriverDigest } from '../engine/driver-digest.ts';
import type { DriverAnswer, DriverCall, DriverManifest } from '../engine/driver-manifest.ts';
import { type DriverPackage, openDriverPackage } from '../engine/driver-package.ts';
import { isNoChange } from '../engine/plan-preview.ts';
import { parseTargetId } from '../engine/target-types.ts';
import { openRecorders, type Recorder } from './recorder.ts';
import { fillIn, type Scenario } from './scenario.ts';

export interface CheckResult {
  readonly check: string;
  /** The call it is about; null: the whole driver. */
  readonly call: string | null;
  /** null: it holds. */
  readonly problem: string | null;
}

/** A year later: a key that depends on the time is another one by then. */
const LATER_MS: number = 366 * 24 * 3600 * 1000;
/** How long after a call a target is watched. */
const SETTLE_MS = 100;
/** How long a call may take against a target that does not answer. */
const STALL_DEADLINE_MS = 1000;
/** How far beyond its deadline a call may end; the machine is busy with the killing. */
const STALL_SLACK_MS = 1000;

interface Trial {
  readonly opened: DriverPackage;
  readonly connection: JsonValue;
  readonly scenario: Scenario;
  readonly recorders: readonly Recorder[];
  readonly monotonicMs: () => number;
  readonly results: CheckResult[];
}

/** Runs every check on a package. `monotonicMs` is a clock that does not jump. Never throws for what the driver does. */
export async function checkDriver(
  packageBytes: Uint8Array,
  scenario: Scenario,
  monotonicMs: () => number,
): Promise<readonly CheckResult[]> {
  const results: CheckResult[] = [];
  const opened = openForTrial(packageBytes, results);
  if (opened === undefined) return results;
  checkCoverage(opened.manifest, scenario, results);
  const recorders = await openRecorders();
  try {
    const values = new Map(recorders.flatMap((recorder) => [...recorder.values]));
    const connection = fillIn(scenario.connection, values);
    await tryOut({ opened, connection, scenario, recorders, monotonicMs, results });
  } catch (error) {
    if (!isLogError(error)) throw error;
    results.push({ check: 'connection is of the schema', call: null, problem: error.message });
  } finally {
    await Promise.all(recorders.map((recorder) => recorder.close()));
  }
  return results;
}

function openForTrial(bytes: Uint8Array, results: CheckResult[]): DriverPackage | undefined {
  const check = 'package and manifest are sound';
  try {
    // Whoever tests a driver names it by having it; no policy does yet.
    const opened = openDriverPackage(bytes, verifiedDriverDigest(formatHex(sha256(bytes))));
    results.push({ check, call: null, problem: null });
    return opened;
  } catch (error) {
    if (!isLogError(error)) throw error;
    results.push({ check, call: null, problem: error.message });
    return undefined;
  }
}

function checkCoverage(
  manifest: DriverManifest,
  { calls }: Scenario,
  results: CheckResult[],
): void {
  const missing = manifest.capabilities.flatMap(({ id, verbs }) =>
    verbs
      .filter((verb) => !calls.some((call) => call.capability === id && call.verb === verb))
      .map((verb) => `${id} ${verb}`),
  );
  const problem = missing.length === 0 ? null : `no call of ${missing.join(', ')}`;
  results.push({ check: 'every verb is tried', call: null, problem });
}

async function tryOut(trial: Trial): Promise<void> {
  const early = await openHost(trial, 0);
  const late = await openHost(trial, LATER_MS);
  try {
    await checkInventory(trial, early);
    for (const call of trial.scenario.calls) await checkCall(trial, early, late, call);
    for (const call of trial.scenario.calls) await checkUnknownTarget(trial, early, call);
    await checkDeadline(trial, early);
  } finally {
    await early.close();
    await late.close();
  }
}

function openHost({ opened, connection }: Trial, offsetMs: number): Promise<DriverHost> {
  const env: DriverEnv = { ...driverEnv, nowMs: () => driverEnv.nowMs() + offsetMs };
  return DriverHost.open(opened, connection, { env });
}

async function checkInventory(trial: Trial, host: DriverHost): Promise<void> {
  const say = sayer(trial, null);
  const request = { mode: 'full', wanted: null } as const;
  const result = await host.inventory(request, deadlineOf(trial));
  if ('failure' in result) {
    const isMissing = result.failure.code === 'request-invalid';
    say('inventory is of its shape', isMissing ? null : result.failure.message);
    return;
  }
  say('inventory is of its shape', null);
  const types = new Set(trial.opened.manifest.capabilities.flatMap(({ targets }) => targets));
  const foreign = result.items.find(({ type }) => !types.has(type));
  say(
    'inventory lists targets of declared types',
    foreign === undefined ? null : `${foreign.id} is of a type that no capability is for`,
  );
}

/** Dry run, dry run a year later, execution, dry run. */
async function checkCall(
  trial: Trial,
  early: DriverHost,
  late: DriverHost,
  call: Omit<DriverCall, 'dryRun'>,
): Promise<void> {
  const say = sayer(trial, `${call.capability} ${call.verb} ${call.target}`);
  const capability = trial.opened.manifest.capabilities.find(({ id }) => id === call.capability);
  const dryCall = { ...call, dryRun: true };
  const first = await quietly(trial, say, 'dry run changes nothing', () =>
    ask(trial, early, dryCall),
  );
  if (capability?.dry_run === 'not_supported') {
    const isHonest = typeof first !== 'string' && !first.ok && !isNoChange(first);
    say(
      'a dry run that there is not is never "no change"',
      isHonest ? null : 'it says that all is well',
    );
  } else {
    say('dry run answers as the contract asks', typeof first === 'string' ? first : null);
    if (typeof first === 'string') return;
    say('dry run finds everything in place', first.ok ? null : (first.reason ?? 'ok is false'));
    const second = await quietly(trial, say, 'dry run changes nothing, asked again', () =>
      ask(trial, late, dryCall),
    );
    say('dry run and key are the same a year later', difference(first, second));
  }
  if (!trial.scenario.execute || typeof first === 'string') return;
  const before = await count(trial);
  const done = await ask(trial, early, { ...call, dryRun: false });
  say('execution succeeds', typeof done === 'string' ? done : done.ok ? null : done.reason);
  if (typeof done === 'string' || capability?.dry_run === 'not_supported') return;
  const isMissing = !isNoChange(first) && (await count(trial)) === before;
  say('execution reaches the target', isMissing ? 'no recorder saw anything' : null);
  const after = await quietly(trial, say, 'dry run after the execution changes nothing', () =>
    ask(trial, early, dryCall),
  );
  say('dry run after the execution agrees with it', disagreement(first, after));
}

/** A name that no connection has is refused, in a dry run as in earnest. */
async function checkUnknownTarget(
  trial: Trial,
  host: DriverHost,
  call: Omit<DriverCall, 'dryRun'>,
): Promise<void> {
  const parsed = parseTargetId(call.target);
  const target = `${parsed?.type}:no-such-target`;
  if (parsed === undefined || parseTargetId(target) === undefined) return;
  const say = sayer(trial, `${call.capability} ${call.verb} ${target}`);
  const answer = await quietly(trial, say, 'dry run of an unknown target changes nothing', () =>
    ask(trial, host, { ...call, target, dryRun: true }),
  );
  const isRefused = typeof answer === 'string' || !answer.ok;
  say('an unknown target is refused', isRefused ? null : 'the answer is ok');
}

async function checkDeadline(trial: Trial, host: DriverHost): Promise<void> {
  const [call] = trial.scenario.calls;
  if (call === undefined) return;
  for (const recorder of trial.recorders) recorder.stall();
  const start = trial.monotonicMs();
  await host.call({ ...call, dryRun: true }, { deadlineMs: STALL_DEADLINE_MS });
  const took = trial.monotonicMs() - start;
  const isLate = took > STALL_DEADLINE_MS + STALL_SLACK_MS;
  const say = sayer(trial, null);
  say('the deadline holds when the target does not answer', isLate ? `took ${took} ms` : null);
}

async function quietly(
  trial: Trial,
  say: Say,
  check: string,
  run: () => Promise<DriverAnswer | string>,
): Promise<DriverAnswer | string> {
  const before = await count(trial);
  const answer = await run();
  const after = await mutations(trial);
  say(check, after.length === before ? null : `it did: ${after.slice(before).join(', ')}`);
  return answer;
}

async function ask(
  trial: Trial,
  host: DriverHost,
  call: DriverCall,
): Promise<DriverAnswer | string> {
  const result = await host.call(call, deadlineOf(trial));
  return 'answer' in result ? result.answer : `${result.failure.code}: ${result.failure.message}`;
}

function difference(first: DriverAnswer, second: DriverAnswer | string): string | null {
  if (typeof second === 'string') return second;
  const [a, b] = [first, second].map((answer) => formatCanonicalJson(jsonOf(answer)));
  return a === b ? null : 'the second answer is another one';
}

/** Either the state became what was announced, or the driver knows no states and plans the same again. */
function disagreement(first: DriverAnswer, after: DriverAnswer | string): string | null {
  if (typeof after === 'string') return after;
  for (const { id, to } of first.effects.per_target) {
    const now = after.effects.per_target.find((effect) => effect.id === id);
    if (to !== null && now?.from !== to)
      return `${id} was to become ${to} and is ${now?.from ?? 'not known'}`;
  }
  const isKnown = first.effects.per_target.some(({ to }) => to !== null);
  return isKnown ? null : difference(first, after);
}

type Say = (check: string, problem: string | null | undefined) => void;

function sayer({ results }: Trial, call: string | null): Say {
  return (check, problem) => {
    results.push({ check, call, problem: problem ?? null });
  };
}

function deadlineOf({ opened }: Trial): { deadlineMs: number } {
  return { deadlineMs: opened.manifest.defaults.timeout_s * 1000 };
}

async function mutations({ recorders }: Trial): Promise<string[]> {
  // What a driver sent may still be on its way, and one that lies does not wait for it.
  await new Promise<void>((resolve) => {
    driverEnv.after(SETTLE_MS, resolve);
  });
  return (await Promise.all(recorders.map((recorder) => recorder.mutations()))).flat();
}

async function count(trial: Trial): Promise<number> {
  return (await mutations(trial)).length;
}

function jsonOf(answer: DriverAnswer): JsonValue {
  const copy: JsonValue = JSON.parse(JSON.stringify(answer));
  return copy;
}
