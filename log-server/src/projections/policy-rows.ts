// Rows of policies: one for each version that was in force, and one for each policy as it is now (spec/policy-api.md
// section 2).

import { formatHex } from '@writ/core/bytes';
import { bug } from '@writ/core/errors';
import { sha256 } from '@writ/core/sha256';
import type { JsonValue } from '@writ/core/statements/jcs';
import type { DryRun } from '@writ/core/statements/kinds/node-reports';
import { parsePolicySpec } from '@writ/core/statements/kinds/policy-spec';
import type { PolicyVersion } from '@writ/core/streams/village-state';
import { semanticDigest } from '@writ/policy/engine/digests';
import { parseDuration } from '@writ/policy/engine/duration';
import type { PolicySpec } from '@writ/policy/engine/policy-spec';
import { readPolicySpec } from '@writ/policy/engine/policy-spec-schema';
import type { Committed, Ground, Point } from './committed.ts';
import { rowOf } from './draft.ts';
import { servingNode } from './host-rows.ts';
import { dryRunKey, dryRunsOf, meaningsOf, policyKey, versionKey } from './keys.ts';
import { type RowReader, under } from './rows.ts';
import { allowsEnabling, type DryRunRow, dryRunOf, MAX_DRY_RUNS } from './status.ts';

export type PolicyStatus = 'enabled' | 'disabled' | 'invalid';

/** What every row of a policy has. */
interface Facts {
  readonly id: string;
  readonly village: string;
  readonly version_int: number;
  readonly status: PolicyStatus;
  /** null where the spec is none, or is gone. */
  readonly name: string | null;
  readonly hash: string | null;
  readonly host_id: string | null;
  readonly priority: number | null;
  readonly stop_on_match: boolean | null;
  readonly dynamic_resolution: boolean | null;
  readonly suppression_window_s: number | null;
  readonly idempotency_window_s: number | null;
  /** SHA-256 of the spec as it was signed; null where the policy was switched off. */
  readonly spec_digest: string | null;
  /** The statement that holds the spec. */
  readonly statement_id: string | null;
  /** Where that statement stands. */
  readonly source_index: number | null;
  /** Transcript of the dry run that its status rests on. */
  readonly transcript_id: string | null;
  /** The activation. */
  readonly leaf_index: number;
  readonly time: number;
}

export interface VersionRow extends Facts {
  readonly spec: JsonValue;
}

export interface PolicyRow extends Facts {
  readonly created_at: Point;
  readonly updated_at: Point;
  readonly last_dry_run: DryRunRow | null;
}

/** Takes up that a statement put `version` of a policy in force. */
export async function projectActivation(
  ground: Ground,
  { village, policy }: { readonly village: string; readonly policy: string },
  version: PolicyVersion,
): Promise<void> {
  const { rows } = ground;
  const before = await rows.read<PolicyRow>(policyKey(village, policy));
  const row = await versionRow(ground, { village, policy, before }, version);
  const dryRuns = await dryRunsFor(rows, row);
  const { spec: _, ...facts } = row;
  const at = { leaf_index: row.leaf_index, time: row.time };
  const now: PolicyRow = {
    ...facts,
    created_at: before?.created_at ?? at,
    updated_at: at,
    last_dry_run: dryRuns[0] ?? null,
  };
  rows.put(versionKey(village, policy, row.version_int), row);
  rows.put(policyKey(village, policy), now);
  const [old, meaning] = [before && meaningKey(before), meaningKey(row)];
  if (old !== undefined) rows.delete(old);
  if (meaning !== undefined) rows.put(meaning, {});
}

