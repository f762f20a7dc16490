// A village with hosts, a driver package and nodes, for tests of the API: Ben and Cid write policies, `node-a` serves a
// host with lamps.

import { formatBase64, formatHex, utf8 } from '@writ/core/bytes';
import { leafHash } from '@writ/core/merkle/hash';
import { sha256 } from '@writ/core/sha256';
import { formatCanonicalJson, type JsonValue } from '@writ/core/statements/jcs';
import type { Payload } from '@writ/core/statements/kinds';
import { parseAuthors } from '@writ/log-server/admission/authors';
import { openMemoryBlobs } from '@writ/log-server/blobs/memory';
import type { Blobs } from '@writ/log-server/blobs/store';
import { createApp } from '@writ/log-server/http/app';
import { createPolicyServices, type PolicyServices } from '@writ/log-server/http/policy-services';
import { MemoryRows } from '@writ/log-server/projections/memory-rows';
import { Projection } from '@writ/log-server/projections/projection';
import type { RowStore } from '@writ/log-server/projections/rows';
import { openMemoryStore } from '@writ/log-server/storage/memory';
import type { LogStore } from '@writ/log-server/storage/port';
import { packDriver } from '@writ/policy/engine/driver-package';
import * as assert from 'uvu/assert';
import { type AppWorld, appWorld, COSE, post, SEQUENCE } from './app-world.ts';
import { bodyOf, sealedOf, signed } from './private-world.ts';
import { constitution, keyOf, statementOf } from './village-statements.ts';

export const VILLAGE = 'village/north';
export const NODE = 'node-a';
export const NODE_STREAM = `node/north/${NODE}`;
export const HOST = '6f1d1b54-3c1e-4f0a-9d57-0c9b3d2f7a11';
export const POLICY_A = 'aaaaaaaa-1111-4222-8333-944455556666';
export const POLICY_B = 'bbbbbbbb-1111-4222-8333-944455556666';

const MANIFEST = `id: org.example.lamp
name: Lamps
version: 1.0.0
min_core_version: 0.1.0
category: smart-home
driver: { entrypoint: driver.js, language: javascript }
schema:
  connection:
    type: object
    additionalProperties: false
    properties: {}
capabilities:
  - id: lamp.power
    verbs: [turn-on, turn-off]
    targets: [outlet]
    dry_run: required
    destructive: [turn-off]
    invertible: { turn-on: turn-off, turn-off: turn-on }
    idempotency: { key_fields: [verb, target_id] }
  - id: lamp.blink
    verbs: [blink]
    targets: [outlet]
    dry_run: not_supported
    destructive: [blink]
defaults: { dry_run_refresh_sla_s: 1 }
`;

export const PACKAGE: Uint8Array = packDriver(
  utf8(MANIFEST),
  new Map([['driver.js', utf8('export const driver = {};')]]),
);
export const DRIVER: Uint8Array = sha256(PACKAGE);

/** What to change in a spec: members of the top level. */
export type Changes = Readonly<Record<string, JsonValue>>;

/** A policy that turns a lamp off; sound and disabled, unless `changes` say otherwise. */
export function specOf(changes: Changes = {}): { readonly [name: string]: JsonValue } {
  return {
    version: 1,
    name: 'Lamp off on battery',
    enabled: false,
    priority: 0,
    trigger_group: { triggers: [{ type: 'ups.state', equals: 'mains-lost' }] },
    targets: {
      host_id: HOST,
      target_type: 'outlet',
      selector: { mode: 'list', value: 'desk' },
      driver: `sha256:${formatHex(DRIVER)}`,
    },
    actions: [{ capability_id: 'lamp.power', verb: 'turn-off' }],
    ...changes,
  };
}

/** A change of a policy to `spec`. */
export function changeTo(policy: string, version: number, spec: JsonValue): Payload {
  return { kind: 'policy-change', policy, version, spec: utf8(formatCanonicalJson(spec)) };
}

export interface PolicyWorld extends AppWorld {
  readonly services: PolicyServices;
  readonly blobs: Blobs;
  readonly isPrivate: boolean;
  /** The bytes that submit a payload behind the head of its stream, with the type to send them as. */
  signedBody(payload: Payload, who: string, stream?: string): readonly [Uint8Array, Headers_];
  /** Submits a statement by POST /add; 200 is expected. */
  add(payload: Payload, who: string, stream?: string): Promise<void>;
  /** Asks; signed by `who` where one is named. */
  ask(path: string, who?: string, init?: RequestInit): Promise<Response>;
  /** Saves a version of a policy by the API: a POST for version 1, else a PUT. */
  save(policy: string, version: number, spec: JsonValue, who?: string): Promise<Response>;
}

