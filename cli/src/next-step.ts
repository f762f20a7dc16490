// What an author or operator does next about an error, where that is something else than for a verifier.

import type { ErrorCode } from '@writ/core/errors';
import { nextStep } from '@writ/verifier/cli/next-step';

const NEXT: Partial<Readonly<Record<ErrorCode, string>>> = {
  usage: 'writ --help',
  'statement-refused':
    'the rules of the stream refuse it: writ village show and writ village proposals tell how things stand',
  'stream-conflict': 'somebody else was faster: look again, and try again',
  'author-unknown': 'ask the operator of the log to list the key among its authors',
  'author-not-permitted': 'ask the operator of the log to let the key write to this stream',
  'opening-missing': 'give --key with the key of a member of the village',
  'not-published': 'nothing is lost: look again when the witnesses have signed',
  'rate-limited': 'wait a minute, then try again',
};

/** The next step in one sentence. */
export function nextStepOf(code: ErrorCode): string {
  return NEXT[code] ?? nextStep(code);
}
