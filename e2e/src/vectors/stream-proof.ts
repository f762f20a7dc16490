// Runs a stream proof of test-vectors/: what it shows, in the words of the vectors.

import { formatHex } from '@writ/core/bytes';
import { parsePolicy } from '@writ/core/formats/tlog-policy';
import { decodeStreamProof, encodeStreamProof } from '@writ/core/streams/stream-proof';
import { openStreamProof } from '@writ/verifier/stream';

/** Facts about a proof that holds under the policy; LogError otherwise. */
export function runStreamProof(input: {
  octets(name: string): Uint8Array;
  hex(name: string): Uint8Array;
}): Readonly<Record<string, unknown>> {
  const bytes = input.hex('stream_proof');
  const { stream, head, from, isComplete, statements, stateRoot, checkpoint } = openStreamProof(
    bytes,
    parsePolicy(input.octets('policy')),
  );
  const again = formatHex(encodeStreamProof(decodeStreamProof(bytes)));
  if (again !== formatHex(bytes)) throw new Error('the file has a second form');
  return {
    stream,
    size: String(checkpoint.size),
    time: String(stateRoot.timeSeconds),
    streams: String(stateRoot.streams),
    head:
      head === null
        ? null
        : [String(head.seq), String(head.leafIndex), formatHex(head.statementId)],
    from: String(from),
    complete: isComplete,
    statements: statements.map(({ id }) => formatHex(id)),
  };
}