/** Takes up a dry run that a node recorded. */
export async function projectDryRun(
  { rows }: Ground,
  { village, node }: { readonly village: string; readonly node: string },
  payload: DryRun,
  { statement, index, timeSeconds }: Committed,
): Promise<void> {
  const { policy, version } = payload;
  const of =
    version === null
      ? undefined
      : await rows.read<VersionRow>(versionKey(village, policy, version));
  const row: DryRunRow = {
    transcript: formatHex(payload.transcript),
    severity: payload.severity,
    version,
    hash: of?.hash ?? null,
    ir: formatHex(payload.ir),
    node,
    statement_id: formatHex(statement.id),
    leaf_index: index,
    time: timeSeconds,
  };
  rows.put(dryRunKey(village, policy, node, index), row);
  const current = await rows.read<PolicyRow>(policyKey(village, policy));
  if (current === undefined) return;
  const isOfHost = (await servingNode(rows, village, current.host_id)) === node;
  if (isOfHost) rows.put(policyKey(village, policy), { ...current, last_dry_run: row });
}

/** The newest dry runs of a policy that the node made which serves its host, newest first; none without a node. */
export async function dryRunsFor(
  rows: RowReader,
  { village, id, host_id }: Pick<Facts, 'village' | 'id' | 'host_id'>,
): Promise<DryRunRow[]> {
  const node = await servingNode(rows, village, host_id);
  if (node === null) return [];
  const range = { ...under(dryRunsOf(village, id, node)), limit: MAX_DRY_RUNS, reverse: true };
  const found = await rows.range(range);
  return found.flatMap(([, text]) => rowOf<DryRunRow>(text) ?? []);
}

interface Place {
  readonly village: string;
  readonly policy: string;
  readonly before: PolicyRow | undefined;
}

async function versionRow(
  ground: Ground,
  { village, policy, before }: Place,
  { version, digest, source, index, timeSeconds }: PolicyVersion,
): Promise<VersionRow> {
  const base = {
    ...{ id: policy, village, version_int: version, ...NOTHING },
    spec_digest: digest === null ? null : formatHex(digest),
    ...{ leaf_index: index, time: timeSeconds },
  };
  if (source === null) return { ...base, status: 'disabled', name: before?.name ?? null };
  const { payload, index: sourceIndex } = await ground.statementOf(source);
  if (payload.kind !== 'policy-change') bug('a policy comes from a policy-change');
  const document = parsePolicySpec(payload.spec);
  const signed = {
    ...base,
    spec_digest: formatHex(sha256(payload.spec)),
    statement_id: formatHex(source),
    source_index: sourceIndex,
    spec: document,
  };
  const { spec } = readPolicySpec(document);
  if (spec === undefined) return { ...signed, status: 'invalid' };
  const hash = semanticDigest(spec);
  const wasEnabled = before?.status === 'enabled' && before.hash === hash;
  const previousIndex = before?.leaf_index ?? -1;
  const candidate = { hash, time: timeSeconds, previousIndex, wasEnabled };
  const place = { village, id: policy, host_id: spec.targets.host_id };
  const dryRuns = await dryRunsFor(ground.rows, place);
  const isEnabled = spec.enabled && allowsEnabling(candidate, dryRuns);
  return {
    ...signed,
    ...factsOf(spec),
    hash,
    status: isEnabled ? 'enabled' : 'disabled',
    transcript_id:
      dryRunOf(candidate, dryRuns)?.transcript ?? (wasEnabled ? before.transcript_id : null),
  };
}

const NOTHING = {
  ...{ name: null, hash: null, host_id: null, priority: null, stop_on_match: null },
  ...{ dynamic_resolution: null, suppression_window_s: null, idempotency_window_s: null },
  ...{ statement_id: null, source_index: null, transcript_id: null, spec: null },
} as const;

// The windows are those of the spec, whatever the compiler has as its default.
function factsOf(spec: PolicySpec): Partial<Facts> {
  return {
    name: spec.name,
    host_id: spec.targets.host_id,
    priority: spec.priority,
    stop_on_match: spec.stop_on_match,
    dynamic_resolution: spec.dynamic_resolution,
    suppression_window_s: parseDuration(spec.suppression_window) ?? null,
    idempotency_window_s: parseDuration(spec.idempotency_window) ?? null,
  };
}

function meaningKey({ village, hash, host_id, id }: Facts): string | undefined {
  return hash === null || host_id === null
    ? undefined
    : `${meaningsOf(village, hash, host_id)}${id}`;
}
