// What provokes the answers of the routes under /api/, for openapi.test.ts.

import { formatHex } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { sha256 } from '@writ/core/sha256';
import {
  formatNodeAnswer,
  type NodeAnswer,
  type NodeRequest,
} from '@writ/policy/engine/transcript';
import { COSE, post } from './app-world.ts';
import { inventoryOf, putAnswer, recordOf, resultOf, transcriptOf } from './node-double.ts';
import {
  changeTo,
  HOST,
  NODE,
  NODE_STREAM,
  POLICY_A,
  POLICY_B,
  type PolicyWorld,
  policyWorld,
  specOf,
} from './policy-world.ts';
import { sealedOf } from './private-world.ts';
import { statementOf } from './village-statements.ts';

type Provoke = () => Promise<Response>;
type Ask = (world: PolicyWorld, path: string) => Promise<Response>;

/** A village with one policy. */
async function prepared(): Promise<PolicyWorld> {
  const world = await policyWorld();
  await world.save(POLICY_A, 1, specOf());
  return world;
}

const failing = (code: LogError['code']) => (): never => {
  throw new LogError(code, 'provoked', { retryAfterSeconds: 7 });
};

/** Sends to `path` in the village north; breaks the world first, where `breaks` says so. */
const on =
  (path: string, ask: Ask, breaks: (world: PolicyWorld) => void = () => {}): Provoke =>
  async () => {
    const world = await prepared();
    breaks(world);
    return ask(world, `${path}?village=north`);
  };

const limit = ({ log }: PolicyWorld): void =>
  void Object.assign(log.ledger?.requests ?? {}, { take: failing('rate-limited') });
const breakRows = ({ services }: PolicyWorld): void =>
  void Object.defineProperty(services.projection, 'rows', {
    get: () => {
      throw new Error('provoked');
    },
  });
const fallBehind = ({ services }: PolicyWorld): void => {
  Object.defineProperty(services.projection, 'size', { get: () => -1 });
  Object.assign(services.projection, { reach: failing('overloaded') });
};

const get: Ask = ({ ask }, path) => ask(path);
const unchanged: Ask = ({ ask }, path) =>
  ask(path, undefined, { headers: { 'if-none-match': '*' } });

/** What every route of a village answers. */
function common(operation: string, path: string, ask: Ask = get): Record<string, Provoke> {
  const elsewhere: Ask = (world, at) => ask(world, at.replace('=north', '=south'));
  return {
    [`${operation} 400`]: on(path, (world, at) => ask(world, `${at}&x=1`)),
    [`${operation} 404`]: on(path, elsewhere),
    [`${operation} 429`]: on(path, ask, limit),
    [`${operation} 500`]: on(path, ask, breakRows),
    [`${operation} 503`]: on(path, ask, fallBehind),
  };
}

function read(operation: string, path: string, isTagged = true): Record<string, Provoke> {
  const tagged = isTagged ? { [`${operation} 304`]: on(path, unchanged) } : {};
  return { [`${operation} 200`]: on(path, get), ...tagged, ...common(operation, path) };
}

/** Saves a statement whose bytes `make` gives. */
const save =
  (method: 'POST' | 'PUT', make: (world: PolicyWorld) => Uint8Array, headers = COSE): Ask =>
  ({ request, ...world }, path) =>
    request(path, { ...post(make({ request, ...world }), headers), method });
const change =
  (policy: string, version: number, spec = specOf({ priority: version })) =>
  (world: PolicyWorld): Uint8Array =>
    world.signedBody(changeTo(policy, version, spec), 'ben')[0];
const behind = (world: PolicyWorld): { seq: number; statementId: Uint8Array } | undefined =>
  world.log.streamHead('village/north');

function saves(operation: string, method: 'POST' | 'PUT'): Record<string, Provoke> {
  const policy = method === 'POST' ? POLICY_B : POLICY_A;
  const version = method === 'POST' ? 1 : 2;
  const path = method === 'POST' ? '/api/policies' : `/api/policies/${POLICY_A}`;
  const good = save(method, change(policy, version));
  const logFails = (code: LogError['code']) => (world: PolicyWorld) =>
    void Object.assign(world.log, { add: failing(code) });
  const stranger = (world: PolicyWorld): Uint8Array =>
    statementOf('village/north', changeTo(policy, version, specOf()), 'eve', behind(world));
  const sealed = (world: PolicyWorld): Uint8Array =>
    sealedOf('village/north', changeTo(policy, version, specOf()), 'ben', behind(world)).bytes;
  const duplicate = { ...specOf(), enabled: true };
  return {
    ...common(operation, path, good),
    [`${operation} 200`]: on(path, async (world, at) => {
      const body = change(policy, version)(world);
      await save(method, () => body)(world, at);
      return save(method, () => body)(world, at);
    }),
    [`${operation} 201`]: on(path, good),
    [`${operation} 403`]: on(path, save(method, stranger)),
    [`${operation} 408`]: on(path, good, logFails('request-timeout')),
    [`${operation} 409`]: on(path, save(method, change(policy, version, duplicate))),
    [`${operation} 413`]: on(
      path,
      save(method, () => new Uint8Array(70_000)),
    ),
    [`${operation} 415`]: on(path, save(method, change(policy, version), {})),
    [`${operation} 422`]: on(path, save(method, sealed)),
    [`${operation} 507`]: on(path, good, logFails('storage-full')),
  };
}

