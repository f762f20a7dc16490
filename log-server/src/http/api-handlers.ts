// The handlers of the routes in api-routes.ts.

import type { ApiOperation } from './api-routes.ts';
import { BodyReader } from './body.ts';
import type { AppDeps } from './deps.ts';
import { listHosts, readCapabilities, readInventory } from './host-read.ts';
import { pollRequests, putAnswer } from './node-requests.ts';
import { dryRunPolicy } from './policy-dry-run.ts';
import {
  listExecutions,
  listPolicies,
  readOnePolicy,
  readPolicySchema,
  readPolicyVersion,
  readTranscriptBytes,
} from './policy-read.ts';
import { saveNewPolicy, saveNextPolicy } from './policy-save.ts';
import { invertOne, validatePolicy } from './policy-validate.ts';
import type { Handler } from './reply.ts';

/** Memory for bodies that are being read: statements and documents, and answers of nodes apart from them. */
const MAX_BYTES_IN_FLIGHT: number = 32 * 1024 * 1024;
const MAX_ANSWER_BYTES_IN_FLIGHT: number = 64 * 1024 * 1024;

export function bindApi(deps: AppDeps): Readonly<Record<ApiOperation, Handler>> {
  const bodies = new BodyReader(MAX_BYTES_IN_FLIGHT);
  const answers = new BodyReader(MAX_ANSWER_BYTES_IN_FLIGHT);
  return {
    apiPolicies: (call) => listPolicies(deps, call),
    apiSavePolicy: (call) => saveNewPolicy(deps, bodies, call),
    apiValidate: (call) => validatePolicy(deps, bodies, call),
    apiPolicy: (call) => readOnePolicy(deps, call),
    apiChangePolicy: (call) => saveNextPolicy(deps, bodies, call),
    apiPolicyVersion: (call) => readPolicyVersion(deps, call),
    apiExecutions: (call) => listExecutions(deps, call),
    apiInverse: (call) => invertOne(deps, call),
    apiDryRun: (call) => dryRunPolicy(deps, bodies, call),
    apiTranscript: (call) => readTranscriptBytes(deps, call),
    apiPolicySchema: (call) => readPolicySchema(call),
    apiHosts: (call) => listHosts(deps, call),
    apiCapabilities: (call) => readCapabilities(deps, call),
    apiInventory: (call) => readInventory(deps, call),
    apiNodeRequests: (call) => pollRequests(deps, call),
    apiNodeAnswer: (call) => putAnswer(deps, answers, call),
  };
}
