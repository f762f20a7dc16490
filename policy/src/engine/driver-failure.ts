// From what went wrong in a driver to a code and a severity (spec/drivers.md section 8).

import { isLogError } from '@writ/core/errors';

/** Stable codes of failures, as records and transcripts show them. */
export const DRIVER_FAILURES = {
  // what a driver met
  'target-unreachable': 'the target could not be reached',
  'target-untrusted': 'the target is not the one whose key or certificate is expected',
  'authentication-failed': 'the target refused the credentials',
  'permission-denied': 'the target or the connection does not allow this',
  'target-unknown': 'there is no such target, command or endpoint',
  'target-refused': 'the target answered that it did not do it',
  'outcome-unknown': 'the target broke off, so nobody knows whether it did it',
  'request-invalid': 'the driver cannot do what it was asked',
  'driver-failed': 'the driver failed for another reason',
  // what the runner met
  'driver-timeout': 'the driver gave no answer within its deadline and was killed',
  'driver-cancelled': 'the call was given up and the driver killed',
  'driver-crashed': 'the driver ended during the call',
  'driver-memory': 'the driver used more memory than it may and was killed',
  'driver-output': 'the driver wrote more than it may and was killed',
  'driver-answer-too-large': 'the answer of the driver is larger than an answer may be',
  'driver-answer-malformed':
    'the answer of the driver is not of the shape that the contract asks for',
  'driver-start-failed': 'the driver could not be started',
  'driver-busy': 'too many calls wait for this driver',
} as const;

export type DriverFailureCode = keyof typeof DRIVER_FAILURES;

export interface DriverFailure {
  readonly code: DriverFailureCode;
  /** What was to be done was not, or nobody knows. */
  readonly severity: 'error';
  /** For the operator; holds no secret of the connection. */
  readonly message: string;
  /**
   * `none`: the driver was never asked, so nothing was done. `reported`: the driver says that its target did not do it.
   * `unknown`: it was asked and may have acted.
   */
  readonly outcome: 'none' | 'unknown' | 'reported';
}

/** What drivers throw to say which kind of failure it is; anything else becomes `driver-failed`. */
export class DriverError extends Error {
  readonly code: DriverFailureCode;

  constructor(code: DriverFailureCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'DriverError';
    this.code = code;
  }
}

/** Codes of Node's network and process functions → what they mean for a driver. */
const SYSTEM_CODES: { readonly [code: string]: DriverFailureCode } = {
  ECONNREFUSED: 'target-unreachable',
  ECONNRESET: 'outcome-unknown',
  EHOSTUNREACH: 'target-unreachable',
  ENETUNREACH: 'target-unreachable',
  ETIMEDOUT: 'outcome-unknown',
  EPIPE: 'outcome-unknown',
  ENOTFOUND: 'target-unreachable',
  EAI_AGAIN: 'target-unreachable',
  ABORT_ERR: 'outcome-unknown',
  ENOENT: 'target-unknown',
  EACCES: 'permission-denied',
  EPERM: 'permission-denied',
  ERR_ACCESS_DENIED: 'permission-denied',
  CERT_HAS_EXPIRED: 'target-untrusted',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'target-untrusted',
  SELF_SIGNED_CERT_IN_CHAIN: 'target-untrusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'target-untrusted',
  ERR_TLS_CERT_ALTNAME_INVALID: 'target-untrusted',
};

/** Codes of drivers that say that the target did not do it; after every other one nobody knows. */
const NOT_DONE: ReadonlySet<DriverFailureCode> = new Set<DriverFailureCode>([
  'target-unreachable',
  'target-untrusted',
  'authentication-failed',
  'permission-denied',
  'target-unknown',
  'target-refused',
  'request-invalid',
]);

/** What is known of the outcome after a driver threw an error of `code`. */
export function outcomeOfError(code: DriverFailureCode): 'reported' | 'unknown' {
  return NOT_DONE.has(code) ? 'reported' : 'unknown';
}

/** Longest message that is kept of an error. */
export const MAX_FAILURE_MESSAGE = 500;

/** Code and message of whatever was thrown. Never throws, whatever it is. */
export function mapDriverError(error: unknown): { code: DriverFailureCode; message: string } {
  const message = messageOf(error);
  if (error instanceof DriverError) return { code: error.code, message };
  const system = isLogError(error) ? undefined : propertyOf(error, 'code');
  const code =
    typeof system === 'string' && Object.hasOwn(SYSTEM_CODES, system)
      ? SYSTEM_CODES[system]
      : undefined;
  return { code: code ?? 'driver-failed', message };
}

/** True when `text` is one of the codes. */
export function isDriverFailureCode(text: unknown): text is DriverFailureCode {
  return typeof text === 'string' && Object.hasOwn(DRIVER_FAILURES, text);
}

function messageOf(error: unknown): string {
  const message = error instanceof Error ? propertyOf(error, 'message') : error;
  const text = typeof message === 'string' ? message : 'no reason was given';
  return text.toWellFormed().slice(0, MAX_FAILURE_MESSAGE).toWellFormed();
}

function propertyOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  try {
    return Reflect.get(value, name);
  } catch {
    return undefined;
  }
}
