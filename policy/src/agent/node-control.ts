// The operator's way to a node that runs: HTTP on a Unix socket in its folder, which only its user can open.

import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { concatBytes, parseUtf8 } from '@writ/core/bytes';
import { ERROR_CODES, type ErrorCode, LogError } from '@writ/core/errors';
import { OVERRIDE_SCOPES } from '@writ/core/statements/kinds/node-reports';
import * as z from 'zod';

/** What an operator may ask for. */
export interface ControlPort {
  readonly status: () => Promise<object>;
  readonly pull: () => Promise<object>;
  readonly event: (document: unknown) => Promise<object>;
  readonly override: (override: Override) => Promise<object>;
  readonly executions: (policy: string, before: number | undefined) => Promise<object>;
}

/** Breaks the glass until a time. */
export interface Override {
  readonly scope: (typeof OVERRIDE_SCOPES)[number];
  readonly policy: string | null;
  readonly operator: string;
  readonly reason: string;
  /** Seconds since 1970. */
  readonly untilSeconds: number;
}

const override: z.ZodType<Override> = z.strictObject({
  scope: z.enum(OVERRIDE_SCOPES),
  policy: z.uuid().nullable().default(null),
  operator: z.string().min(1).max(128),
  reason: z.string().min(1).max(1024),
  untilSeconds: z.int().min(1),
});

const MAX_BODY = 64 * 1024;
const EXECUTIONS = /^\/executions\/([0-9a-f-]{1,36})(?:\?before=([0-9]{1,15}))?$/;

/** A server that does not listen yet. */
export function createControl(port: ControlPort): Server {
  return createServer((incoming, response) => {
    void answer(port, incoming).then(
      (value) => response.writeHead(200, JSON_TYPE).end(`${JSON.stringify(value)}\n`),
      (error: unknown) => {
        const isKnown = error instanceof LogError;
        const code = isKnown ? error.code : 'internal';
        const message = error instanceof Error ? error.message : String(error);
        response.writeHead(isKnown ? 400 : 500, JSON_TYPE).end(JSON.stringify({ code, message }));
      },
    );
  });
}

const JSON_TYPE = { 'content-type': 'application/json' };

async function answer(port: ControlPort, incoming: IncomingMessage): Promise<object> {
  const { method, url = '/' } = incoming;
  if (method === 'GET' && url === '/status') return port.status();
  const [, policy, before] = EXECUTIONS.exec(url) ?? [];
  if (method === 'GET' && policy !== undefined)
    return port.executions(policy, before === undefined ? undefined : Number(before));
  if (method === 'POST' && url === '/pull') return port.pull();
  const body = method === 'POST' ? await bodyOf(incoming) : undefined;
  if (url === '/event') return port.event(body);
  if (url === '/override') {
    const parsed = override.safeParse(body);
    if (parsed.success) return port.override(parsed.data);
    const [issue] = parsed.error.issues;
    throw new LogError('request-invalid', `${issue?.path.join('.')}: ${issue?.message}`);
  }
  throw new LogError('not-found', `there is no ${method} ${url}`);
}

/**
 * Asks the node whose socket is at `path`. undefined: no node runs there. LogError as the node says, response-malformed.
 */
export async function askNode(
  path: string,
  method: 'GET' | 'POST',
  target: string,
  body?: object,
): Promise<object | undefined> {
  const text = await new Promise<string | undefined>((resolve, reject) => {
    const outgoing = request({ socketPath: path, method, path: target }, (incoming) => {
      textOf(incoming).then(resolve, reject);
    });
    outgoing.on('error', (error) => {
      const isAway = 'code' in error && (error.code === 'ENOENT' || error.code === 'ECONNREFUSED');
      if (isAway) resolve(undefined);
      else reject(new LogError('network-failed', `cannot ask the node: ${error.message}`));
    });
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
  if (text === undefined) return undefined;
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null)
    throw new LogError('response-malformed', 'the node answers with something else than JSON');
  const said = new Map<string, unknown>(Object.entries(value));
  const code = said.get('code');
  if (typeof code === 'string' && said.has('message')) {
    const known = isErrorCode(code) ? code : 'response-malformed';
    throw new LogError(known, String(said.get('message')));
  }
  return value;
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_CODES, code);
}

async function bodyOf(incoming: IncomingMessage): Promise<unknown> {
  try {
    return JSON.parse(await textOf(incoming));
  } catch (error) {
    if (error instanceof LogError) throw error;
    throw new LogError('json-malformed', 'the body is no JSON', {}, error);
  }
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of incoming) {
    if (!(chunk instanceof Uint8Array)) continue;
    size += chunk.length;
    if (incoming.method !== undefined && size > MAX_BODY)
      throw new LogError('body-too-large', `a request has at most ${MAX_BODY} bytes`);
    chunks.push(chunk);
  }
  const text = parseUtf8(concatBytes(...chunks));
  if (text === undefined) throw new LogError('json-malformed', 'the body is not UTF-8');
  return text;
}
