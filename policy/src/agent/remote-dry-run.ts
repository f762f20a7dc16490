// A dry run that somebody asked for over the log (spec/policy-api.md sections 5 and 7): every action on every target is
// tried, and nothing is done. The drivers are reached through a port that has no other call.

import { parseUtf8 } from '@writ/core/bytes';
import { isLogError } from '@writ/core/errors';
import type { JsonValue } from '@writ/core/statements/jcs';
import { parsePolicySpec } from '@writ/core/statements/kinds/policy-spec';
import { type CompiledPolicy, type CompileOptions, compile } from '../engine/compile.ts';
import { type VerifiedDriverDigest, verifiedDriverDigest } from '../engine/driver-digest.ts';
import type { DriverFailure } from '../engine/driver-failure.ts';
import type { DriverAnswer, DriverCall, DriverManifest } from '../engine/driver-manifest.ts';
import type { Finding } from '../engine/finding.ts';
import { driverKey } from '../engine/idempotency-key.ts';
import type { InventoryIndex } from '../engine/inventory-index.ts';
import type { IrAction } from '../engine/policy-ir.ts';
import { applySeverityRules, NO_FACTS, SEVERITY_RULES } from '../engine/severity-rules.ts';
import {
  type DryRunRequest,
  MAX_RESULTS,
  MAX_TRANSCRIPT_FINDINGS,
  TRANSCRIPT_FORMAT,
  type Transcript,
  type TranscriptResult,
  transcriptSeverity,
  type UsedInventory,
} from '../engine/transcript.ts';
import { hostOf, packageOf } from './active-policy.ts';
import type { CallResult } from './driver-host.ts';
import type { PooledHost } from './driver-pool.ts';
import type { Refreshed } from './inventory.ts';
import type { DriverPort } from './policy-run.ts';
import type { InForce } from './put-in-force.ts';
import { compileHosts } from './put-in-force.ts';
import type { Declined, DryRunSubject } from './remote-subject.ts';

/** Drivers that can only be tried: a call without the member that says whether it is a dry run. */
export interface TryingPort {
  tryOut(
    host: string,
    driver: VerifiedDriverDigest,
    call: Omit<DriverCall, 'dryRun'>,
  ): Promise<CallResult>;
  manifest(driver: VerifiedDriverDigest): Promise<DriverManifest>;
}

/** `drivers` as a port that can only try. */
export function tryingPort(drivers: DriverPort & Pick<TryingPort, 'manifest'>): TryingPort {
  return {
    tryOut: (host, driver, call) => drivers.call(host, driver, { ...call, dryRun: true }),
    manifest: (driver) => drivers.manifest(driver),
  };
}

export interface DryRunParts {
  readonly village: string;
  readonly node: string;
  readonly hosts: readonly PooledHost[];
  readonly drivers: TryingPort;
  readonly inForce: InForce;
  readonly inventory: (host: string) => InventoryIndex | undefined;
  /** Asks for these targets; undefined: no inventory of the host is kept. */
  readonly refresh: (host: string, ids: readonly string[]) => Promise<Refreshed | undefined>;
  readonly nowMs: () => number;
  /** True when nobody waits for the answer any more. */
  readonly isOver: () => boolean;
}

/** Room for results in an answer, in bytes of their JSON; the rest of the transcript has what is left. */
const MAX_RESULT_BYTES = 3_000_000;

