// One policy that matched one event: what its actions mean now, and what becomes of each on each target
// (spec/policy-engine.md section 6). It runs when it is the turn of the host, as one piece: the actions in their order,
// the targets of an action in theirs. What fails does not keep the rest from being tried.

import { parseHex } from '@writ/core/bytes';
import { bug } from '@writ/core/errors';
import type { VerifiedDriverDigest } from '../engine/driver-digest.ts';
import type { DriverCall } from '../engine/driver-manifest.ts';
import type { EngineEvent } from '../engine/event.ts';
import { executionKey } from '../engine/idempotency-key.ts';
import type { InventoryIndex } from '../engine/inventory-index.ts';
import { subjectKey } from '../engine/latch.ts';
import type { IrAction } from '../engine/policy-ir.ts';
import { resolve } from '../engine/selector.ts';
import type { ActivePolicy } from './active-policy.ts';
import type { CallResult } from './driver-host.ts';
import { previewOf, type Verdict, verdictOfAnswer, verdictOfFailure } from './driver-verdict.ts';
import type { Begun, Ledger } from './ledger.ts';
import type { BeginRequest } from './ledger-intent.ts';
import type { Instant } from './outbox.ts';
import type { EngineSnapshot } from './snapshot.ts';

/** How a run reaches drivers. */
export interface DriverPort {
  /** One call to the driver of a host; the package is the one with that digest or none. */
  call(host: string, driver: VerifiedDriverDigest, call: DriverCall): Promise<CallResult>;
}

/** How a run learns of targets. */
export interface TargetPort {
  /** What is known now; undefined: nothing. */
  index(host: string): InventoryIndex | undefined;
  /** Asks for these and no more, within the deadline of the host; never rejects for what the driver does. */
  refresh(host: string, ids: readonly string[]): Promise<void>;
  /** Whether what is known of these targets is old; undefined: no inventory of the host is kept. The index says it of all. */
  judge?(host: string, ids: readonly string[]): { readonly stale: boolean } | undefined;
}

/** Whether what the node knows of its village is fresh enough for a verb; else why not. */
export type StalenessGate = (isDestructive: boolean) => 'state-stale' | 'state-frozen' | undefined;

export interface RunParts {
  readonly now: () => Instant;
  readonly ledger: Ledger;
  readonly drivers: DriverPort;
  readonly targets: TargetPort;
  readonly staleness: StalenessGate;
}

/** The event with its id, SHA-256 of its canonical JSON. */
export interface IdentifiedEvent {
  readonly event: EngineEvent;
  readonly id: Uint8Array;
}

/** What became of one action on one target. */
export interface ActionRecord {
  readonly action: number;
  readonly target: string;
  /** `begun` ones have an intent; the others were held back, and say why. */
  readonly result: 'succeeded' | 'failed' | 'skipped' | 'unknown' | 'held';
  readonly reason: string | null;
}

export interface PolicyRunRecord {
  readonly policy: string;
  readonly isScheduled: boolean;
  readonly actions: readonly ActionRecord[];
}

interface Target {
  readonly action: IrAction;
  readonly place: number;
  readonly call: DriverCall;
}

/**
 * Runs `policy` for an event. `onScheduled` is called once, as soon as it is known whether any action has an intent:
 * with true before the first driver hears of it.
 */
export async function runPolicy(
  parts: RunParts,
  snapshot: EngineSnapshot,
  policy: ActivePolicy,
  event: IdentifiedEvent,
  onScheduled: (isScheduled: boolean) => void,
): Promise<PolicyRunRecord> {
  const records: ActionRecord[] = [];
  let isScheduled = false;
  for (const target of await targetsOf(parts, policy)) {
    const record = await runTarget(parts, snapshot, policy, event, target, () => {
      if (!isScheduled) onScheduled(true);
      isScheduled = true;
    });
    records.push(record);
  }
  if (records.length === 0) await nothingToDo(parts, policy, event);
  if (!isScheduled) onScheduled(false);
  return { policy: policy.ref.id, isScheduled, actions: records };
}

/** Everything that the actions mean, in order. */
async function targetsOf({ targets }: RunParts, policy: ActivePolicy): Promise<Target[]> {
  const { ir, selector, resolution } = policy;
  const { host_id } = ir.targets;
  let ids = resolution.ids;
  if (ir.dynamic_resolution) {
    const isDestructive = ir.plan.some((action) => action.destructive);
    const known = resolve(selector, targets.index(host_id), { isDynamic: true, isDestructive });
    await targets.refresh(host_id, known.resolution.ids);
    const index = targets.index(host_id);
    ids = resolve(selector, index, { isDynamic: true, isDestructive }).resolution.ids;
  }
  return ir.plan.flatMap((action, place) =>
    ids.map((target) => ({
      action,
      place,
      call: {
        capability: action.capability,
        verb: action.verb,
        target,
        params: action.params,
        dryRun: false,
      },
    })),
  );
}

async function nothingToDo(
  { ledger, now }: RunParts,
  { ref, ir }: ActivePolicy,
  { event, id }: IdentifiedEvent,
): Promise<void> {
  const match = {
    policy: ref.id,
    version: ref.version,
    event: id,
    subject: subjectKey(event),
    suppressionWindowMs: ir.windows.suppression_s * 1000,
  };
  await ledger.match(match, 'selection-empty', now());
}

