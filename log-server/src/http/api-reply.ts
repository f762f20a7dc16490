// Answers of the routes under /api/: ETags, pages, and refusals that carry more than a problem document has members for.

import { formatHex, parseUtf8, utf8 } from '@writ/core/bytes';
import type { ErrorCode } from '@writ/core/errors';
import { LogError } from '@writ/core/errors';
import { sha256 } from '@writ/core/sha256';
import { type Access, cacheControl } from './access.ts';
import type { BodyReader } from './body.ts';
import { invalidRequest, problemHeaders, problemOf } from './errors.ts';
import { matches } from './read.ts';
import { type Call, jsonReply, type Reply } from './reply.ts';
import { JSON_TYPE } from './route-parts.ts';

/** Largest JSON body of a request. */
export const MAX_JSON_BODY: number = 256 * 1024;

/** JSON with an ETag: 304 where the reader has it. */
export function etagReply(
  { c }: Call,
  access: Access,
  value: unknown,
  more: Record<string, string> = {},
): Reply {
  const reply = jsonReply(value, { ...cacheControl(access), ...more });
  const etag = `"${formatHex(sha256(utf8(String(reply.body))))}"`;
  const headers = { ...reply.headers, etag };
  if (!matches(c.req.header('if-none-match'), etag)) return { ...reply, headers };
  const { 'content-type': _, ...rest } = { 'content-type': '', ...headers };
  return { status: 304, headers: rest, body: null };
}

/** `Link` to the page behind `next`; none for the last one. */
export function linkTo({ c, query }: Call, next: string | null): Record<string, string> {
  if (next === null) return {};
  const parameters = new URLSearchParams([...query]);
  parameters.set('cursor', next);
  return { link: `<${c.req.path}?${parameters}>; rel="next"` };
}

/** A refusal with members of its own beside those of a problem document. */
export function problemReply(
  { requestId }: Call,
  [code, message]: readonly [ErrorCode, string],
  more: Readonly<Record<string, unknown>>,
): Reply {
  const error = new LogError(code, message);
  const problem = { ...problemOf(error, requestId), ...more };
  return { status: problem.status, headers: problemHeaders(error), body: JSON.stringify(problem) };
}

/** A JSON object in the body. LogError media-type-unsupported, body-too-large, request-invalid. */
export async function readJsonBody(
  bodies: BodyReader,
  { c }: Call,
): Promise<ReadonlyMap<string, unknown>> {
  const type = c.req.header('content-type')?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (type !== JSON_TYPE)
    throw new LogError('media-type-unsupported', `content-type: expected ${JSON_TYPE}`, {
      field: 'content-type',
      got: type.slice(0, 100),
    });
  const text = parseUtf8(await bodies.read(c, MAX_JSON_BODY));
  const value = text === undefined ? undefined : parseOrNothing(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalidRequest('body', 'expected a JSON object');
  return new Map(Object.entries(value));
}

function parseOrNothing(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
