// The logs a witness cosigns: `log <vkey> [<url>]` lines in the grammar of C2SP tlog-policy
// (https://c2sp.org/tlog-policy), so that a trust policy file serves as it is. Several keys with one
// name are one log in the middle of a key rotation.

import { utf8 } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import type { VerifierKey } from '@writ/core/formats/key';
import { parsePolicy } from '@writ/core/formats/tlog-policy';

const NEWLINE = 0x0a;

/**
 * The log keys of a list. A policy demands a quorum line, a list of logs may leave it out.
 * LogError policy-malformed or key-weak with the line; policy-malformed for a list without logs.
 */
export function parseLogList(bytes: Uint8Array): VerifierKey[] {
  const { logs } = parsePolicy(withQuorum(bytes));
  // A file caught half-written looks empty; taking it would silently stop cosigning every log.
  if (logs.length === 0)
    throw new LogError('policy-malformed', 'there is no log line', { line: 1 });
  return logs.map(({ key }) => key);
}

function withQuorum(bytes: Uint8Array): Uint8Array {
  const isWhole = bytes.length === 0 || bytes.at(-1) === NEWLINE;
  const text = new TextDecoder('latin1').decode(bytes);
  if (!isWhole || /^[ \t]*quorum[ \t]/m.test(text)) return bytes; // parsePolicy names the line at fault
  const line = utf8('quorum none\n');
  const whole = new Uint8Array(bytes.length + line.length);
  whole.set(bytes);
  whole.set(line, bytes.length);
  return whole;
}
