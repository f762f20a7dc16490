// The two routes over which a node takes requests and answers them (spec/policy-api.md section 7).

import { formatHex, parseHex } from '@writ/core/bytes';
import { isLogError, LogError } from '@writ/core/errors';
import { sha256 } from '@writ/core/sha256';
import { parseStreamId } from '@writ/core/statements/stream-id';
import {
  MAX_NODE_ANSWER_BYTES,
  type NodeAnswer,
  type NodeRequest,
} from '@writ/policy/engine/transcript';
import { readNodeAnswer } from '@writ/policy/engine/transcript-schema';
import { requireLedger } from '../streams/prove.ts';
import { isSignedBy, keyIdOf, signatureOf } from './access.ts';
import { requireServices } from './api-village.ts';
import type { BodyReader } from './body.ts';
import type { AppDeps } from './deps.ts';
import { invalidRequest } from './errors.ts';
import type { PolicyServices } from './policy-services.ts';
import { type Call, jsonReply, queryNumber, type Reply } from './reply.ts';

const MAX_WAIT_SECONDS = 25;
const DEFAULT_WAIT_SECONDS = 25;
const NO_STORE = { 'cache-control': 'no-store' };

interface Asking {
  readonly services: PolicyServices;
  readonly village: string;
  readonly node: string;
  /** As the channel names it. */
  readonly name: string;
}

/** `GET /api/nodes/{village}/{node}/requests`: the next request for the node, or 204. */
export async function pollRequests(deps: AppDeps, call: Call): Promise<Reply> {
  const range = { min: 0, max: MAX_WAIT_SECONDS };
  const seconds = queryNumber(call.query, 'wait', DEFAULT_WAIT_SECONDS, range);
  const { services, name } = await requireOwner(deps, call);
  if (deps.lifecycle.isStopping) return nothing(deps);
  const socket = call.c.env?.incoming?.socket;
  const isThere = (): boolean => socket?.destroyed !== true;
  const request = await services.nodes.poll(name, seconds * 1000, isThere);
  return request === undefined ? nothing(deps) : jsonReply(request, NO_STORE);
}

function nothing({ lifecycle }: AppDeps): Reply {
  // A server that stops waits for its connections.
  const headers = lifecycle.isStopping ? { ...NO_STORE, connection: 'close' } : NO_STORE;
  return { status: 204, headers, body: null };
}

/** `PUT /api/nodes/{village}/{node}/answers/{request}/{digest}`: what the node has to say to a request. */
export async function putAnswer(deps: AppDeps, bodies: BodyReader, call: Call): Promise<Reply> {
  const digest = parseHex(call.c.req.param('digest') ?? '');
  const id = call.c.req.param('request') ?? '';
  if (digest?.length !== 32) throw invalidRequest('digest', 'expected 64 lower-case hex digits');
  if (parseHex(id)?.length !== 16)
    throw invalidRequest('request', 'expected 32 lower-case hex digits');
  const asking = await requireOwner(deps, call);
  const { services, name } = asking;
  const request = services.nodes.given(name, id);
  const bytes = await bodies.read(call.c, MAX_NODE_ANSWER_BYTES);
  // The digest is in the path, so the signature covers the bytes too.
  if (formatHex(sha256(bytes)) !== formatHex(digest))
    throw invalidRequest('digest', 'the body has another SHA-256');
  services.nodes.answer(name, id, readAnswer(bytes, asking, request));
  return jsonReply({ request: id }, NO_STORE);
}

/** LogError request-invalid for what is no answer to `request`. */
function readAnswer(
  bytes: Uint8Array,
  { village, node }: Asking,
  request: NodeRequest,
): NodeAnswer {
  const answer = checked(bytes);
  const isFrom = answer.village === village && answer.node === node && answer.host === request.host;
  if (!isFrom) throw invalidRequest('body', 'village, node and host are not those of the request');
  if (answer.format === 'writ-node-failure/v1') return answer;
  const isAsked =
    request.kind === 'inventory'
      ? answer.format === 'writ-inventory/v1'
      : answer.format === 'writ-transcript/v1' &&
        answer.policy === request.policy &&
        answer.version === request.version;
  if (!isAsked) throw invalidRequest('body', 'it answers something else than was asked');
  return answer;
}

function checked(bytes: Uint8Array): NodeAnswer {
  try {
    return readNodeAnswer(bytes);
  } catch (error) {
    if (!isLogError(error)) throw error;
    throw invalidRequest('body', error.message);
  }
}

/** Who signs has to own the stream of the node. LogError request-invalid, not-found for everybody else. */
async function requireOwner(deps: AppDeps, call: Call): Promise<Asking> {
  const [village, node] = [call.c.req.param('village') ?? '', call.c.req.param('node') ?? ''];
  const stream = `node/${village}/${node}`;
  if (parseStreamId(stream) === undefined) throw invalidRequest('node', 'not the id of a node');
  const signature = signatureOf(deps, call);
  const services = requireServices(deps);
  const ledger = requireLedger(deps.log);
  const state = ledger.states.get(stream);
  const keyId = signature === undefined ? '' : keyIdOf(signature);
  if (signature !== undefined && state?.family === 'node' && state.owner === keyId) {
    const of = ledger.states.get(`village/${village}`);
    const key = of?.family === 'village' ? of.keys.get(keyId)?.key : undefined;
    const verifier = deps.authors().get(keyId)?.verifier ?? (key && ledger.verifiers.of(key));
    if (verifier !== undefined && (await isSignedBy(verifier, signature)))
      return { services, village, node, name: `${village}/${node}` };
  }
  const message =
    'there is no such node, or another key than that of its stream signed the request';
  throw new LogError('not-found', message);
}
