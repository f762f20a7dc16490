// Runs an evidence file of test-vectors/: what it shows, under a policy of the reader or the one in the file.

import { formatHex } from '@writ/core/bytes';
import { parsePolicy } from '@writ/core/formats/tlog-policy';
import { streamStateDigest } from '@writ/core/streams/state-codec';
import { openEvidence, type ShownEvidence } from '@writ/verifier/follow/evidence';

/** Facts about what a file shows; LogError when it does not show what it says. */
export function runEvidence(input: {
  octets(name: string): Uint8Array;
  hex(name: string): Uint8Array;
  value(name: string): unknown;
}): Readonly<Record<string, unknown>> {
  const isGiven = input.value('policy') !== undefined;
  const policy = isGiven ? parsePolicy(input.octets('policy')) : undefined;
  const shown = openEvidence(input.hex('evidence'), policy);
  const { evidence, isPolicyOwn, fault, about } = shown;
  return {
    village: evidence.village,
    own_policy: isPolicyOwn,
    fault: fault === null ? null : fault.code,
    about: about === null ? null : formatHex(about.statement.id),
    ...followedFacts(shown),
  };
}

function followedFacts({ followed }: ShownEvidence): Readonly<Record<string, unknown>> {
  if (followed === null) return {};
  const { checkpoint, state, news } = followed;
  return {
    size: String(checkpoint.size),
    head: state === null ? null : [String(state.head.seq), formatHex(state.head.id)],
    state: state === null ? null : formatHex(streamStateDigest(state)),
    statements: news.map(({ leafIndex, effect }) => [String(leafIndex), effect.result]),
  };
}