/** Tries `subject`. Never rejects for what a driver, a spec or a package is. */
export async function dryRun(
  parts: DryRunParts,
  request: DryRunRequest,
  subject: DryRunSubject,
): Promise<Transcript | Declined> {
  const { host } = request;
  if (hostOf(subject.spec) !== host)
    return { code: 'policy-unknown', reason: 'the policy is for another host' };
  const manifests = await manifestsFor(parts, subject);
  if (!(manifests instanceof Map)) return manifests;
  const started = Math.floor(parts.nowMs());
  const known = compileFor(parts, request, subject, manifests);
  if ('code' in known) return known;
  const refreshed = await parts.refresh(host, known.resolution.ids);
  const compiled = compileFor(parts, request, subject, manifests);
  if ('code' in compiled) return compiled;
  const results = await tryAll(parts, request, compiled, manifests, refreshed);
  if (results === undefined) return { code: 'failed', reason: 'it was not done within its time' };
  const findings = [...compiled.findings, ...(refreshed?.findings ?? [])]
    .flatMap(shown)
    .slice(0, MAX_TRANSCRIPT_FINDINGS);
  const listed = listedOf(results);
  const { village, node } = parts;
  return {
    ...{ format: TRANSCRIPT_FORMAT, village, node, host, policy: request.policy },
    version: request.version,
    semantic_digest: compiled.digests.semantic,
    ir_digest: compiled.digests.ir,
    driver: packageOf(subject.spec) ?? null,
    severity: transcriptSeverity({ findings, results }),
    structural: results.some(({ rule }) => STRUCTURAL.has(rule)),
    started_ms: started,
    ended_ms: Math.max(started, Math.floor(parts.nowMs())),
    used_inventory: usedOf(refreshed),
    findings,
    results: listed,
    results_cut: results.length - listed.length,
  };
}

const STRUCTURAL: ReadonlySet<string | null> = new Set(
  SEVERITY_RULES.filter(({ isStructural }) => isStructural).map(({ id }) => id),
);

async function manifestsFor(
  { inForce, drivers }: DryRunParts,
  { spec, mayBringPackage }: DryRunSubject,
): Promise<Map<string, DriverManifest> | Declined> {
  const manifests = new Map(inForce.manifests);
  const digest = packageOf(spec);
  if (digest === undefined || manifests.has(digest)) return manifests;
  if (!mayBringPackage) {
    const reason =
      'no policy in force names that driver package, and the author of the draft alone may not choose it: put the policy in force, then try it';
    return { code: 'driver-unavailable', reason };
  }
  try {
    manifests.set(digest, await drivers.manifest(verifiedDriverDigest(digest)));
    return manifests;
  } catch (error) {
    if (!isLogError(error)) throw error;
    return { code: 'driver-unavailable', reason: error.message };
  }
}

function compileFor(
  { hosts, inventory }: DryRunParts,
  { policy, host, version }: DryRunRequest,
  subject: DryRunSubject,
  manifests: ReadonlyMap<string, DriverManifest>,
): CompiledPolicy | Declined {
  const options: CompileOptions = {
    policyId: policy,
    version: subject.version,
    manifests,
    hosts: compileHosts(hosts, manifests),
    inventory: inventory(host),
  };
  const compiled = compile(documentOf(subject.spec), options);
  if (compiled.ok) return compiled;
  const [first] = compiled.findings;
  const code = version === null ? 'draft-refused' : 'failed';
  return { code, reason: `it does not compile: ${first?.message ?? ''}` };
}

function documentOf(spec: Uint8Array): JsonValue {
  try {
    return parsePolicySpec(spec);
  } catch {
    // A draft has not been through the rules of a village; the schema says what is wrong with it.
    return parseUtf8(spec) ?? null;
  }
}

/** undefined: nobody waits any more. */
async function tryAll(
  parts: DryRunParts,
  { host }: DryRunRequest,
  { ir, resolution }: CompiledPolicy,
  manifests: ReadonlyMap<string, DriverManifest>,
  refreshed: Refreshed | undefined,
): Promise<TranscriptResult[] | undefined> {
  const { driver } = ir.targets;
  const manifest = driver === null ? undefined : manifests.get(driver);
  if (driver === null || manifest === undefined) return [];
  const digest = verifiedDriverDigest(driver);
  const results: TranscriptResult[] = [];
  for (const [place, action] of ir.plan.entries()) {
    for (const target of resolution.ids) {
      if (parts.isOver()) return undefined;
      const call = {
        ...{ capability: action.capability, verb: action.verb, target, params: action.params },
      };
      const result = await parts.drivers.tryOut(host, digest, call);
      const facts = {
        isInventoryStale: refreshed?.inventory.stale ?? false,
        isRefreshPartial: refreshed?.refreshed === false,
      };
      results.push(resultOf({ place, action, call, driver }, result, facts));
    }
  }
  return results;
}

