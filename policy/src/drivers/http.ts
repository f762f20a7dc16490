// Sends signed web hooks to endpoints that the connection lists (spec/drivers.md section 10). The signature is that of
// Standard Webhooks 1.0 (https://www.standardwebhooks.com): HMAC-SHA256 (`v1`) or Ed25519 (`v1a`) over id, time and body.

import { createHmac, createPrivateKey, sign } from 'node:crypto';
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { concatBytes, formatBase64, parseBase64, utf8 } from '@writ/core/bytes';
import { formatCanonicalJson, type JsonValue } from '@writ/core/statements/jcs';
import type { Driver, DriverContext } from '../engine/driver-api.ts';
import { DriverError, mapDriverError } from '../engine/driver-failure.ts';
import type { DriverAnswer, DriverCall, Precondition } from '../engine/driver-manifest.ts';
import { buildAnswer, planPreview } from '../engine/plan-preview.ts';
import { itemsOf, namedItem, optionalText, targetName, textOf, textsOf } from './connection.ts';
import { pinAddress } from './http-address.ts';

/** How much of an answer is read; the rest is of no interest. */
const MAX_ANSWER_BODY: number = 64 * 1024;
/** PKCS#8 of an Ed25519 key, up to the 32 bytes of its seed (RFC 8410). */
const PKCS8_ED25519 = Uint8Array.of(
  ...[
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
  ],
);

interface Endpoint {
  readonly name: string;
  readonly url: URL;
  readonly listed: readonly string[];
  readonly signingKey: string;
  readonly ca: string | undefined;
}

export const driver: Driver = {
  async call(call, context) {
    const endpoint = endpointOf(context.connection, targetName(call.target));
    return call.dryRun ? dryRun(call, context, endpoint) : send(call, context, endpoint);
  },

  async inventory(_request, { connection }) {
    return itemsOf(connection, 'endpoints').map((endpoint) => {
      const name = textOf(endpoint, 'name');
      return {
        id: `http-endpoint:${name}`,
        type: 'http-endpoint',
        name,
        label: `HTTP endpoint ${name}`,
        labels: {},
        state: null,
      };
    });
  },
};

/** Value of the header `webhook-signature`. DriverError request-invalid for a key in neither form. */
export function signWebhook(signingKey: string, id: string, seconds: number, body: string): string {
  const signed = utf8(`${id}.${seconds}.${body}`);
  const secret = parseBase64(signingKey.slice(signingKey.indexOf('_') + 1));
  if (signingKey.startsWith('whsec_') && secret !== undefined && secret.length >= 24)
    return `v1,${createHmac('sha256', secret).update(signed).digest('base64')}`;
  if (signingKey.startsWith('whsk_') && secret?.length === 32) {
    // Node takes key material as its own kind of bytes only.
    const key = Buffer.from(concatBytes(PKCS8_ED25519, secret));
    const privateKey = createPrivateKey({ key, format: 'der', type: 'pkcs8' });
    return `v1a,${formatBase64(sign(null, signed, privateKey))}`;
  }
  throw new DriverError(
    'request-invalid',
    'signing_key is whsec_ and base64 of 24 bytes or more (HMAC), or whsk_ and base64 of 32 (Ed25519)',
  );
}

async function dryRun(
  call: DriverCall,
  context: DriverContext,
  endpoint: Endpoint,
): Promise<DriverAnswer> {
  const { id, body } = messageOf(call, context);
  // Also finds out that the key cannot sign.
  signWebhook(endpoint.signingKey, id, secondsOf(context), body);
  return buildAnswer(call, {
    ok: true,
    key: context.idempotencyKey,
    plan: planOf(endpoint, call, context),
    preconditions: [await isReachable(endpoint, context.signal)],
    summary: `would send ${eventOf(call)} to ${endpoint.name}; what the receiver does with it is not known`,
  });
}

