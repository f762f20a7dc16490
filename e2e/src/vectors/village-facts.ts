// What a history of statements leads to, as vectors state it.

import { formatHex, parseHex } from '@writ/core/bytes';
import { commitmentOf } from '@writ/core/statements/sealed';
import { type ReplayState, replay } from '@writ/core/streams/replay';
import { streamStateDigest } from '@writ/core/streams/state-codec';
import type { VillageState } from '@writ/core/streams/village-state';

/** Replays the statements, given in hexadecimal as the openings are; throws the LogError of the first that is refused. */
export function villageFacts(
  logKey: Uint8Array,
  statements: readonly string[],
  openings: readonly string[],
): Readonly<Record<string, unknown>> {
  const entries = statements.map((text, index) => {
    const bytes = parseHex(text);
    if (bytes === undefined) throw new TypeError(`statement ${index} is not hex`);
    return { index, bytes };
  });
  const byCommitment = new Map(
    openings.map((text) => {
      const opening = parseHex(text) ?? new Uint8Array(0);
      return [formatHex(commitmentOf(opening)), opening];
    }),
  );
  const replayed = replay(entries, {
    logKey,
    opening: (commitment) => byCommitment.get(formatHex(commitment)),
  });
  const { notJudged } = replayed;
  return { states: digestsOf(replayed), villages: villagesOf(replayed), not_judged: notJudged };
}

function digestsOf({ states }: ReplayState): Readonly<Record<string, string>> {
  const digests = [...states].map(([stream, state]) => [
    stream,
    formatHex(streamStateDigest(state)),
  ]);
  return Object.fromEntries(digests);
}

function villagesOf({ states }: ReplayState): Readonly<Record<string, unknown>> {
  const villages = [...states.values()].filter((state) => state.family === 'village');
  return Object.fromEntries(villages.map((state) => [state.village, factsOf(state)]));
}

function factsOf({ constitution, proposals, policies }: VillageState): unknown {
  const versions = [...policies].map(([policy, { version, digest }]) => [
    policy,
    { version, digest: digest === null ? null : formatHex(digest) },
  ]);
  return {
    constitution: constitution.version,
    open: proposals.size,
    policies: Object.fromEntries(versions),
  };
}
