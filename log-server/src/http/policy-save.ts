// Saving under the gates (spec/policy-api.md section 4): what a member signed is compiled and judged, and then goes into
// the log the way that every statement does.

import { formatHex } from '@writ/core/bytes';
import { bug, LogError } from '@writ/core/errors';
import { parsePolicySpec } from '@writ/core/statements/kinds/policy-spec';
import type { PolicyChange } from '@writ/core/statements/kinds/village';
import { decodeStatement } from '@writ/core/statements/statement';
import { isExpired } from '@writ/core/streams/village-state';
import type { CompiledPolicy } from '@writ/policy/engine/compile';
import { semanticDigest } from '@writ/policy/engine/digests';
import type { DuplicatePolicy } from '@writ/policy/engine/duplicate';
import {
  type GateRefusal,
  type SavePass,
  saveGate,
  type TranscriptFacts,
} from '@writ/policy/engine/gates';
import { readPolicySpec } from '@writ/policy/engine/policy-spec-schema';
import { type Admitted, admitStatement } from '../admission/statement.ts';
import { meaningsOf } from '../projections/keys.ts';
import type { PolicyRow } from '../projections/policy-rows.ts';
import { under } from '../projections/rows.ts';
import { problemReply } from './api-reply.ts';
import { type ApiVillage, apiVillage, uuidInPath } from './api-village.ts';
import type { BodyReader } from './body.ts';
import type { AppDeps } from './deps.ts';
import { payloadOf } from './openings.ts';
import { caughtUp } from './policy-services.ts';
import { readSubmitted, requireChange } from './policy-signed.ts';
import { compileFor, dryRunFacts, findPolicy, findVersion, shownStatus } from './policy-view.ts';
import { type Call, jsonReply, type Reply } from './reply.ts';
import { authoritiesOf, sequence } from './submit.ts';

/** `POST /api/policies`: the first version. */
export function saveNewPolicy(deps: AppDeps, bodies: BodyReader, call: Call): Promise<Reply> {
  return save(deps, bodies, call, undefined);
}

/** `PUT /api/policies/{id}`: the next version. */
export async function saveNextPolicy(
  deps: AppDeps,
  bodies: BodyReader,
  call: Call,
): Promise<Reply> {
  return save(deps, bodies, call, uuidInPath(call));
}

/** What is being saved. `policy`: the id in the path; undefined for a new one. */
interface Saving {
  readonly deps: AppDeps;
  readonly call: Call;
  readonly village: ApiVillage;
  readonly change: PolicyChange;
  readonly admitted: Admitted;
  readonly isNew: boolean;
}

async function save(
  deps: AppDeps,
  bodies: BodyReader,
  call: Call,
  policy: string | undefined,
): Promise<Reply> {
  const village = await apiVillage(deps, call);
  const { bytes, opening } = await readSubmitted(bodies, call);
  return village.services.turns.run(village.id, async () => {
    const admitted = await admitStatement(bytes, authoritiesOf(deps), opening);
    let isLeft = true;
    try {
      const { statement, payload } = admitted.move.step ?? bug('a statement has a step');
      const change = requireChange(statement, payload, { village: village.id, policy });
      const isNew = policy === undefined;
      const saving = { deps, call, village, change, admitted, isNew };
      await caughtUp(deps.env, village.services, deps.log.head.size);
      const verdict = await judge(saving);
      if ('reply' in verdict) return verdict.reply;
      isLeft = false;
      const { index, isDuplicate } = await sequence(deps, admitted);
      await caughtUp(deps.env, village.services, index + 1);
      return await saved(saving, verdict, { index, isDuplicate });
    } finally {
      // An opening without a statement is forgotten again.
      if (isLeft) await admitted.release?.(false);
    }
  });
}

/** A save that may go on, or the refusal. */
type Verdict =
  | { readonly reply: Reply }
  | {
      readonly compiled: CompiledPolicy;
      readonly pass: SavePass;
      readonly transcript: TranscriptFacts | null;
    };

async function judge(saving: Saving): Promise<Verdict> {
  const { deps, call, village, change, admitted, isNew } = saving;
  const { services, ledger } = village;
  const current = village.ledger.states.get(`village/${village.id}`);
  const known = current?.family === 'village' ? current.policies.get(change.policy) : undefined;
  // The same bytes again: the answer was lost, and what was decided stands.
  const isRepeated = deps.log.findLeaf(admitted.leafHash) !== undefined;
  if (!isRepeated && isNew && known !== undefined)
    return {
      reply: duplicateReply(call, change.policy, 'the policy is there: PUT its next version'),
    };
  if (!isNew && known === undefined)
    throw new LogError('not-found', `the village has no policy ${change.policy}`);
  const compiled = await compileFor(services, village.id, parsePolicySpec(change.spec), {
    policyId: change.policy,
    version: Math.max(1, change.version),
  });
  const duplicate = compiled.ok && !isRepeated ? await findDuplicate(saving, compiled) : null;
  const transcript = compiled.ok
    ? await dryRunFacts(services, {
        ...{ village: village.id, id: change.policy, host_id: compiled.spec.targets.host_id },
        ...{ hash: compiled.digests.semantic, driver: compiled.ir.targets.driver },
      })
    : null;
  const judged = saveGate(compiled, { duplicate, transcript, nowMs: ledger.timeSeconds * 1000 });
  if (!judged.isAllowed) return { reply: refusalReply(call, judged) };
  if (!compiled.ok) return bug('a policy with a blocker passed the gate');
  const before = await findPolicy(services, village.id, change.policy);
  const gate = staysEnabled(judged, compiled, before) ? ENABLED : judged;
  const refusal = isRepeated ? null : enableRefusal(gate, compiled, before);
  return refusal === null
    ? { compiled, pass: gate, transcript }
    : { reply: refusalReply(call, refusal, isExplicit(compiled, before)) };
}