async function send(
  call: DriverCall,
  context: DriverContext,
  endpoint: Endpoint,
): Promise<DriverAnswer> {
  const { id, body } = messageOf(call, context);
  const seconds = secondsOf(context);
  const pinned = await pinAddress(endpoint.url.hostname, endpoint.listed);
  const status = await post(endpoint, pinned, context.signal, body, {
    'content-type': 'application/json',
    'content-length': String(utf8(body).length),
    'user-agent': 'writ-node',
    'idempotency-key': context.idempotencyKey,
    'webhook-id': id,
    'webhook-timestamp': String(seconds),
    'webhook-signature': signWebhook(endpoint.signingKey, id, seconds, body),
  });
  if (status < 200 || status > 299)
    throw new DriverError(
      status === 401 || status === 403 ? 'authentication-failed' : 'target-refused',
      status >= 300 && status < 400
        ? `${endpoint.name} answered ${status}; redirects are not followed, correct the URL`
        : `${endpoint.name} answered ${status}`,
    );
  return buildAnswer(call, {
    ok: true,
    key: context.idempotencyKey,
    plan: planOf(endpoint, call, context),
    summary: `sent ${eventOf(call)} to ${endpoint.name}, which answered ${status}`,
  });
}

function post(
  { url, ca }: Endpoint,
  { address, family }: { address: string; family: number },
  signal: AbortSignal,
  body: string,
  headers: { readonly [name: string]: string },
): Promise<number> {
  const options: RequestOptions & { readonly ca?: string } = {
    method: 'POST',
    headers,
    signal,
    agent: false,
    // The address that was checked is the one that is used, whatever the name says a moment later.
    lookup: (_name, { all }, answer) => {
      if (all) answer(null, [{ address, family }]);
      else answer(null, address, family);
    },
    ...(ca === undefined ? {} : { ca }),
  };
  return new Promise((resolve, reject) => {
    const start = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const request = start(url, options, (response) => {
      drain(response);
      resolve(response.statusCode ?? 0);
    });
    request.on('error', reject);
    request.end(body);
  });
}

function drain(response: IncomingMessage): void {
  let size = 0;
  response.on('error', () => {});
  response.on('data', (chunk: Uint8Array) => {
    size += chunk.length;
    if (size > MAX_ANSWER_BODY) response.destroy();
  });
}

/** Resolves, checks and connects; sends nothing, so that nothing can happen there. */
async function isReachable({ url, listed }: Endpoint, signal: AbortSignal): Promise<Precondition> {
  const check = 'endpoint is reachable at an allowed address';
  try {
    const { address } = await pinAddress(url.hostname, listed);
    const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
    await new Promise<void>((resolve, reject) => {
      const socket = connect({ host: address, port });
      const giveUp = (): void => {
        socket.destroy(new DriverError('target-unreachable', 'no connection within the deadline'));
      };
      signal.addEventListener('abort', giveUp, { once: true });
      socket.on('error', reject);
      socket.on('connect', () => {
        signal.removeEventListener('abort', giveUp);
        socket.destroy();
        resolve();
      });
    });
    return { check, ok: true, details: null };
  } catch (error) {
    const { code, message } = mapDriverError(error);
    return { check, ok: false, details: `${code}: ${message}` };
  }
}

function planOf({ url }: Endpoint, call: DriverCall, context: DriverContext): DriverAnswer['plan'] {
  const { payload } = messageOf(call, context);
  return planPreview('http', [`POST ${url.origin}${url.pathname}`, payload]);
}

/** The id differs from one execution to the next, as receivers drop a second message of the same id. */
function messageOf(
  call: DriverCall,
  { idempotencyKey, nowMs }: DriverContext,
): { id: string; body: string; payload: JsonValue } {
  const payload = {
    type: eventOf(call),
    target: call.target,
    text: optionalText(call.params, 'text') ?? null,
    idempotency_key: idempotencyKey,
  };
  const timestamp = new Date(nowMs).toISOString();
  const body = formatCanonicalJson({ ...payload, timestamp });
  return { id: `msg_${idempotencyKey.slice(0, 32)}_${nowMs}`, body, payload };
}

function endpointOf(connection: JsonValue, name: string): Endpoint {
  const endpoint = namedItem(connection, 'endpoints', name);
  const text = textOf(endpoint, 'url');
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '')
    throw new DriverError('request-invalid', `the url of ${name} is not http:// or https://`);
  return {
    name,
    url,
    listed: textsOf(connection, 'private_addresses'),
    signingKey: textOf(connection, 'signing_key'),
    ca: optionalText(connection, 'ca'),
  };
}

function eventOf(call: DriverCall): string {
  return textOf(call.params, 'event');
}

function secondsOf({ nowMs }: DriverContext): number {
  return Math.floor(nowMs / 1000);
}
