// The routes of policies, hosts and nodes: part of the table in routes.ts (spec/policy-api.md).

import {
  BYTES,
  CBOR_SEQUENCE,
  COSE,
  inPath,
  inQuery,
  JSON_TYPE,
  json,
  NOT_MODIFIED,
  type Parameter,
  type Route,
} from './route-parts.ts';

export type ApiOperation =
  | 'apiPolicies'
  | 'apiSavePolicy'
  | 'apiValidate'
  | 'apiPolicy'
  | 'apiChangePolicy'
  | 'apiPolicyVersion'
  | 'apiExecutions'
  | 'apiInverse'
  | 'apiDryRun'
  | 'apiTranscript'
  | 'apiPolicySchema'
  | 'apiHosts'
  | 'apiCapabilities'
  | 'apiInventory'
  | 'apiNodeRequests'
  | 'apiNodeAnswer';

const ID = { type: 'string', pattern: '^[a-zA-Z0-9_-]{1,64}$' } as const;
const UUID = {
  type: 'string',
  pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$',
} as const;
const DIGEST = { type: 'string', pattern: '^[0-9a-f]{64}$' } as const;
const VILLAGE = inQuery('village', 'village id; required', ID);
const CURSOR = inQuery('cursor', 'next of the page before', { type: 'string' });
const READ = [400, 404, 429, 500, 503] as const;
const SIGNED = [COSE, BYTES, CBOR_SEQUENCE] as const;
const SAVE = [400, 403, 404, 408, 409, 413, 415, 422, 429, 500, 503, 507] as const;

interface Row extends Partial<Omit<Route, 'parameters'>> {
  readonly parameters?: readonly Parameter[];
}

const api = (path: string, summary: string, more: Row = {}): Route => ({
  method: 'get',
  path: `/api/${path}`,
  pattern: `/api/${path.replace(/\{(\w+)\}/g, ':$1')}`,
  summary,
  answers: { 200: json('rows with the leaf indexes that they follow from') },
  problems: READ,
  ...more,
  parameters: [VILLAGE, ...(more.parameters ?? [])],
});

const POLICY = inPath('id', 'id of the policy', UUID);
const HOST = inPath('id', 'id of the host', UUID);
const TAGGED = { 200: json('the row; the ETag is the SHA-256 of the body'), 304: NOT_MODIFIED };

const node = (path: string, summary: string, more: Row): Route => ({
  ...api(`nodes/{village}/{node}/${path}`, summary, more),
  parameters: [
    inPath('village', 'village id', ID),
    inPath('node', 'node id', ID),
    ...(more.parameters ?? []),
  ],
});

export const apiRoutes: Readonly<Record<ApiOperation, Route>> = {
  apiPolicies: api('policies', 'the policies in force, by id', {
    parameters: [inQuery('limit', 'rows on a page, 1 to 200'), CURSOR],
    answers: {
      200: json('policies; the next page is in the Link header and in next'),
      304: NOT_MODIFIED,
    },
  }),
  apiSavePolicy: api('policies', 'save a new policy: the signed policy-change of its author', {
    method: 'post',
    body: SIGNED,
    answers: {
      200: json('this statement was saved before'),
      201: json('saved: id, version, status and findings'),
    },
    problems: SAVE,
  }),
  apiValidate: api(
    'policies/validate',
    'what a Policy Spec compiles to, and what is wrong with it',
    {
      method: 'post',
      body: [JSON_TYPE],
      answers: { 200: json('ok, findings of schema and compilation, IR and digests') },
      problems: [400, 404, 413, 415, 429, 500, 503],
    },
  ),
  apiPolicy: api('policies/{id}', 'a policy in force', {
    parameters: [POLICY],
    answers: TAGGED,
    problems: [...READ, 405],
  }),
  apiChangePolicy: api('policies/{id}', 'save the next version of a policy', {
    method: 'put',
    parameters: [POLICY],
    body: SIGNED,
    answers: {
      200: json('this statement was saved before'),
      201: json('saved: id, version, status and findings'),
    },
    problems: SAVE,
  }),
  apiPolicyVersion: api('policies/{id}/versions/{number}', 'a version that is or was in force', {
    parameters: [POLICY, inPath('number', 'number of the version')],
    answers: TAGGED,
  }),
  apiExecutions: api(
    'policies/{id}/executions',
    'what nodes recorded about a policy, newest first',
    {
      parameters: [POLICY, inQuery('limit', 'rows on a page, 1 to 500'), CURSOR],
      answers: { 200: json('executions; the next page is in the Link header and in next') },
    },
  ),
  apiInverse: api('policies/{id}/inverse', 'the policy that undoes this one', {
    method: 'post',
    parameters: [POLICY],
    answers: { 200: json('spec_inverse, disabled, and what its author has to fill in') },
    problems: [400, 404, 422, 429, 500, 503],
  }),
  apiDryRun: api(
    'policies/{id}/dry-run',
    'try a policy, or a signed draft of one, without doing it',
    {
      method: 'post',
      parameters: [POLICY],
      body: SIGNED,
      bodyIsOptional: true,
      answers: { 200: json('the transcript with transcript_id and record') },
      problems: [400, 403, 404, 413, 415, 422, 429, 500, 502, 503, 504, 507],
    },
  ),
  apiTranscript: api('transcripts/{id}', 'a transcript by its SHA-256', {
    parameters: [inPath('id', 'SHA-256 in hex', DIGEST)],
    answers: { 200: json('canonical JSON') },
  }),
  apiPolicySchema: api('policy-schema', 'the JSON Schema of the Policy Spec', {
    answers: { 200: json('JSON Schema 2020-12'), 304: NOT_MODIFIED },
    problems: [400],
  }),
  apiHosts: api('hosts', 'the hosts that nodes of the village serve, by id', {
    parameters: [inQuery('limit', 'rows on a page, 1 to 500'), CURSOR],
    answers: {
      200: json('hosts; the next page is in the Link header and in next'),
      304: NOT_MODIFIED,
    },
  }),
  apiCapabilities: api('hosts/{id}/capabilities', 'what the driver of a host can do', {
    parameters: [HOST],
    answers: TAGGED,
  }),
  apiInventory: api('hosts/{id}/inventory', 'the targets of a host, as its node said last', {
    parameters: [
      HOST,
      inQuery('refresh', 'true asks the node first; signed by a member', {
        type: 'string',
        enum: ['true', 'false'],
      }),
      inQuery('q', 'words that id, name or labels hold', { type: 'string' }),
      inQuery('limit', 'targets on a page, 1 to 500'),
      CURSOR,
    ],
    answers: { 200: json('items, ts, stale and reason') },
    problems: [400, 403, 404, 429, 500, 503],
  }),
  apiNodeRequests: node('requests', 'the next request for a node, which signs', {
    parameters: [inQuery('wait', 'seconds to wait for one, 0 to 25')],
    answers: {
      200: json('a request: dry-run or inventory'),
      204: { description: 'there is none', types: [] },
    },
    problems: [400, 404, 500, 503],
  }),
  apiNodeAnswer: node('answers/{request}/{digest}', 'the answer of a node, which signs', {
    method: 'put',
    parameters: [
      inPath('request', 'id of the request', { type: 'string', pattern: '^[0-9a-f]{32}$' }),
      inPath('digest', 'SHA-256 of the body in hex', DIGEST),
    ],
    body: [JSON_TYPE],
    answers: { 200: json('taken') },
    problems: [400, 404, 410, 413, 500],
  }),
};
