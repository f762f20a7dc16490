// The village that a request under /api/ is about, as the durable log has it, and who asks (spec/policy-api.md section 1).

import { LogError } from '@writ/core/errors';
import { parseStreamId } from '@writ/core/statements/stream-id';
import { memberNamed, type VillageState, validKey } from '@writ/core/streams/village-state';
import type { Ledger } from '../streams/ledger.ts';
import { requireLedger } from '../streams/prove.ts';
import { type Access, accessTo, isSignedBy, readKind, signatureOf } from './access.ts';
import type { AppDeps } from './deps.ts';
import { invalidRequest } from './errors.ts';
import { caughtUp, type PolicyServices } from './policy-services.ts';
import type { Call } from './reply.ts';

export interface ApiVillage {
  readonly id: string;
  readonly state: VillageState;
  readonly access: Access;
  readonly ledger: Ledger;
  readonly services: PolicyServices;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * The village in the query, with all of its statements in the rows. LogError request-invalid, not-found for no village
 * and for a private one alike, rate-limited, overloaded.
 */
export async function apiVillage(deps: AppDeps, call: Call): Promise<ApiVillage> {
  const { log, env } = deps;
  const id = call.query.get('village');
  if (id === undefined || parseStreamId(`village/${id}`) === undefined)
    throw invalidRequest('village', 'expected the id of a village');
  const signature = signatureOf(deps, call);
  const services = requireServices(deps);
  const ledger = requireLedger(log);
  const access = await accessTo(deps, ledger, id, signature);
  const state = ledger.states.get(`village/${id}`);
  if (state?.family !== 'village' || access === 'none')
    throw new LogError(
      'not-found',
      `there is no village ${id}, or it is private and its members alone may ask`,
    );
  ledger.requests.take(ledger.states, readKind(access), id);
  await caughtUp(env, services, log.head.size);
  return { id, state, access, ledger, services };
}

/** LogError not-found for a log that keeps no policies. */
export function requireServices({ policies }: AppDeps): PolicyServices {
  if (policies !== undefined) return policies;
  throw new LogError('not-found', 'this log has no policies');
}

/** As `apiVillage`, where a member has signed the request. LogError author-unknown besides. */
export async function memberVillage(deps: AppDeps, call: Call): Promise<ApiVillage> {
  const village = await apiVillage(deps, call);
  if (village.access === 'member') return village;
  const { state, ledger } = village;
  const signature = signatureOf(deps, call);
  const record = signature === undefined ? undefined : validKey(state, signature.keyId);
  const isMember =
    signature !== undefined &&
    record !== undefined &&
    memberNamed(state, record.member) !== undefined &&
    (await isSignedBy(ledger.verifiers.of(record.key), signature));
  if (isMember) return village;
  const message = 'signature: this makes a node work, so a member has to sign the request';
  throw new LogError('author-unknown', message, { field: 'signature' });
}

/** The id of a policy or a host in the path. LogError request-invalid. */
export function uuidInPath({ c }: Call, name = 'id'): string {
  const id = c.req.param(name) ?? '';
  if (UUID.test(id)) return id;
  throw invalidRequest(name, 'expected a UUID in lower case');
}
