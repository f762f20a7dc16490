// Policies as they are and were, and what nodes recorded about them (spec/policy-api.md section 3).

import { parseHex, parseSafeDecimal } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { policySpecJsonSchema } from '@writ/policy/engine/policy-spec-schema';
import { rowOf } from '../projections/draft.ts';
import type { ExecutionRow } from '../projections/execution-rows.ts';
import { executionKey, executionsOf, policiesOf } from '../projections/keys.ts';
import type { PolicyRow, VersionRow } from '../projections/policy-rows.ts';
import { under } from '../projections/rows.ts';
import { cacheControl } from './access.ts';
import { etagReply, linkTo } from './api-reply.ts';
import { type ApiVillage, apiVillage, uuidInPath } from './api-village.ts';
import type { AppDeps } from './deps.ts';
import { invalidRequest } from './errors.ts';
import { compiledFacts, findPolicy, findVersion, readTranscript } from './policy-view.ts';
import { type Call, jsonReply, pathNumber, queryNumber, type Reply } from './reply.ts';

const MAX_POLICIES = 200;
const DEFAULT_POLICIES = 50;
const MAX_EXECUTIONS = 500;
const DEFAULT_EXECUTIONS = 30;

/** `GET /api/policies`: by id. */
export async function listPolicies(deps: AppDeps, call: Call): Promise<Reply> {
  const { query } = call;
  const limit = queryNumber(query, 'limit', DEFAULT_POLICIES, { min: 1, max: MAX_POLICIES });
  const cursor = query.get('cursor');
  if (cursor !== undefined && !/^[0-9a-f-]{36}$/.test(cursor))
    throw invalidRequest('cursor', 'expected the id of a policy');
  const village = await apiVillage(deps, call);
  const { rows } = village.services.projection;
  const range = under(policiesOf(village.id));
  // Behind the row of the cursor, whether it is still there or not.
  const gte = cursor === undefined ? range.gte : `${range.gte}${cursor} `;
  const found = await rows.range({ ...range, gte, limit: limit + 1 });
  const policies: object[] = [];
  for (const [, text] of found.slice(0, limit)) {
    const row = rowOf<PolicyRow>(text);
    if (row !== undefined) policies.push(await listed(village, row));
  }
  const next = found.length > limit ? lastId(found[limit - 1]?.[0] ?? '') : null;
  return etagReply(call, village.access, { policies, next }, linkTo(call, next));
}

function lastId(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}

async function listed({ services }: ApiVillage, row: PolicyRow): Promise<object> {
  const version = await findVersion(services, row.village, row.id, row.version_int);
  if (version === undefined) return row;
  const { status, severity } = await compiledFacts(services, version);
  return { ...row, status, severity };
}

/** `GET /api/policies/{id}`. */
export async function readOnePolicy(deps: AppDeps, call: Call): Promise<Reply> {
  const id = policyInPath(call);
  const village = await apiVillage(deps, call);
  const { services } = village;
  const row = await findPolicy(services, village.id, id);
  const version = row && (await findVersion(services, village.id, id, row.version_int));
  if (row === undefined || version === undefined) throw noPolicy(id);
  const whole = { ...row, ...(await wholeOf(village, version)) };
  return etagReply(call, village.access, whole);
}

/** `GET /api/policies/{id}/versions/{number}`. */
export async function readPolicyVersion(deps: AppDeps, call: Call): Promise<Reply> {
  const id = uuidInPath(call);
  const number = pathNumber(call.c, 'number');
  const village = await apiVillage(deps, call);
  const version = await findVersion(village.services, village.id, id, number);
  if (version === undefined) throw noPolicy(id);
  return etagReply(call, village.access, await wholeOf(village, version));
}

async function wholeOf({ services }: ApiVillage, version: VersionRow): Promise<object> {
  return { ...version, ...(await compiledFacts(services, version)) };
}

/** `GET /api/policies/{id}/executions`: newest first. */
export async function listExecutions(deps: AppDeps, call: Call): Promise<Reply> {
  const id = uuidInPath(call);
  const { query } = call;
  const limit = queryNumber(query, 'limit', DEFAULT_EXECUTIONS, { min: 1, max: MAX_EXECUTIONS });
  const cursor = query.get('cursor');
  const before = cursor === undefined ? undefined : parseSafeDecimal(cursor);
  if (cursor !== undefined && before === undefined)
    throw invalidRequest('cursor', 'expected the leaf index of the last row');
  const village = await apiVillage(deps, call);
  const { services, access } = village;
  if ((await findPolicy(services, village.id, id)) === undefined) throw noPolicy(id);
  const range = under(executionsOf(village.id, id));
  const lt = before === undefined ? range.lt : executionKey(village.id, id, before);
  const found = await services.projection.rows.range({
    ...{ gte: range.gte, lt, limit: limit + 1, reverse: true },
  });
  const executions = found.slice(0, limit).flatMap(([, text]) => rowOf<ExecutionRow>(text) ?? []);
  const last = executions.at(-1);
  const next = found.length > limit && last !== undefined ? String(last.leaf_index) : null;
  return jsonReply({ executions, next }, { ...cacheControl(access), ...linkTo(call, next) });
}

/** `GET /api/transcripts/{id}`: the bytes, whose SHA-256 is the id. */
export async function readTranscriptBytes(deps: AppDeps, call: Call): Promise<Reply> {
  const id = call.c.req.param('id') ?? '';
  const digest = parseHex(id);
  if (digest?.length !== 32) throw invalidRequest('id', 'expected 64 lower-case hex digits');
  const { services, access, ...village } = await apiVillage(deps, call);
  const transcript = await readTranscript(services, id);
  const body = await services.transcripts.read(digest);
  // What belongs to another village is not here.
  if (transcript?.village !== village.id || body === undefined)
    throw new LogError('not-found', 'the village has no transcript of this id');
  const headers = { ...cacheControl(access), 'content-type': 'application/json', etag: `"${id}"` };
  return { status: 200, headers, body };
}

/** `GET /api/policy-schema`. The same for every village. */
export function readPolicySchema(call: Call): Reply {
  return etagReply(call, 'public', policySpecJsonSchema());
}

/** LogError method-not-allowed for the other route that has this form. */
function policyInPath(call: Call): string {
  if (call.c.req.param('id') === 'validate')
    throw new LogError('method-not-allowed', 'this resource takes POST', { allow: 'POST' });
  return uuidInPath(call);
}

export function noPolicy(id: string): LogError {
  return new LogError('not-found', `the village has no policy ${id} in force, or not this version`);
}
