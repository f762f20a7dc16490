// Runs a follow page of test-vectors/: its statements in their places, in the words of the vectors.

import { formatHex } from '@writ/core/bytes';
import { parsePolicy } from '@writ/core/formats/tlog-policy';
import { decodeFollowPage, encodeFollowPage } from '@writ/core/streams/follow-page';
import { openFollowPage } from '@writ/verifier/follow/page';

/** Facts about a page that holds under the policy; LogError otherwise. */
export function runFollowPage(input: {
  octets(name: string): Uint8Array;
  hex(name: string): Uint8Array;
  text(name: string): string;
}): Readonly<Record<string, unknown>> {
  const bytes = input.hex('follow_page');
  const policy = parsePolicy(input.octets('policy'));
  const page = openFollowPage(bytes, policy, { stream: input.text('stream') });
  const again = formatHex(encodeFollowPage(decodeFollowPage(bytes)));
  if (again !== formatHex(bytes)) throw new Error('the page has a second form');
  return {
    size: String(page.stream.checkpoint.size),
    since: String(page.since),
    complete: page.stream.isComplete,
    statements: page.statements.map(({ leafIndex, timeSeconds, payload }) => ({
      index: String(leafIndex),
      time: String(timeSeconds),
      kind: payload.kind,
    })),
  };
}