const VALIDATE = '/api/policies/validate';
const JSON_BODY = { 'content-type': 'application/json' };
const validate =
  (body: string, headers: Record<string, string> = JSON_BODY): Ask =>
  ({ request }, path) =>
    request(path, post(body, headers));
const VALID = validate(JSON.stringify({ spec: specOf() }));

const INVERSE = `/api/policies/${POLICY_A}/inverse`;
const invert: Ask = ({ request }, path) => request(path, { method: 'POST' });

const DRY_RUN = `/api/policies/${POLICY_A}/dry-run`;
const dryRun =
  (init: RequestInit = {}, who?: string): Ask =>
  ({ ask }, path) =>
    ask(path, who ?? 'ben', { method: 'POST', ...init });

/** The channel answers at once as a node that made `changes` to a good transcript. */
const answers =
  (changes: Parameters<typeof transcriptOf>[2] = {}) =>
  (world: PolicyWorld): void =>
    void Object.assign(world.services.nodes, {
      ask: async (_: string, question: Omit<NodeRequest, 'id'>): Promise<NodeAnswer> => {
        const request = { ...question, id: '' };
        if (request.kind !== 'dry-run') return inventoryOf(['desk'], world.env.nowMs());
        const asked: NodeRequest = Object.assign(
          { policy: POLICY_A, version: 1, draft: null, opening: null },
          request,
          { kind: 'dry-run' } as const,
        );
        const transcript = transcriptOf(asked, specOf(), changes);
        await world.add(recordOf(transcript), NODE, NODE_STREAM);
        return transcript;
      },
    });
const BROKEN = {
  structural: true,
  results: [resultOf({ ok: false, severity: 'error', rule: 'answer-malformed', reason: 'x' })],
} as const;
const refuses = ({ services }: PolicyWorld): void =>
  void Object.assign(services.nodes, {
    ask: async (): Promise<NodeAnswer> => ({
      format: 'writ-node-failure/v1',
      ...{ village: 'north', node: NODE, host: HOST, code: 'busy', reason: 'later' },
    }),
  });

const keepTranscript: Provoke = async () => {
  const world = await prepared();
  const request: NodeRequest = {
    id: '',
    kind: 'dry-run',
    host: HOST,
    policy: POLICY_A,
    version: 1,
    draft: null,
    opening: null,
    deadline_ms: 0,
  };
  const bytes = formatNodeAnswer(transcriptOf(request, specOf()));
  await world.services.transcripts.write(sha256(bytes), [bytes]);
  return world.ask(`/api/transcripts/${formatHex(sha256(bytes))}?village=north`);
};
const TRANSCRIPT = `/api/transcripts/${'00'.repeat(32)}`;

const POLL = `/api/nodes/north/${NODE}/requests?wait=0`;
const question = { kind: 'inventory', host: HOST } as const;

/** The node polls; `breaks` and `work` come before. */
const poll =
  (path = POLL, before: (world: PolicyWorld) => void = () => {}): Provoke =>
  async () => {
    const world = await prepared();
    before(world);
    return world.ask(path, NODE);
  };

/** The node answers a request that it was given, as `put` does it. */
const answered =
  (put: (world: PolicyWorld, request: NodeRequest) => Promise<Response>): Provoke =>
  async () => {
    const world = await prepared();
    const { nodes } = world.services;
    const deadline_ms = world.env.nowMs() + 500;
    const asked = nodes.ask(`north/${NODE}`, { ...question, deadline_ms });
    const request = await nodes.poll(`north/${NODE}`, 500, () => true);
    if (request === undefined) throw new Error('the request was not given out');
    const response = await put(world, request);
    await asked;
    return response;
  };
const send = (world: PolicyWorld) => (path: string, init?: RequestInit) =>
  world.ask(path, NODE, init);
const goodAnswer = (world: PolicyWorld): NodeAnswer => inventoryOf(['desk'], world.env.nowMs());
const rawAnswer = (world: PolicyWorld, { id }: NodeRequest, body: Uint8Array): Promise<Response> =>
  world.ask(`/api/nodes/north/${NODE}/answers/${id}/${formatHex(sha256(body))}`, NODE, {
    method: 'PUT',
    body: new Uint8Array(body),
  });