type Headers_ = Readonly<Record<string, string>>;

export interface PolicyWorldOptions {
  readonly isPrivate?: boolean;
  readonly approvals?: number;
  /** False: no node has listed a host yet. */
  readonly hasHosts?: boolean;
  readonly store?: LogStore;
  readonly blobs?: Blobs;
  readonly rows?: RowStore;
}

export const AUTHORS: string = [
  ['ada', 'village/*'],
  ['pat', 'package/*'],
  [NODE, 'node/*'],
  ['node-b', 'node/*'],
]
  .map(
    ([who = '', pattern]) =>
      `author ${who} ed25519 ${formatBase64(keyOf(who).publicKey)} ${pattern}\n`,
  )
  .join('');

export async function policyWorld(options: PolicyWorldOptions = {}): Promise<PolicyWorld> {
  const { isPrivate = false, approvals = 1, hasHosts = true } = options;
  const { store = openMemoryStore(), blobs = openMemoryBlobs() } = options;
  const base = appWorld('statements', { store, blobs });
  const authors = parseAuthors(utf8(AUTHORS));
  const projection = await Projection.open(options.rows ?? new MemoryRows(), base.log);
  const transcripts = openMemoryBlobs().shared;
  const services = createPolicyServices({ env: base.env, projection, transcripts, blobs });
  const deps = { ...base.deps, authors: () => authors, policies: services };
  const app = createApp(deps);
  const request: AppWorld['request'] = async (path, init) => app.request(path, init);
  const signedBody: PolicyWorld['signedBody'] = (payload, who, stream = VILLAGE) => {
    const head = base.log.streamHead(stream);
    if (!isPrivate) return [statementOf(stream, payload, who, head), COSE];
    return [bodyOf(sealedOf(stream, payload, who, head)), SEQUENCE];
  };
  const add: PolicyWorld['add'] = async (payload, who, stream) => {
    const [body, headers] = signedBody(payload, who, stream);
    const response = await request('/add', post(body, headers));
    assert.is(response.status, 200, await response.clone().text());
  };
  const ask: PolicyWorld['ask'] = async (path, who, init = {}) => {
    const method = init.method ?? 'GET';
    const by = who === undefined ? {} : signed(who, method, path, base.env.nowMs());
    return request(path, { ...init, headers: { ...headersOf(init), ...by } });
  };
  const save: PolicyWorld['save'] = async (policy, version, spec, who = 'ben') => {
    const [body, headers] = signedBody(changeTo(policy, version, spec), who);
    const path = version === 1 ? '/api/policies' : `/api/policies/${policy}`;
    const method = version === 1 ? 'POST' : 'PUT';
    const init = { method, body: new Uint8Array(body), headers };
    return ask(`${path}?village=north`, isPrivate ? who : undefined, init);
  };
  const world = { ...base, deps, services, blobs, isPrivate, request, signedBody, add, ask, save };
  await base.publisher.publishNow('start');
  if (base.log.streamHead(VILLAGE) !== undefined) return world;
  await blobs.shared.write(DRIVER, [PACKAGE]);
  const visibility = isPrivate ? 'private' : 'public';
  const law = { ...constitution(approvals), visibility } as const;
  await add({ kind: 'village-create', name: 'North', constitution: law }, 'ada');
  if (hasHosts) await add(hostsOf(HOST), NODE, NODE_STREAM);
  return world;
}

function headersOf(init: RequestInit): Record<string, string> {
  return Object.fromEntries(new Headers(init.headers));
}

/** A node lists these hosts. */
export function hostsOf(...ids: readonly string[]): Payload {
  const hosts = ids.map((id) => ({ id, name: 'lamps', driver: DRIVER, types: ['outlet'] }));
  return { kind: 'node-hosts', hosts };
}

/** The JSON of an answer with this status. */
export async function jsonOf(response: Response, status = 200): Promise<Record<string, unknown>> {
  const text = await response.text();
  assert.is(response.status, status, text);
  const body: Record<string, unknown> = JSON.parse(text);
  return body;
}

/** Status and code of a refusal, and its members. */
export async function refusalOf(
  response: Response,
): Promise<{ readonly code: string; readonly body: Record<string, unknown> }> {
  const body: Record<string, unknown> = JSON.parse(await response.text());
  return {
    code: `${response.status} ${String(body['type']).replace('urn:writ:error:', '')}`,
    body,
  };
}

/** The id of a statement. */
export function idOf(statement: Uint8Array): Uint8Array {
  return leafHash(statement);
}
