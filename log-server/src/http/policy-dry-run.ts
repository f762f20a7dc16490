// Dry runs: the node of the host is asked over its own connection, what it answers is kept under its digest, and the
// record that it makes of it is looked for in the log (spec/policy-api.md section 5).

import { formatBase64, parseHex } from '@writ/core/bytes';
import { bug, LogError } from '@writ/core/errors';
import { parsePolicySpec } from '@writ/core/statements/kinds/policy-spec';
import type { Compiled, CompiledPolicy } from '@writ/policy/engine/compile';
import type { DriverManifest } from '@writ/policy/engine/driver-manifest';
import { formatNodeAnswer, nodeAnswerId, type Transcript } from '@writ/policy/engine/transcript';
import type { HostRow } from '../projections/host-rows.ts';
import { dryRunsFor } from '../projections/policy-rows.ts';
import { cacheControl } from './access.ts';
import { problemReply } from './api-reply.ts';
import { type ApiVillage, memberVillage, uuidInPath } from './api-village.ts';
import type { BodyReader } from './body.ts';
import type { AppDeps } from './deps.ts';
import type { Question } from './node-channel.ts';
import { noPolicy } from './policy-read.ts';
import { readSubmitted, requireDraft } from './policy-signed.ts';
import { compileFor, findHost, findPolicy, findVersion } from './policy-view.ts';
import { type Call, jsonReply, type Reply } from './reply.ts';
import type { Submitted } from './submitted.ts';

/** What a node has beside the deadline of a refresh. */
const GRACE_MS = 3000;
const DEFAULT_SLA_SECONDS = 5;
/** How long the log waits for the record of a dry run. */
const RECORD_WAIT_MS = 3000;
const RECORD_LOOK_MS = 100;

/** `POST /api/policies/{id}/dry-run`: of the version in force, or of the draft in the body. */
export async function dryRunPolicy(deps: AppDeps, bodies: BodyReader, call: Call): Promise<Reply> {
  const id = uuidInPath(call);
  const village = await memberVillage(deps, call);
  const draft = hasBody(call) ? await readSubmitted(bodies, call) : undefined;
  const { document, version } =
    draft === undefined
      ? await inForce(village, id)
      : { document: await draftOf(village, draft, id), version: null };
  const compiled = await compileFor(village.services, village.id, document, {
    policyId: id,
    version: version ?? 1,
  });
  if (!compiled.ok) return blockedReply(call, compiled);
  const host = await findHost(village.services, village.id, compiled.spec.targets.host_id);
  if (host === undefined) throw silent('no node of the village serves the host of the policy');
  const asked = { policy: id, version, draft };
  const transcript = await askFor(deps, village, { host, compiled, ...asked });
  return transcriptReply(deps, call, village, { transcript, host });
}

function hasBody({ c }: Call): boolean {
  const length = c.req.header('content-length');
  return c.req.header('content-type') !== undefined && length !== '0';
}

async function inForce(
  { services, id: village }: ApiVillage,
  policy: string,
): Promise<{ readonly document: unknown; readonly version: number }> {
  const row = await findPolicy(services, village, policy);
  const found = row && (await findVersion(services, village, policy, row.version_int));
  if (found === undefined || found.spec === null) throw noPolicy(policy);
  return { document: found.spec, version: found.version_int };
}

async function draftOf(village: ApiVillage, draft: Submitted, policy: string): Promise<unknown> {
  return parsePolicySpec((await requireDraft(village, draft, policy)).spec);
}

interface Asked {
  readonly host: HostRow;
  readonly compiled: CompiledPolicy;
  readonly policy: string;
  readonly version: number | null;
  readonly draft: Submitted | undefined;
}

async function askFor(
  { env }: AppDeps,
  { services, id: village }: ApiVillage,
  { host, compiled, policy, version, draft }: Asked,
): Promise<Transcript> {
  const { driver } = compiled.ir.targets;
  const manifests = await services.manifests.read(driver === null ? [] : [driver]);
  const question: Question = {
    kind: 'dry-run',
    host: host.id,
    policy,
    version,
    draft: draft === undefined ? null : formatBase64(draft.bytes),
    opening: draft?.opening === undefined ? null : formatBase64(draft.opening),
    deadline_ms: env.nowMs() + slaMs([...manifests.values()][0]) + GRACE_MS,
  };
  const answer = await services.nodes.ask(`${village}/${host.node}`, question);
  if (answer === undefined) throw silent(`the node ${host.node} has not answered in time`);
  if (answer.format === 'writ-node-failure/v1')
    throw new LogError('node-failed', `the node ${host.node}: ${answer.reason}`, {
      reason: answer.code,
    });
  if (answer.format !== 'writ-transcript/v1') return bug('answers are checked against requests');
  // What was tried has to be what the log would judge.
  if (answer.semantic_digest !== compiled.digests.semantic)
    throw new LogError('node-failed', `the node ${host.node} tried another content of the policy`, {
      reason: 'transcript-foreign',
    });
  return answer;
}

function slaMs(manifest: DriverManifest | undefined): number {
  return (manifest?.defaults.dry_run_refresh_sla_s ?? DEFAULT_SLA_SECONDS) * 1000;
}

function silent(message: string): LogError {
  return new LogError('node-silent', `${message}: see that it runs and is connected`);
}

function blockedReply(call: Call, { findings }: Exclude<Compiled, CompiledPolicy>): Reply {
  const message = 'the policy has findings that refuse saving it; no node was asked';
  return problemReply(call, ['policy-blocked', message], {
    findings: findings.filter(({ severity }) => severity === 'blocker'),
  });
}

async function transcriptReply(
  deps: AppDeps,
  call: Call,
  village: ApiVillage,
  { transcript, host }: { readonly transcript: Transcript; readonly host: HostRow },
): Promise<Reply> {
  const bytes = formatNodeAnswer(transcript);
  const transcriptId = nodeAnswerId(bytes);
  await village.services.transcripts.write(parseHex(transcriptId) ?? bug('a digest'), [bytes]);
  const record = await recordOf(deps, village, { transcript, transcriptId, host });
  if (transcript.structural) {
    const message = 'the driver does not keep what its manifest says; see the transcript';
    const more = { transcript_id: transcriptId, record };
    return problemReply(call, ['driver-structural-mismatch', message], more);
  }
  const body = { transcript_id: transcriptId, record, ...transcript };
  return jsonReply(body, cacheControl(village.access));
}

/** Where the record of the node stands; null when it does not come soon. */
async function recordOf(
  { env, log }: AppDeps,
  { services, id: village }: ApiVillage,
  {
    transcript,
    transcriptId,
    host,
  }: { readonly transcript: Transcript; readonly transcriptId: string; readonly host: HostRow },
): Promise<object | null> {
  const { policy } = transcript;
  for (let waitedMs = 0; waitedMs <= RECORD_WAIT_MS; waitedMs += RECORD_LOOK_MS) {
    // What was tried is worth its answer also while the rows are behind.
    await Promise.race([services.projection.reach(log.head.size), env.sleep(RECORD_LOOK_MS)]);
    const place = { village, id: policy, host_id: host.id };
    const runs = await dryRunsFor(services.projection.rows, place);
    const run = runs.find((row) => row.transcript === transcriptId);
    if (run !== undefined) return { node: run.node, leaf_index: run.leaf_index, time: run.time };
    await env.sleep(RECORD_LOOK_MS);
  }
  return null;
}