const ENABLED: SavePass = { isAllowed: true, isEnabled: true, disabledBecause: null };

/** Another name for what is enabled: nothing is there to be tried, as long as no dry run since has met an error. */
function staysEnabled(
  { disabledBecause }: SavePass,
  compiled: CompiledPolicy,
  before: PolicyRow | undefined,
): boolean {
  const code = disabledBecause?.code ?? '';
  const isUntried = ['transcript-missing', 'transcript-foreign', 'transcript-old'].includes(code);
  return isUntried && isExplicit(compiled, before) && before?.status === 'enabled';
}

/** Why a policy that might be stored disabled is refused instead: a broken driver, or an enable that is asked for. */
function enableRefusal(
  { disabledBecause }: SavePass,
  compiled: CompiledPolicy,
  before: PolicyRow | undefined,
): GateRefusal | null {
  if (disabledBecause === null) return null;
  const isStructural = disabledBecause.code === 'driver-structural-mismatch';
  return isStructural || isExplicit(compiled, before) ? disabledBecause : null;
}

/** True for a version that changes nothing of what the policy does, and is to be enabled. */
function isExplicit({ spec, digests }: CompiledPolicy, before: PolicyRow | undefined): boolean {
  return spec.enabled && before !== undefined && before.hash === digests.semantic;
}

async function findDuplicate(
  { deps, village, change }: Saving,
  { digests, spec }: CompiledPolicy,
): Promise<DuplicatePolicy | null> {
  const host = spec.targets.host_id;
  const prefix = meaningsOf(village.id, digests.semantic, host);
  const found = await village.services.projection.rows.range({ ...under(prefix), limit: 2 });
  const ids = found.map(([key]) => key.slice(prefix.length));
  const inForce = ids.find((id) => id !== change.policy);
  if (inForce !== undefined) return { policyId: inForce };
  const { ledger } = village;
  const state = ledger.states.get(`village/${village.id}`);
  if (state?.family !== 'village') return null;
  for (const { change: open, expiresAtSeconds } of state.proposals.values()) {
    if (open.kind !== 'policy' || open.source === null || open.policy === change.policy) continue;
    if (isExpired(expiresAtSeconds, ledger.timeSeconds)) continue;
    const meaning = await meaningOf(deps, open.source);
    if (meaning === `${digests.semantic} ${host}`) return { policyId: open.policy };
  }
  return null;
}

/** Semantic digest and host of the spec in a statement; undefined where it is no Policy Spec. */
async function meaningOf({ log }: AppDeps, source: Uint8Array): Promise<string | undefined> {
  const index = log.findLeaf(source) ?? bug('a source is in the log');
  const payload = await payloadOf(log, decodeStatement(log.readEntry(index)));
  if (payload.kind !== 'policy-change') return undefined;
  const { spec } = readPolicySpec(parsePolicySpec(payload.spec));
  return spec && `${semanticDigest(spec)} ${spec.targets.host_id}`;
}

function refusalReply(call: Call, refusal: GateRefusal, isEnable = false): Reply {
  const { code, message, findings, existingId, transcriptId } = refusal;
  const more = {
    ...(findings.length > 0 ? { findings } : {}),
    ...(existingId === null ? {} : { existing_id: existingId }),
    ...(transcriptId === null ? {} : { transcript_id: transcriptId }),
  };
  if (code === 'policy-blocked') return problemReply(call, [code, message], more);
  if (code === 'policy-duplicate') return problemReply(call, [code, message], more);
  if (code === 'driver-structural-mismatch' && !isEnable)
    return problemReply(call, [code, message], more);
  return problemReply(call, ['enable-refused', message], { gate: code, ...more });
}

function duplicateReply(call: Call, id: string, message: string): Reply {
  return problemReply(call, ['policy-duplicate', message], { existing_id: id });
}

async function saved(
  { village, change, admitted }: Saving,
  { compiled, pass, transcript }: Exclude<Verdict, { readonly reply: Reply }>,
  { index, isDuplicate }: { readonly index: number; readonly isDuplicate: boolean },
): Promise<Reply> {
  const { services, id } = village;
  const row = await findVersion(services, id, change.policy, change.version);
  const statementId = formatHex(admitted.leafHash);
  const isInForce = row?.statement_id === statementId;
  const judged = pass.isEnabled ? 'enabled' : 'disabled';
  const status = isInForce ? await shownStatus(services, row, compiled) : judged;
  const because = status === 'enabled' ? null : pass.disabledBecause;
  const { severity, findings, digests } = compiled;
  const body = {
    id: change.policy,
    version_int: change.version,
    state: isInForce ? 'in-force' : 'proposed',
    status,
    disabled_because: because === null ? null : { code: because.code, message: because.message },
    ...{ severity, findings, hash: digests.semantic },
    digests: { spec: digests.spec, semantic: digests.semantic, ir: digests.ir },
    statement_id: statementId,
    leaf_index: index,
    transcript_id: transcript?.id ?? null,
  };
  const location = `/api/policies/${change.policy}?village=${id}`;
  const reply = jsonReply(body, { 'cache-control': 'no-store', location });
  return { ...reply, status: isDuplicate ? 200 : 201 };
}
