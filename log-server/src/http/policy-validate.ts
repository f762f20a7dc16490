// What a policy would be and what would undo it, without saving anything (spec/policy-api.md section 3).

import { bug } from '@writ/core/errors';
import { invertPolicy } from '@writ/policy/engine/inverse';
import { readPolicySpec } from '@writ/policy/engine/policy-spec-schema';
import { problemReply, readJsonBody } from './api-reply.ts';
import { apiVillage, uuidInPath } from './api-village.ts';
import type { BodyReader } from './body.ts';
import type { AppDeps } from './deps.ts';
import { invalidRequest } from './errors.ts';
import { noPolicy } from './policy-read.ts';
import {
  compileFor,
  findPolicy,
  findVersion,
  surroundingsOf,
  validationOf,
} from './policy-view.ts';
import { type Call, jsonReply, type Reply } from './reply.ts';

const NO_ID = '00000000-0000-0000-0000-000000000000';
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const MEMBERS = ['spec', 'id', 'version'];
const NO_STORE = { 'cache-control': 'no-store' };

/** `POST /api/policies/validate`: 200 whatever is wrong with the spec. */
export async function validatePolicy(
  deps: AppDeps,
  bodies: BodyReader,
  call: Call,
): Promise<Reply> {
  const village = await apiVillage(deps, call);
  const body = await readJsonBody(bodies, call);
  for (const name of body.keys())
    if (!MEMBERS.includes(name))
      throw invalidRequest('body', `there is no member ${name.slice(0, 64)}`);
  if (!body.has('spec')) throw invalidRequest('body', 'spec is missing');
  const [policyId, version] = [body.get('id') ?? NO_ID, body.get('version') ?? 1];
  if (typeof policyId !== 'string' || !UUID.test(policyId))
    throw invalidRequest('body', 'id must be a UUID in lower case');
  if (typeof version !== 'number' || !Number.isSafeInteger(version) || version < 1)
    throw invalidRequest('body', 'version must be a whole number from 1');
  const compiled = await compileFor(village.services, village.id, body.get('spec'), {
    policyId,
    version,
  });
  const made = compiled.ok
    ? { ir: compiled.ir, hash: compiled.digests.semantic, digests: compiled.digests }
    : { ir: null, hash: null, digests: null };
  const { schema, compile } = validationOf(compiled.findings);
  const { ok, severity } = compiled;
  return jsonReply({ ok, severity, schema, compile, ...made }, NO_STORE);
}

/** `POST /api/policies/{id}/inverse`: the policy that undoes this one; the source stays as it is. */
export async function invertOne(deps: AppDeps, call: Call): Promise<Reply> {
  const id = uuidInPath(call);
  const village = await apiVillage(deps, call);
  const { services } = village;
  const row = await findPolicy(services, village.id, id);
  const version = row && (await findVersion(services, village.id, id, row.version_int));
  if (version === undefined || version.spec === null) throw noPolicy(id);
  const { spec } = readPolicySpec(version.spec);
  if (spec === undefined)
    return problemReply(call, ['inverse-refused', 'the policy in force is no Policy Spec'], {});
  const { manifests } = await surroundingsOf(services, village.id, version.spec);
  const inverse = invertPolicy(spec, manifests);
  if ('findings' in inverse) {
    const [first = bug('a refusal has a finding')] = inverse.findings;
    const { findings } = inverse;
    return problemReply(call, ['inverse-refused', first.message], { findings });
  }
  return jsonReply(
    {
      spec_inverse: inverse.spec,
      enabled: false,
      needs_input: inverse.needsInput,
      notes: inverse.notes,
    },
    NO_STORE,
  );
}
