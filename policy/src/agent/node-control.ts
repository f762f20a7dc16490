// The operator's way to a node that runs: HTTP on a Unix socket in its folder, which only its user can open.

import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { concatBytes, parseUtf8 } from '@writ/core/bytes';
import { ERROR_CODES, type ErrorCode, LogError } from '@writ/core/errors';
import { OVERRIDE_SCOPES } from '@writ/core/statements/kinds/node-reports';
import * as z from 'zod';
import type { Override } from './overrides.ts';

/** What an operator may ask for. */
export interface ControlPort {
  readonly status: () => Promise<object>;
  readonly pull: () => Promise<object>;
  readonly event: (document: unknown) => Promise<object>;
  readonly override: (override: Override) => Promise<object>;
  /** Lets records go on after a stop. */
  readonly resume: () => Promise<object>;
  readonly executions: (policy: string, before: number | undefined) => Promise<object>;
}

const override: z.ZodType<Override> = z.strictObject({
  scope: z.enum(OVERRIDE_SCOPES),
  operator: z.string().min(1),
  reason: z.string(),
  untilSeconds: z.int().min(1),
});

const MAX_BODY = 64 * 1024;
/** How long a command waits for what is only read. */
const ANSWER_MS = 30_000;
const EXECUTIONS = /^\/executions\/([0-9a-f-]{1,36})(?:\?before=([0-9]{1,15}))?$/;

/** A server that does not listen yet. `fault` is told of what is no answer to an operator. */
export function createControl(port: ControlPort, fault: (error: unknown) => void): Server {
  return createServer((incoming, response) => {
    void answer(port, incoming).then(
      (value) => response.writeHead(200, JSON_TYPE).end(`${JSON.stringify(value)}\n`),
      (error: unknown) => {
        const isKnown = error instanceof LogError;
        if (!isKnown) fault(error);
        const code = isKnown ? error.code : 'internal';
        const message = isKnown ? error.message : 'a fault of the node: see its log';
        response.writeHead(isKnown ? 400 : 500, JSON_TYPE).end(JSON.stringify({ code, message }));
      },
    );
  });
}

const JSON_TYPE = { 'content-type': 'application/json' };

async function answer(port: ControlPort, incoming: IncomingMessage): Promise<object> {
  const { method, url = '/' } = incoming;
  const asked = `${method} ${url}`;
  if (asked === 'GET /status') return port.status();
  const [, policy, before] = EXECUTIONS.exec(url) ?? [];
  if (method === 'GET' && policy !== undefined)
    return port.executions(policy, before === undefined ? undefined : Number(before));
  if (asked === 'POST /pull') return port.pull();
  if (asked === 'POST /resume') return port.resume();
  if (asked === 'POST /event') return port.event(await bodyOf(incoming));
  if (asked === 'POST /override') {
    const parsed = override.safeParse(await bodyOf(incoming));
    if (parsed.success) return port.override(parsed.data);
    const [issue] = parsed.error.issues;
    throw new LogError('request-invalid', `${issue?.path.join('.')}: ${issue?.message}`);
  }
  throw new LogError('not-found', `there is no ${asked}`);
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
      else
        reject(
          new LogError(
            'network-failed',
            `cannot ask the node: ${error.message}; use the user that it runs as`,
          ),
        );
    });
    // An event is answered when all that it began has ended; what is only read is there at once.
    if (method === 'GET')
      outgoing.setTimeout(ANSWER_MS, () => outgoing.destroy(new Error('it does not answer')));
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
  if (text === undefined) return undefined;
  const value = objectIn(text);
  const said = new Map<string, unknown>(Object.entries(value));
  const code = said.get('code');
  if (typeof code === 'string' && said.has('message')) {
    const known = isErrorCode(code) ? code : 'response-malformed';
    throw new LogError(known, String(said.get('message')));
  }
  return value;
}

function objectIn(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Said below.
  }
  const message =
    'what answers at the control socket is no node of this version: see what runs there';
  throw new LogError('response-malformed', message);
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
