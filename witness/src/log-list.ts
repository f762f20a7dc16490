// The logs a witness cosigns: `log <vkey> [<url>]` lines in the grammar of C2SP tlog-policy
// (https://c2sp.org/tlog-policy), so that a trust policy file serves as it is. Several keys with one
// name are one log in the middle of a key rotation.

import { concatBytes, utf8 } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import type { VerifierKey } from '@writ/core/formats/key';
import { parsePolicy } from '@writ/core/formats/tlog-policy';

/** The log keys of a list, at least one. LogError policy-malformed or key-weak with the line. */
export function parseLogList(bytes: Uint8Array): VerifierKey[] {
  const text = new TextDecoder('latin1').decode(bytes);
  // A policy demands a quorum line; a list of logs has no use for one. A cut last line stays an error.
  const isComplete = /^[ \t]*quorum[ \t]/m.test(text) || !/(^|\n)$/.test(text);
  const { logs } = parsePolicy(isComplete ? bytes : concatBytes(bytes, utf8('quorum none\n')));
  // A file caught half-written looks empty; taking it would silently stop cosigning every log.
  if (logs.length === 0) throw new LogError('policy-malformed', 'there is no log line');
  return logs.map(({ key }) => key);
}