interface Tried {
  readonly place: number;
  readonly action: IrAction;
  readonly call: Omit<DriverCall, 'dryRun'>;
  readonly driver: string;
}

interface InventoryFacts {
  readonly isInventoryStale: boolean;
  readonly isRefreshPartial: boolean;
}

function resultOf(tried: Tried, result: CallResult, facts: InventoryFacts): TranscriptResult {
  const { place, action, call, driver } = tried;
  const named = {
    ...{ action: place, target_id: call.target, capability: call.capability, verb: call.verb },
    driver,
  };
  if ('failure' in result)
    return {
      ...named,
      ...failed(result.failure),
      idempotency_key: driverKey(call, action.key_fields),
    };
  const { answer } = result;
  const isSound = answer.ok && answer.preconditions.every(({ ok }) => ok);
  const given = isSound ? answer.severity : 'error';
  const { severity, rule } = applySeverityRules(given, {
    ...NO_FACTS,
    ...facts,
    isDryRunUnsupported: action.dry_run === 'not_supported',
    isDestructive: action.destructive,
    isAtDesiredState: isAtDesiredState(answer),
  });
  const { idempotency_key, preconditions, plan, effects, reason } = answer;
  return {
    ...named,
    ...{ ok: isSound, severity, rule: rule?.id ?? null, idempotency_key },
    preconditions: preconditions.map(({ check, ok, details }) => ({ check, ok, details })),
    plan: { kind: plan.kind, preview: [...plan.preview] },
    effects: {
      summary: effects.summary,
      per_target: effects.per_target.map(({ id, from, to }) => ({ id, from, to })),
    },
    reason,
  };
}

function failed({
  code,
  message,
}: DriverFailure): Pick<
  TranscriptResult,
  'ok' | 'severity' | 'rule' | 'preconditions' | 'plan' | 'effects' | 'reason'
> {
  const { severity, rule } = applySeverityRules('error', {
    ...NO_FACTS,
    isTimedOut: code === 'driver-timeout',
    isHostUnreachable: code === 'target-unreachable',
    isAnswerMalformed: code === 'driver-answer-malformed',
  });
  const preview: JsonValue[] = [];
  return {
    ...{ ok: false, severity, rule: rule?.id ?? null, preconditions: [] },
    plan: { kind: 'none', preview },
    effects: { summary: 'nobody knows', per_target: [] },
    reason: `${code}: ${message}`.slice(0, 4000),
  };
}

function isAtDesiredState({ effects: { per_target } }: DriverAnswer): boolean {
  return per_target.length > 0 && per_target.every(({ from, to }) => from === to && to !== null);
}

function listedOf(results: readonly TranscriptResult[]): TranscriptResult[] {
  const listed: TranscriptResult[] = [];
  let bytes = 0;
  for (const result of results.slice(0, MAX_RESULTS)) {
    // In UTF-8 a character has at most three bytes for each of its code units.
    bytes += 3 * JSON.stringify(result).length;
    if (bytes > MAX_RESULT_BYTES) break;
    listed.push(result);
  }
  return listed;
}

function shown({ severity, ...finding }: Finding): Transcript['findings'] {
  if (severity === 'blocker') return [];
  const { code, stage, path, message } = finding;
  return [{ code, severity, stage, path: path.slice(0, 1024), message: message.slice(0, 4000) }];
}

function usedOf(refreshed: Refreshed | undefined): UsedInventory {
  if (refreshed === undefined)
    return {
      ...{ refreshed: false, ts: null, stale: true, override: null },
      reason: 'the node keeps no inventory of the host',
    };
  const { inventory } = refreshed;
  const { override } = inventory;
  return {
    refreshed: refreshed.refreshed,
    ts: inventory.timeMs === 0 ? null : Math.floor(inventory.timeMs),
    stale: inventory.stale,
    reason: inventory.reason,
    override: override && {
      by: override.by,
      reason: override.reason,
      until_ms: override.until_ms,
    },
  };
}
