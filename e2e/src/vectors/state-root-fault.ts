// Runs a state root fault of test-vectors/: what shows without the entries of the log.

import { formatHex } from '@writ/core/bytes';
import { parsePolicy } from '@writ/core/formats/tlog-policy';
import { openStateRootFault } from '@writ/verifier/cli/state-root-fault';

/** What a file shows under the policy; LogError when it shows no fault. */
export function runStateRootFault(input: {
  octets(name: string): Uint8Array;
  hex(name: string): Uint8Array;
}): Readonly<Record<string, unknown>> {
  const policy = parsePolicy(input.octets('policy'));
  const opened = openStateRootFault(input.hex('fault'), policy);
  const { checkpoint, leafIndex, reason, computed } = opened;
  return {
    reason,
    index: String(leafIndex),
    size: String(checkpoint.size),
    computed_root: computed === null ? null : formatHex(computed.root),
    computed_streams: computed === null ? null : String(computed.streams),
  };
}
