// Where errors meet HTTP, the only place: a status for each code, and problem documents (RFC 9457).

import { BugError, ERROR_CODES, type ErrorCode, isLogError, LogError } from '@writ/core/errors';

/** The status of each code. A new code without a status does not compile. */
export const ERROR_STATUS: Readonly<Record<ErrorCode, number>> = {
  'key-malformed': 400,
  'key-weak': 400,
  'note-malformed': 400,
  'note-unverified': 403,
  'note-bad-signature': 403,
  'checkpoint-malformed': 400,
  'cosignature-malformed': 400,
  'policy-malformed': 400,
  'proof-malformed': 400,
  'tile-path-malformed': 400,
  'bundle-malformed': 400,
  'request-malformed': 400,
  'response-malformed': 502,
  'cbor-malformed': 400,
  'json-malformed': 400,
  'statement-malformed': 400,
  'statement-bad-signature': 403,
  'fork-proof-malformed': 400,
  'stream-proof-malformed': 400,
  'state-root-fault-malformed': 400,
  'opening-malformed': 400,
  'evidence-malformed': 400,
  'origin-unknown': 404,
  'quorum-not-met': 503,
  'inclusion-failed': 422,
  'consistency-failed': 422,
  'hash-mismatch': 500,
  'checkpoint-stale': 503,
  'checkpoint-rolled-back': 500,
  'fork-detected': 500,
  'state-root-invalid': 422,
  'index-proof-failed': 422,
  'stream-incomplete': 422,
  'stream-rolled-back': 500,
  'entry-absent': 404,
  'opening-failed': 422,
  'opening-missing': 422,
  'nothing-to-verify': 422,
  'entry-empty': 400,
  'entry-too-large': 413,
  'batch-malformed': 400,
  'batch-too-large': 413,
  'body-too-large': 413,
  'author-unknown': 403,
  'author-not-permitted': 403,
  'stream-conflict': 409,
  'statement-refused': 403,
  'policy-blocked': 400,
  'policy-duplicate': 409,
  'enable-refused': 409,
  'driver-structural-mismatch': 422,
  'inverse-refused': 422,
  'node-silent': 504,
  'node-failed': 502,
  'node-answer-late': 410,
  'request-invalid': 400,
  'media-type-unsupported': 415,
  'not-found': 404,
  'method-not-allowed': 405,
  'not-published': 404,
  'request-timeout': 408,
  'rate-limited': 429,
  overloaded: 503,
  'log-held': 503,
  'log-stopped': 503,
  'head-conflict': 503,
  'witness-conflict': 409,
  usage: 400,
  'config-invalid': 500,
  'clock-implausible': 503,
  'network-failed': 502,
  'storage-failed': 500,
  'storage-full': 507,
  'storage-corrupt': 500,
  'storage-locked': 503,
};

/** Seconds after which it makes sense to try again, for the codes that time can cure. */
const RETRY_AFTER: Partial<Readonly<Record<ErrorCode, number>>> = {
  overloaded: 1,
  'log-held': 5,
  'log-stopped': 60,
  'head-conflict': 5,
  'storage-full': 60,
};

export const PROBLEM_TYPE = 'application/problem+json';
export const INTERNAL_TYPE = 'urn:writ:error:internal';

/** A problem document: RFC 9457 members, then facts such as field, line, offset or index. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** The request id, which the log lines carry too. */
  readonly instance?: string;
  readonly [fact: string]: string | number | boolean | undefined;
}

/** The problem document for an error. Nothing of an internal error but its existence gets out. */
export function problemOf(error: unknown, instance?: string): Problem {
  const where = instance === undefined ? {} : { instance };
  if (!isLogError(error)) {
    const detail = 'the server has a fault; the operator finds it in the logs under the request id';
    return { type: INTERNAL_TYPE, title: 'internal error', status: 500, detail, ...where };
  }
  const status = ERROR_STATUS[error.code];
  const title = ERROR_CODES[error.code];
  const isInside = status === 500;
  return {
    type: `urn:writ:error:${error.code}`,
    title,
    status,
    detail: isInside ? title : error.message,
    ...where,
    ...(isInside ? {} : factsOf(error)),
  };
}

/** Names that RFC 9457 has a meaning for. */
const RESERVED: ReadonlySet<string> = new Set(['type', 'title', 'status', 'detail', 'instance']);

function factsOf({ detail }: LogError): Record<string, string | number | boolean> {
  const facts: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(detail)) {
    if (!RESERVED.has(name)) facts[name] = typeof value === 'bigint' ? String(value) : value;
  }
  return facts;
}

/** Headers that belong to the problem: content type, Retry-After, and the end of a connection half read. */
export function problemHeaders(error: unknown): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': PROBLEM_TYPE,
    'cache-control': 'no-store',
  };
  if (!isLogError(error)) return headers;
  const { detail } = error;
  const retryAfter =
    error.code === 'rate-limited' ? detail['retryAfterSeconds'] : RETRY_AFTER[error.code];
  if (retryAfter !== undefined) headers['retry-after'] = String(retryAfter);
  if (error.code === 'method-not-allowed') headers['allow'] = String(detail['allow']);
  // A body that was not read to its end would be taken for the next request.
  if (detail['field'] === 'body') headers['connection'] = 'close';
  return headers;
}

/** True for a refusal that is the answer to load, or to a state the operator knows of: no fault of a request. */
export function isRefusal(error: unknown): error is LogError {
  return isLogError(error) && [503, 507].includes(ERROR_STATUS[error.code]);
}

/** True for what an operator has to look at. */
export function isOurFault(error: unknown): boolean {
  return error instanceof BugError || !isLogError(error) || ERROR_STATUS[error.code] >= 500;
}

/** A request that the route does not accept; `field` is a parameter or header. */
export function invalidRequest(field: string, message: string): LogError {
  return new LogError('request-invalid', `${field}: ${message}`, { field });
}
