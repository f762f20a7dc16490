// What an evidence file takes from the memory of its maker, in words that claim no more than that (spec/evidence.md
// section 3).

import type { ShownEvidence } from '../follow/evidence.ts';

/** Faults of a log that a made-up state would show of an honest one. */
const RESTING: ReadonlySet<string> = new Set([
  'statement-refused',
  'stream-conflict',
  'statement-bad-signature',
  'stream-rolled-back',
]);

/** Facts to put over those of the claim; none where nothing was saved. */
export function savedFacts({ evidence: { saved }, fault }: ShownEvidence): Record<string, string> {
  if (saved === null || (saved.state === null && saved.inbox === null)) return {};
  const how = 'replay the log to its checkpoint and compare';
  const facts = { saved: `UNPROVEN: the state that the maker had before is its word; ${how}` };
  // Which statements a state root left out is said by the state too.
  const isResting =
    fault !== null && (RESTING.has(fault.code) || fault.detail['reason'] === 'omission');
  if (!isResting) return facts;
  return {
    ...facts,
    shows: 'a fault of the log if the maker had the state that it says, else none',
  };
}