async function runTarget(
  parts: RunParts,
  snapshot: EngineSnapshot,
  policy: ActivePolicy,
  event: IdentifiedEvent,
  target: Target,
  onBegun: () => void,
): Promise<ActionRecord> {
  const { ledger, now, staleness } = parts;
  const at = { action: target.place, target: target.call.target };
  const stale = staleness(target.action.destructive);
  if (stale !== undefined) {
    const { id: policyId, version } = policy.ref;
    await ledger.suppress({ event: event.id, policy: policyId, version }, stale, now());
    return { ...at, result: 'held', reason: stale };
  }
  const request = requestOf(snapshot, policy, event, target);
  // A look ahead: what the windows hold back anyway costs no driver a question. `begin` decides, and records it.
  const isAsked =
    target.action.dry_run !== 'not_supported' && ledger.heldBack(request, now()) === undefined;
  const preview = isAsked ? await lookFirst(parts, policy, target) : undefined;
  const begun = await ledger.begin({ ...request, ...preview?.named }, now());
  if (begun.kind !== 'begun') return { ...at, result: 'held', reason: reasonOf(begun) };
  onBegun();
  const verdict = preview?.verdict ?? (await callOrTell(parts, policy, target, begun.id));
  if (verdict.kind === 'unknown') {
    await ledger.unknown(begun.id, verdict.reason, now());
    return { ...at, result: 'unknown', reason: verdict.reason };
  }
  await ledger.finish(begun.id, verdict, now());
  return { ...at, result: verdict.result, reason: verdict.reason };
}

/** A dry run before the call, of a capability that has one: it shows what need not or must not be done. */
async function lookFirst(
  { drivers, targets }: RunParts,
  { ir, driver }: ActivePolicy,
  { call }: Target,
): Promise<{
  readonly named: Pick<BeginRequest, 'preconditions' | 'transcript'>;
  readonly verdict: Verdict | undefined;
}> {
  const nothing = { preconditions: null, transcript: null };
  const { host_id } = ir.targets;
  const looked = await drivers.call(host_id, driver, { ...call, dryRun: true });
  if ('answer' in looked) {
    const isInventoryStale = isOld(targets, host_id, call.target);
    const { preconditions, transcript, verdict } = previewOf(looked.answer, { isInventoryStale });
    return { named: { preconditions, transcript }, verdict };
  }
  // Nothing was done, whatever the driver met: a dry run changes nothing.
  const verdict = verdictOfFailure({ ...looked.failure, outcome: 'none' });
  const skipped = verdict.kind === 'outcome' ? { ...verdict, result: 'skipped' as const } : verdict;
  return { named: nothing, verdict: skipped };
}

/** A call that ends in a fault of ours may have been made: its intent does not stay open for ever. */
async function callOrTell(
  parts: RunParts,
  policy: ActivePolicy,
  target: Target,
  intent: string,
): Promise<Verdict> {
  try {
    return await callNow(parts, policy, target);
  } catch (error) {
    await parts.ledger.unknown(intent, 'node-fault', parts.now());
    throw error;
  }
}

async function callNow(
  { drivers, targets }: RunParts,
  { ir, driver }: ActivePolicy,
  { call }: Target,
): Promise<Verdict> {
  const { host_id } = ir.targets;
  const called = await drivers.call(host_id, driver, call);
  if ('failure' in called) return verdictOfFailure(called.failure);
  return verdictOfAnswer(called.answer, {
    isInventoryStale: isOld(targets, host_id, call.target),
  });
}

/** Where no inventory is kept, none was used, and none is old. */
function isOld(targets: TargetPort, host: string, target: string): boolean {
  const judged = targets.judge === undefined ? targets.index(host) : targets.judge(host, [target]);
  return judged?.stale ?? false;
}

function requestOf(
  snapshot: EngineSnapshot,
  { ref, ir, irDigest, driver, capabilities }: ActivePolicy,
  { event, id }: IdentifiedEvent,
  { action, place, call }: Target,
): BeginRequest {
  const { suppression_s, idempotency_s } = ir.windows;
  return {
    policy: ref.id,
    version: ref.version,
    ir: irDigest,
    driver: digestBytes(driver.hex),
    event: id,
    subject: subjectKey(event),
    checkpoint: snapshot.tree,
    villageSeq: snapshot.villageSeq,
    host: ir.targets.host_id,
    capability: call.capability,
    verb: call.verb,
    targets: [call.target],
    isDestructive: action.destructive,
    key: executionKey(ir.targets.host_id, call, action.key_fields, action.key_hint),
    params: call.params,
    paramsSchema: capabilities[place]?.params[call.verb] ?? null,
    preconditions: null,
    transcript: null,
    correlation: event.correlation_id,
    idempotencyWindowMs: idempotency_s * 1000,
    suppressionWindowMs: suppression_s * 1000,
  };
}

function digestBytes(hex: string): Uint8Array {
  return parseHex(hex) ?? bug('a digest is not hexadecimal');
}

function reasonOf(held: Exclude<Begun, { readonly kind: 'begun' }>): string {
  return held.kind === 'refused' ? held.code : held.kind;
}
