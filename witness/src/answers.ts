// Where errors meet HTTP, and the only place: C2SP tlog-witness (https://c2sp.org/tlog-witness@v1.0.0),
// "add-checkpoint". The document leaves the bodies of refusals free; ours are one line of text.

import { type ErrorCode, LogError } from '@writ/core/errors';
import { SIZE_CONTENT_TYPE } from '@writ/core/formats/add-checkpoint';
import type { Logger } from './env.ts';

const TEXT = 'text/plain; charset=utf-8';
/** Clocks and disks are looked after by people or by a restart: not worth asking every second. */
const RETRY_AFTER_SECONDS = '60';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Status by error code; any other code that gets here is our own fault. */
const STATUS: Partial<Readonly<Record<ErrorCode, number>>> = {
  'request-malformed': 400,
  'note-malformed': 400,
  'checkpoint-malformed': 400,
  'note-unverified': 403,
  'note-bad-signature': 403,
  'origin-unknown': 404,
  'witness-conflict': 409,
  'body-too-large': 413,
  'consistency-failed': 422,
  'fork-detected': 422,
  overloaded: 503,
  'clock-implausible': 503,
  'storage-failed': 503,
  'storage-corrupt': 503,
};

/** An answer of plain text. */
export function textAnswer(status: number, body: string, headers: Answer['headers'] = {}): Answer {
  return { status, headers: { 'content-type': TEXT, ...headers }, body };
}

/** The answer to a failure. What the operator must look at is logged; clients never see a cause. */
export function errorAnswer(error: unknown, log: Logger): Answer {
  const status = error instanceof LogError ? STATUS[error.code] : undefined;
  if (!(error instanceof LogError) || status === undefined) {
    log.error({ err: error }, 'a request failed through a fault of the witness');
    return textAnswer(500, 'internal error\n');
  }
  if (error.code === 'witness-conflict')
    return {
      ...textAnswer(status, `${error.detail['size']}\n`),
      headers: { 'content-type': SIZE_CONTENT_TYPE },
    };
  if (status < 500) return textAnswer(status, `${error.message}\n`);
  if (error.code !== 'overloaded') log.error({ err: error }, 'the witness cannot sign');
  return textAnswer(status, `${error.message}\n`, { 'retry-after': RETRY_AFTER_SECONDS });
}