/** What provokes each answer, by operation and status. */
export const POLICY_ANSWERS: Readonly<Record<string, Provoke>> = {
  ...read('apiPolicies', '/api/policies'),
  ...saves('apiSavePolicy', 'POST'),
  ...saves('apiChangePolicy', 'PUT'),
  ...common('apiValidate', VALIDATE, VALID),
  'apiValidate 200': on(VALIDATE, VALID),
  'apiValidate 413': on(VALIDATE, validate('x'.repeat(300_000))),
  'apiValidate 415': on(VALIDATE, validate('{}', {})),
  ...read('apiPolicy', `/api/policies/${POLICY_A}`),
  'apiPolicy 405': on(VALIDATE, get),
  ...read('apiPolicyVersion', `/api/policies/${POLICY_A}/versions/1`),
  ...read('apiExecutions', `/api/policies/${POLICY_A}/executions`, false),
  ...common('apiInverse', INVERSE, invert),
  'apiInverse 200': on(INVERSE, invert),
  'apiInverse 422': on(INVERSE, async (world, path) => {
    const actions = [{ capability_id: 'lamp.blink', verb: 'blink' }];
    await world.save(POLICY_A, 2, specOf({ actions }));
    return invert(world, path);
  }),
  ...common('apiDryRun', DRY_RUN, dryRun()),
  'apiDryRun 200': on(DRY_RUN, dryRun(), answers()),
  'apiDryRun 403': on(DRY_RUN, dryRun({}, 'eve')),
  'apiDryRun 413': on(DRY_RUN, dryRun({ body: new Uint8Array(70_000), headers: COSE })),
  'apiDryRun 415': on(DRY_RUN, dryRun({ body: '{}', headers: JSON_BODY })),
  'apiDryRun 422': on(DRY_RUN, dryRun(), answers(BROKEN)),
  'apiDryRun 502': on(DRY_RUN, dryRun(), refuses),
  'apiDryRun 504': async () => {
    const world = await policyWorld({ hasHosts: false });
    await world.save(POLICY_A, 1, specOf());
    return dryRun()(world, `${DRY_RUN}?village=north`);
  },
  'apiDryRun 507': on(DRY_RUN, dryRun(), (world) => {
    answers()(world);
    Object.assign(world.services.transcripts, { write: failing('storage-full') });
  }),
  'apiTranscript 200': keepTranscript,
  ...common('apiTranscript', TRANSCRIPT),
  'apiTranscript 500': on(TRANSCRIPT, get, ({ services }) => {
    Object.assign(services.transcripts, { read: failing('storage-corrupt') });
  }),
  'apiPolicySchema 200': on('/api/policy-schema', get),
  'apiPolicySchema 304': on('/api/policy-schema', unchanged),
  'apiPolicySchema 400': on('/api/policy-schema', (world, path) => get(world, `${path}&x=1`)),
  ...read('apiHosts', '/api/hosts'),
  ...read('apiCapabilities', `/api/hosts/${HOST}/capabilities`),
  ...read('apiInventory', `/api/hosts/${HOST}/inventory`, false),
  'apiInventory 403': on(`/api/hosts/${HOST}/inventory`, ({ ask }, path) =>
    ask(`${path}&refresh=true`, 'eve'),
  ),
  'apiNodeRequests 200': poll(POLL, ({ services, env }) => {
    void services.nodes.ask(`north/${NODE}`, { ...question, deadline_ms: env.nowMs() + 100 });
  }),
  'apiNodeRequests 204': poll(),
  'apiNodeRequests 400': poll(`${POLL}&x=1`),
  'apiNodeRequests 404': poll(POLL.replace(NODE, 'none')),
  'apiNodeRequests 500': poll(POLL, ({ services }) => {
    Object.assign(services.nodes, { poll: failing('storage-failed') });
  }),
  'apiNodeRequests 503': poll(POLL, ({ services }) => {
    Object.assign(services.nodes, { poll: failing('overloaded') });
  }),
  'apiNodeAnswer 200': answered((world, request) =>
    putAnswer(send(world), request, goodAnswer(world)),
  ),
  'apiNodeAnswer 400': answered((world, request) => rawAnswer(world, request, new Uint8Array(2))),
  'apiNodeAnswer 404': answered((world) =>
    putAnswer(send(world), { id: '00'.repeat(16) }, goodAnswer(world)),
  ),
  'apiNodeAnswer 410': answered(async (world, request) => {
    await putAnswer(send(world), request, goodAnswer(world));
    return putAnswer(send(world), request, goodAnswer(world));
  }),
  'apiNodeAnswer 413': answered((world, request) =>
    rawAnswer(world, request, new Uint8Array(4 * 1024 * 1024 + 1)),
  ),
  'apiNodeAnswer 500': answered((world, request) => {
    Object.assign(world.services.nodes, { answer: failing('storage-failed') });
    return putAnswer(send(world), request, goodAnswer(world));
  }),
};
